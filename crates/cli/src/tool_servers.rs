//! Servers of tools of this computer, a gateway's or a node's, as its configuration describes them, with their secrets. One whose
//! secret cannot be had is left out, with an error that names it, and asked for again.

use config::{Config, Env, McpServerConfig, McpTlsConfig, McpWayConfig, SecretInput};
use model::{SecretString, SystemClock};
use node::{HttpClient, McpHttp, McpProgram, McpServer, McpSignIn, McpTrust, McpWay, Url};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A secret that cannot be had is asked for again after this time: whoever keeps it may not be up yet.
pub(crate) const AGAIN: Duration = Duration::from_secs(60);

/// What the configuration says.
#[derive(Clone)]
pub(crate) struct Described {
    /// Where in it.
    place: &'static str,
    servers: Vec<McpServerConfig>,
    env: Env,
    /// Where sign-ins are kept.
    state_dir: PathBuf,
}

impl Described {
    /// Those beside a gateway. `env` is without the variables of the configuration.
    pub(crate) fn of_gateway(config: &Config, env: &Env, state_dir: &Path) -> Self {
        Self {
            place: "mcp.servers",
            servers: config.mcp.servers.clone(),
            env: config.environment(env),
            state_dir: state_dir.to_owned(),
        }
    }

    /// Those of a node.
    pub(crate) fn of_node(config: &Config, env: &Env, state_dir: &Path) -> Self {
        let servers = config.node_host.mcp_servers.clone();
        Self { place: "nodeHost.mcp.servers", servers, ..Self::of_gateway(config, env, state_dir) }
    }

    /// Those that can be spoken with, and why the others cannot.
    fn resolved(self) -> (Vec<McpServer>, Vec<String>) {
        let (mut servers, mut problems) = (Vec::new(), Vec::new());
        for server in self.servers {
            match resolve((self.place, &self.state_dir), server, &self.env) {
                Ok(server) => servers.push(server),
                Err(problem) => problems.push(problem),
            }
        }
        (servers, problems)
    }
}

/// Hands on what is described, now and whenever that changes, and what is missing when it can be had. Programs may be asked for
/// secrets, each for a bounded time.
pub(crate) async fn follow(
    mut described: watch::Receiver<Described>,
    again: Duration,
    set: impl Fn(Vec<McpServer>),
) -> Infallible {
    let (mut told, mut taken) = (Vec::new(), Vec::<McpServer>::new());
    loop {
        let mut now = {
            let now = described.borrow_and_update();
            // Since the sleep ended.
            if now.has_changed() {
                taken.clear();
            }
            now.clone()
        };
        // Those that run go on with what they were given: only what was missing is asked for again.
        now.servers.retain(|server| !taken.iter().any(|has| has.name == server.name));
        let problems = match tokio::task::spawn_blocking(move || now.resolved()).await {
            Ok((servers, problems)) => {
                taken.extend(servers);
                set(taken.clone());
                problems
            }
            Err(error) => vec![error.to_string()],
        };
        if problems != told {
            problems.iter().for_each(|why| tracing::error!("a server of tools is left out: {why}"));
        }
        told = problems;
        let changed = async {
            if described.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => taken.clear(),
            () = tokio::time::sleep(again), if !told.is_empty() => {}
        }
    }
}

/// A server with its secrets. `place` is where it is described.
///
/// # Errors
/// A secret cannot be had, or the server cannot be reached as it is described.
pub(crate) fn resolve(
    (place, state_dir): (&str, &Path),
    server: McpServerConfig,
    env: &Env,
) -> Result<McpServer, String> {
    let connection_timeout = Duration::from_millis(server.connection_timeout_ms);
    let way = match server.way {
        McpWayConfig::Program { command, args, env: variables, cwd } => McpWay::Program(McpProgram {
            argv: std::iter::once(command).chain(args).collect(),
            env: resolved(variables, env)?,
            cwd,
        }),
        McpWayConfig::Http { url, headers, sse, sign_in, tls } => {
            let problem = |why: String| format!("{place}.{}: {why}", server.name);
            let client = client(&url, connection_timeout, &tls).map_err(problem)?;
            let url = url.parse().map_err(|_| problem("url is no address".into()))?;
            let sign_in =
                sign_in.map(|_| Arc::new(sign_in_at(state_dir, (&server.name, &url), client.clone())));
            let trust = McpTrust { verify: tls.verify, client: tls.client };
            McpWay::Http(McpHttp { url, headers: resolved(headers, env)?, sse, client, trust, sign_in })
        }
    };
    Ok(McpServer {
        name: server.name,
        way,
        connection_timeout,
        request_timeout: server.request_timeout_ms.map(Duration::from_millis),
        include: server.include,
        exclude: server.exclude,
    })
}

/// What a server over HTTP is reached by.
pub(crate) fn client(url: &str, connect: Duration, tls: &McpTlsConfig) -> Result<HttpClient, String> {
    llm::client_trusting(url, connect, &llm::Trust { verify: tls.verify, client: tls.client.clone() })
}

/// The sign-in at a server of this name and address, which is reached by this client.
pub(crate) fn sign_in_at(state_dir: &Path, server: (&str, &Url), client: HttpClient) -> McpSignIn {
    McpSignIn::new(state_dir, server, client, llm::plain_client, Arc::new(SystemClock))
}

/// The values of variables and headers. One that is empty is one, too.
fn resolved(inputs: Vec<(String, SecretInput)>, env: &Env) -> Result<Vec<(String, SecretString)>, String> {
    let one = |(name, input): (String, SecretInput)| {
        let value = input.resolve(env).map_err(|error| error.to_string())?;
        Ok((name, value.unwrap_or_else(|| String::new().into())))
    };
    inputs.into_iter().map(one).collect()
}
