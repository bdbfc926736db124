//! The flags of `openclaw onboard`. The wizard fills in those that were not given, so that both ways are one from then on.

use super::others::Others;
use crate::args::secret;
use clap::{Args, ValueEnum};
use model::SecretString;
use std::path::PathBuf;

/// What is set up, and how.
#[derive(Debug, Default, Args)]
pub(crate) struct OnboardArgs {
    /// Ask nothing: flags say what is new, the rest stays as it is. Needs --accept-risk
    #[arg(long)]
    pub(super) non_interactive: bool,
    /// You know that an agent runs commands on this computer, and that who may speak to it may have it run them
    #[arg(long)]
    pub(super) accept_risk: bool,
    /// How much is asked
    #[arg(long, value_name = "FLOW")]
    pub(super) flow: Option<Flow>,
    /// Whether the gateway runs here or elsewhere [default: as configured, else local]
    #[arg(long, value_name = "MODE")]
    pub(super) mode: Option<Mode>,
    /// The folder of the agent's files [default: as configured, else a folder in the state directory]
    #[arg(long, value_name = "DIR")]
    pub(super) workspace: Option<PathBuf>,
    /// How secrets that are new are kept: as they are, or as the name of the variable that holds them
    #[arg(long, value_name = "MODE")]
    pub(super) secret_input_mode: Option<SecretMode>,
    #[command(flatten)]
    pub(super) model: ModelFlags,
    #[command(flatten)]
    pub(super) gateway: GatewayFlags,
    #[command(flatten)]
    pub(super) remote: RemoteFlags,
    #[command(flatten)]
    pub(super) telegram: TelegramFlags,
    #[command(flatten)]
    pub(super) service: ServiceFlags,
    #[command(flatten)]
    pub(super) others: Others,
    /// The wizard's: where the gateway is was not asked, and stays as it is.
    #[arg(skip)]
    pub(super) keeps_mode: bool,
}

impl OnboardArgs {
    /// Whether a secret is given, or asked for by the choice of a provider that has one.
    pub(super) fn gives_secret(&self) -> bool {
        let (gateway, telegram) = (&self.gateway, &self.telegram);
        self.model.provider().is_some_and(|provider| provider.variable.is_some())
            || gateway.token.is_some()
            || gateway.token_ref_env.is_some()
            || gateway.password.is_some()
            || telegram.token.is_some()
            || telegram.token_ref_env.is_some()
    }
}

/// The model.
#[derive(Debug, Default, Args)]
pub(super) struct ModelFlags {
    /// The provider of the model
    #[arg(long, value_name = "CHOICE", help_heading = "Model")]
    pub(super) auth_choice: Option<AuthChoice>,
    /// The model of all agents that have none of their own
    #[arg(long, value_name = "PROVIDER/MODEL", help_heading = "Model", conflicts_with = "custom_model_id")]
    pub(super) model: Option<String>,
    /// The key at Anthropic; other users of this host may see it in the list of processes, but not the variable ANTHROPIC_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret, help_heading = "Model")]
    pub(super) anthropic_api_key: Option<SecretString>,
    /// The key at OpenAI; or set OPENAI_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret, help_heading = "Model")]
    pub(super) openai_api_key: Option<SecretString>,
    /// The key at OpenRouter; or set OPENROUTER_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret, help_heading = "Model")]
    pub(super) openrouter_api_key: Option<SecretString>,
    /// The key of LM Studio, where it wants one; or set LM_API_TOKEN
    #[arg(long, value_name = "KEY", value_parser = secret, help_heading = "Model")]
    pub(super) lmstudio_api_key: Option<SecretString>,
    /// The key of another server, where it wants one; or set CUSTOM_API_KEY
    #[arg(long, value_name = "KEY", value_parser = secret, help_heading = "Model")]
    pub(super) custom_api_key: Option<SecretString>,
    /// The address of another server's API, such as http://127.0.0.1:8080/v1
    #[arg(long, value_name = "URL", help_heading = "Model")]
    pub(super) custom_base_url: Option<String>,
    /// The model, as that server knows it
    #[arg(long, value_name = "ID", help_heading = "Model")]
    pub(super) custom_model_id: Option<String>,
    /// What that server is called in the configuration [default: custom]
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub(super) custom_provider_id: Option<String>,
    /// Whose API it speaks [default: openai]
    #[arg(long, value_name = "API", help_heading = "Model")]
    pub(super) custom_compatibility: Option<Compatibility>,
    /// That model can be shown images
    #[arg(long, help_heading = "Model", conflicts_with = "custom_text_input")]
    pub(super) custom_image_input: bool,
    /// That model reads text alone
    #[arg(long, help_heading = "Model")]
    pub(super) custom_text_input: bool,
    /// The wizard's: the key comes into its variable later.
    #[arg(skip)]
    pub(super) key_later: bool,
}

