//! What all parts of the running gateway share. Each field has one owner and guards itself; nothing here is a lock
//! around everything.

use crate::approvals::Approvals;
use crate::auth::rate_limit::RateLimit;
use crate::connection::hello::Fixed;
use crate::cron::Cron;
use crate::current::{Base, Current, Holder};
use crate::delivery::albums::Albums;
use crate::delivery::arriving::Arriving;
use crate::delivery::batches::Batches;
use crate::delivery::channels::Channels;
use crate::delivery::inbox::InboxSignal;
use crate::delivery::outbox::OutboxSignal;
use crate::discovery::Discovery;
use crate::health::Health;
use crate::hub::Hub;
use crate::idempotency::Idempotency;
use crate::identity::GatewayIdentity;
use crate::lifecycle::Lifecycle;
use crate::models::Models;
use crate::node_tools::{self, NodeTool};
use crate::pairing::Decisions;
use crate::reload::Reload;
use crate::runs::Runs;
use crate::runs::draft::Pace;
use crate::runs::errors::Told;
use crate::runs::host::GatewayHost;
use crate::settings::Settings;
use crate::tailscale::Tailscale;
use crate::tap::Tap;
use crate::terminals::Terminals;
use crate::tls::Tls;
use crate::voice_wake::VoiceWake;
use agent::tool::{Tool, Tools};
use config::Paths;
use llm::ToolSpec;
use model::SharedClock;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use store::Store;
use tokio::time::Instant;
use tools::ToolEnv;

/// The gateway's parts.
pub(crate) struct Shared {
    pub(crate) version: &'static str,
    pub(crate) boot_id: String,
    pub(crate) started: Instant,
    pub(crate) started_at_ms: i64,
    pub(crate) clock: SharedClock,
    pub(crate) paths: Paths,
    pub(crate) base: Base,
    pub(crate) holder: Holder,
    pub(crate) reload: Reload,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) identity: GatewayIdentity,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) rate_limit: RateLimit,
    pub(crate) fixed: Fixed,
    pub(crate) health: Health,
    pub(crate) runs: Runs,
    pub(crate) channels: Channels,
    pub(crate) inbox: InboxSignal,
    pub(crate) albums: Albums,
    pub(crate) batches: Batches,
    pub(crate) arriving: Arriving,
    pub(crate) outbox: OutboxSignal,
    pub(crate) drafts: Pace,
    /// Errors that were told in chats.
    pub(crate) told_errors: Told,
    pub(crate) cron: Cron,
    pub(crate) idempotency: Idempotency,
    pub(crate) decisions: Decisions,
    /// Guesses at join URLs.
    pub(crate) joining: RateLimit,
    pub(crate) discovery: Discovery,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    pub(crate) toolbox: Toolbox,
    pub(crate) tap: Option<Arc<dyn Tap>>,
    /// The browser beside the gateway, where there is one.
    pub(crate) browser: Option<Arc<dyn crate::OwnBrowser>>,
    /// The servers of tools beside the gateway, where there are any.
    pub(crate) own_servers: Option<Arc<dyn crate::OwnTools>>,
    pub(crate) approvals: Approvals,
    pub(crate) terminals: Terminals,
    pub(crate) voice_wake: VoiceWake,
    pub(crate) tailscale: Tailscale,
    /// What the listeners speak TLS with; none speaks none.
    pub(crate) tls: Option<Arc<Tls>>,
}

impl Shared {
    /// For how long the gateway has been up.
    pub(crate) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The configuration as it is now. A request or a turn takes it once and goes by it to its end.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.holder.get()
    }

    /// What the gateway takes from the configuration as it is now; see [`Shared::current`].
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.holder.get().settings.clone()
    }

    /// The models of the configuration as it is now; see [`Shared::current`].
    pub(crate) fn models(&self) -> Arc<Models> {
        self.holder.get().models.clone()
    }

    /// What every tool says of itself, those that an agent does not have included.
    pub(crate) fn all_tools(&self, current: &Current, agent_id: &str) -> Vec<ToolSpec> {
        self.toolbox.builtin(current, &self.clock, agent_id).iter().map(|t| t.spec().clone()).collect()
    }

    /// The tools of an agent: those of this gateway, and those that its servers of tools and nodes lend now.
    pub(crate) fn tools_for(&self, current: &Current, agent_id: &str) -> Tools {
        self.tools_and_lenders(current, agent_id).0
    }

    /// The same, and which of them servers beside the gateway lend.
    pub(crate) fn tools_and_lenders(&self, current: &Current, agent_id: &str) -> (Tools, HashSet<String>) {
        let mut tools = self.own_tools(current, agent_id);
        let lent = self.node_tools(current, agent_id);
        let by_server = lent.iter().filter(|tool| tool.hosted.node_id.is_none());
        let by_server = by_server.map(|tool| tool.hosted.spec.name.clone()).collect();
        tools.extend(lent.into_iter().map(|lent| self.toolbox.of_node(lent.hosted)));
        (tools, by_server)
    }

    /// An agent's tools without those that servers of tools and nodes lend.
    pub(crate) fn own_tools(&self, current: &Current, agent_id: &str) -> Tools {
        let mut tools = self.toolbox.tools(current, &self.clock, agent_id);
        // Every tool is paid for at every call of a model.
        let drives =
            |node: &crate::hub::nodes::NodeConn| node.commands().iter().any(|c| c == BROWSER_COMMAND);
        if self.browser.is_none() && !self.hub.nodes.all().iter().any(drives) {
            tools.retain(|tool| tool.spec().name != tools::BROWSER);
        }
        tools
    }

    /// The tools that servers beside the gateway and nodes lend to an agent now.
    pub(crate) fn node_tools(&self, current: &Current, agent_id: &str) -> Vec<NodeTool> {
        let settings = &current.settings;
        let own = self.toolbox.builtin(current, &self.clock, agent_id);
        let taken = own.iter().map(|tool| tool.spec().name.clone());
        // Whoever wants no agent to call nodes wants none to call them by another name.
        let with_nodes = settings.node_tools && !config::names_tool(&settings.tools_deny, "nodes");
        let mut lent = node_tools::all(self, taken, with_nodes);
        lent.retain(|tool| match tool.hosted.node_id {
            Some(_) => is_offered(settings, &tool.hosted.spec.name),
            None => is_offered_by_server(settings, &tool.hosted.spec.name),
        });
        lent
    }
}

