//! What the gateway takes from the configuration: plain values, resolved at each reading. Nothing else in this crate reads
//! `openclaw.json`, but for `config.get`, which shows it.

mod access;
mod account;
mod commands;
mod mentions;
mod zone;

pub(crate) use account::AccountSettings;
pub(crate) use zone::Zone;

use crate::auth::rate_limit::RateLimitSettings;
use crate::auth::rules::Rules;
use crate::auth::secret::AuthMode;
use crate::hub::policy::CommandPolicy;
use agent::queue::QueueMode;
use channels::policy::AccessPolicy;
use config::{Config, Env, Loaded, Paths, ServerAuth};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The longest that a turn may take where the configuration says nothing shorter.
const MAX_TURN: Duration = Duration::from_secs(48 * 3600);

/// So long is waited for more texts on Telegram where the configuration says nothing.
const TELEGRAM_QUIET_MS: u64 = 300;

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentSettings {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) emoji: Option<String>,
    pub(crate) avatar: Option<String>,
    pub(crate) workspace: PathBuf,
}

/// Everything.
pub(crate) struct Settings {
    pub(crate) auth: AuthMode,
    /// Where the credential lives, for the log; never what it is.
    pub(crate) auth_origin: Option<config::CredentialOrigin>,
    pub(crate) rate_limit: RateLimitSettings,
    /// Whom to believe who somebody is.
    pub(crate) rules: Rules,
    pub(crate) auto_approve_local: bool,
    /// From where nodes that were never paired are, once they proved the shared secret.
    pub(crate) auto_approve_cidrs: Vec<String>,
    pub(crate) node_commands: CommandPolicy,
    /// Which files of nodes may be read and written.
    pub(crate) node_files: config::FileTransferConfig,
    /// Whether agents have the tools that nodes lend.
    pub(crate) node_tools: bool,
    /// Whether agents are told of the skills of nodes.
    pub(crate) node_skills: bool,
    pub(crate) default_agent: String,
    pub(crate) agents: Vec<AgentSettings>,
    pub(crate) turn_deadline: Duration,
    pub(crate) max_concurrent: usize,
    pub(crate) reserve_tokens: Option<u64>,
    pub(crate) zone: Zone,
    pub(crate) exec: tools::ExecDefaults,
    pub(crate) browser: tools::BrowserDefaults,
    /// How much commands may do, as far as `tools.exec` has a say.
    pub(crate) exec_request: exec::policy::Request,
    pub(crate) terminal: config::TerminalConfig,
    pub(crate) tools_allow: Option<Vec<String>>,
    pub(crate) tools_deny: Vec<String>,
    pub(crate) fetch_allowed: bool,
    pub(crate) fetch_private: bool,
    pub(crate) queue_cap: usize,
    /// The agents that have a heartbeat, each with its own.
    pub(crate) heartbeats: Vec<(String, config::HeartbeatConfig)>,
    /// Channel, account and chat of whoever owns this gateway, where that is known.
    pub(crate) owner: Option<(String, String, String)>,
    /// Whether jobs run at their times.
    pub(crate) cron_enabled: bool,
    /// Runs of jobs at the same time.
    pub(crate) cron_max_runs: usize,
    /// The sessions that runs of jobs had for themselves go so long after they were active last; `None`: never.
    pub(crate) cron_session_retention_ms: Option<i64>,
    pub(crate) dm_scope: config::DmScope,
    pub(crate) group_scope: config::GroupScope,
    /// Which agent hears what is said where.
    bindings: Vec<config::Binding>,
    /// The account of Telegram that is meant where none is named.
    telegram_default: String,
    /// Whether that reaction then says how far the turn is.
    pub(crate) status_reactions: bool,
    /// Which messages get a reaction when they are taken up.
    pub(crate) ack_scope: config::AckScope,
    /// Changes of the file wait for the next start.
    pub(crate) reload_off: bool,
    queue_mode: QueueMode,
    queue_by_channel: BTreeMap<String, QueueMode>,
    /// The accounts that are on, by name.
    telegram: BTreeMap<String, AccountSettings>,
    pub(crate) mentions: mentions::Mentions,
    inbound: config::InboundConfig,
    /// Which commands change the configuration.
    pub(crate) commands: config::CommandsConfig,
    /// What an answer in a chat says of its cost where nobody has chosen.
    pub(crate) response_usage: store::UsageLine,
}

