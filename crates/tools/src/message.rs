//! `message`: to a chat.

use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, Media, OutgoingMessage, Reaction, ToolEnv, args, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::{FileAs, SessionKey};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer messages are documents.
const MAX_TEXT: usize = 100_000;
/// Files of one message.
const MAX_FILES: usize = 20;

/// The tool.
pub(crate) struct SendMessage {
    spec: ToolSpec,
    workspace: PathBuf,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    action: Action,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    media: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
    #[serde(default, rename = "asVoice")]
    as_voice: bool,
    #[serde(default, rename = "asVideoNote")]
    as_video_note: bool,
    #[serde(default, rename = "forceDocument")]
    as_document: bool,
    #[serde(default, rename = "messageId")]
    message_id: Option<String>,
    #[serde(default)]
    emoji: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

/// One of several files.
#[derive(Deserialize)]
struct Attachment {
    media: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Send,
    React,
}

impl SendMessage {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let text = json!({"type": "string"});
        let spec = spec(
            crate::MESSAGE,
            "Send a message to another chat, or a file to this one; or react to a message with an emoji. Text that you answer in this chat arrives by itself.",
            json!({"action": {"enum": ["send", "react"]}, "channel": {"type": "string", "description": "such as telegram"},
                "to": {"type": "string", "description": "chat id; without channel and to, this chat"}, "text": text,
                "media": {"type": "string", "description": "path of a file in the workspace, or an https address; at most 50 MB"},
                "attachments": {"type": "array", "description": "several files; pictures in a row are one album", "items": {"type": "object",
                    "properties": {"media": text}, "required": ["media"]}},
                "asVoice": {"type": "boolean", "description": "sound as a voice message"},
                "asVideoNote": {"type": "boolean", "description": "a square mp4 as a round video message"},
                "forceDocument": {"type": "boolean", "description": "pictures and films as files"},
                "messageId": {"type": "string", "description": "react: the message; without it, the one that you answer"},
                "emoji": {"type": "string", "description": "react: one emoji; empty takes yours away"}, "account": text}),
            &["action"],
        );
        Self { spec, workspace: env.workspace.clone(), host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, session: SessionKey, key: String) -> Outcome {
        let args: Args = args::parse("message", arguments)?;
        if matches!(args.action, Action::React) {
            return self.react(args, session, key).await;
        }
        let seen_as = seen_as(&args)?;
        let Args { channel, to, text, media, attachments, account, .. } = args;
        let named: Vec<String> = media.into_iter().chain(attachments.into_iter().map(|a| a.media)).collect();
        if named.len() > MAX_FILES {
            return Err(format!("at most {MAX_FILES} files go with a message. Nothing was sent."));
        }
        if text.len() > MAX_TEXT || (text.trim().is_empty() && named.is_empty()) {
            return Err(format!(
                "text must be 1 to {MAX_TEXT} bytes, unless there is media. Nothing was sent."
            ));
        }
        if channel.is_some() != to.is_some() {
            return Err("say both channel and to, or neither for this chat. Nothing was sent.".into());
        }
        if to.is_none() && named.is_empty() {
            return Err("to say something in this chat, just answer. Nothing was sent.".into());
        }
        let workspace = self.workspace.clone();
        let look = move || named.iter().map(|name| sendable(&workspace, name)).collect::<Result<Vec<_>, _>>();
        let media = crate::tool::blocking(look).await?;
        let target = match (&channel, &to) {
            (Some(channel), Some(to)) => format!("{channel} chat {to}"),
            _ => "this chat".to_owned(),
        };
        let reaction = None;
        let message = OutgoingMessage {
            session,
            channel,
            account,
            to,
            text,
            media,
            seen_as,
            reaction,
            idempotency_key: key,
        };
        let id = self.host.send_message(message).await.map_err(|e| format!("Not sent to {target}: {e}"))?;
        Ok(ToolOutput::text(format!("Sent to {target}, message {id}.")))
    }

