//! A gateway and a workspace for the tests of tools.

use crate::*;
use agent::tool::{ToolContext, ToolOutput};
use model::{
    AssistantMessage, Block, Content, ManualClock, Message, Part, SessionKey, StopReason, ToolResultMessage,
    Usage, UserMessage,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// What the fake gateway was asked, and what it says.
#[derive(Default)]
pub(crate) struct FakeHost {
    nodes: Vec<NodeInfo>,
    calls: Mutex<Vec<NodeCall>>,
    answers: Mutex<VecDeque<Result<Value, HostError>>>,
    sent: Mutex<Vec<OutgoingMessage>>,
    asked: Mutex<Vec<Value>>,
}

impl FakeHost {
    pub(crate) fn answer(&self, answer: Result<Value, HostError>) {
        self.answers.lock().unwrap().push_back(answer);
    }
    pub(crate) fn calls(&self) -> Vec<NodeCall> {
        self.calls.lock().unwrap().clone()
    }
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
    pub(crate) fn sent(&self) -> Vec<OutgoingMessage> {
        self.sent.lock().unwrap().clone()
    }
}

impl Host for FakeHost {
    fn nodes<'a>(&'a self) -> BoxFuture<'a, Vec<NodeInfo>> {
        Box::pin(async { self.nodes.clone() })
    }

    /// Without an answer in store it waits until it is cancelled.
    fn invoke_node<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let cancel = call.context.cancel.clone();
            self.calls.lock().unwrap().push(call);
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                Some(answer) => answer,
                None => {
                    cancel.cancelled().await;
                    Err(HostError { code: "CANCELLED".into(), message: "told the node".into() })
                }
            }
        })
    }

    fn own_browser<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        self.invoke_node(call)
    }

    fn own_tool<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        self.invoke_node(call)
    }

    fn send_message<'a>(&'a self, message: OutgoingMessage) -> BoxFuture<'a, Result<String, HostError>> {
        Box::pin(async move {
            if message.channel.as_deref().is_some_and(|channel| channel != "telegram") {
                return Err(HostError { code: "INVALID_REQUEST".into(), message: "no such channel".into() });
            }
            let mut sent = self.sent.lock().unwrap();
            sent.push(message);
            Ok(format!("m{}", sent.len()))
        })
    }

    fn reactions<'a>(&'a self, _: SessionKey) -> BoxFuture<'a, Result<crate::Reactions, HostError>> {
        let reactions =
            crate::Reactions { emoji: vec!["👍".into(), "🔥".into()], custom: vec!["5368".into()] };
        Box::pin(async move { Ok(reactions) })
    }

    fn read_messages<'a>(
        &'a self,
        _: String,
        asked: ReadMessages,
    ) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move { Ok(json!({"ok": true, "messages": [], "limit": asked.limit})) })
    }

    fn stickers<'a>(
        &'a self,
        _: SessionKey,
        _: Option<String>,
        query: String,
        _: u64,
    ) -> BoxFuture<'a, Result<Vec<model::Sticker>, HostError>> {
        let sticker = |emoji: String| model::Sticker {
            file_id: "CAAC".into(),
            unique_id: "u".into(),
            emoji: Some(emoji),
            set_name: Some("Cats".into()),
        };
        Box::pin(async move { Ok(vec![sticker(query)]) })
    }

    fn sessions<'a>(&'a self, _: usize) -> BoxFuture<'a, Result<Vec<SessionInfo>, HostError>> {
        let session = |key: &str, updated_at_ms, title: Option<&str>, total_tokens, active| SessionInfo {
            key: SessionKey::parse(key).unwrap(),
            updated_at_ms,
            title: title.map(str::to_owned),
            model: "p/m".into(),
            total_tokens,
            active,
        };
        Box::pin(async move {
            Ok(vec![
                session("agent:main:main", NOW - 120_000, Some("Plans"), 10, true),
                session("agent:other:main", NOW, None, 0, false),
                session("agent:main:work", NOW - 3 * 86_400_000, None, 0, false),
            ])
        })
    }

    fn history<'a>(&'a self, _: SessionKey, _: usize) -> BoxFuture<'a, Result<Vec<Message>, HostError>> {
        Box::pin(async { Ok(transcript()) })
    }

    fn cron<'a>(&'a self, call: CronCall, session: SessionKey) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            Ok(json!({"did": match call {
                CronCall::List => "list".to_owned(),
                CronCall::Add(job) => format!("add {} for {session}", job["name"].as_str().unwrap_or("?")),
                CronCall::Remove(id) => format!("remove {id}"),
                CronCall::Run(id) => format!("run {id}"),
            }}))
        })
    }

    fn admit_command<'a>(
        &'a self,
        command: CommandToRun,
    ) -> BoxFuture<'a, Result<AdmittedCommand, HostError>> {
        Box::pin(async move {
            if command.text.contains("forbidden") {
                return Err(HostError { code: "FORBIDDEN".into(), message: "the policy says no".into() });
            }
            // Whatever is admitted is what runs: here, with one variable more.
            let mut env = command.env;
            env.push(("ADMITTED".into(), "yes".into()));
            Ok(AdmittedCommand { argv: exec::shell_argv(&command.text), cwd: command.cwd, env })
        })
    }

    fn node_policy(&self, _: &str) -> exec::policy::Request {
        exec::policy::Request::default()
    }

    fn ask_about<'a>(&'a self, question: NodeQuestion) -> BoxFuture<'a, Result<NodeApproval, HostError>> {
        Box::pin(async move {
            let NodeQuestion { plan, env, can_last, .. } = question;
            self.asked.lock().unwrap().push(json!({"plan": plan, "env": env, "canLast": can_last}));
            Ok(NodeApproval { id: "approval-1".into(), decision: "allow-once".into() })
        })
    }

    fn skill_text(&self, location: &str) -> Option<String> {
        (location == "node://aa/skills/pdf/SKILL.md").then(|| "one\ntwo\nthree\n".to_owned())
    }

    fn session_status<'a>(&'a self, key: SessionKey) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move { Ok(json!({"session": key})) })
    }
}

