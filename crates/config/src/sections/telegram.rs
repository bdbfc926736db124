//! `channels.telegram`.

mod actions;
mod approvals;
mod bot;
mod groups;
mod keys;
mod reactions;
mod streaming;
mod way;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::SecretString;

use crate::choice::choice;
use crate::doc::Section;
use crate::{Env, SecretError, SecretInput};

pub use actions::Actions;
pub use approvals::{ApprovalTarget, ExecApprovals};
pub use bot::{bot_id, is_account_name, is_bot_token, is_webhook_secret};
pub use groups::{ChatTools, GroupConfig, ToolBounds};
pub use reactions::ReactionLevel;
pub use streaming::{BreakPreference, ChunkMode, CommandText, StreamingConfig, StreamingMode};
pub use way::{DnsOrder, NetworkConfig};
pub use webhook::WebhookConfig;
use webhook::WebhookKeys;

choice! {
    /// Who may write directly.
    DmPolicy {
        /// Strangers get a pairing code that the owner approves.
        Pairing => "pairing",
        /// Those in `allowFrom`.
        Allowlist => "allowlist",
        /// Everyone; `allowFrom` must hold `"*"`.
        Open => "open",
        /// Nobody.
        Disabled => "disabled",
    }
}

choice! {
    /// Which groups are heard.
    GroupPolicy {
        /// All.
        Open => "open",
        /// Those listed, and in them the senders in `groupAllowFrom` (or `allowFrom`).
        Allowlist => "allowlist",
        /// None.
        Disabled => "disabled",
    }
}

choice! {
    /// Where messages may have buttons.
    InlineButtons {
        /// Nowhere.
        Off => "off",
        /// In direct chats.
        Dm => "dm",
        /// In groups.
        Group => "group",
        /// Everywhere.
        All => "all",
        /// Everywhere; whoever may write may press.
        Allowlist => "allowlist",
    }
}

choice! {
    /// Which messages of an answer are shown as replies.
    ReplyToMode {
        /// None.
        Off => "off",
        /// The first.
        First => "first",
        /// All.
        All => "all",
        /// The first, as every answer here is one to all that it answers.
        Batched => "batched",
    }
}

choice! {
    /// How tables are shown.
    TableMode {
        /// As they are written.
        Off => "off",
        /// Each row as a point.
        Bullets => "bullets",
        /// In columns, in a fixed-width font.
        Code => "code",
        /// As `code`, since Telegram has no tables.
        Block => "block",
    }
}

choice! {
    /// Which errors are told in a chat.
    ErrorPolicy {
        /// All.
        Always => "always",
        /// Each once in four hours.
        Once => "once",
        /// None.
        Silent => "silent",
    }
}

choice! {
    /// Which reactions the agent is told of.
    ReactionNotifications {
        /// None.
        Off => "off",
        /// Those on what it sent.
        Own => "own",
        /// All.
        All => "all",
    }
}

/// Larger than any: JSON's largest whole number, which OpenClaw writes where a limit is left to the program.
const HISTORY_CEILING: u64 = 9_007_199_254_740_991;

/// A command that stands in the menu, and is a message for the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomCommand {
    /// `command`, without the slash.
    pub command: String,
    /// `description`.
    pub description: String,
}

