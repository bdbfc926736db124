//! `channels.telegram`.

mod actions;
mod approvals;
mod bot;
mod groups;
mod reactions;
mod streaming;
mod way;
mod webhook;

use std::collections::BTreeMap;

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
use way::{API_ROOT, MAX_TEXT, api_root, proxy, text_limit};
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
    /// `direct` by chat id or `"*"`: the tools that the agent has in a direct chat.
    pub direct: BTreeMap<String, ChatTools>,
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
    /// `proxy`: the way to Telegram, an `http://`, `https://`, `socks5://` or `socks5h://` address. Else that of the environment.
    pub proxy: Option<SecretString>,
    /// `joinIntro`: whether the agent says hello in a group that it is added to, true by default.
    pub join_intro: bool,
    /// `actions`: what agents and operators may do there beside answering. An account's go before the section's one by one.
    pub actions: Actions,
    /// `streaming`: what people see of an answer while it is being written.
    pub streaming: StreamingConfig,
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

    /// The keys that an account has as the section itself has them. What it leaves open is the section's; the token is its own.
    fn keys(s: &Section<'_>, account: &str, root: Option<&Self>) -> Self {
        let own_policy = s.choice("dmPolicy");
        let token = |own: Option<SecretInput>, inherited: fn(&Self) -> &Option<SecretInput>| {
            let root = root.filter(|_| account == DEFAULT_ACCOUNT);
            own.or_else(|| root.and_then(|root| inherited(root).clone()))
        };
        let file = s.path("tokenFile").map(|path| SecretInput::whole_file(&s.path_of("tokenFile"), path));
        let groups = s.raw("groups").is_some() || root.is_none();
        let own_groups = s.entries("groups", |id, group| (id.to_owned(), GroupConfig::read(group)));
        let direct = s.raw("direct").is_some() || root.is_none();
        let own_direct = s.entries("direct", |id, chat| (id.to_owned(), ChatTools::read(chat)));
        let own_keys = WebhookKeys::read(s);
        let webhook_keys = match root {
            Some(root) => own_keys.over(&root.webhook_keys, account == DEFAULT_ACCOUNT),
            None => own_keys,
        };
        let inherit = Inherit(root);
        let config = Self {
            account: account.to_owned(),
            enabled: s.boolean("enabled").unwrap_or(true) && root.is_none_or(|root| root.enabled),
            bot_token: token(s.secret("botToken"), |root| &root.bot_token),
            token_file: token(file, |root| &root.token_file),
            api_root: inherit.or(api_root(s), |root| root.api_root.clone(), || API_ROOT.to_owned()),
            dm_policy: inherit.or(own_policy, |root| root.dm_policy, || DmPolicy::Pairing),
            allow_from: allowed(senders(s, "allowFrom"), root),
            group_policy: inherit.or(
                s.choice("groupPolicy"),
                |root| root.group_policy,
                || GroupPolicy::Allowlist,
            ),
            group_allow_from: inherit.or(
                senders(s, "groupAllowFrom").map(Some),
                |root| root.group_allow_from.clone(),
                || None,
            ),
            groups: inherit.or(
                groups.then(|| own_groups.into_iter().collect()),
                |root| root.groups.clone(),
                BTreeMap::new,
            ),
            media_max_mb: inherit.or(s.number("mediaMaxMb"), |root| root.media_max_mb, || 100.0),
            inline_buttons: inherit.or(
                inline_buttons(s),
                |root| root.inline_buttons,
                || InlineButtons::Allowlist,
            ),
            native_commands: inherit.or(
                s.section("commands", native_commands),
                |root| root.native_commands,
                || true,
            ),
            custom_commands: inherit.or(custom_commands(s), |root| root.custom_commands.clone(), Vec::new),
            webhook: webhook_keys.judge(s),
            webhook_keys,
            direct: inherit.or(
                direct.then(|| own_direct.into_iter().collect()),
                |root| root.direct.clone(),
                BTreeMap::new,
            ),
            reply_to_mode: inherit.or(s.choice("replyToMode").map(Some), |root| root.reply_to_mode, || None),
            history_limit: inherit.or(
                s.integer("historyLimit", 0..=HISTORY_CEILING).map(Some),
                |root| root.history_limit,
                || None,
            ),
            reaction_notifications: inherit.or(
                s.choice("reactionNotifications"),
                |root| root.reaction_notifications,
                || ReactionNotifications::Own,
            ),
            exec_approvals: inherit.or(
                s.section("execApprovals", ExecApprovals::read),
                |root| root.exec_approvals.clone(),
                ExecApprovals::default,
            ),
            ack_reaction: inherit.or(
                s.text("ackReaction").map(Some),
                |root| root.ack_reaction.clone(),
                || None,
            ),
            reaction_level: inherit.or(
                s.choice("reactionLevel"),
                |root| root.reaction_level,
                || ReactionLevel::Minimal,
            ),
            join_intro: inherit.or(s.boolean("joinIntro"), |root| root.join_intro, || true),
            error_policy: inherit.or(
                s.choice("errorPolicy"),
                |root| root.error_policy,
                || ErrorPolicy::Always,
            ),
            silent_errors: inherit.or(s.boolean("silentErrorReplies"), |root| root.silent_errors, || false),
            link_preview: inherit.or(s.boolean("linkPreview"), |root| root.link_preview, || true),
            text_limit: inherit.or(text_limit(s), |root| root.text_limit, || MAX_TEXT),
            proxy: inherit.or(proxy(s).map(Some), |root| root.proxy.clone(), || None),
            actions: root
                .iter()
                .fold(s.section("actions", Actions::read), |own, root| own.over(&root.actions)),
            streaming: inherit.or(
                s.section("streaming", StreamingConfig::read),
                |root| root.streaming.clone(),
                StreamingConfig::default,
            ),
            config_writes: inherit.or(s.boolean("configWrites"), |root| root.config_writes, || true),
            poll_timeout_seconds: inherit.or(
                s.integer("pollTimeoutSeconds", 0..=50).map(Some),
                |root| root.poll_timeout_seconds,
                || None,
            ),
            accounts: BTreeMap::new(),
            default_account: None,
        };
        config.judge_openness(s, own_policy, root.is_some());
        config
    }

    /// Everybody is let in only where `allowFrom` says so, too.
    fn judge_openness(&self, s: &Section<'_>, own_policy: Option<DmPolicy>, is_account: bool) {
        let says_so = self.allow_from.iter().any(|sender| sender == "*");
        if own_policy == Some(DmPolicy::Open) && !says_so {
            let whose = if is_account { ", in channels.telegram too where it has a list" } else { "" };
            s.error(
                "dmPolicy",
                format!(
                    "\"open\" lets everyone write to the bot and needs allowFrom: [\"*\"] to say so{whose}"
                ),
            );
        }
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

/// What an account leaves open.
#[derive(Clone, Copy)]
struct Inherit<'a>(Option<&'a TelegramConfig>);