/// What stays the same while the gateway runs.
struct Fixed {
    auth: AuthMode,
    auth_origin: Option<config::CredentialOrigin>,
}

impl Settings {
    /// Reads what is needed and resolves the gateway's own secret.
    pub(crate) fn from_config(loaded: &Loaded, env: &Env, paths: &Paths) -> Result<Self, config::AuthError> {
        let config = &loaded.config;
        let (auth, auth_origin) = match config::server_auth(&config.gateway.auth, env, paths)? {
            ServerAuth::None => (AuthMode::None, None),
            ServerAuth::Token(secret, origin) => (AuthMode::Token(secret), Some(origin)),
            ServerAuth::Password(secret, origin) => (AuthMode::Password(secret), Some(origin)),
            ServerAuth::TrustedProxy(Some((secret, origin))) => {
                (AuthMode::TrustedProxy(Some(secret)), Some(origin))
            }
            ServerAuth::TrustedProxy(None) => (AuthMode::TrustedProxy(None), None),
        };
        Ok(Self::new(loaded, env, paths, Fixed { auth, auth_origin }))
    }

    /// For whoever only looks: nobody is let in by them, and no secret is asked for.
    pub(crate) fn for_looking(loaded: &Loaded, env: &Env, paths: &Paths) -> Self {
        Self::new(loaded, env, paths, Fixed { auth: AuthMode::None, auth_origin: None })
    }

    /// Those of another reading of the configuration. What a running gateway cannot change stays as it is.
    pub(crate) fn reloaded(&self, loaded: &Loaded, env: &Env, paths: &Paths) -> Self {
        let (auth, auth_origin) = (self.auth.clone(), self.auth_origin.clone());
        Self::new(loaded, env, paths, Fixed { auth, auth_origin })
    }

    fn new(loaded: &Loaded, env: &Env, paths: &Paths, fixed: Fixed) -> Self {
        let config = &loaded.config;
        let defaults = &config.agents.defaults;
        let seconds = defaults.timeout_seconds;
        let turn_deadline = if seconds == 0 { MAX_TURN } else { Duration::from_secs(seconds).min(MAX_TURN) };
        let by_channel = &config.messages.queue.by_channel;
        let rules = Rules::of(config, &fixed.auth);
        Self {
            auth: fixed.auth,
            auth_origin: fixed.auth_origin,
            rate_limit: rate_limit(config),
            rules,
            auto_approve_local: config.gateway.nodes.pairing.auto_approve_local,
            auto_approve_cidrs: config.gateway.nodes.pairing.auto_approve_cidrs.clone(),
            node_commands: CommandPolicy {
                allow: config.gateway.nodes.commands.allow.clone(),
                deny: config.gateway.nodes.commands.deny.clone(),
            },
            node_files: config.plugins.file_transfer.clone(),
            node_tools: config.gateway.nodes.plugin_tools.enabled,
            node_skills: config.gateway.nodes.allow_skills,
            default_agent: config.agents.default_id().to_owned(),
            agents: agents(config, paths),
            turn_deadline,
            max_concurrent: defaults.max_concurrent(),
            reserve_tokens: defaults.compaction.reserve_tokens,
            zone: Zone::named(defaults.user_timezone.as_deref()),
            exec: commands::exec_defaults(config),
            browser: commands::browser_defaults(&config.gateway.nodes.browser),
            exec_request: commands::exec_request(&config.tools.exec),
            terminal: config.gateway.terminal.clone(),
            tools_allow: config.tools.allow.clone(),
            tools_deny: config.tools.deny.clone(),
            fetch_allowed: config.tools.web_fetch.enabled,
            fetch_private: config.tools.web_fetch.allow_private,
            queue_cap: config.messages.queue.cap.max(1),
            heartbeats: config.agents.heartbeats(),
            owner: owner(config),
            cron_enabled: config.cron.enabled && env.get("OPENCLAW_SKIP_CRON").is_none_or(|v| v != "1"),
            cron_max_runs: config.cron.max_concurrent_runs,
            cron_session_retention_ms: config.cron.session_retention_ms,
            dm_scope: config.session.dm_scope,
            group_scope: config.session.group_scope,
            bindings: config.bindings.clone(),
            telegram_default: config
                .channels
                .telegram
                .as_ref()
                .map_or(config::DEFAULT_ACCOUNT, |telegram| telegram.default_account())
                .to_owned(),
            status_reactions: config.messages.status_reactions,
            ack_scope: config.messages.ack_scope.unwrap_or(config::AckScope::GroupMentions),
            reload_off: config.gateway.reload == config::ReloadMode::Off,
            queue_mode: queue_mode(config.messages.queue.mode),
            queue_by_channel: by_channel
                .iter()
                .map(|(name, mode)| (name.clone(), queue_mode(*mode)))
                .collect(),
            telegram: account::accounts(config),
            mentions: mentions::Mentions::read(config),
            inbound: config.messages.inbound.clone(),
            commands: config.commands,
            response_usage: match config.messages.response_usage {
                None | Some(config::ResponseUsage::Off) => store::UsageLine::Off,
                Some(config::ResponseUsage::Tokens | config::ResponseUsage::On) => store::UsageLine::Tokens,
                Some(config::ResponseUsage::Full) => store::UsageLine::Full,
            },
        }
    }