/// `channels.telegram`.
#[derive(Debug, Clone)]
pub struct TelegramConfig {
    /// The account's name; [`DEFAULT_ACCOUNT`] for what stands in the section itself.
    pub account: String,
    /// `enabled`, true by default once the section is there. An account is only as far as the whole channel is.
    pub enabled: bool,
    /// `botToken`.
    pub bot_token: Option<SecretInput>,
    /// `tokenFile`: a file that holds the token; goes before `botToken`.
    pub token_file: Option<SecretInput>,
    /// `apiRoot` without a slash at the end, `https://api.telegram.org` by default.
    pub api_root: String,
    /// `trustedLocalFileRoots`: where a Bot API server of one's own has files on a disk of this host.
    pub local_roots: Vec<PathBuf>,
    /// `dmPolicy`, pairing by default.
    pub dm_policy: DmPolicy,
    /// `allowFrom`: user ids or `"*"`, without a `telegram:` or `tg:` before them.
    pub allow_from: Vec<String>,
    /// `groupPolicy`, allowlist by default.
    pub group_policy: GroupPolicy,
    /// `groupAllowFrom`: senders in groups; `None` means those of `allowFrom`.
    pub group_allow_from: Option<Vec<String>>,
    /// `groups` by chat id or `"*"`. Once there is one, only these groups are heard.
    pub groups: BTreeMap<String, GroupConfig>,
    /// `mediaMaxMb`: largest file either way, in megabytes, 100 by default.
    pub media_max_mb: f64,
    /// `capabilities.inlineButtons`, allowlist by default.
    pub inline_buttons: InlineButtons,
    /// `commands.native`: whether the gateway's own commands stand in the menu; true by default.
    pub native_commands: bool,
    /// `customCommands`: more that stand in the menu.
    pub custom_commands: Vec<CustomCommand>,
    /// `webhookUrl` and what belongs to it; `None`: messages are fetched by long polling. The address and the port are an
    /// account's own, but for the section's own account.
    pub webhook: Option<WebhookConfig>,
    /// What stands there of it.
    webhook_keys: WebhookKeys,
    /// `direct` by chat id or `"*"`: what the agent is told and has in a direct chat, and in its topics.
    pub direct: BTreeMap<String, GroupConfig>,
    /// `replyToMode`; `None`: answers in groups are shown as replies.
    pub reply_to_mode: Option<ReplyToMode>,
    /// `historyLimit`: how many messages that were not for the agent it is told of, once it is spoken to in a group; 50 by default,
    /// 200 at most, 0 for none.
    pub history_limit: Option<u64>,
    /// `reactionNotifications`, own by default.
    pub reaction_notifications: ReactionNotifications,
    /// `execApprovals`: who decides about commands, and where they are asked.
    pub exec_approvals: ExecApprovals,
    /// `ackReaction`: what is put on a message that was taken up; empty is nothing, `None` what `messages` says.
    pub ack_reaction: Option<String>,
    /// `reactionLevel`, minimal by default.
    pub reaction_level: ReactionLevel,
    /// `errorPolicy`, always by default; a group and a topic may have their own.
    pub error_policy: ErrorPolicy,
    /// `silentErrorReplies`: whether errors come without a sound, false by default.
    pub silent_errors: bool,
    /// `linkPreview`: whether links have a preview, true by default.
    pub link_preview: bool,
    /// `textChunkLimit`: characters of a message at most, 4096 by default, which is the most.
    pub text_limit: usize,
    /// `defaultTo`: the chat that a message goes to where nobody says which.
    pub default_to: Option<String>,
    /// `proxy`: the way to Telegram, an `http://`, `https://`, `socks5://` or `socks5h://` address. Else that of the environment.
    pub proxy: Option<SecretString>,
    /// `network`: which addresses of Telegram are tried; all of them by default, as they come.
    pub network: NetworkConfig,
    /// `joinIntro`: whether the agent says hello in a group that it is added to, true by default.
    pub join_intro: bool,
    /// `actions`: what agents and operators may do there beside answering. An account's go before the section's one by one.
    pub actions: Actions,
    /// `streaming`: what people see of an answer while it is being written.
    pub streaming: StreamingConfig,
    /// `responsePrefix`: what stands before everything that is said; `None` is what `messages` says.
    pub response_prefix: Option<String>,
    /// `markdown.tables`, block by default.
    pub tables: TableMode,
    /// `configWrites`: whether what happens on Telegram may change the configuration file, true by default. A group that has
    /// moved does.
    pub config_writes: bool,
    /// `pollTimeoutSeconds`: how long one poll waits, in seconds. Ours alone; unset means the channel's own value.
    pub poll_timeout_seconds: Option<u64>,
    /// `accounts` by name, each with what it leaves open taken from here.
    pub accounts: BTreeMap<String, TelegramConfig>,
    /// `defaultAccount`: the one that sends where nobody says which.
    pub default_account: Option<String>,
}

/// The account that stands directly under `channels.telegram`.
pub const DEFAULT_ACCOUNT: &str = "default";

