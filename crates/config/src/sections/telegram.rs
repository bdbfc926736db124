//! `channels.telegram`.

use std::collections::BTreeMap;

use model::SecretString;

use crate::choice::choice;
use crate::doc::Section;
use crate::{Env, SecretError, SecretInput};

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
    /// `enabled`, true by default once the section is there.
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
    /// `pollTimeoutSeconds`: how long one poll waits, in seconds. Ours alone; unset means the channel's own value.
    pub poll_timeout_seconds: Option<u64>,
}

/// `channels.telegram.groups.<id>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupConfig {
    /// `enabled`.
    pub enabled: Option<bool>,
    /// `requireMention`.
    pub require_mention: Option<bool>,
    /// `allowFrom`: senders in this group, instead of `groupAllowFrom`.
    pub allow_from: Option<Vec<String>>,
    /// `groupPolicy` for this group.
    pub group_policy: Option<GroupPolicy>,
}

impl TelegramConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        if s.raw("accounts").is_some() {
            s.warn(
                "accounts",
                "this version runs one account; put the one to use directly under channels.telegram",
            );
        }
        s.unsupported("direct", "all direct chats have the same tools");
        let config = Self {
            enabled: s.boolean("enabled").unwrap_or(true),
            bot_token: s.secret("botToken"),
            token_file: s
                .path("tokenFile")
                .map(|path| SecretInput::whole_file(&s.path_of("tokenFile"), path)),
            api_root: api_root(s),
            dm_policy: s.choice("dmPolicy").unwrap_or(DmPolicy::Pairing),
            allow_from: senders(s, "allowFrom").unwrap_or_default(),
            group_policy: s.choice("groupPolicy").unwrap_or(GroupPolicy::Allowlist),
            group_allow_from: senders(s, "groupAllowFrom"),
            groups: s
                .entries("groups", |id, group| (id.to_owned(), GroupConfig::read(group)))
                .into_iter()
                .collect(),
            media_max_mb: s.number("mediaMaxMb").unwrap_or(100.0),
            inline_buttons: inline_buttons(s).unwrap_or(InlineButtons::Allowlist),
            native_commands: s.section("commands", native_commands).unwrap_or(true),
            custom_commands: custom_commands(s).unwrap_or_default(),
            poll_timeout_seconds: s.integer("pollTimeoutSeconds", 0..=50),
        };
        if config.dm_policy == DmPolicy::Open && !config.allow_from.iter().any(|sender| sender == "*") {
            s.error(
                "dmPolicy",
                "\"open\" lets everyone write to the bot and needs allowFrom: [\"*\"] to say so",
            );
        }
        config
    }

    /// The bot's token: `tokenFile`, else `botToken`, else the variable `TELEGRAM_BOT_TOKEN`.
    ///
    /// # Errors
    /// The configured one cannot be had; the next is not tried then.
    pub fn token(&self, env: &Env) -> Result<Option<SecretString>, SecretError> {
        for configured in [&self.token_file, &self.bot_token].into_iter().flatten() {
            if let Some(token) = configured.resolve(env)? {
                return Ok(Some(token));
            }
        }
        Ok(env.get_filled("TELEGRAM_BOT_TOKEN").map(SecretString::from))
    }

    /// What is configured for the group `chat_id`: its own entry, each key falling back to that of `"*"`.
    /// `None`: there are groups in the config and this is not one of them.
    pub fn group(&self, chat_id: &str) -> Option<GroupConfig> {
        let any = self.groups.get("*");
        match (self.groups.get(chat_id), any) {
            (None, None) => self.groups.is_empty().then(GroupConfig::default),
            (Some(own), None) => Some(own.clone()),
            (None, Some(any)) => Some(any.clone()),
            (Some(own), Some(any)) => Some(GroupConfig {
                enabled: own.enabled.or(any.enabled),
                require_mention: own.require_mention.or(any.require_mention),
                allow_from: own.allow_from.clone().or_else(|| any.allow_from.clone()),
                group_policy: own.group_policy.or(any.group_policy),
            }),
        }
    }
}

impl GroupConfig {
    fn read(s: &Section<'_>) -> Self {
        s.unsupported("tools", "the group has all tools");
        s.unsupported("toolsBySender", "every sender has all tools");
        s.unsupported("topics", "topics are treated as their group");
        Self {
            enabled: s.boolean("enabled"),
            require_mention: s.boolean("requireMention"),
            allow_from: senders(s, "allowFrom"),
            group_policy: s.choice("groupPolicy"),
        }
    }

    /// Whether the agent must be mentioned; true unless configured otherwise.
    pub fn requires_mention(&self) -> bool {
        self.require_mention.unwrap_or(true)
    }

    /// Whether the group is heard; true unless configured otherwise.
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
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

fn api_root(s: &Section<'_>) -> String {
    let Some(root) = s.text("apiRoot") else { return "https://api.telegram.org".to_owned() };
    if !root.starts_with("https://") && !root.starts_with("http://") {
        s.error(
            "apiRoot",
            format!("{root:?} is not allowed; use an http:// or https:// URL without /bot<token>"),
        );
    }
    root.trim_end_matches('/').to_owned()
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
