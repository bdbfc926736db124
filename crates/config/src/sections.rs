//! The sections of the config, one file each, and the whole.

mod agents;
mod bindings;
mod browser;
mod channels;
mod commands;
mod cron;
mod discovery;
mod duration;
mod file_transfer;
mod gateway;
mod gateway_auth;
mod gateway_identity;
mod heartbeat;
mod logging;
mod mcp;
mod media;
mod messages;
mod model_auth;
mod models;
mod node_host;
mod plugins;
mod remote;
mod root;
mod secret_provider;
mod secrets;
mod security;
mod session;
mod ssh_target;
mod telegram;
mod tls;
mod tool_list;
mod tools;

pub use agents::{
    AgentConfig, AgentDefaults, AgentIdentity, AgentsConfig, CompactionConfig, MAIN_AGENT, ModelChoice, OnOff,
};
pub use bindings::{Binding, Conversation, PeerKind, bound};
pub use browser::BrowserConfig;
pub use channels::ChannelsConfig;
pub use commands::CommandsConfig;
pub use cron::CronConfig;
pub use discovery::{DiscoveryConfig, MdnsMode, ZONE_MARK, dns_domain};
pub use file_transfer::{
    FileAsk, FileCommand, FileGrant, FileKind, FileTransferConfig, NodeFilesConfig, PendingReapproval,
};
pub use gateway::{
    Bind, ControlUiConfig, GatewayConfig, GatewayMode, NodeBrowser, NodeBrowserMode, NodeCommands,
    NodePairing, NodesConfig, ReloadMode, TerminalConfig,
};
pub use gateway_auth::{AuthConfig, AuthMode, RateLimit};
pub use gateway_identity::{AutoApprove, OperatorScope, TailscaleConfig, TailscaleMode, TrustedProxyConfig};
pub use heartbeat::{ActiveHours, HeartbeatConfig};
pub use logging::{LogLevel, LoggingConfig};
pub use mcp::{
    McpAuth, McpConfig, McpIdentity, McpOAuthConfig, McpServerConfig, McpTlsConfig, McpTransport,
    McpWayConfig,
};
pub use media::{
    AudioConfig, EntryType, MediaBounds, MediaBy, MediaConfig, MediaKind, MediaModel, MediaScope,
    ScopeAction, ScopeChat, ScopeRule,
};
pub use messages::{AckScope, InboundConfig, MessagesConfig, QueueConfig, QueueMode, ResponseUsage};
pub use model_auth::ModelAuthConfig;
pub use models::{Cost, InputKind, ModelConfig, ModelsConfig, ProviderApi, ProviderConfig};
pub use node_host::{BrowserProxyConfig, NodeHostConfig};
pub use plugins::PluginsConfig;
pub use remote::{HostKeyPolicy, RemoteConfig, RemoteTransport};
pub use root::Config;
pub use security::{SecurityConfig, Suppression};
pub use session::{DmScope, GroupScope, MaintenanceConfig, MaintenanceMode, SessionConfig, SessionScope};
pub use ssh_target::{SshTarget, SshTargetError};
pub use telegram::{
    Actions, ApprovalTarget, BreakPreference, ChatTools, ChunkMode, CommandText, CustomCommand,
    DEFAULT_ACCOUNT, DmPolicy, DnsOrder, ErrorPolicy, ExecApprovals, GroupConfig, GroupPolicy, InlineButtons,
    NetworkConfig, ReactionLevel, ReactionNotifications, ReplyToMode, StreamingConfig, StreamingMode,
    TableMode, TelegramConfig, ToolBounds, WebhookConfig, bot_id, is_account_name, is_bot_token,
    is_webhook_secret,
};
pub use tls::TlsConfig;
pub use tool_list::{lists_tool, names_tool};
pub use tools::{ExecAsk, ExecConfig, ExecHost, ExecMode, ExecSecurity, ToolsConfig, WebFetchConfig};

pub(crate) use duration::duration_ms;
pub(crate) use secrets::sources;