impl Inherit<'_> {
    /// Its own value, else the section's, else the one that holds where nobody says anything.
    fn or<T>(self, own: Option<T>, root: impl FnOnce(&TelegramConfig) -> T, else_: impl FnOnce() -> T) -> T {
        own.unwrap_or_else(|| self.0.map_or_else(else_, root))
    }
}

/// An account's list takes the place of the section's. Everybody is let in only where both say so: a list of the section's
/// is a bound for all accounts.
fn allowed(own: Option<Vec<String>>, root: Option<&TelegramConfig>) -> Vec<String> {
    let Some(root) = root else { return own.unwrap_or_default() };
    let Some(mut own) = own else { return root.allow_from.clone() };
    if !root.allow_from.is_empty() && !root.allow_from.iter().any(|sender| sender == "*") {
        own.retain(|sender| sender != "*");
    }
    if own.is_empty() { root.allow_from.clone() } else { own }
}

/// `capabilities`: an object, or the list of older configurations, in which the word alone means everywhere.
fn inline_buttons(s: &Section<'_>) -> Option<InlineButtons> {
    let old = s.raw("capabilities").and_then(|value| value.as_array());
    match old {
        Some(list) => list.iter().any(|word| word == "inlineButtons").then_some(InlineButtons::All),
        None => s.section("capabilities", |capabilities| capabilities.choice("inlineButtons")),
    }
}

/// `commands.native`: true, false, or `"auto"`, which is true.
fn native_commands(s: &Section<'_>) -> Option<bool> {
    match s.raw("native")? {
        serde_json::Value::Bool(native) => Some(*native),
        serde_json::Value::String(word) if word == "auto" => Some(true),
        _ => {
            s.error("native", "use true, false or \"auto\"");
            None
        }
    }
}

fn custom_commands(s: &Section<'_>) -> Option<Vec<CustomCommand>> {
    let read = |entry: &Section<'_>| {
        let command = entry.text("command").unwrap_or_default();
        let command = command.trim().trim_start_matches('/').to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if entry.exists() && !((1..=32).contains(&command.len()) && command.chars().all(fits)) {
            entry.warn("command", "is left out of the menu: 1 to 32 letters, digits and _ are possible");
        }
        CustomCommand { command, description: entry.text("description").unwrap_or_default() }
    };
    let commands = s.items("customCommands", read);
    (!commands.is_empty()).then_some(commands)
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
