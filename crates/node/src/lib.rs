//! The headless node host: connects to a gateway with a key of its own and runs what the gateway sends.
//!
//! Whether a command may be sent here is decided by the gateway (pairing of the device, then approval of its commands).
//! The node refuses what its host's own policy does not allow (`exec-approvals.json`), whatever the gateway says, and variables
//! that would run other code.

mod browser;
mod calls;
mod commands;
mod files;
mod hooks;
mod host;
mod invoke;
mod kept;
mod lend;
mod mcp;
mod notice;
mod options;
mod progress;
mod replay;
mod session;
mod skills;
mod stream;

pub use browser::{BrowserOptions, LocalBrowser, Reach};
pub use kept::{keep_commands, kept_commands, name};
pub use mcp::{
    ClientFor, LocalServers, McpHttp, McpProgram, McpServer, McpSignIn, McpSignInBegun, McpSignInWanted,
    McpTrust, McpWay, Probe, ProbedServer, SignInState, WantedServers,
};
pub use notice::{Notice, Notices};
pub use options::{NodeError, NodeIdentity, NodeOptions};
pub use reqwest::{Client as HttpClient, Url};

use client::{ClientDescription, ConnectOptions, Identity, Supervisor, TokenStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a node's start waits for what an earlier life has left to be taken away.
const UNDO_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the node until `cancel`: connects, serves, and connects again. Commands that still run when the connection
/// ends are ended with it.
///
/// # Errors
/// The identity cannot be had, or the gateway refuses this node for good.
pub async fn run(
    options: NodeOptions,
    notices: &dyn Notices,
    cancel: &CancellationToken,
) -> Result<(), NodeError> {
    let identity = Arc::new(Identity::load_or_create(&options::identity_file(&options.state_dir))?);
    let tokens = TokenStore::new(options::token_file(&options.state_dir));
    let mut host = host::Host::new(&options, identity.device_id());
    if options.skills {
        let state_dir = options.state_dir.clone();
        // Without them the node is a node all the same.
        host.skills = tokio::task::spawn_blocking(move || skills::scan(&state_dir)).await.unwrap_or_default();
    }
    // Before anybody can ask for a file: what an earlier life had begun is none any more.
    let ledger = files::Ledger::of(&options.state_dir);
    let undoing = tokio::task::spawn_blocking(move || ledger.undo());
    match tokio::time::timeout(UNDO_TIMEOUT, undoing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "what transfers may have left stays until the next start"),
        Err(_) => tracing::warn!("the disk does not answer; what transfers have left goes when it does"),
    }
    let host = Arc::new(host);
    let connect = connect_options(&options, &host, identity);
    let hooks =
        hooks::NodeHooks::new(Arc::clone(&host), notices, options.url.clone(), options.stats_interval);
    let ending = CancellationToken::new();
    let connected = async {
        let ended =
            Supervisor::new(connect).with_tokens(tokens).by_way(options.way).run(&hooks, cancel).await;
        ending.cancel();
        ended
    };
    let place = mcp::Place { path: &host.path, cwd: &host.working_dir };
    // Whoever says which commands are offered starts no servers by leaving theirs out.
    let servers = if host.commands.iter().any(|c| c == mcp::COMMAND) { options.mcp } else { options::none() };
    // Servers of tools and the browser outlive connections, and end with the node.
    let browser = async {
        if let Some(browser) = &host.browser {
            browser.run(&ending).await;
        }
    };
    let (ended, (), ()) = tokio::join!(connected, host.mcp.run(servers, place, &ending), browser);
    Ok(ended?)
}

/// The commands that a node knows.
pub fn known_commands() -> Vec<String> {
    commands::declared(None, true)
}

/// Who this node is; the key is made if there is none yet.
///
/// # Errors
/// The identity cannot be read, made or understood.
pub fn identity(state_dir: &Path) -> Result<NodeIdentity, NodeError> {
    let identity = Identity::load_or_create(&options::identity_file(state_dir))?;
    Ok(NodeIdentity { device_id: identity.device_id().to_owned(), public_key: identity.public_key() })
}

fn connect_options(options: &NodeOptions, host: &host::Host, identity: Arc<Identity>) -> ConnectOptions {
    let mut client = ClientDescription::new("node-host", "node", &options.version);
    client.display_name.clone_from(&options.display_name);
    let mut connect = ConnectOptions::new(&options.url, client);
    connect.known_as.clone_from(&options.known_as);
    connect.token.clone_from(&options.token);
    connect.password.clone_from(&options.password);
    connect.bootstrap_token.clone_from(&options.bootstrap_token);
    connect.pinned.clone_from(&options.pinned);
    connect.identity = Some(identity);
    connect.role = "node".to_owned();
    connect.caps = commands::caps(&host.commands);
    connect.commands.clone_from(&host.commands);
    connect.path_env = Some(host.path.clone()).filter(|p| !p.is_empty());
    connect.min_protocol = protocol::limits::MIN_NODE_PROTOCOL;
    connect
}