impl TelegramConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let mut config = Self::keys(s, DEFAULT_ACCOUNT, None);
        let root = &config;
        let read = |name: &str, account: &Section<'_>| {
            let name = name.trim().to_lowercase();
            let config = Self::keys(account, &name, Some(root));
            (name, config)
        };
        config.accounts = s.entries("accounts", read).into_iter().collect();
        bot::tell_shared(s.doc(), &config);
        config.default_account = s.text("defaultAccount").map(|name| name.trim().to_lowercase());
        if let Some(name) = config.default_account.as_deref().filter(|name| config.account(name).is_none()) {
            let names: Vec<&str> = config.all_accounts().iter().map(|a| a.account.as_str()).collect();
            s.error(
                "defaultAccount",
                format!("there is no account {name:?}; there are: {}", names.join(", ")),
            );
        }
        config
    }

    /// All accounts, by name: those under `accounts`, and the one of the section itself where it has a token or is alone.
    pub fn all_accounts(&self) -> Vec<&Self> {
        let has_token = self.bot_token.is_some() || self.token_file.is_some();
        let own = self.accounts.is_empty() || (has_token && !self.accounts.contains_key(DEFAULT_ACCOUNT));
        own.then_some(self).into_iter().chain(self.accounts.values()).collect()
    }

    /// The accounts that are on.
    pub fn enabled_accounts(&self) -> Vec<&Self> {
        self.all_accounts().into_iter().filter(|account| account.enabled).collect()
    }

    /// The account of this name.
    pub fn account(&self, name: &str) -> Option<&Self> {
        self.all_accounts().into_iter().find(|account| account.account == name)
    }

    /// The name of the account that sends where nobody says which: `defaultAccount`, else `default` where there is one, else the
    /// first.
    pub fn default_account(&self) -> &str {
        let names: Vec<&str> = self.all_accounts().iter().map(|account| account.account.as_str()).collect();
        let first = names.first().copied().filter(|_| !names.contains(&DEFAULT_ACCOUNT));
        self.default_account.as_deref().or(first).unwrap_or(DEFAULT_ACCOUNT)
    }

    /// Where its keys stand.
    pub fn place(&self) -> String {
        match self.account.as_str() {
            DEFAULT_ACCOUNT => "channels.telegram".to_owned(),
            name => format!("channels.telegram.accounts.{name}"),
        }
    }

    /// The bot's token: `tokenFile`, else `botToken`, else for the default account the variable `TELEGRAM_BOT_TOKEN`.
    ///
    /// # Errors
    /// The configured one cannot be had; the next is not tried then.
    pub fn token(&self, env: &Env) -> Result<Option<SecretString>, SecretError> {
        for configured in [&self.token_file, &self.bot_token].into_iter().flatten() {
            if let Some(token) = configured.resolve(env)? {
                return Ok(Some(token));
            }
        }
        let from_env = || env.get_filled("TELEGRAM_BOT_TOKEN").map(SecretString::from);
        Ok(if self.account == DEFAULT_ACCOUNT { from_env() } else { None })
    }

    /// What is configured for the group `chat_id`: its own entry, each key falling back to that of `"*"`.
    /// `None`: there are groups in the config and this is not one of them.
    pub fn group(&self, chat_id: &str) -> Option<GroupConfig> {
        let any = self.groups.get("*");
        match (self.groups.get(chat_id), any) {
            (None, None) => self.groups.is_empty().then(GroupConfig::default),
            (Some(own), None) => Some(own.clone()),
            (None, Some(any)) => Some(any.clone()),
            (Some(own), Some(any)) => Some(own.over(any)),
        }
    }
}

/// Ids and names as Telegram has them: without our prefix and blanks.
fn senders(s: &Section<'_>, key: &'static str) -> Option<Vec<String>> {
    let bare = |id: String| {
        let id = id.trim();
        id.strip_prefix("telegram:").or_else(|| id.strip_prefix("tg:")).unwrap_or(id).trim().to_owned()
    };
    let senders: Vec<String> = s.ids(key)?.into_iter().map(bare).filter(|id| !id.is_empty()).collect();
    if let Some(name) = senders.iter().find(|sender| sender.starts_with('@')) {
        s.warn(key, format!("{name} lets nobody in, because names change hands; use the numeric user id"));
    }
    Some(senders)
}