/// The command of nodes that have a browser.
const BROWSER_COMMAND: &str = "browser.proxy";

/// Where files of nodes are kept.
pub(crate) fn node_files(state_dir: &Path) -> PathBuf {
    state_dir.join("media").join("tool-file-transfer")
}

/// Where files lie that agents may send although they are in no workspace: those that came from nodes. Their names cannot be guessed, as those
/// of files that came with messages can.
pub(crate) fn sendable_media(state_dir: &Path) -> Vec<PathBuf> {
    vec![node_files(state_dir)]
}

/// Makes agents' tools.
pub(crate) struct Toolbox {
    host: Weak<Shared>,
    processes: Arc<exec::Processes>,
    /// Whether there is a browser beside the gateway.
    browser: bool,
    /// Where files of nodes are kept.
    node_files: PathBuf,
    /// What may be sent beside what lies in a workspace.
    media: Vec<PathBuf>,
}

impl Toolbox {
    pub(crate) fn new(host: Weak<Shared>, state_dir: &Path, browser: bool) -> Self {
        let (node_files, media) = (node_files(state_dir), sendable_media(state_dir));
        Self { host, processes: Arc::new(exec::Processes::new()), browser, node_files, media }
    }

    fn builtin(&self, current: &Current, clock: &SharedClock, agent_id: &str) -> Tools {
        let settings = &current.settings;
        let mut tools = tools::builtin(ToolEnv {
            workspace: settings.agent(agent_id).workspace.clone(),
            host: Arc::new(GatewayHost(self.host.clone())),
            processes: self.processes.clone(),
            egress: current.egress.clone(),
            exec: settings.exec.clone(),
            browser: tools::BrowserDefaults { host: self.browser, ..settings.browser.clone() },
            clock: clock.clone(),
            node_files: self.node_files.clone(),
            media: self.media.clone(),
        });
        let are_there = offers_files(settings);
        tools.retain(|tool| are_there || !tools::FILE_TOOLS.contains(&tool.spec().name.as_str()));
        tools
    }

    fn of_node(&self, tool: tools::NodeHosted) -> Arc<dyn Tool> {
        tools::node_hosted(tool, Arc::new(GatewayHost(self.host.clone())))
    }

    fn tools(&self, current: &Current, clock: &SharedClock, agent_id: &str) -> Tools {
        let settings = &current.settings;
        let agent = settings.agent(agent_id);
        let mut made = current.tools.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(tools) = made.get(&agent.id) {
            return tools.clone();
        }
        let all = self.builtin(current, clock, agent_id);
        let tools: Tools = all.into_iter().filter(|t| is_offered(settings, &t.spec().name)).collect();
        made.insert(agent.id.clone(), tools.clone());
        tools
    }
}

/// `tools.allow`, `tools.deny`, and whether pages may be fetched at all. Which commands may run is asked at each of them.
fn is_offered(settings: &Settings, name: &str) -> bool {
    let listed = |list: &[String]| config::lists_tool(list, name);
    settings.tools_allow.as_deref().is_none_or(listed)
        && !listed(&settings.tools_deny)
        && (settings.fetch_allowed || name != "web_fetch")
}

/// The same of a tool of the gateway's own servers, which lists also name all together.
fn is_offered_by_server(settings: &Settings, name: &str) -> bool {
    let listed =
        |list: &[String]| node_tools::names_of_own(name).iter().any(|name| config::lists_tool(list, name));
    settings.tools_allow.as_deref().is_none_or(listed) && !listed(&settings.tools_deny)
}

/// The tools for files of nodes are there where some may be touched, and nodes may be called at all.
fn offers_files(settings: &Settings) -> bool {
    let files = &settings.node_files;
    files.enabled && !files.nodes.is_empty() && !config::names_tool(&settings.tools_deny, "nodes")
}