/// The gateway of this host.
#[derive(Debug, Default, Args)]
pub(super) struct GatewayFlags {
    /// The port that it listens on
    #[arg(long = "gateway-port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Gateway of this host")]
    pub(super) port: Option<u16>,
    /// The addresses that it listens on
    #[arg(long = "gateway-bind", value_name = "BIND", value_parser = ["loopback", "lan", "tailnet", "auto", "custom"], help_heading = "Gateway of this host")]
    pub(super) bind: Option<String>,
    /// What clients prove [default: as configured, else a token]
    #[arg(long = "gateway-auth", value_name = "MODE", value_parser = ["token", "password"], help_heading = "Gateway of this host")]
    pub(super) auth: Option<String>,
    /// The token; without one and where there is none yet, one is made
    #[arg(long = "gateway-token", value_name = "TOKEN", value_parser = secret, conflicts_with_all = ["token_ref_env", "gateway_password"], id = "gateway_token", help_heading = "Gateway of this host")]
    pub(super) token: Option<SecretString>,
    /// The variable that holds the token
    #[arg(
        long = "gateway-token-ref-env",
        value_name = "VARIABLE",
        id = "token_ref_env",
        help_heading = "Gateway of this host"
    )]
    pub(super) token_ref_env: Option<String>,
    /// The password
    #[arg(long = "gateway-password", value_name = "PASSWORD", value_parser = secret, id = "gateway_password", conflicts_with = "token_ref_env", help_heading = "Gateway of this host")]
    pub(super) password: Option<SecretString>,
    /// What Tailscale publishes of it
    #[arg(long, value_name = "MODE", value_parser = ["off", "serve", "funnel"], help_heading = "Gateway of this host")]
    pub(super) tailscale: Option<String>,
}

/// A gateway elsewhere.
#[derive(Debug, Default, Args)]
pub(super) struct RemoteFlags {
    /// The address of a gateway elsewhere: commands of this computer go there
    #[arg(long = "remote-url", value_name = "URL", id = "remote_url", help_heading = "Gateway elsewhere")]
    pub(super) url: Option<String>,
    /// Its token
    #[arg(long = "remote-token", value_name = "TOKEN", value_parser = secret, id = "remote_token", conflicts_with = "remote_password", help_heading = "Gateway elsewhere")]
    pub(super) token: Option<SecretString>,
    /// Its password
    #[arg(long = "remote-password", value_name = "PASSWORD", value_parser = secret, id = "remote_password", help_heading = "Gateway elsewhere")]
    pub(super) password: Option<SecretString>,
}

/// The bot.
#[derive(Debug, Default, Args)]
pub(super) struct TelegramFlags {
    /// The bot's token, from @BotFather; with --secret-input-mode ref the variable TELEGRAM_BOT_TOKEN has to hold it, too
    #[arg(long = "telegram-token", value_name = "TOKEN", value_parser = secret, id = "telegram_token", help_heading = "Telegram")]
    pub(super) token: Option<SecretString>,
    /// The variable that holds the bot's token
    #[arg(
        long = "telegram-token-ref-env",
        value_name = "VARIABLE",
        id = "telegram_ref",
        conflicts_with = "telegram_token",
        help_heading = "Telegram"
    )]
    pub(super) token_ref_env: Option<String>,
    /// Who may write to it, by number; can be repeated. Others get a code that you approve
    #[arg(long = "telegram-allow-from", value_name = "ID", value_parser = crate::args::person, help_heading = "Telegram")]
    pub(super) allow_from: Vec<i64>,
    /// Leave the channels as they are, and do not ask about them
    #[arg(long, help_heading = "Telegram")]
    pub(super) skip_channels: bool,
}

/// What happens when all is written.
#[derive(Debug, Default, Args)]
pub(super) struct ServiceFlags {
    /// Make the gateway a service of this user, and start it
    #[arg(long, conflicts_with = "no_install_daemon")]
    pub(super) install_daemon: bool,
    /// Leave that
    #[arg(long, visible_alias = "skip-daemon")]
    pub(super) no_install_daemon: bool,
    /// Do not look whether the gateway answers
    #[arg(long)]
    pub(super) skip_health: bool,
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Flow {
    /// Model, Telegram, service.
    Quickstart,
    /// And where the gateway listens.
    #[value(alias = "advanced")]
    Manual,
}

/// Where the gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// On this computer.
    Local,
    /// Elsewhere.
    Remote,
}

/// How a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SecretMode {
    /// As it is, in openclaw.json (mode 0600).
    Plaintext,
    /// As the name of the variable that holds it.
    Ref,
}

/// Providers of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AuthChoice {
    /// Anthropic.
    #[value(alias = "apiKey")]
    AnthropicApiKey,
    /// OpenAI.
    OpenaiApiKey,
    /// OpenRouter.
    OpenrouterApiKey,
    /// Ollama, on this host or at --custom-base-url.
    Ollama,
    /// LM Studio, on this host or at --custom-base-url.
    Lmstudio,
    /// Any other server.
    CustomApiKey,
    /// None for now.
    Skip,
}

/// Whose API a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Compatibility {
    /// OpenAI's chat completions.
    Openai,
    /// Anthropic's messages.
    Anthropic,
}
