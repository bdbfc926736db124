//! Reading the keys that an account has as the section itself has them: what it leaves open is the section's; the token is its own.

use super::way::{API_ROOT, MAX_TEXT, NetworkConfig, api_root, network, proxy, text_limit};
use super::webhook::WebhookKeys;
use super::{
    Actions, CustomCommand, DEFAULT_ACCOUNT, DmPolicy, ErrorPolicy, ExecApprovals, GroupConfig, GroupPolicy,
    HISTORY_CEILING, InlineButtons, ReactionLevel, ReactionNotifications, StreamingConfig, TableMode,
    TelegramConfig, senders,
};
use crate::SecretInput;
use crate::doc::Section;
use std::collections::BTreeMap;

/// What holds where nobody says anything.
impl Default for TelegramConfig {
    fn default() -> Self {
        Self {
            account: DEFAULT_ACCOUNT.to_owned(),
            enabled: true,
            bot_token: None,
            token_file: None,
            api_root: API_ROOT.to_owned(),
            local_roots: Vec::new(),
            dm_policy: DmPolicy::Pairing,
            allow_from: Vec::new(),
            group_policy: GroupPolicy::Allowlist,
            group_allow_from: None,
            groups: BTreeMap::new(),
            media_max_mb: 100.0,
            inline_buttons: InlineButtons::Allowlist,
            native_commands: true,
            custom_commands: Vec::new(),
            webhook: None,
            webhook_keys: WebhookKeys::default(),
            direct: BTreeMap::new(),
            reply_to_mode: None,
            history_limit: None,
            reaction_notifications: ReactionNotifications::Own,
            exec_approvals: ExecApprovals::default(),
            ack_reaction: None,
            reaction_level: ReactionLevel::Minimal,
            error_policy: ErrorPolicy::Always,
            silent_errors: false,
            link_preview: true,
            text_limit: MAX_TEXT,
            default_to: None,
            proxy: None,
            network: NetworkConfig::default(),
            join_intro: true,
            actions: Actions::default(),
            streaming: StreamingConfig::default(),
            response_prefix: None,
            tables: TableMode::Block,
            config_writes: true,
            poll_timeout_seconds: None,
            accounts: BTreeMap::new(),
            default_account: None,
        }
    }
}

/// Why direct chats have no limit of their own.
const OWN_TRANSCRIPT: &str =
    "all that is said directly is in the session's transcript, which compaction bounds";

/// Takes what stands there.
fn put<T>(field: &mut T, own: Option<T>) {
    if let Some(own) = own {
        *field = own;
    }
}

impl TelegramConfig {
    /// An account's keys, or the section's own where there is no `root`.
    pub(super) fn keys(s: &Section<'_>, account: &str, root: Option<&Self>) -> Self {
        let mut config = root.cloned().unwrap_or_default();
        config.account = account.to_owned();
        config.enabled = s.boolean("enabled").unwrap_or(true) && root.is_none_or(|root| root.enabled);
        config.bot(s);
        config.way(s, root);
        config.people(s, root);
        config.groups(s);
        config.seen(s);
        config.said(s);
        config.done(s, root);
        config
    }

    fn bot(&mut self, s: &Section<'_>) {
        let file = s.path("tokenFile").map(|path| SecretInput::whole_file(&s.path_of("tokenFile"), path));
        let token = s.secret("botToken");
        let is_the_sections = self.account == DEFAULT_ACCOUNT;
        self.token_file = file.or(self.token_file.take().filter(|_| is_the_sections));
        self.bot_token = token.or(self.bot_token.take().filter(|_| is_the_sections));
    }

    /// How Telegram is reached, and reaches the gateway.
    fn way(&mut self, s: &Section<'_>, root: Option<&Self>) {
        put(&mut self.api_root, api_root(s));
        put(&mut self.local_roots, s.paths("trustedLocalFileRoots"));
        put(&mut self.proxy, proxy(s).map(Some));
        put(&mut self.network, s.section("network", network));
        put(&mut self.poll_timeout_seconds, s.integer("pollTimeoutSeconds", 0..=50).map(Some));
        let own = WebhookKeys::read(s);
        self.webhook_keys = match root {
            Some(root) => own.over(&root.webhook_keys, self.account == DEFAULT_ACCOUNT),
            None => own,
        };
        self.webhook = self.webhook_keys.judge(s);
    }

