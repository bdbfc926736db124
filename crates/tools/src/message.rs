//! `message`: to a chat.

mod args;

use crate::tool::{Outcome, SHORT, within};
use crate::{Host, Media, OutgoingMessage, ReadMessages, ToolEnv, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use args::{Action, Args, Id, described};
use llm::ToolSpec;
use model::{SessionKey, Sticker};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Longer messages are documents.
const MAX_TEXT: usize = 100_000;
/// Files of one message.
const MAX_FILES: usize = 20;
/// Stickers that are named at once.
const MAX_STICKERS: u64 = 50;

/// The tool.
pub(crate) struct SendMessage {
    spec: ToolSpec,
    /// Where what it sends may lie, the workspace first.
    places: Vec<PathBuf>,
    host: Arc<dyn Host>,
}

impl SendMessage {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        Self { spec: described(), places: env.places(), host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, session: SessionKey, run_id: String, key: String) -> Outcome {
        let mut args: Args = crate::args::parse("message", arguments)?;
        // A message may go to the channel's own default.
        let has_default = args.action == Action::Send && args.to.is_none();
        if args.channel.is_some() != args.to.is_some() && !has_default {
            return Err("say both channel and to, or neither for this chat. Nothing was done.".into());
        }
        if args.action == Action::StickerSearch {
            return self.stickers(args, session).await;
        }
        if args.action == Action::EmojiList {
            return self.reactions(session).await;
        }
        if args.action == Action::Read {
            return self.read(args, run_id).await;
        }
        let act = args.act()?;
        let seen_as = args.seen_as()?;
        let is_message = act.is_none();
        let Args { action, channel, to, text, media, attachments, account, silent, presentation, .. } = args;
        let named: Vec<String> = media.into_iter().chain(attachments.into_iter().map(|a| a.media)).collect();
        if !is_message && !named.is_empty() {
            return Err("files go with messages alone. Nothing was done.".into());
        }
        if named.len() > MAX_FILES {
            return Err(format!("at most {MAX_FILES} files go with a message. Nothing was sent."));
        }
        let is_plain = is_message && named.is_empty() && presentation.is_none();
        if text.len() > MAX_TEXT || (is_plain && text.trim().is_empty()) {
            return Err(format!(
                "text must be 1 to {MAX_TEXT} bytes, unless there is media. Nothing was sent."
            ));
        }
        if is_plain && to.is_none() && channel.is_none() {
            return Err("to say something in this chat, just answer. Nothing was sent.".into());
        }
        let places = self.places.clone();
        let look = move || named.iter().map(|name| sendable(&places, name)).collect::<Result<Vec<_>, _>>();
        let media = crate::tool::blocking(look).await?;
        let target = match (&channel, &to) {
            (Some(channel), Some(to)) => format!("{channel} chat {to}"),
            (Some(channel), None) => format!("{channel}'s default chat"),
            _ => "this chat".to_owned(),
        };
        let message = OutgoingMessage {
            session,
            channel,
            account,
            to,
            text,
            media,
            seen_as,
            act,
            presentation,
            reply_to: args.reply_to.map(Id::text),
            quote: args.quote_text,
            silent,
            idempotency_key: key,
        };
        let sent = self.host.send_message(message).await;
        Ok(ToolOutput::text(match action {
            Action::React => {
                let id = sent.map_err(|e| format!("No reaction: {e}"))?;
                format!("Done, on message {id}.")
            }
            Action::Edit | Action::Delete | Action::TopicEdit => {
                let id = sent.map_err(|e| format!("Not done: {e}"))?;
                format!("Done, {id}.")
            }
            Action::TopicCreate => {
                let id = sent.map_err(|e| format!("Not made: {e}"))?;
                format!("Made in {target}, topic {id}.")
            }
            _ => {
                let id = sent.map_err(|e| format!("Not sent to {target}: {e}"))?;
                match id.starts_with("queued:") {
                    true => format!(
                        "Accepted for {target}; it goes out by itself once the platform takes it. Do not send it again."
                    ),
                    false => format!("Sent to {target}, message {id}."),
                }
            }
        }))
    }

    /// What was said in the chat that is answered; in no other.
    async fn read(&self, args: Args, run_id: String) -> Outcome {
        if args.to.is_some() {
            return Err("read is about this chat alone; leave channel and to out.".into());
        }
        let number = |name: &str, id: Option<Id>| match id.map(Id::text) {
            None => Ok(None),
            Some(text) => {
                text.trim().parse::<i64>().map(Some).map_err(|_| format!("{name} is no message id"))
            }
        };
        let asked = ReadMessages {
            message_id: number("messageId", args.message_id)?,
            before: number("before", args.before)?,
            after: number("after", args.after)?,
            limit: args.limit,
        };
        let read = self.host.read_messages(run_id, asked).await;
        let read = read.map_err(|e| format!("Not read: {e}"))?;
        Ok(ToolOutput::text(read.to_string()))
    }

    async fn reactions(&self, session: SessionKey) -> Outcome {
        let found = self.host.reactions(session).await.map_err(|e| format!("Nobody knows: {e}"))?;
        let all: Vec<String> = found.emoji.into_iter().chain(found.custom).collect();
        Ok(ToolOutput::text(match all.is_empty() {
            true => "This chat allows no reactions.".into(),
            false => format!("This chat allows: {}", all.join(" ")),
        }))
    }

    async fn stickers(&self, args: Args, session: SessionKey) -> Outcome {
        let query = args.query.filter(|query| !query.trim().is_empty());
        let query = query.ok_or("say query: an emoji, or words of a set's name.")?;
        let limit = args.limit.unwrap_or(5).clamp(1, MAX_STICKERS);
        let found = self.host.stickers(session, args.account, query, limit).await;
        let found = found.map_err(|e| format!("Not searched: {e}"))?;
        let line = |s: &Sticker| {
            let (emoji, set) = (s.emoji.as_deref().unwrap_or("?"), s.set_name.as_deref().unwrap_or("no set"));
            format!("{emoji} ({set}): fileId {}", s.file_id)
        };
        let lines: Vec<String> = found.iter().map(line).collect();
        Ok(ToolOutput::text(if lines.is_empty() {
            "No such sticker was sent here.".into()
        } else {
            lines.join("\n")
        }))
    }
}

/// What an agent may send by that name: what lies behind a public address, or a regular file in one of `places`, of which the first is its
/// workspace, where relative paths start. Elsewhere are this user's keys, and whoever may talk to the agent could ask for them even where it may
/// read no files.
///
/// # Errors
/// Why it may not, for the agent.
pub fn sendable(places: &[PathBuf], name: &str) -> Result<Media, String> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Ok(Media::Url(name.to_owned()));
    }
    let workspace = places.first().ok_or("There is no workspace. Nothing was sent.")?;
    let file = &files::resolve(workspace, name)?;
    files::regular("send", file)?;
    let file = file.canonicalize().map_err(|e| files::io_error("send", file, &e))?;
    // A place that is not there yet has no file in it.
    if !places.iter().filter_map(|place| place.canonicalize().ok()).any(|place| file.starts_with(place)) {
        return Err(format!(
            "Cannot send {}: only files in {}, and what came from nodes, are sent; copy it there first. Nothing was sent.",
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
        within(SHORT, context.cancel, self.run(arguments, context.session_key, context.run_id, key))
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
            json!({"action": "read", "channel": "telegram", "to": "42"}),
            json!({"action": "read", "before": "yesterday"}),
            json!({"action": "send", "channel": "nowhere", "to": "42", "text": "x"}),
            json!({"action": "send", "text": "x"}),
            json!({"action": "send", "to": "42", "text": "x"}),
            json!({"action": "send", "media": "not-there.pdf"}),
            json!({"action": "send", "media": "/dev/zero"}),
            json!({"action": "react"}),
            json!({"action": "react", "emoji": "x", "channel": "telegram", "to": "42"}),
            json!({"action": "poll", "pollOption": ["a", "b"]}),
            json!({"action": "edit", "text": "new"}),
            json!({"action": "sticker"}),
            json!({"action": "sticker-search"}),
            json!({"action": "topic-edit", "name": "x"}),
            json!({"action": "send", "location": {"latitude": 1, "longitude": 2, "name": "only"}}),
            json!({"action": "poll", "pollQuestion": "?", "pollOption": ["a", "b"], "media": "x"}),
        ] {
            assert!(bench.call("message", bad).await.is_error);
        }
        assert_eq!(bench.host.sent().len(), 1);
    }

    #[tokio::test]
    async fn files_are_sent_from_the_workspace_and_from_where_those_of_nodes_are_kept() {
        let bench = Bench::new();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), bench.workspace().join("link")).unwrap();
        std::fs::write(bench.workspace().join("mine"), "text").unwrap();
        let kept = bench.media().join("snap---1.jpg");
        std::fs::write(&kept, "jpg").unwrap();
        for (media, is_sent) in [
            ("mine", true),
            ("link", false),
            (elsewhere.path().to_str().unwrap(), false),
            ("../mine", false),
            (kept.to_str().unwrap(), true),
            (kept.parent().and_then(|dir| dir.to_str()).unwrap(), false),
        ] {
            let done = bench.call("message", json!({"action": "send", "media": media})).await;
            assert_eq!(!done.is_error, is_sent, "{media}");
        }
        assert_eq!(bench.host.sent().len(), 2);
    }
}
