//! `messages`: what happens to messages that arrive while the agent is busy, and which group messages are meant for it.

use std::collections::BTreeMap;

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What a message does that arrives during a turn.
    QueueMode {
        /// It goes into the running turn.
        Steer => "steer",
        /// It waits and gets a turn of its own.
        Followup => "followup",
        /// It waits and shares one turn with the others that waited.
        Collect => "collect",
        /// It ends the running turn and starts its own.
        Interrupt => "interrupt",
    }
}

choice! {
    /// Which messages get a reaction as a sign that they were taken up.
    AckScope {
        /// Those in groups that mention the agent.
        GroupMentions => "group-mentions",
        /// All in groups.
        GroupAll => "group-all",
        /// Those in direct chats.
        Direct => "direct",
        /// All.
        All => "all",
        /// None.
        Off => "off",
        /// None.
        Nowhere => "none",
    }
}

choice! {
    /// What an answer in a chat says of its own cost.
    ResponseUsage {
        /// Nothing.
        Off => "off",
        /// Its tokens.
        Tokens => "tokens",
        /// Its tokens, its price and the session.
        Full => "full",
        /// Its tokens.
        On => "on",
    }
}

/// `messages`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessagesConfig {
    /// `queue`.
    pub queue: QueueConfig,
    /// `groupChat.mentionPatterns`: regular expressions that mean the agent in a group, beside its user name.
    pub mention_patterns: Option<Vec<String>>,
    /// `groupChat.historyLimit`: as `channels.telegram.historyLimit`, where a channel has none of its own.
    pub group_history_limit: Option<u64>,
    /// `ackReaction`: what is put on a message that was taken up, where its channel says nothing; empty is nothing, `None` the
    /// agent's own emoji.
    pub ack_reaction: Option<String>,
    /// `ackReactionScope`; `None` is group-mentions.
    pub ack_scope: Option<AckScope>,
    /// `statusReactions.enabled`: whether the reaction then says how far the turn is; false by default.
    pub status_reactions: bool,
    /// `responseUsage`: what an answer says of its cost where nobody has chosen with `/usage`; `None` is off.
    pub response_usage: Option<ResponseUsage>,
    /// `responsePrefix`: what stands before everything that is said, where a channel says nothing of its own.
    pub response_prefix: Option<String>,
    /// `inbound`: how long is waited for more from whoever writes.
    pub inbound: InboundConfig,
}

/// `messages.inbound`: texts of one person in one chat that come one after the other are one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundConfig {
    /// `debounceMs`: nothing comes for so long, and they are whole; 0: each is one of its own. Where nothing is said, 300 on Telegram.
    pub debounce_ms: Option<u64>,
    /// `byChannel`: the same for some channels, like `telegram`.
    pub by_channel: BTreeMap<String, u64>,
}

/// Ten minutes: nobody waits longer for an answer to begin.
const MOST_QUIET_MS: u64 = 600_000;

impl InboundConfig {
    fn read(s: &Section<'_>) -> Self {
        Self {
            debounce_ms: s.integer("debounceMs", 0..=MOST_QUIET_MS),
            by_channel: s.integer_entries("byChannel", 0..=MOST_QUIET_MS).into_iter().collect(),
        }
    }
}

/// `messages.queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// `mode`, steer by default.
    pub mode: QueueMode,
    /// `byChannel`: other modes for some channels, like `telegram`.
    pub by_channel: BTreeMap<String, QueueMode>,
    /// `cap`: most messages that wait in one session, 20 by default.
    pub cap: usize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { mode: QueueMode::Steer, by_channel: BTreeMap::new(), cap: 20 }
    }
}

impl QueueConfig {
    /// The mode for messages of `channel`.
    pub fn mode_for(&self, channel: &str) -> QueueMode {
        self.by_channel.get(channel).copied().unwrap_or(self.mode)
    }

    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        Self {
            mode: s.choice("mode").unwrap_or(default.mode),
            by_channel: s.choice_entries("byChannel").into_iter().collect(),
            cap: s
                .integer("cap", 1..=10_000)
                .and_then(|cap| usize::try_from(cap).ok())
                .unwrap_or(default.cap),
        }
    }
}

impl MessagesConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        let (mention_patterns, group_history_limit) = s.section("groupChat", |group| {
            (group.texts("mentionPatterns"), group.integer("historyLimit", 0..=9_007_199_254_740_991))
        });
        Self {
            queue: s.section("queue", QueueConfig::read),
            mention_patterns,
            group_history_limit,
            ack_reaction: s.text("ackReaction"),
            ack_scope: s.choice("ackReactionScope"),
            response_usage: response_usage(s),
            response_prefix: s.text("responsePrefix"),
            inbound: s.section("inbound", InboundConfig::read),
            status_reactions: s.section("statusReactions", |s| s.boolean("enabled")).unwrap_or(false),
        }
    }
}

/// A word for all channels, or an object with one for each and for the others.
fn response_usage(s: &Section<'_>) -> Option<ResponseUsage> {
    match s.raw("responseUsage") {
        Some(serde_json::Value::Object(_)) => {
            s.section("responseUsage", |by| by.choice("telegram").or_else(|| by.choice("default")))
        }
        _ => s.choice("responseUsage"),
    }
}
