//! The built-in tools, one file each, and [`Egress`], the one client for fetches on somebody's behalf.
//!
//! Paths are the operator's: relative ones are taken in the workspace, absolute ones anywhere that this process may go.
//! A model that has these tools can do on this host what the user who runs the gateway can do.

mod args;
mod browser;
mod captures;
mod cron;
mod edit;
mod egress;
mod exec_node;
mod exec_tool;
mod files;
mod host;
mod html;
mod ls;
mod message;
mod node_choice;
mod node_files;
mod node_hosted;
mod nodes;
mod presentation;
mod process;
mod read;
mod session_status;
mod sessions_history;
mod sessions_list;
mod text;
mod tool;
mod wait;
mod web_fetch;
mod write;

pub use browser::chosen as browser_node;
pub use egress::{Egress, EgressError, EgressPolicy, Fetched, FetchedFile, Resolver, SystemResolver};
pub use host::{
    ASKED_WITHIN, AdmittedCommand, BoxFuture, CommandToRun, CronCall, Host, HostError, Media, NodeApproval,
    NodeCall, NodeInfo, NodeQuestion, OutgoingMessage, Reactions, ReadMessages, SessionInfo,
};
pub use message::{sendable, without_urls};
pub use node_files::{ArchiveError, FILE_TOOLS, MAX_TREE_ENTRIES, read_archive, tidy_node_files};
pub use node_hosted::{NodeHosted, node_hosted};
pub use presentation::{Chat as PresentedIn, Presented, present};

use agent::tool::{Tool, Tools};
use model::SharedClock;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the tools work with.
#[derive(Clone)]
pub struct ToolEnv {
    /// Where relative paths start and commands run.
    pub workspace: PathBuf,
    /// The gateway.
    pub host: Arc<dyn Host>,
    /// Where background commands live.
    pub processes: Arc<exec::Processes>,
    /// Who fetches.
    pub egress: Arc<Egress>,
    /// What `exec` does when it is not told.
    pub exec: ExecDefaults,
    /// Whose browser is driven.
    pub browser: BrowserDefaults,
    /// Tells the time.
    pub clock: SharedClock,
    /// Where files of nodes are kept.
    pub node_files: PathBuf,
    /// Where files lie beside the workspace that may be sent: what came from nodes.
    pub media: Vec<PathBuf>,
}

impl ToolEnv {
    /// Where files lie that may be sent, as [`sendable`] takes them.
    fn places(&self) -> Vec<PathBuf> {
        std::iter::once(&self.workspace).chain(&self.media).cloned().collect()
    }
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecHost {
    /// Beside the gateway.
    Gateway,
    /// On a node.
    Node,
}

/// What `exec` does when it is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecDefaults {
    /// Where commands run.
    pub host: ExecHost,
    /// How long they may.
    pub timeout: Duration,
    /// Which node they run on.
    pub node: Option<String>,
}

impl Default for ExecDefaults {
    fn default() -> Self {
        Self { host: ExecHost::Gateway, timeout: Duration::from_secs(1800), node: None }
    }
}

/// Whose browser is driven when nobody says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrowserDefaults {
    /// None at all.
    pub off: bool,
    /// None that is not named.
    pub manual: bool,
    /// The browser of this node.
    pub node: Option<String>,
    /// There is one beside the gateway, which goes first where no node is named.
    pub host: bool,
}

/// The tool that drives browsers of nodes.
pub const BROWSER: &str = "browser";

/// The tool that sends messages.
pub const MESSAGE: &str = "message";
/// The tool that reads pages.
pub const WEB_FETCH: &str = "web_fetch";

/// All built-in tools.
pub fn builtin(env: ToolEnv) -> Tools {
    let locks = files::FileLock::default();
    let mut tools: Tools = vec![
        Arc::new(read::Read::new(&env)),
        Arc::new(write::Write::new(&env, locks.clone())),
        Arc::new(edit::Edit::new(&env, locks)),
        Arc::new(ls::Ls::new(&env)),
        Arc::new(exec_tool::Exec::new(&env)),
        Arc::new(process::Process::new(&env)),
        Arc::new(nodes::Nodes::new(&env)),
        Arc::new(message::SendMessage::new(&env)),
    ];
    let more: [Arc<dyn Tool>; 6] = [
        Arc::new(browser::Browser::new(&env)),
        Arc::new(cron::Cron::new(&env)),
        Arc::new(sessions_list::SessionsList::new(&env)),
        Arc::new(sessions_history::SessionsHistory::new(&env)),
        Arc::new(session_status::SessionStatus::new(&env)),
        Arc::new(web_fetch::WebFetch::new(&env)),
    ];
    tools.extend(more);
    tools.extend(node_files::all(&env));
    tools
}

#[cfg(test)]
mod fakes;

#[cfg(test)]
mod tests;
