//! How updates are read.

use super::update::{Bot, Draft, Reader};
use model::ChatKind;
use serde_json::{Value, json};

fn read(message: Value) -> Option<Draft> {
    let bot = Bot { id: 42, username: Some("Helper_Bot".into()) };
    let reader = Reader { account: "default", bot: &bot, media_max_bytes: 1_000_000 };
    let mut update = json!({ "update_id": 1, "message": {
        "message_id": 9, "date": 1_700_000_000, "chat": { "id": 7, "type": "private" },
        "from": { "id": 7, "is_bot": false, "first_name": "Ada", "last_name": "L", "username": "ada" } } });
    let fields = update["message"].as_object_mut().unwrap();
    fields.extend(message.as_object().unwrap().clone());
    reader.read(&update.to_string()).unwrap()
}

fn in_group(mut message: Value) -> Draft {
    let group = json!({ "id": -100, "type": "supergroup", "title": "Team" });
    message.as_object_mut().unwrap().entry("chat").or_insert(group);
    read(message).unwrap()
}

#[test]
fn a_direct_message_says_who_what_where_and_when() {
    let inbound = read(json!({ "text": "hi" })).unwrap().inbound;
    assert_eq!((inbound.channel.as_str(), inbound.message_id.as_str()), ("telegram", "9"));
    assert_eq!((inbound.chat.id.as_str(), inbound.chat.kind), ("7", ChatKind::Direct));
    assert_eq!((inbound.sender.id.as_str(), inbound.sender.name.as_deref()), ("7", Some("Ada L")));
    assert_eq!((inbound.text.as_str(), inbound.addressed), ("hi", true));
    assert_eq!(inbound.sent_at_ms, 1_700_000_000_000);
}

#[test]
fn in_groups_the_bot_is_addressed_by_name_reply_or_command() {
    let me = json!({ "id": 42, "is_bot": true, "first_name": "H" });
    for (message, expected) in [
        (json!({ "text": "hi" }), false),
        (
            json!({ "text": "😀 @helper_bot", "entities": [{ "type": "mention", "offset": 3, "length": 11 }] }),
            true,
        ),
        (
            json!({ "text": "@helper_bots hi", "entities": [{ "type": "mention", "offset": 0, "length": 12 }] }),
            false,
        ),
        (
            json!({ "text": "a@helper_bot", "entities": [{ "type": "email", "offset": 0, "length": 12 }] }),
            false,
        ),
        (
            json!({ "text": "H hi", "entities": [{ "type": "text_mention", "offset": 0, "length": 1, "user": me }] }),
            true,
        ),
        (
            json!({ "text": "/run@Helper_bot x", "entities": [{ "type": "bot_command", "offset": 0, "length": 15 }] }),
            true,
        ),
        (
            json!({ "text": "/run@other_bot x", "entities": [{ "type": "bot_command", "offset": 0, "length": 14 }] }),
            false,
        ),
        (
            json!({ "text": "/run x", "entities": [{ "type": "bot_command", "offset": 0, "length": 4 }] }),
            false,
        ),
        (json!({ "text": "yes", "reply_to_message": { "from": me } }), true),
        (json!({ "text": "yes", "reply_to_message": { "from": me, "forum_topic_created": {} } }), false),
        (json!({ "text": "x", "entities": [{ "type": "mention", "offset": 90, "length": 5 }] }), false),
        (
            json!({ "photo": [{ "file_id": "p" }], "caption": "@helper_bot",
            "caption_entities": [{ "type": "mention", "offset": 0, "length": 11 }] }),
            true,
        ),
    ] {
        assert_eq!(in_group(message.clone()).inbound.addressed, expected, "{message}");
    }
}

#[test]
fn a_command_to_the_bot_loses_the_bots_name() {
    let entities = json!([{ "type": "bot_command", "offset": 0, "length": 18 }]);
    let text = in_group(json!({ "text": "/status@helper_bot now", "entities": entities })).inbound.text;
    assert_eq!(text, "/status now");
}

#[test]
fn topics_are_part_of_the_chats_id() {
    let forum = json!({ "id": -100, "type": "supergroup", "title": "T", "is_forum": true });
    for (message, expected) in [
        (
            json!({ "text": "x", "chat": forum, "is_topic_message": true, "message_thread_id": 7 }),
            "-100:topic:7",
        ),
        (json!({ "text": "x", "chat": forum }), "-100:topic:1"),
        (json!({ "text": "x", "message_thread_id": 7 }), "-100"),
    ] {
        assert_eq!(in_group(message.clone()).inbound.chat.id, expected, "{message}");
    }
}

#[test]
fn who_speaks_as_a_group_is_that_group() {
    let message = json!({ "text": "x", "sender_chat": { "id": -100, "type": "supergroup", "title": "Team" },
        "from": { "id": 1087968824, "is_bot": true, "first_name": "Group" } });
    assert_eq!(in_group(message).inbound.sender.id, "-100");
}

#[test]
fn service_messages_other_bots_and_channels_are_ignored() {
    for message in [
        json!({ "new_chat_members": [{ "id": 1, "is_bot": false, "first_name": "x" }] }),
        json!({ "text": "x", "from": { "id": 5, "is_bot": true, "first_name": "Bot" } }),
        json!({ "text": "x", "chat": { "id": -1, "type": "channel" } }),
        json!({ "text": "x", "from": null }),
    ] {
        assert!(read(message.clone()).is_none(), "{message}");
    }
}

#[test]
fn a_caption_and_what_cannot_be_shown_are_both_told() {
    let draft = read(json!({ "caption": "listen", "voice": { "file_id": "v", "duration": 3 } })).unwrap();
    assert_eq!(draft.inbound.text, "listen\n[voice message, 3 s: not supported yet]");
    let draft =
        read(json!({ "caption": "look", "photo": [{ "file_id": "p", "width": 1, "height": 1 }] })).unwrap();
    assert_eq!(draft.inbound.text, "look");
    assert_eq!(draft.image.unwrap().file_id, "p");
}
