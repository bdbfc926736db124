//! Commands that people write into a chat, `/status` and the like. They are answered at once, past the session's queue: what
//! stops a turn or decides what it waits for must not wait behind it.

mod approve;
mod choose;
mod configuration;
mod session;
mod show;
mod table;
mod used;

use crate::connection::outbound::ConnHandle;
use crate::methods::store_error;
use crate::runs;
use crate::shared::Shared;
use model::{ChatEvent, ChatKind, Inbound, SessionKey};
use protocol::ErrorShape;
use std::sync::Arc;
use std::time::Duration;
use table::Act;
pub(crate) use table::{COMMANDS, ChatArg, ChatCommand};
pub(crate) use used::line as usage_line;

/// A turn whose answer is out has this time to be done with.
const TURN_ENDS: Duration = Duration::from_millis(500);

/// Who writes a command, and what that gives them.
pub(crate) struct Speaker<'a> {
    /// The session that the chat speaks to.
    pub(crate) key: SessionKey,
    /// `None` where they may not decide about commands.
    pub(crate) decides: Option<Decider<'a>>,
    /// Whether they may begin a new conversation.
    pub(crate) may_reset: bool,
    /// Whether the gateway is theirs: by the id that the channel knows them by, or by what their device may do. Never by what they say.
    pub(crate) is_owner: bool,
    /// What was said, where that was on a channel.
    pub(crate) inbound: Option<&'a Inbound>,
    /// The last message that was accepted before the command; `None`: all that wait were.
    pub(crate) after: Option<i64>,
}

impl Speaker<'_> {
    /// Whether it was said in a group.
    fn is_in_group(&self) -> bool {
        self.inbound.is_some_and(|inbound| inbound.chat.kind == ChatKind::Group)
    }

    /// What somebody reads who wants what is the owner's.
    fn not_the_owner(&self) -> String {
        match self.inbound {
            None => "That is for operators with operator.admin.".into(),
            Some(Inbound { event: Some(ChatEvent::Pressed { .. }), .. }) => {
                "No button does that: whose gateway this is has to write it.".into()
            }
            Some(inbound) => format!(
                "That is for whose gateway this is. Whoever looks after it can say so: commands.ownerAllowFrom with \"{}:{}\".",
                inbound.channel, inbound.sender.id
            ),
        }
    }
}

/// Who decides about commands in a chat.
pub(crate) struct Decider<'a> {
    /// As whom it is noted.
    pub(crate) resolver: (String, String),
    /// The client, which sees here what it sees elsewhere; people on a channel see what the agent asks.
    pub(crate) client: Option<&'a ConnHandle>,
    /// Whether they decide about what the chat's own session asks.
    pub(crate) of_session: bool,
    /// Channel and account of which somebody on a channel is an approver.
    pub(crate) approver_of: Option<(String, String)>,
}

/// A command and what stands behind it.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    command: &'static ChatCommand,
    rest: &'a str,
}

/// Reads a message that is nothing but a command. Unknown ones are messages like others: the agent may know them.
pub(crate) fn parse(text: &str) -> Option<Parsed<'_>> {
    let line = text.trim().strip_prefix('/')?;
    // `/status@other_bot` is somebody else's: a channel takes our own name away.
    let end = line.find(|c: char| c.is_whitespace() || c == ':').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let command = table::named(name)?;
    let rest = rest.trim_start_matches(':').trim();
    let is_for_the_agent = match command.act {
        // The prompt says what it means.
        Act::Skills => !rest.is_empty(),
        // `/new`, and then a text, is a text for the agent.
        _ => !rest.is_empty() && command.args.is_empty(),
    };
    (!is_for_the_agent).then_some(Parsed { command, rest })
}

impl Parsed<'_> {
    /// Whether it decides about a command.
    pub(crate) fn is_decision(&self) -> bool {
        self.command.act == Act::Approve
    }

    /// Whether it takes as long as a model does, or as a new configuration: nothing else is to wait for it.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self.command.act, Act::Compact | Act::Config | Act::Mcp)
    }

    /// Its name, where this gateway has no such command.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        (self.command.act == Act::Missing).then_some(self.command.name)
    }
}

