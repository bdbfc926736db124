//! Commands that people write into a chat, `/status` and the like. They are answered at once, past the session's queue: what
//! stops a turn or decides what it waits for must not wait behind it.

mod approve;
mod choose;
mod show;

use crate::connection::outbound::ConnHandle;
use crate::methods::store_error;
use crate::runs;
use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use std::sync::Arc;
use std::time::Duration;

/// A turn whose answer is out has this time to be done with.
const TURN_ENDS: Duration = Duration::from_millis(500);

/// A command.
#[derive(Debug)]
pub(crate) struct ChatCommand {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// As `commands.list` sorts them.
    pub(crate) category: &'static str,
    pub(crate) args: &'static [ChatArg],
    act: Act,
}

/// A word behind a command.
#[derive(Debug)]
pub(crate) struct ChatArg {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) required: bool,
    pub(crate) choices: &'static [&'static str],
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Help,
    Status,
    Model,
    Reset,
    Stop,
    Approve,
}

const fn plain(
    name: &'static str,
    description: &'static str,
    category: &'static str,
    act: Act,
) -> ChatCommand {
    ChatCommand { name, description, category, args: &[], act }
}

/// Every command there is.
pub(crate) const COMMANDS: &[ChatCommand] = &[
    plain("help", "Show the commands.", "status", Act::Help),
    plain("commands", "Show the commands.", "status", Act::Help),
    plain("status", "Show how this session stands.", "status", Act::Status),
    ChatCommand {
        name: "model",
        description: "Show the model in use and those that are configured, or choose one for this conversation.",
        category: "options",
        args: &[ChatArg {
            name: "model",
            description: "provider/model, a short name, or default",
            required: false,
            choices: &[],
        }],
        act: Act::Model,
    },
    plain("new", "Begin a new conversation; the old one is kept.", "session", Act::Reset),
    plain("reset", "Begin a new conversation; the old one is kept.", "session", Act::Reset),
    plain("stop", "Stop the answer that is under way.", "session", Act::Stop),
    ChatCommand {
        name: "approve",
        description: "Decide about a command that waits for approval.",
        category: "management",
        args: &[
            ChatArg { name: "id", description: "The approval's id", required: true, choices: &[] },
            ChatArg {
                name: "decision",
                description: "What may happen",
                required: true,
                choices: &["allow-once", "allow-always", "deny"],
            },
        ],
        act: Act::Approve,
    },
];

/// Who writes a command, and what that gives them.
pub(crate) struct Speaker<'a> {
    /// The session that the chat speaks to.
    pub(crate) key: SessionKey,
    /// `None` where they may not decide about commands.
    pub(crate) decides: Option<Decider<'a>>,
    /// Whether they may begin a new conversation.
    pub(crate) may_reset: bool,
    /// The last message that was accepted before the command; `None`: all that wait were.
    pub(crate) after: Option<i64>,
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
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let command = COMMANDS.iter().find(|c| c.name.eq_ignore_ascii_case(name))?;
    let rest = rest.trim();
    // `/new`, and then a text, is a text for the agent.
    (rest.is_empty() || !command.args.is_empty()).then_some(Parsed { command, rest })
}

impl Parsed<'_> {
    /// Whether it decides about a command.
    pub(crate) fn is_decision(&self) -> bool {
        matches!(self.command.act, Act::Approve)
    }
}

/// Does what the command says, and gives what the chat is to read. The same command again does no harm.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    parsed: &Parsed<'_>,
) -> Result<String, ErrorShape> {
    match parsed.command.act {
        Act::Help => Ok(show::help()),
        Act::Status => show::status(shared, &speaker.key).await,
        Act::Model if parsed.rest.is_empty() => show::model(shared, &speaker.key).await,
        Act::Model if speaker.may_reset => choose::model(shared, speaker, parsed.rest).await,
        Act::Model => Ok("Choosing a model is for operators with operator.admin.".into()),
        Act::Reset if speaker.may_reset => reset(shared, speaker).await,
        Act::Reset => Ok("A new conversation is for operators with operator.admin.".into()),
        Act::Stop => stop(shared, speaker).await,
        Act::Approve => approve::run(shared, speaker, parsed.rest).await,
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
