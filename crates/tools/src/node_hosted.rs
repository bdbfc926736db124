//! Tools that a node lends: a call of one is a call of the command behind it, which a person has approved. The gateway's own servers of
//! tools are called alike.

use crate::text::clip;
use crate::tool::{Outcome, finish};
use crate::wait::{Waited, bounded};
use crate::{Host, NodeCall};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::Part;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What a model reads of an answer, in bytes of text.
const MAX_ANSWER: usize = 50_000;
/// Images that a model sees of an answer.
const MAX_IMAGES: usize = 4;
/// Base64 of the largest image that providers take.
const MAX_BASE64: usize = (crate::read::MAX_IMAGE as usize).div_ceil(3) * 4;
/// The kinds of images that providers take.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// How long the command may take; servers of tools are slower than nodes.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How much longer than the gateway's own deadline we wait, should it ever miss it.
const LAST: Duration = Duration::from_secs(10);

/// A tool that a node lends.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeHosted {
    /// What the model reads of it. The name is unique.
    pub spec: ToolSpec,
    /// The node's full id; `None` is the gateway itself.
    pub node_id: Option<String>,
    /// The command behind it.
    pub command: String,
    /// Server and tool behind the command, where it asks a server of tools.
    pub mcp: Option<(String, String)>,
}

/// Makes the tool.
pub fn node_hosted(tool: NodeHosted, host: Arc<dyn Host>) -> Arc<dyn Tool> {
    Arc::new(Lent { tool, host })
}

struct Lent {
    tool: NodeHosted,
    host: Arc<dyn Host>,
}

impl Lent {
    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let tool = &self.tool;
        let params = match &tool.mcp {
            Some((server, name)) => json!({"server": server, "tool": name, "arguments": arguments}),
            None => arguments,
        };
        let call = NodeCall {
            node_id: tool.node_id.clone().unwrap_or_default(),
            command: tool.command.clone(),
            params,
            timeout: TIMEOUT,
            idempotency_key: format!("{}:{}", context.run_id, context.tool_call_id),
            context: context.clone(),
        };
        let (asked, who) = match tool.node_id {
            Some(_) => (self.host.invoke_node(call), "node"),
            None => (self.host.own_tool(call), "server"),
        };
        match bounded(asked, TIMEOUT + LAST, &context.cancel).await {
            Waited::Done(Ok(answer)) => Ok(output(&answer)),
            Waited::Done(Err(error)) => Err(error.to_string()),
            Waited::Late => Err(format!("The {who} did not answer in time; it may have done it.")),
            Waited::Cancelled => Err(format!("Cancelled while the {who} worked on it; it may have done it.")),
        }
    }
}

impl Tool for Lent {
    fn spec(&self) -> &ToolSpec {
        &self.tool.spec
    }

    /// Nobody here knows what it does.
    fn has_effects(&self, _: &Value) -> bool {
        true
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        Box::pin(async move { finish(self.run(arguments, &context).await) })
    }
}

/// `{content: [{type: "text", text} | {type: "image", data, mimeType}], structuredContent?, isError?}` as it is meant, and
/// every other answer as JSON.
fn output(answer: &Value) -> ToolOutput {
    let Some(blocks) = answer.get("content").and_then(Value::as_array) else {
        return ToolOutput::text(clip(&answer.to_string(), MAX_ANSWER));
    };
    let mut room = MAX_ANSWER;
    let mut content: Vec<Part> = Vec::new();
    let mut images = 0;
    let structured = answer.get("structuredContent").filter(|v| v.is_object()).map(Value::to_string);
    for block in blocks {
        match (
            block["type"].as_str(),
            block["text"].as_str(),
            block["data"].as_str(),
            block["mimeType"].as_str(),
        ) {
            (Some("text"), Some(text), ..) => push_text(&mut content, text, &mut room),
            (Some("image"), _, Some(data), Some(mime_type)) => {
                if images < MAX_IMAGES && IMAGES.contains(&mime_type) && data.len() <= MAX_BASE64 {
                    images += 1;
                    content.push(Part::Image { data: data.to_owned(), mime_type: mime_type.to_owned() });
                } else {
                    let left_out = format!("[an image is left out: {mime_type}, {} characters]", data.len());
                    push_text(&mut content, &left_out, &mut room);
                }
            }
            _ => {}
        }
    }
    if let Some(text) = structured {
        push_text(&mut content, &text, &mut room);
    }
    if content.is_empty() {
        content.push(Part::Text { text: "done; the tool said nothing".into() });
    }
    ToolOutput { content, is_error: answer["isError"] == true, command: None }
}

fn push_text(content: &mut Vec<Part>, text: &str, room: &mut usize) {
    if *room > 0 {
        content.push(Part::Text { text: clip(text, *room) });
        *room = room.saturating_sub(text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_it_is_meant_to_be_and_bounded() {
        let text = |text: &str| Part::Text { text: text.into() };
        let image = Part::Image { data: "aGk=".into(), mime_type: "image/png".into() };
        let both = json!({"content": [
            {"type": "text", "text": "one"}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}, {"type": "odd"},
        ], "structuredContent": {"n": 1}});
        assert_eq!(output(&both).content, [text("one"), image, text(r#"{"n":1}"#)]);
        assert_eq!(output(&json!({"n": 1})).content, [text(r#"{"n":1}"#)]);
        assert!(output(&json!({"content": [{"type": "text", "text": "no"}], "isError": true})).is_error);
        assert_eq!(output(&json!({"content": []})).content, [text("done; the tool said nothing")]);
        let shown = |mime: &str, data: &str| json!({"type": "image", "data": data, "mimeType": mime});
        let huge = "A".repeat(MAX_BASE64 + 1);
        for (block, why) in
            [(shown("image/tiff", "aGk="), "tiff, 4"), (shown("image/png", &huge), "png, 6990509")]
        {
            let [Part::Text { text }] = &output(&json!({"content": [block]})).content[..] else {
                panic!("{why}")
            };
            assert!(text.contains(why), "{text}");
        }
        let many = json!({"content": vec![shown("image/png", "aGk="); 6]});
        let seen = output(&many).content;
        assert_eq!(seen.iter().filter(|part| matches!(part, Part::Image { .. })).count(), MAX_IMAGES);
        let large = "x".repeat(MAX_ANSWER + 5);
        let many = json!({"content": [{"type": "text", "text": large}, {"type": "text", "text": "more"}]});
        let Part::Text { text } = &output(&many).content[0] else { panic!("it is a text") };
        assert!(text.ends_with("[… 5 bytes left out …]"));
        assert_eq!(output(&many).content.len(), 1, "there is no room for more");
    }
}
