//! `bindings`: which agent hears what is said where.

use super::{DmScope, GroupScope};
use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What kind of conversation.
    PeerKind {
        /// With one person.
        Direct => "direct",
        /// With many.
        Group => "group",
        /// With many, on platforms that tell channels from groups.
        Channel => "channel",
    }
}

/// One of `bindings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// `agentId`.
    pub agent_id: String,
    /// `match.channel`.
    pub channel: String,
    /// `match.accountId`: `None` is the channel's default account, `*` all.
    pub account: Option<String>,
    /// `match.peer`: kind and id of the conversation; `*` is every one of the kind. `None`: all conversations.
    pub peer: Option<(PeerKind, String)>,
    /// `session.dmScope`, instead of that of `session`.
    pub dm_scope: Option<DmScope>,
    /// `session.groupScope`, instead of that of `session`.
    pub group_scope: Option<GroupScope>,
}

/// Reads them; what is for other programs or platforms is left out.
pub(super) fn read(s: &Section<'_>) -> Vec<Binding> {
    s.items("bindings", one).into_iter().flatten().collect()
}

fn one(s: &Section<'_>) -> Option<Binding> {
    let kind = s.text("type");
    s.raw("comment");
    s.raw("acp");
    let (channel, account, peer, is_narrower) = s.section("match", |m| {
        let peer = m.section("peer", |peer| (peer.choice("kind"), peer.text("id")));
        let narrower = ["guildId", "teamId", "roles"].map(|key| m.raw(key).is_some());
        let account = m.text("accountId").map(|name| name.trim().to_lowercase());
        (m.text("channel"), account, peer, narrower.contains(&true))
    });
    let scopes = s.section("session", |session| (session.choice("dmScope"), session.choice("groupScope")));
    let agent_id = s.text("agentId")?;
    if kind.as_deref().is_some_and(|kind| kind != "route") {
        s.warn(
            "type",
            "not supported by this version yet: agents of other programs are not bound; kept as it is",
        );
        return None;
    }
    let channel = channel?.trim().to_lowercase();
    // Guilds, teams and roles are not Telegram's.
    if is_narrower {
        return None;
    }
    let bare = |id: String| {
        let id = id.trim().to_owned();
        let prefix = format!("{channel}:");
        id.strip_prefix(&prefix).or_else(|| id.strip_prefix("tg:")).map(str::to_owned).unwrap_or(id)
    };
    let peer = match peer {
        (Some(kind), Some(id)) => Some((kind, bare(id))),
        (None, None) => None,
        _ => {
            s.warn("match", "a peer has both kind and id; the binding counts for nothing");
            return None;
        }
    };
    let account = account.filter(|name| !name.is_empty());
    Some(Binding { agent_id, channel, account, peer, dm_scope: scopes.0, group_scope: scopes.1 })
}

/// A conversation, as it is held against bindings.
#[derive(Debug, Clone, Copy)]
pub struct Conversation<'a> {
    /// The channel's id.
    pub channel: &'a str,
    /// The account that it is on.
    pub account: &'a str,
    /// Whether that is the channel's default account.
    pub is_default_account: bool,
    /// Whether many speak there.
    pub is_group: bool,
    /// Its id, with its topic where it has one (`-100:topic:7`).
    pub chat_id: &'a str,
}

impl Binding {
    /// How closely it names a conversation, from 1, the closest; `None` where it does not.
    fn closeness(&self, c: &Conversation<'_>) -> Option<u8> {
        let of_account = match self.account.as_deref() {
            None => c.is_default_account,
            Some("*") => true,
            Some(account) => account == c.account,
        };
        if self.channel != c.channel || !of_account {
            return None;
        }
        let Some((kind, id)) = &self.peer else {
            return Some(if self.account.as_deref() == Some("*") { 5 } else { 4 });
        };
        if (*kind == PeerKind::Direct) == c.is_group {
            return None;
        }
        let parent = c.chat_id.split_once(":topic:").map(|(chat, _)| chat);
        match id.as_str() {
            "*" => Some(3),
            id if id == c.chat_id => Some(1),
            id if Some(id) == parent => Some(2),
            _ => None,
        }
    }
}

/// The binding that names a conversation most closely; of several alike, the first.
pub fn bound<'b>(bindings: &'b [Binding], conversation: &Conversation<'_>) -> Option<&'b Binding> {
    let near = bindings.iter().filter_map(|binding| Some((binding.closeness(conversation)?, binding)));
    near.min_by_key(|(closeness, _)| *closeness).map(|(_, binding)| binding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(agent: &str, account: Option<&str>, peer: Option<(PeerKind, &str)>) -> Binding {
        Binding {
            agent_id: agent.into(),
            channel: "telegram".into(),
            account: account.map(str::to_owned),
            peer: peer.map(|(kind, id)| (kind, id.to_owned())),
            dm_scope: None,
            group_scope: None,
        }
    }

    #[test]
    fn the_closest_binding_counts_and_of_several_alike_the_first() {
        let all = [
            binding("channel", Some("*"), None),
            binding("account", Some("work"), None),
            binding("default", None, None),
            binding("groups", Some("*"), Some((PeerKind::Group, "*"))),
            binding("group", Some("work"), Some((PeerKind::Group, "-5"))),
            binding("topic", Some("work"), Some((PeerKind::Group, "-5:topic:7"))),
            binding("person", None, Some((PeerKind::Direct, "777"))),
            binding("again", None, Some((PeerKind::Direct, "777"))),
        ];
        for (account, chat_id, agent) in [
            ("work", "-5:topic:7", "topic"),
            ("work", "-5:topic:8", "group"),
            ("work", "-5", "group"),
            ("work", "-6", "groups"),
            ("main", "-5", "groups"),
            ("main", "777", "person"),
            ("work", "777", "account"),
            ("main", "778", "default"),
            ("other", "778", "channel"),
        ] {
            let is_default_account = account == "main";
            let is_group = chat_id.starts_with('-');
            let c = Conversation { channel: "telegram", account, is_default_account, is_group, chat_id };
            assert_eq!(bound(&all, &c).map(|b| b.agent_id.as_str()), Some(agent), "{account} {chat_id}");
        }
        let elsewhere = Conversation {
            channel: "slack",
            account: "main",
            is_default_account: true,
            is_group: false,
            chat_id: "1",
        };
        assert_eq!(bound(&all, &elsewhere), None);
    }
}
