//! The bodies that are written, as JSON.

use super::*;
use crate::Price;
use model::Message;

fn info(images: bool, provider: &str) -> ModelInfo {
    ModelInfo {
        api: "anthropic-messages",
        provider: provider.into(),
        id: "m".into(),
        name: "M".into(),
        context_window: 8000,
        max_tokens: 1000,
        images,
        reasoning: true,
        price: Price::default(),
    }
}

fn write(info: &ModelInfo, messages: Value, tools: &[ToolSpec]) -> Value {
    let messages: Vec<Message> = serde_json::from_value(messages).unwrap();
    let request = Request { system: "Be brief.", messages: &messages, tools, max_tokens: None };
    serde_json::from_slice(&body(info, &request).unwrap()).unwrap()
}

fn assistant(content: Value) -> Value {
    json!({"role":"assistant","content":content,"api":"anthropic-messages","provider":"p","model":"m","usage":{},
        "stopReason":"toolUse","timestamp":0})
}

fn user(text: &str) -> Value {
    json!({"role":"user","content":text,"timestamp":0})
}

fn conversation() -> Value {
    let image = json!({"type":"image","data":"iVBORw0=","mimeType":"image/png"});
    let tiff = json!({"type":"image","data":"SUkq","mimeType":"image/tiff"});
    json!([
        user("one"),
        {"role":"user","content":[{"type":"text","text":" "},tiff],"timestamp":0},
        assistant(json!([
            {"type":"thinking","thinking":"hm","signature":"sig"},
            {"type":"thinking","thinking":"","signature":"redacted:data"},
            {"type":"thinking","thinking":"unsigned"},
            {"type":"text","text":"Looking."},
            {"type":"text","text":"  "},
            {"type":"toolCall","id":"functions.shot:0","name":"shot","arguments":{"x":1}},
            {"type":"toolCall","id":"b","name":"exec","arguments":"{bad"}
        ])),
        {"role":"toolResult","toolCallId":"functions.shot:0","toolName":"shot",
            "content":[{"type":"text","text":"here"},image],"isError":false,"timestamp":0},
        {"role":"note","kind":"restart","text":"Back.","timestamp":0},
        user("and now?")
    ])
}

#[test]
fn a_whole_conversation_is_written_as_the_api_wants_it() {
    let spec = |name: &str| ToolSpec {
        name: name.into(),
        description: "D.".into(),
        parameters: json!({"type":"object"}),
    };
    let written = write(&info(true, "p"), conversation(), &[spec("exec"), spec("shot")]);
    let cached = json!({"type":"ephemeral"});
    let want = json!({
        "model": "m",
        "max_tokens": 1000,
        "stream": true,
        "system": [{"type":"text","text":"Be brief.","cache_control":cached}],
        "tools": [
            {"name":"exec","description":"D.","input_schema":{"type":"object"}},
            {"name":"shot","description":"D.","input_schema":{"type":"object"},"cache_control":cached}
        ],
        "messages": [
            {"role":"user","content":[
                {"type":"text","text":"one"},
                {"type":"text","text":"[image left out (image/tiff): this model cannot read it]"}
            ]},
            {"role":"assistant","content":[
                {"type":"thinking","thinking":"hm","signature":"sig"},
                {"type":"redacted_thinking","data":"data"},
                {"type":"text","text":"Looking."},
                {"type":"tool_use","id":"xfunctions_shot_0","name":"shot","input":{"x":1}},
                {"type":"tool_use","id":"b","name":"exec","input":{"unreadable":"{bad"}}
            ]},
            {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"xfunctions_shot_0","content":[
                    {"type":"text","text":"here"},
                    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0="}}
                ],"is_error":false},
                {"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":history::NO_RESULT}],
                    "is_error":true},
                {"type":"text","text":"[gateway note: restart] Back."},
                {"type":"text","text":"and now?","cache_control":cached}
            ]}
        ]
    });
    assert_eq!(written, want);
}

#[test]
fn the_reasoning_of_another_provider_stays_out() {
    let written = write(&info(true, "other"), conversation(), &[]).to_string();
    assert!(!written.contains("\"thinking\"") && !written.contains("redacted"), "{written}");
}

#[test]
fn the_conversation_always_begins_and_ends_on_the_user_s_side() {
    let answer = || assistant(json!([{"type":"text","text":"hello"}]));
    for messages in [json!([]), json!([answer()]), json!([user("a"), answer(), answer()]), json!([user("")])]
    {
        let written = write(&info(false, "p"), messages.clone(), &[]);
        let roles: Vec<&str> =
            written["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
        assert_eq!((roles.first(), roles.last()), (Some(&"user"), Some(&"user")), "{messages}");
        assert!(roles.windows(2).all(|w| w[0] != w[1]), "{roles:?}");
    }
}
