//! The bodies that are written, as JSON.

use super::*;
use crate::Price;
use model::Message;

fn info(images: bool) -> ModelInfo {
    ModelInfo {
        api: "openai-completions",
        provider: "p".into(),
        id: "m".into(),
        name: "M".into(),
        context_window: 8000,
        max_tokens: 1000,
        images,
        reasoning: false,
        price: Price::default(),
    }
}

fn write(info: &ModelInfo, messages: Value, tools: &[ToolSpec], limit: LimitName) -> Value {
    let messages: Vec<Message> = serde_json::from_value(messages).unwrap();
    let request = Request { system: "Be brief.", messages: &messages, tools, max_tokens: Some(64) };
    serde_json::from_slice(&body(info, limit, &request).unwrap()).unwrap()
}

fn assistant(content: Value, stop: &str) -> Value {
    json!({"role":"assistant","content":content,"api":"openai-completions","provider":"p","model":"m","usage":{},
        "stopReason":stop,"timestamp":0})
}

const PNG: &str = "iVBORw0=";

fn conversation() -> Value {
    let image = json!({"type":"image","data":PNG,"mimeType":"image/png"});
    json!([
        {"role":"user","content":[{"type":"text","text":"look"},image],"timestamp":0},
        assistant(json!([
            {"type":"thinking","thinking":"hm","signature":"reasoning_content"},
            {"type":"toolCall","id":"a","name":"shot","arguments":{"x":1}},
            {"type":"toolCall","id":"b","name":"exec","arguments":"{bad"}
        ]), "toolUse"),
        {"role":"toolResult","toolCallId":"a","toolName":"shot","content":[image],"isError":false,"timestamp":0},
        assistant(json!([]), "aborted"),
        {"role":"toolResult","toolCallId":"stray","toolName":"x","content":[],"isError":false,"timestamp":0},
        {"role":"note","kind":"restart","text":"The gateway was restarted.","timestamp":0},
        {"role":"user","content":"and now?","timestamp":0}
    ])
}

#[test]
fn a_whole_conversation_is_written_as_the_api_wants_it() {
    let tools =
        [ToolSpec { name: "exec".into(), description: "Runs.".into(), parameters: json!({"type":"object"}) }];
    let written = write(&info(true), conversation(), &tools, LimitName::MaxTokens);
    let url = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0="}});
    let want = json!({
        "model": "m",
        "messages": [
            {"role":"system","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"look"}, url]},
            {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
                {"id":"a","type":"function","function":{"name":"shot","arguments":"{\"x\":1}"}},
                {"id":"b","type":"function","function":{"name":"exec","arguments":"{\"unreadable\":\"{bad\"}"}}
            ]},
            {"role":"tool","tool_call_id":"a","content":"(an image, see below)"},
            {"role":"tool","tool_call_id":"b","content":history::NO_RESULT},
            {"role":"user","content":[{"type":"text","text":"From the tool shot:"}, url]},
            {"role":"user","content":"[gateway note: restart] The gateway was restarted."},
            {"role":"user","content":"and now?"}
        ],
        "tools": [{"type":"function","function":{"name":"exec","description":"Runs.","parameters":{"type":"object"}}}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_tokens": 64
    });
    assert_eq!(written, want);
}

#[test]
fn a_model_that_cannot_see_is_told_that_an_image_was_left_out() {
    let written = write(&info(false), conversation(), &[], LimitName::MaxTokens).to_string();
    assert!(!written.contains(PNG), "{written}");
    assert_eq!(written.matches("image left out (image/png)").count(), 2);
    assert!(!written.contains("\"tools\""), "an empty list of tools is refused by some servers");
}

#[test]
fn reasoning_goes_back_to_the_model_that_gave_it_and_to_no_other() {
    let other = ModelInfo { id: "other".into(), ..info(true) };
    let written = write(&other, conversation(), &[], LimitName::MaxTokens).to_string();
    assert!(!written.contains("reasoning_content"), "{written}");
}

#[test]
fn openai_itself_gets_its_own_name_for_the_limit() {
    for (host, want) in [
        ("api.openai.com", LimitName::MaxCompletionTokens),
        ("x.openai.azure.com", LimitName::MaxCompletionTokens),
        ("openrouter.ai", LimitName::MaxTokens),
        ("127.0.0.1", LimitName::MaxTokens),
    ] {
        assert_eq!(LimitName::of_host(host), want, "{host}");
    }
    let written = write(&info(true), json!([]), &[], LimitName::MaxCompletionTokens);
    assert_eq!((written.get("max_completion_tokens"), written.get("max_tokens")), (Some(&json!(64)), None));
}

#[test]
fn an_empty_user_message_is_written_as_such() {
    let written =
        write(&info(true), json!([{"role":"user","content":[],"timestamp":0}]), &[], LimitName::MaxTokens);
    assert_eq!(written.pointer("/messages/1/content"), Some(&json!(history::NO_WORDS)));
}