    /// Who is heard directly.
    fn people(&mut self, s: &Section<'_>, root: Option<&Self>) {
        let own_policy = s.choice("dmPolicy");
        put(&mut self.dm_policy, own_policy);
        self.allow_from = allowed(senders(s, "allowFrom"), root);
        let direct = s.entries("direct", |id, chat| (id.to_owned(), GroupConfig::of_direct(chat)));
        put(&mut self.direct, s.raw("direct").is_some().then(|| direct.into_iter().collect()));
        self.judge_openness(s, own_policy, root.is_some());
    }

    /// Which groups are heard, and what is told of them.
    fn groups(&mut self, s: &Section<'_>) {
        put(&mut self.group_policy, s.choice("groupPolicy"));
        put(&mut self.group_allow_from, senders(s, "groupAllowFrom").map(Some));
        let groups = s.entries("groups", |id, group| (id.to_owned(), GroupConfig::read(group)));
        put(&mut self.groups, s.raw("groups").is_some().then(|| groups.into_iter().collect()));
        put(&mut self.history_limit, s.integer("historyLimit", 0..=HISTORY_CEILING).map(Some));
        put(&mut self.join_intro, s.boolean("joinIntro"));
        s.unsupported("dmHistoryLimit", OWN_TRANSCRIPT);
        s.unsupported("dms", OWN_TRANSCRIPT);
    }

    /// What people see beside answers.
    fn seen(&mut self, s: &Section<'_>) {
        put(&mut self.inline_buttons, inline_buttons(s));
        put(&mut self.native_commands, s.section("commands", native_commands));
        put(&mut self.custom_commands, custom_commands(s));
        put(&mut self.ack_reaction, s.text("ackReaction").map(Some));
        put(&mut self.reaction_level, s.choice("reactionLevel"));
        put(&mut self.streaming, s.section("streaming", StreamingConfig::read));
    }

    /// How answers are shaped.
    fn said(&mut self, s: &Section<'_>) {
        put(&mut self.media_max_mb, s.number("mediaMaxMb"));
        put(&mut self.reply_to_mode, s.choice("replyToMode").map(Some));
        put(&mut self.error_policy, s.choice("errorPolicy"));
        put(&mut self.silent_errors, s.boolean("silentErrorReplies"));
        put(&mut self.link_preview, s.boolean("linkPreview"));
        put(&mut self.response_prefix, s.text("responsePrefix").map(Some));
        put(&mut self.tables, s.section("markdown", |markdown| markdown.choice("tables")));
        s.unsupported("richMessages", "messages are in Telegram's HTML, which all of its clients show");
        put(&mut self.text_limit, text_limit(s));
        put(&mut self.default_to, s.id("defaultTo").map(Some));
    }

    /// What may be done, by whom, and what is told of it.
    fn done(&mut self, s: &Section<'_>, root: Option<&Self>) {
        put(&mut self.exec_approvals, s.section("execApprovals", ExecApprovals::read));
        let own = s.section("actions", Actions::read);
        self.actions = root.iter().fold(own, |own, root| own.over(&root.actions));
        put(&mut self.reaction_notifications, s.choice("reactionNotifications"));
        put(&mut self.config_writes, s.boolean("configWrites"));
    }

    /// Everybody is let in only where `allowFrom` says so, too.
    fn judge_openness(&self, s: &Section<'_>, own_policy: Option<DmPolicy>, is_account: bool) {
        if own_policy == Some(DmPolicy::Allowlist) && self.allow_from.is_empty() {
            let whose = if is_account { " or channels.telegram" } else { "" };
            s.warn(
                "dmPolicy",
                format!("\"allowlist\" lets nobody write to the bot, because allowFrom is empty; add the user ids of those who may to it{whose}"),
            );
        }
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