/// Does what the command says, and gives what the chat is to read. The same command again does no harm.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    parsed: &Parsed<'_>,
) -> Result<String, ErrorShape> {
    let (key, rest) = (&speaker.key, parsed.rest);
    match parsed.command.act {
        Act::Help => Ok(show::help()),
        Act::Status => show::status(shared, key).await,
        Act::Whoami => Ok(show::whoami(speaker)),
        Act::Context => show::context(shared, speaker).await,
        Act::Tools => Ok(show::tools(shared, speaker)),
        Act::Skills => Ok(show::skills(shared)),
        Act::Models => Ok(show::models(shared, rest)),
        Act::Model if rest.is_empty() => show::model(shared, key).await,
        Act::Model if speaker.may_reset => choose::model(shared, speaker, rest).await,
        Act::Model => Ok("Choosing a model is for operators with operator.admin.".into()),
        Act::Reset if speaker.may_reset => reset(shared, speaker).await,
        Act::Reset => Ok("A new conversation is for operators with operator.admin.".into()),
        Act::Stop => stop(shared, speaker).await,
        Act::Approve => approve::run(shared, speaker, rest).await,
        Act::Compact if speaker.may_reset => session::compact(shared, key).await,
        Act::Compact => Ok("Compacting is for operators with operator.admin.".into()),
        Act::Name => session::name(shared, key, rest).await,
        Act::Activation => session::activation(shared, speaker, rest).await,
        Act::Send => session::send(shared, speaker, rest).await,
        Act::Usage => used::usage(shared, key, rest).await,
        Act::Config => configuration::config(shared, speaker, rest).await,
        Act::Mcp => configuration::mcp(shared, speaker, rest).await,
        Act::Missing => Ok(format!(
            "/{} is not a command of this gateway. {}",
            parsed.command.name, parsed.command.description
        )),
    }
}

async fn reset(shared: &Arc<Shared>, speaker: &Speaker<'_>) -> Result<String, ErrorShape> {
    let key = &speaker.key;
    let last = match speaker.after {
        Some(row) => row,
        None => shared.store.open_inbound().await.map_err(store_error)?.last().map_or(0, |row| row.id),
    };
    // A turn that writes to the old transcript would answer into nothing: none is under way, and none begins.
    let Some(_hold) = shared.runs.hold(shared, key, TURN_ENDS).await else {
        return Ok("I am still answering; /stop first.".into());
    };
    // What was said before belongs to the old conversation, and would be the first of the new one.
    runs::finish::close_left(shared, key, last).await.map_err(store_error)?;
    match shared.store.reset_session(key).await.map_err(store_error)? {
        Some(_) => runs::events::session_changed(shared, key, "reset").await,
        None => return Ok("This is a new conversation already.".into()),
    }
    Ok("✅ A new conversation.".into())
}

async fn stop(shared: &Arc<Shared>, speaker: &Speaker<'_>) -> Result<String, ErrorShape> {
    let key = &speaker.key;
    let stopped = runs::abort::abort(shared, key, None).await.map_err(store_error)?;
    // What waits for its files, or for room, was said before as well.
    let left = match speaker.after {
        Some(last) => runs::finish::close_left(shared, key, last).await.map_err(store_error)?,
        None => 0,
    };
    Ok(if stopped.is_empty() && left == 0 { "Nothing is under way.".into() } else { "🛑 Stopped.".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_messages() {
        for (text, name) in [
            ("/status", Some("status")),
            (" /Status\n", Some("status")),
            ("/status@other_bot", None),
            ("/stop@", None),
            ("/status please", None),
            ("/model fast", Some("model")),
            ("/approve", Some("approve")),
            ("/approve abc deny", Some("approve")),
            ("/new hello", None),
            ("/id", Some("whoami")),
            ("/send: on", Some("send")),
            ("/usage:cost", Some("usage")),
            ("/skill", Some("skill")),
            ("/skill weather Paris", None),
            ("/think high", Some("think")),
            ("/t high", Some("think")),
            ("status", None),
            ("say /status", None),
            ("/unknown", None),
            ("/", None),
            ("//status", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(|p| p.command.name), name, "{text:?}");
        }
    }
}