    /// Whether messages to a chat may have buttons.
    pub(crate) fn has_buttons(&self, channel: &str, account: &str, to: &str) -> bool {
        use config::InlineButtons::{All, Allowlist, Dm, Group, Off};
        // Telegram's people have positive ids, its groups negative ones.
        let is_direct = to.starts_with(|c: char| c.is_ascii_digit());
        self.account(channel, account).is_some_and(|account| match account.inline_buttons {
            Off => false,
            Dm => is_direct,
            Group => !is_direct,
            All | Allowlist => true,
        })
    }

    /// What binds a conversation to an agent that there is; `chat_ids` are the ids that it goes by, the closest first.
    pub(crate) fn binding(
        &self,
        (channel, account): (&str, &str),
        is_group: bool,
        chat_ids: &[&str],
    ) -> Option<&config::Binding> {
        let is_default_account = account == self.telegram_default;
        let of = |chat_id: &&str| {
            let conversation =
                config::Conversation { channel, account, is_default_account, is_group, chat_id };
            config::bound(&self.bindings, &conversation)
        };
        let exact = |binding: &&config::Binding| binding.peer.as_ref().is_some_and(|(_, id)| id != "*");
        let found: Vec<&config::Binding> = chat_ids.iter().filter_map(of).collect();
        let closest = found.iter().copied().find(exact).or_else(|| found.first().copied());
        closest.filter(|binding| self.has_agent(&binding.agent_id))
    }

    /// An account of a channel; `None` where it is not configured.
    pub(crate) fn account(&self, channel: &str, account: &str) -> Option<&AccountSettings> {
        self.telegram.get(account).filter(|_| channel == crate::delivery::channels::TELEGRAM)
    }

    /// The chat that a message goes to where nobody says which.
    ///
    /// # Errors
    /// There is none; in words, with the key.
    pub(crate) fn default_to(&self, channel: &str, account: &str) -> Result<String, String> {
        let default = self.account(channel, account).and_then(|account| account.default_to.clone());
        default.ok_or_else(|| format!("say to which chat: channels.{channel}.defaultTo names none"))
    }

    /// Who may speak on an account of a channel; `None` where it is not configured.
    pub(crate) fn access_policy(&self, channel: &str, account: &str) -> Option<&AccessPolicy> {
        self.account(channel, account).map(AccountSettings::access)
    }

