//! What the commands of a node need to know of the machine, and what outlives a connection.

use crate::NodeOptions;
use crate::browser::Browser;
use crate::mcp::Servers;
use crate::replay::Replay;
use exec::policy::ApprovalsFile;
use model::{SharedClock, SystemClock};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Commands that run at once; more are refused. Each may be a build that takes the whole machine.
pub(crate) const MAX_RUNNING: usize = 16;
/// Files that are on their way at once: each is in memory a few times over, as bytes, as base64 and as a frame. More wait.
const MAX_TRANSFERS: usize = 2;

/// The machine, and what outlives a connection.
pub(crate) struct Host {
    /// This node's id.
    pub(crate) node_id: String,
    /// Where programs are looked for.
    pub(crate) path: String,
    /// Where commands run that name no directory.
    pub(crate) working_dir: PathBuf,
    /// The disk that reports are about holds this directory.
    pub(crate) state_dir: PathBuf,
    /// Which commands may run here.
    pub(crate) approvals: ApprovalsFile,
    /// Who asked for what before.
    pub(crate) replay: Replay,
    /// The servers of tools that run here.
    pub(crate) mcp: Servers,
    /// The skills of this node, as the gateway is told of them.
    pub(crate) skills: Vec<serde_json::Value>,
    /// The browser that is driven from afar, where there is one.
    pub(crate) browser: Option<Browser>,
    /// Places for commands.
    pub(crate) places: Arc<Semaphore>,
    /// Places for files that are on their way.
    pub(crate) transfers: Arc<Semaphore>,
    /// The commands that are declared and done; all others are not there.
    pub(crate) commands: Vec<String>,
    /// Tells the time.
    pub(crate) clock: SharedClock,
}

impl Host {
    /// The host of a node with this id.
    pub(crate) fn new(options: &NodeOptions, node_id: &str) -> Self {
        let path = options.path_env.clone().or_else(|| std::env::var("PATH").ok());
        let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let working_dir = options.working_dir.clone();
        let working_dir = working_dir.unwrap_or_else(|| std::env::current_dir().unwrap_or_else(|_| home()));
        let path = path.unwrap_or_default();
        let browser = options.browser.clone().map(|browser| Browser::new(browser, &path));
        let browser = browser.filter(Browser::is_there);
        let commands = crate::commands::declared(options.commands.as_deref(), browser.is_some());
        Self {
            node_id: node_id.to_owned(),
            path,
            working_dir,
            state_dir: options.state_dir.clone(),
            approvals: ApprovalsFile::in_dir(&options.state_dir),
            replay: Replay::default(),
            mcp: Servers::default(),
            skills: Vec::new(),
            browser,
            places: Arc::new(Semaphore::new(MAX_RUNNING)),
            transfers: Arc::new(Semaphore::new(MAX_TRANSFERS)),
            commands,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where files are that came for terminals.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.state_dir.join("terminal-uploads")
    }
}