    async fn react(&self, args: Args, session: SessionKey, key: String) -> Outcome {
        let Args { channel, to, message_id, emoji, account, .. } = args;
        let Some(emoji) = emoji else {
            return Err("say which emoji, or an empty one to take yours away. Nothing was done.".into());
        };
        if channel.is_some() != to.is_some() || (to.is_some() && message_id.is_none()) {
            return Err(
                "say channel, to and messageId, or none of channel and to for this chat. Nothing was done."
                    .into(),
            );
        }
        let emoji = Some(emoji.trim().to_owned()).filter(|emoji| !emoji.is_empty());
        let message = OutgoingMessage {
            session,
            channel,
            account,
            to,
            text: String::new(),
            media: vec![],
            seen_as: FileAs::Itself,
            reaction: Some(Reaction { message_id, emoji }),
            idempotency_key: key,
        };
        let id = self.host.send_message(message).await.map_err(|e| format!("No reaction: {e}"))?;
        Ok(ToolOutput::text(format!("Done, on message {id}.")))
    }
}

/// How the files are to be seen; one way alone.
fn seen_as(args: &Args) -> Result<FileAs, String> {
    match (args.as_voice, args.as_video_note, args.as_document) {
        (false, false, false) => Ok(FileAs::Itself),
        (true, false, false) => Ok(FileAs::Voice),
        (false, true, false) => Ok(FileAs::VideoNote),
        (false, false, true) => Ok(FileAs::Document),
        _ => Err("say one of asVoice, asVideoNote and forceDocument. Nothing was sent.".into()),
    }
}

/// What an agent may send by that name: what lies behind a public address, or a regular file in its workspace. Elsewhere are this
/// user's keys, and whoever may talk to the agent could ask for them even where it may read no files.
///
/// # Errors
/// Why it may not, for the agent.
pub fn sendable(workspace: &Path, name: &str) -> Result<Media, String> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Ok(Media::Url(name.to_owned()));
    }
    let file = &files::resolve(workspace, name)?;
    files::regular("send", file)?;
    let whole = |path: &Path| path.canonicalize().map_err(|e| files::io_error("send", path, &e));
    let (workspace, file) = (whole(workspace)?, whole(file)?);
    if !file.starts_with(&workspace) {
        return Err(format!(
            "Cannot send {}: only files in {} are sent; copy it there first. Nothing was sent.",
            file.display(),
            workspace.display()
        ));
    }
    Ok(Media::File(file))
}

impl Tool for SendMessage {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        true
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        // The same call, should it be made again, is the same message.
        let key = format!("{}:{}", context.run_id, context.tool_call_id);
        within(SHORT, context.cancel, self.run(arguments, context.session_key, key))
    }
}

/// The same tool for a turn that may not fetch: what lies behind an address is not sent.
pub fn without_urls(tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
    Arc::new(WithoutUrls(tool))
}

struct WithoutUrls(Arc<dyn Tool>);

impl Tool for WithoutUrls {
    fn spec(&self) -> &ToolSpec {
        self.0.spec()
    }

    fn has_effects(&self, arguments: &Value) -> bool {
        self.0.has_effects(arguments)
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        let is_url = |media: &Value| media.as_str().is_some_and(|name| name.trim_start().starts_with("http"));
        let several = arguments["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
        if is_url(&arguments["media"]) || several.iter().any(|a| is_url(&a["media"])) {
            let message =
                "Nothing is fetched in this chat, so nothing from an address is sent. Nothing was sent.";
            return Box::pin(async move { ToolOutput::error(message) });
        }
        self.0.call(arguments, context)
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn a_message_is_sent_once_under_the_key_of_its_call() {
        let bench = Bench::new();
        let send = json!({"action": "send", "channel": "telegram", "to": "42", "text": "hi"});
        assert_eq!(text(&bench.call("message", send).await), "Sent to telegram chat 42, message m1.");
        let sent = bench.host.sent();
        assert_eq!((sent[0].to.as_deref(), sent[0].idempotency_key.as_str()), (Some("42"), "run-1:call-1"));
        for bad in [
            json!({"action": "send", "channel": "telegram", "to": "42", "text": " "}),
            json!({"action": "read", "channel": "telegram", "to": "42", "text": "x"}),
            json!({"action": "send", "channel": "nowhere", "to": "42", "text": "x"}),
            json!({"action": "send", "text": "x"}),
            json!({"action": "send", "to": "42", "text": "x"}),
            json!({"action": "send", "media": "not-there.pdf"}),
            json!({"action": "send", "media": "/dev/zero"}),
            json!({"action": "react"}),
            json!({"action": "react", "emoji": "x", "channel": "telegram", "to": "42"}),
        ] {
            assert!(bench.call("message", bad).await.is_error);
        }
        assert_eq!(bench.host.sent().len(), 1);
    }

    #[tokio::test]
    async fn files_are_sent_from_the_workspace_alone() {
        let bench = Bench::new();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), bench.workspace().join("link")).unwrap();
        std::fs::write(bench.workspace().join("mine"), "text").unwrap();
        for (media, is_sent) in
            [("mine", true), ("link", false), (elsewhere.path().to_str().unwrap(), false), ("../mine", false)]
        {
            let done = bench.call("message", json!({"action": "send", "media": media})).await;
            assert_eq!(!done.is_error, is_sent, "{media}");
        }
        assert_eq!(bench.host.sent().len(), 1);
    }
}