fn transcript() -> Vec<Message> {
    let call = Block::ToolCall { id: "c".into(), name: "exec".into(), arguments: json!({"command": "ls"}) };
    vec![
        Message::User(UserMessage {
            content: Content::Text("hi".into()),
            timestamp: 1,
            idempotency_key: None,
        }),
        Message::Assistant(AssistantMessage {
            content: vec![
                Block::Thinking { thinking: "hm".into(), signature: None },
                Block::Text { text: "hello".into() },
                call,
            ],
            api: "a".into(),
            provider: "p".into(),
            model: "m".into(),
            usage: Usage::default(),
            stop_reason: StopReason::ToolUse,
            timestamp: 2,
            error_message: None,
        }),
        Message::ToolResult(ToolResultMessage {
            tool_call_id: "c".into(),
            tool_name: "exec".into(),
            content: vec![Part::Text { text: "no".into() }],
            is_error: true,
            timestamp: 3,
        }),
    ]
}

const NOW: i64 = 1_800_000_000_000;

/// All tools over a fake gateway and a fresh workspace.
pub(crate) struct Bench {
    directory: tempfile::TempDir,
    media: tempfile::TempDir,
    pub(crate) host: Arc<FakeHost>,
    pub(crate) cancel: CancellationToken,
    pub(crate) tools: Tools,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_nodes(Vec::new())
    }

    pub(crate) fn with_nodes(nodes: Vec<NodeInfo>) -> Self {
        let (directory, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let host = Arc::new(FakeHost { nodes, ..FakeHost::default() });
        let tools = builtin(ToolEnv {
            workspace: directory.path().to_owned(),
            host: host.clone(),
            processes: Arc::new(exec::Processes::new()),
            egress: Arc::new(Egress::new(EgressPolicy { allow_private: true })),
            exec: ExecDefaults::default(),
            browser: BrowserDefaults::default(),
            clock: Arc::new(ManualClock::at(NOW)),
            node_files: directory.path().join("kept"),
            media: vec![media.path().to_owned()],
        });
        Self { directory, media, host, cancel: CancellationToken::new(), tools }
    }

    pub(crate) fn workspace(&self) -> &Path {
        self.directory.path()
    }

    /// Where files lie that may be sent although they are not in the workspace.
    pub(crate) fn media(&self) -> &Path {
        self.media.path()
    }

    pub(crate) fn tool(&self, name: &str) -> Arc<dyn Tool> {
        self.tools.iter().find(|t| t.spec().name == name).unwrap().clone()
    }

    pub(crate) fn context(&self) -> ToolContext {
        ToolContext {
            agent_id: "main".into(),
            session_key: SessionKey::main("main"),
            run_id: "run-1".into(),
            tool_call_id: "call-1".into(),
            cancel: self.cancel.clone(),
        }
    }

    pub(crate) async fn call(&self, name: &str, arguments: Value) -> ToolOutput {
        self.tool(name).call(arguments, self.context()).await
    }
}

/// A connected, approved node with everything for commands.
pub(crate) fn node(id: &str, name: Option<&str>) -> NodeInfo {
    NodeInfo {
        node_id: id.into(),
        display_name: name.map(str::to_owned),
        platform: "linux".into(),
        connected: true,
        approved: true,
        caps: vec!["system".into()],
        commands: ["system.run", "system.run.prepare", "system.which"].map(str::to_owned).into(),
    }
}

/// A node with everything for files.
pub(crate) fn files_node() -> NodeInfo {
    let commands = ["file.fetch", "file.write", "dir.list", "dir.fetch"].map(str::to_owned).into();
    NodeInfo { commands, ..node("aa", Some("Desk")) }
}

/// The text of an output.
pub(crate) fn text(out: &ToolOutput) -> String {
    let texts = out.content.iter().filter_map(|p| match p {
        Part::Text { text } => Some(text.as_str()),
        Part::Image { .. } => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
