//! What tools need from the gateway.

use agent::tool::ToolContext;
use model::{Message, SessionKey};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

/// A future behind a pointer, so that [`Host`] can be one too.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long a person who is asked about a file of a node has to decide. A path and the place that it leads to are two questions.
pub const ASKED_WITHIN: Duration = Duration::from_secs(600);

/// The gateway, as tools see it.
pub trait Host: Send + Sync + 'static {
    /// All paired nodes, connected or not.
    fn nodes<'a>(&'a self) -> BoxFuture<'a, Vec<NodeInfo>>;
    /// Has a node do something and waits for what came of it: the payload of its result.
    fn invoke_node<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>>;
    /// Has the browser beside the gateway do something, as [`Host::invoke_node`] has that of a node; the call names no node.
    fn own_browser<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>>;
    /// Has a server of tools of the gateway's own do something; the call names no node.
    fn own_tool<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>>;
    /// Sends a message over a channel; the id of the message.
    fn send_message<'a>(&'a self, message: OutgoingMessage) -> BoxFuture<'a, Result<String, HostError>>;
    /// The reactions that the chat allows that the session answers.
    fn reactions<'a>(&'a self, session: SessionKey) -> BoxFuture<'a, Result<Reactions, HostError>>;
    /// What was said in the chat that a run answers, as JSON.
    fn read_messages<'a>(
        &'a self,
        run_id: String,
        asked: ReadMessages,
    ) -> BoxFuture<'a, Result<Value, HostError>>;
    /// The stickers that people have sent to an account (the one of the chat that the session answers, where none is named) and that have to
    /// do with `query`, the best first.
    fn stickers<'a>(
        &'a self,
        session: SessionKey,
        account: Option<String>,
        query: String,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<model::Sticker>, HostError>>;
    /// The sessions that were used last, at most `limit`.
    fn sessions<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<SessionInfo>, HostError>>;
    /// The last `limit` entries of a transcript, oldest first.
    fn history<'a>(&'a self, key: SessionKey, limit: usize)
    -> BoxFuture<'a, Result<Vec<Message>, HostError>>;
    /// Does something with jobs that run by themselves, for whoever speaks in a session.
    fn cron<'a>(&'a self, call: CronCall, session: SessionKey) -> BoxFuture<'a, Result<Value, HostError>>;
    /// Asks whether a command may run beside the gateway, which may take until somebody has decided. What is given is to be
    /// run instead of the command itself; an error says why nothing may.
    fn admit_command<'a>(
        &'a self,
        command: CommandToRun,
    ) -> BoxFuture<'a, Result<AdmittedCommand, HostError>>;
    /// How much the commands of the agent with this id may do on nodes, as far as the gateway has a say: security and ask.
    fn node_policy(&self, agent_id: &str) -> exec::policy::Request;
    /// Asks people about a command that a node wants them to be asked about.
    fn ask_about<'a>(&'a self, question: NodeQuestion) -> BoxFuture<'a, Result<NodeApproval, HostError>>;
    /// The text of a skill of a node by its location, `node://NODE/skills/NAME/SKILL.md`, as long as it is at hand.
    fn skill_text(&self, location: &str) -> Option<String>;
    /// How a session stands: model, tokens, cost and the like; an object.
    fn session_status<'a>(&'a self, key: SessionKey) -> BoxFuture<'a, Result<Value, HostError>>;
}

/// Why the gateway could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct HostError {
    /// The code of the protocol, such as `UNAVAILABLE`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its id, 64 hex digits.
    pub node_id: String,
    /// The name that people gave it.
    pub display_name: Option<String>,
    /// Such as `linux`.
    pub platform: String,
    /// Whether it is connected now.
    pub connected: bool,
    /// Whether its commands are approved.
    pub approved: bool,
    /// What it can do, in groups.
    pub caps: Vec<String>,
    /// What may be called on it.
    pub commands: Vec<String>,
}

