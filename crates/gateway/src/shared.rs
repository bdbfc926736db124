//! What all parts of the running gateway share. Each field has one owner and guards itself; nothing here is a lock
//! around everything.

use crate::auth::rate_limit::RateLimit;
use crate::connection::hello::Fixed;
use crate::delivery::channels::Channels;
use crate::delivery::inbox::InboxSignal;
use crate::delivery::outbox::OutboxSignal;
use crate::health::Health;
use crate::hub::Hub;
use crate::idempotency::Idempotency;
use crate::identity::GatewayIdentity;
use crate::lifecycle::Lifecycle;
use crate::models::Models;
use crate::runs::Runs;
use crate::runs::host::GatewayHost;
use crate::settings::Settings;
use agent::tool::Tools;
use config::{Loaded, Paths};
use model::SharedClock;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use store::Store;
use tokio::time::Instant;
use tools::{Egress, ToolEnv};

/// The gateway's parts.
pub(crate) struct Shared {
    pub(crate) version: &'static str,
    pub(crate) boot_id: String,
    pub(crate) started: Instant,
    pub(crate) started_at_ms: i64,
    pub(crate) clock: SharedClock,
    pub(crate) paths: Paths,
    pub(crate) loaded: Loaded,
    pub(crate) settings: Settings,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) identity: GatewayIdentity,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) rate_limit: RateLimit,
    pub(crate) fixed: Fixed,
    pub(crate) health: Health,
    pub(crate) models: Models,
    pub(crate) runs: Runs,
    pub(crate) channels: Channels,
    pub(crate) inbox: InboxSignal,
    pub(crate) outbox: OutboxSignal,
    pub(crate) idempotency: Idempotency,
    pub(crate) toolbox: Toolbox,
}

impl Shared {
    /// For how long the gateway has been up.
    pub(crate) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The tools of an agent.
    pub(crate) fn tools_for(&self, agent_id: &str) -> Tools {
        self.toolbox.tools(&self.settings, &self.clock, agent_id)
    }
}

/// Makes each agent's tools once.
pub(crate) struct Toolbox {
    host: Weak<Shared>,
    processes: Arc<exec::Processes>,
    egress: Arc<Egress>,
    made: Mutex<HashMap<String, Tools>>,
}

impl Toolbox {
    pub(crate) fn new(host: Weak<Shared>, egress: Egress) -> Self {
        let processes = Arc::new(exec::Processes::new());
        Self { host, processes, egress: Arc::new(egress), made: Mutex::default() }
    }

    fn tools(&self, settings: &Settings, clock: &SharedClock, agent_id: &str) -> Tools {
        let agent = settings.agent(agent_id);
        let mut made = self.made.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(tools) = made.get(&agent.id) {
            return tools.clone();
        }
        let all = tools::builtin(ToolEnv {
            workspace: agent.workspace.clone(),
            host: Arc::new(GatewayHost(self.host.clone())),
            processes: self.processes.clone(),
            egress: self.egress.clone(),
            exec: settings.exec.clone(),
            clock: clock.clone(),
        });
        let tools: Tools = all.into_iter().filter(|t| is_offered(settings, &t.spec().name)).collect();
        made.insert(agent.id.clone(), tools.clone());
        tools
    }
}

/// `tools.allow`, `tools.deny`, and whether commands may run and pages be fetched at all.
fn is_offered(settings: &Settings, name: &str) -> bool {
    let listed = |list: &[String]| list.iter().any(|n| n == name || n == "*");
    let runs_commands = matches!(name, "exec" | "process");
    settings.tools_allow.as_deref().is_none_or(listed)
        && !listed(&settings.tools_deny)
        && (settings.exec_allowed || !runs_commands)
        && (settings.fetch_allowed || name != "web_fetch")
}