    /// A text as it is said on an account: its tables as they are wanted there.
    pub(crate) fn as_said(&self, channel: &str, account: &str, text: &str) -> String {
        let tables = self.account(channel, account).map(|account| account.tables).unwrap_or_default();
        channels::with_tables(text, tables).into_owned()
    }

    /// How long nothing is to come from whoever writes before what they wrote is one message.
    pub(crate) fn inbound_quiet(&self, channel: &str) -> Duration {
        let of_channel = self.inbound.by_channel.get(channel).copied();
        let usual = if channel == crate::delivery::channels::TELEGRAM { TELEGRAM_QUIET_MS } else { 0 };
        Duration::from_millis(of_channel.or(self.inbound.debounce_ms).unwrap_or(usual))
    }

    /// What a message of this channel does while a turn runs.
    pub(crate) fn queue_mode_for(&self, channel: &str) -> QueueMode {
        self.queue_by_channel.get(channel).copied().unwrap_or(self.queue_mode)
    }

    /// The heartbeat of an agent that has one.
    pub(crate) fn heartbeat(&self, agent_id: &str) -> Option<&config::HeartbeatConfig> {
        self.heartbeats.iter().find(|(id, _)| id == agent_id).map(|(_, heartbeat)| heartbeat)
    }

    /// The agent with this id; the default one where there is none, so that an old session still has a workspace.
    pub(crate) fn agent(&self, id: &str) -> &AgentSettings {
        let find = |id: &str| self.agents.iter().find(|a| a.id == id);
        find(id).or_else(|| find(&self.default_agent)).unwrap_or(&self.agents[0])
    }

    /// Whether there is an agent with this id.
    pub(crate) fn has_agent(&self, id: &str) -> bool {
        self.agents.iter().any(|a| a.id == id)
    }
}

/// The first person that a channel lets in by name: direct chats have the person's own id.
fn owner(config: &Config) -> Option<(String, String, String)> {
    let telegram = config.channels.telegram.as_ref()?;
    let account = telegram.account(telegram.default_account()).filter(|account| account.enabled)?;
    let is_person = |id: &&String| !id.is_empty() && id.chars().all(|c| c.is_ascii_digit());
    let person = account.allow_from.iter().find(is_person)?;
    Some(("telegram".to_owned(), account.account.clone(), person.clone()))
}

fn rate_limit(config: &Config) -> RateLimitSettings {
    let limit = &config.gateway.auth.rate_limit;
    RateLimitSettings {
        max_attempts: limit.max_attempts,
        window: Duration::from_millis(limit.window_ms),
        lockout: Duration::from_millis(limit.lockout_ms),
        exempt_loopback: limit.exempt_loopback,
    }
}

fn queue_mode(mode: config::QueueMode) -> QueueMode {
    match mode {
        config::QueueMode::Steer => QueueMode::Steer,
        config::QueueMode::Followup => QueueMode::FollowUp,
        config::QueueMode::Collect => QueueMode::Collect,
        config::QueueMode::Interrupt => QueueMode::Interrupt,
    }
}

/// All agents, the default one even if the configuration names none.
pub(crate) fn agents(config: &Config, paths: &Paths) -> Vec<AgentSettings> {
    let default_id = config.agents.default_id();
    let shared = paths.workspace(config);
    let mut agents: Vec<AgentSettings> = config
        .agents
        .list
        .iter()
        .map(|a| AgentSettings {
            id: a.id.clone(),
            name: a.name.clone().or_else(|| a.identity.name.clone()),
            emoji: a.identity.emoji.clone(),
            avatar: a.identity.avatar.clone(),
            workspace: a.workspace.clone().unwrap_or_else(|| {
                if a.id == default_id {
                    shared.clone()
                } else {
                    paths.state_dir.join(format!("workspace-{}", a.id))
                }
            }),
        })
        .collect();
    if agents.is_empty() {
        let id = default_id.to_owned();
        agents.push(AgentSettings { id, name: None, emoji: None, avatar: None, workspace: shared });
    }
    agents
}