/// A call to a node.
#[derive(Debug, Clone)]
pub struct NodeCall {
    /// The node's full id.
    pub node_id: String,
    /// Such as `system.run`.
    pub command: String,
    /// Its parameters.
    pub params: Value,
    /// How long the node has to answer.
    pub timeout: Duration,
    /// The same call is made once under the same key.
    pub idempotency_key: String,
    /// Whose call it is. Cancelled when nobody wants the answer any more.
    pub context: ToolContext,
}

/// Which messages of a chat are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadMessages {
    /// This one alone.
    pub message_id: Option<i64>,
    /// The latest before this one.
    pub before: Option<i64>,
    /// The first after this one.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// What is done with jobs that run by themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum CronCall {
    /// Lists the jobs of the session's agent.
    List,
    /// Adds a job.
    Add(Map<String, Value>),
    /// Removes the job with this id.
    Remove(String),
    /// Runs the job with this id now.
    Run(String),
}

/// A command that is to run beside the gateway.
#[derive(Debug, Clone)]
pub struct CommandToRun {
    /// The shell's text.
    pub text: String,
    /// Where it would run.
    pub cwd: PathBuf,
    /// The variables that the call sets.
    pub env: Vec<(String, String)>,
    /// Where the call comes from.
    pub context: ToolContext,
}

/// A command that may run beside the gateway: this, there, and with these variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedCommand {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The directory itself, without links.
    pub cwd: PathBuf,
    /// The variables.
    pub env: Vec<(String, String)>,
}

/// A command that a node has planned and wants people to be asked about.
#[derive(Debug, Clone)]
pub struct NodeQuestion {
    /// The node's full id.
    pub node_id: String,
    /// What the node planned.
    pub plan: Value,
    /// The variables that it would be run with; a plan has none.
    pub env: Vec<(String, String)>,
    /// Whether the node has said that it can keep an `allow-always`.
    pub can_last: bool,
    /// Where the call comes from.
    pub context: ToolContext,
}

/// What people decided about a command of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeApproval {
    /// The approval's id; the run of the command carries it.
    pub id: String,
    /// `allow-once` or `allow-always`.
    pub decision: String,
}

/// The reactions that a chat allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactions {
    /// Emoji.
    pub emoji: Vec<String>,
    /// Ids of the platform's custom emoji.
    pub custom: Vec<String>,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The session that sends it.
    pub session: SessionKey,
    /// The channel's id, such as `telegram`. Without it or a chat, the message goes to the chat that the session answers.
    pub channel: Option<String>,
    /// The account of that channel; `None` is its default one.
    pub account: Option<String>,
    /// The platform's id of the chat.
    pub to: Option<String>,
    /// Markdown; may be empty where there is a file.
    pub text: String,
    /// Files that go with it.
    pub media: Vec<Media>,
    /// How people see them.
    pub seen_as: model::FileAs,
    /// What is done instead of sending a text; an empty id is that of the message that the session answers.
    pub act: Option<model::Act>,
    /// What is shown beside the text, as [`crate::present`] reads it.
    pub presentation: Option<Value>,
    /// The message that it is a reply to.
    pub reply_to: Option<String>,
    /// The part of that message that it answers, word for word.
    pub quote: Option<String>,
    /// Whether it comes without a sound.
    pub silent: bool,
    /// The same message is sent once under the same key.
    pub idempotency_key: String,
}

/// A file that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// One on this host that may be sent.
    File(PathBuf),
    /// What lies behind an address.
    Url(String),
}

/// A session, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its key.
    pub key: SessionKey,
    /// When it was used last, in ms since the epoch.
    pub updated_at_ms: i64,
    /// What it is about.
    pub title: Option<String>,
    /// The model that it uses, `provider/model`.
    pub model: String,
    /// The size of its context, in tokens.
    pub total_tokens: u64,
    /// Whether a turn is under way.
    pub active: bool,
}
