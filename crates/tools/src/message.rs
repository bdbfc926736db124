//! `message`: to a chat.

use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, OutgoingMessage, ToolEnv, args};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Longer messages are documents.
const MAX_TEXT: usize = 100_000;

/// The tool.
pub(crate) struct SendMessage {
    spec: ToolSpec,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    action: Action,
    channel: String,
    to: String,
    text: String,
    #[serde(default)]
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Send,
}

impl SendMessage {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let text = json!({"type": "string"});
        let spec = spec(
            crate::MESSAGE,
            "Send a message to another chat. What you answer in this chat arrives by itself.",
            json!({"action": {"enum": ["send"]}, "channel": {"type": "string", "description": "such as telegram"},
                "to": {"type": "string", "description": "chat id"}, "text": text, "account": text}),
            &["action", "channel", "to", "text"],
        );
        Self { spec, host: env.host.clone() }
    }

    async fn run(&self, arguments: Value, key: String) -> Outcome {
        let Args { action: Action::Send, channel, to, text, account } = args::parse("message", arguments)?;
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            return Err(format!("text must be 1 to {MAX_TEXT} bytes. Nothing was sent."));
        }
        let target = format!("{channel} chat {to}");
        let message = OutgoingMessage { channel, account, to, text, idempotency_key: key };
        let id = self.host.send_message(message).await.map_err(|e| format!("Not sent to {target}: {e}"))?;
        Ok(ToolOutput::text(format!("Sent to {target}, message {id}.")))
    }
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
        within(SHORT, context.cancel, self.run(arguments, key))
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
        assert_eq!((sent[0].to.as_str(), sent[0].idempotency_key.as_str()), ("42", "run-1:call-1"));
        for bad in [
            json!({"action": "send", "channel": "telegram", "to": "42", "text": " "}),
            json!({"action": "read", "channel": "telegram", "to": "42", "text": "x"}),
            json!({"action": "send", "channel": "nowhere", "to": "42", "text": "x"}),
        ] {
            assert!(bench.call("message", bad).await.is_error);
        }
        assert_eq!(bench.host.sent().len(), 1);
    }
}
