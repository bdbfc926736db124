//! The whole config.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ExposeSecret, SecretString};

use super::{
    AgentsConfig, Binding, BrowserConfig, ChannelsConfig, CommandsConfig, CronConfig, DiscoveryConfig,
    GatewayConfig, LoggingConfig, McpConfig, MessagesConfig, ModelAuthConfig, ModelsConfig, NodeHostConfig,
    PluginsConfig, SecurityConfig, SessionConfig, ToolsConfig,
};
use crate::Env;
use crate::doc::Section;

/// What the config says, with defaults for what it does not say. `Config::default()` is the empty config.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `gateway`: where it listens, who may come in, and where clients go.
    pub gateway: GatewayConfig,
    /// `models`: the providers of models.
    pub models: ModelsConfig,
    /// `auth`: which keys of a provider are taken first.
    pub auth: ModelAuthConfig,
    /// `agents`: the agents and what they share.
    pub agents: AgentsConfig,
    /// `browser`: the browser of this computer as a node.
    pub browser: BrowserConfig,
    /// `channels`: the chat platforms.
    pub channels: ChannelsConfig,
    /// `messages`: how messages are queued and when a group message is meant for us.
    pub messages: MessagesConfig,
    /// `commands.ownerAllowFrom`: whose gateway this is, as ids on platforms (`telegram:123`, `123`).
    pub owners: Vec<String>,
    /// What else `commands` lets people do in chats.
    pub commands: CommandsConfig,
    /// `bindings`: which agent hears what is said where.
    pub bindings: Vec<Binding>,
    /// `session`: which conversation belongs to which session.
    pub session: SessionConfig,
    /// `mcp`: servers of tools of the gateway's own.
    pub mcp: McpConfig,
    /// `nodeHost`: what this computer lends as a node.
    pub node_host: NodeHostConfig,
    /// `tools`: what tools may do.
    pub tools: ToolsConfig,
    /// `cron`: jobs that run by themselves.
    pub cron: CronConfig,
    /// `discovery`: how gateways are found.
    pub discovery: DiscoveryConfig,
    /// `security`: what the security audit is told.
    pub security: SecurityConfig,
    /// `plugins`: of plugins that this program does without.
    pub plugins: PluginsConfig,
    /// `logging`: how much is logged, and where.
    pub logging: LoggingConfig,
    /// `env.vars`: variables that stand in where the environment has none.
    pub env_vars: Arc<BTreeMap<String, SecretString>>,
}

impl Config {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.section("env", |env| {
            env.raw("vars");
            env.unsupported("shellEnv", "the login shell's variables are not read");
        });
        s.section("secrets", |secrets| {
            secrets.raw("providers");
            secrets.raw("defaults");
        });
        let (owners, commands) = s.section("commands", |commands| {
            (commands.ids("ownerAllowFrom").unwrap_or_default(), CommandsConfig::read(commands))
        });
        Self {
            gateway: s.section("gateway", GatewayConfig::read),
            models: s.section("models", ModelsConfig::read),
            auth: s.section("auth", ModelAuthConfig::read),
            agents: s.section("agents", AgentsConfig::read),
            browser: s.section("browser", BrowserConfig::read),
            channels: s.section("channels", ChannelsConfig::read),
            messages: s.section("messages", MessagesConfig::read),
            owners,
            commands,
            bindings: super::bindings::read(s),
            session: s.section("session", SessionConfig::read),
            mcp: s.section("mcp", McpConfig::read),
            node_host: s.section("nodeHost", NodeHostConfig::read),
            tools: s.section("tools", ToolsConfig::read),
            cron: s.section("cron", CronConfig::read),
            discovery: s.section("discovery", DiscoveryConfig::read),
            security: s.section("security", SecurityConfig::read),
            plugins: s.section("plugins", PluginsConfig::read),
            logging: s.section("logging", LoggingConfig::read),
            env_vars: Arc::clone(&s.doc().sources.vars),
        }
    }

    /// The ids on Telegram of those whose gateway this is.
    pub fn telegram_owners(&self) -> Vec<String> {
        let bare = |id: &String| {
            let id = id.trim();
            let id = id.strip_prefix("telegram:").or_else(|| id.strip_prefix("tg:")).unwrap_or(id).trim();
            (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then(|| id.to_owned())
        };
        self.owners.iter().filter_map(bare).collect()
    }

    /// `env` with `env.vars` behind it: what code that looks for API keys by name should search.
    pub fn environment(&self, env: &Env) -> Env {
        let mut merged = env.clone();
        self.env_vars.iter().for_each(|(name, value)| merged.add_missing(name, value.expose_secret()));
        merged
    }
}
