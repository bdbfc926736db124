//! How updates are read.

use super::content::Bounds;
use super::update::{Bot, Reader};
use model::{ChatEvent, ChatKind, Inbound};
use serde_json::{Value, json};

fn read(message: Value) -> Option<Inbound> {
    let bot = Bot { id: 42, username: Some("Helper_Bot".into()), has_topics: false };
    let bounds = Bounds { image: 1_000_000, file: 1_000_000 };
    let reader = Reader { account: "default", bot: &bot, bounds, now_ms: 5 };
    let mut update = json!({ "update_id": 1, "message": {
        "message_id": 9, "date": 1_700_000_000, "chat": { "id": 7, "type": "private" },
        "from": { "id": 7, "is_bot": false, "first_name": "Ada", "last_name": "L", "username": "ada" } } });
    let fields = update["message"].as_object_mut().unwrap();
    fields.extend(message.as_object().unwrap().clone());
    reader.read(&update.to_string()).unwrap()
}

fn in_group(mut message: Value) -> Inbound {
    let group = json!({ "id": -100, "type": "supergroup", "title": "Team" });
    message.as_object_mut().unwrap().entry("chat").or_insert(group);
    read(message).unwrap()
}

#[test]
fn a_direct_message_says_who_what_where_and_when() {
    let inbound = read(json!({ "text": "hi" })).unwrap();
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
        assert_eq!(in_group(message.clone()).addressed, expected, "{message}");
    }
}

#[test]
fn a_command_to_the_bot_loses_the_bots_name() {
    let entities = json!([{ "type": "bot_command", "offset": 0, "length": 18 }]);
    let text = in_group(json!({ "text": "/status@helper_bot now", "entities": entities })).text;
    assert_eq!(text, "/status now");
}

#[test]
fn what_is_passed_on_is_told_from_what_is_said() {
    let origin = json!({ "type": "hidden_user", "date": 1, "sender_user_name": "Eve" });
    assert!(read(json!({ "text": "/stop", "forward_origin": origin })).unwrap().forwarded);
    assert!(!read(json!({ "text": "/stop" })).unwrap().forwarded);
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
        assert_eq!(in_group(message.clone()).chat.id, expected, "{message}");
    }
}

#[test]
fn who_speaks_as_a_group_is_that_group() {
    let message = json!({ "text": "x", "sender_chat": { "id": -100, "type": "supergroup", "title": "Team" },
        "from": { "id": 1087968824, "is_bot": true, "first_name": "Group" } });
    assert_eq!(in_group(message).sender.id, "-100");
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
fn a_caption_and_what_comes_with_it_are_both_taken() {
    let draft = read(json!({ "caption": "listen", "voice": { "file_id": "v", "duration": 3 } })).unwrap();
    assert_eq!((draft.text.as_str(), draft.coming[0].label.as_str()), ("listen", "voice message, 3 s"));
    let draft =
        read(json!({ "caption": "look", "photo": [{ "file_id": "p", "width": 1, "height": 1 }] })).unwrap();
    assert_eq!(draft.text, "look");
    assert_eq!(draft.coming[0].file_id, "p");
}

fn context(message: Value) -> Option<String> {
    read(message).unwrap().context
}

#[test]
fn what_is_answered_quoted_and_passed_on_stands_beside_the_text() {
    let ada = json!({ "id": 5, "is_bot": false, "first_name": "Ada" });
    let to = |more: Value| {
        let mut to =
            json!({ "message_id": 3, "date": 1, "chat": { "id": 7, "type": "private" }, "from": ada });
        to.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        to
    };
    for (message, expected) in [
        (json!({ "text": "x" }), None),
        (
            json!({ "text": "x", "reply_to_message": to(json!({ "text": "one\ntwo" })) }),
            Some("[in reply to Ada (message 3):]\n> one\n> two"),
        ),
        (
            json!({ "text": "x", "reply_to_message": to(json!({ "text": "one two" })), "quote": { "text": "two", "position": 4 } }),
            Some("[in reply to Ada (message 3), to this part of it:]\n> two"),
        ),
        (
            json!({ "text": "x", "reply_to_message": to(json!({ "voice": { "file_id": "v" } })) }),
            Some("[in reply to Ada (message 3)]"),
        ),
        (json!({ "text": "x", "reply_to_message": to(json!({ "forum_topic_created": {} })) }), None),
        (
            json!({ "text": "x", "forward_origin": { "type": "hidden_user", "date": 1, "sender_user_name": "E]ve" } }),
            Some("[forwarded from E ve]"),
        ),
        (
            json!({ "text": "x", "forward_origin": { "type": "channel", "date": 1, "message_id": 1, "chat": { "id": -1, "type": "channel", "title": "News" } } }),
            Some("[forwarded from News]"),
        ),
        (
            json!({ "text": "x", "external_reply": { "origin": { "type": "user", "sender_user": ada } }, "quote": { "text": "q" } }),
            Some("[in reply to Ada, in another chat, to this part of it:]\n> q"),
        ),
    ] {
        assert_eq!(context(message.clone()).as_deref(), expected, "{message}");
    }
    let long = to(json!({ "text": "é".repeat(5_000) }));
    let told = context(json!({ "text": "x", "reply_to_message": long })).unwrap();
    assert!(told.ends_with("é …") && told.chars().count() < 1_100);
}

fn update(update: Value) -> Option<Inbound> {
    let bot = Bot { id: 42, username: None, has_topics: false };
    let bounds = Bounds { image: 1_000_000, file: 1_000_000 };
    Reader { account: "default", bot: &bot, bounds, now_ms: 5 }.read(&update.to_string()).unwrap()
}

#[test]
fn a_changed_message_is_an_event_of_its_own_about_the_first() {
    let message = |update_id: i64, more: Value| {
        let mut message = json!({ "message_id": 9, "date": 100, "edit_date": 160, "chat": { "id": 7, "type": "private" },
            "from": { "id": 7, "is_bot": false, "first_name": "Ada" } });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        update(json!({ "update_id": update_id, "edited_message": message }))
    };
    let inbound = message(1, json!({ "text": "/new" })).unwrap();
    assert_eq!((inbound.message_id.as_str(), inbound.platform_message()), ("9/edited/1", "9"));
    assert_eq!((inbound.text.as_str(), inbound.sent_at_ms), ("/new", 160_000));
    assert_eq!(inbound.event, Some(ChatEvent::Edited { message_id: "9".into() }));
    // Two changes within a second are two, and one that comes again is the same.
    let ids = [2, 3, 3].map(|id| message(id, json!({ "text": "new" })).unwrap().message_id);
    assert_eq!(ids, ["9/edited/2", "9/edited/3", "9/edited/3"]);
    for (more, is_told) in [
        (json!({ "location": { "latitude": 1.0, "longitude": 2.0 } }), false),
        (json!({ "text": "of another bot", "from": { "id": 8, "is_bot": true, "first_name": "B" } }), false),
        (json!({ "text": "new", "edit_date": null }), false),
        (json!({ "text": "new", "chat": { "id": -7, "type": "channel" } }), false),
        (json!({ "caption": "new", "photo": [{ "file_id": "p" }] }), true),
        (json!({ "text": "new", "reply_to_message": { "message_id": 3, "text": "old" } }), true),
    ] {
        let draft = message(4, more.clone());
        assert_eq!(draft.is_some(), is_told, "{more}");
        let brings = draft.is_some_and(|d| !d.coming.is_empty() || d.context.is_some());
        assert!(!brings, "what came with the message itself is not told again: {more}");
    }
}

#[test]
fn a_press_says_what_the_button_stands_for() {
    let press = |data: Value, message: Value| {
        update(json!({ "update_id": 1, "callback_query": { "id": "77", "chat_instance": "1", "data": data,
            "from": { "id": 7, "is_bot": false, "first_name": "Ada" }, "message": message } }))
    };
    let at = json!({ "message_id": 9, "date": 0, "chat": { "id": -100, "type": "supergroup", "title": "Team" },
        "message_thread_id": 4, "is_topic_message": true });
    let inbound = press(json!("/stop"), at.clone()).unwrap();
    assert_eq!((inbound.text.as_str(), inbound.message_id.as_str()), ("/stop", "press/77"));
    assert_eq!(
        (inbound.chat.id.as_str(), inbound.sender.id.as_str(), inbound.sent_at_ms),
        ("-100:topic:4", "7", 5)
    );
    assert_eq!(press(json!("yes"), at.clone()).unwrap().text, "callback_data: yes");
    assert!(press(Value::Null, at).is_none() && press(json!("x"), Value::Null).is_none());
}

#[test]
fn reactions_tell_what_came_and_what_went() {
    let emoji = |emoji: &[&str]| -> Vec<Value> {
        emoji.iter().map(|e| json!({ "type": "emoji", "emoji": e })).collect()
    };
    let inbound =
        update(json!({ "update_id": 31, "message_reaction": { "chat": { "id": 7, "type": "private" },
        "message_id": 9, "user": { "id": 7, "is_bot": false, "first_name": "Ada" }, "date": 100,
        "old_reaction": emoji(&["👍", "🔥"]), "new_reaction": emoji(&["🔥", "❤"]) } }));
    let inbound = inbound.unwrap();
    let (added, removed) = (vec!["❤".to_owned()], vec!["👍".to_owned()]);
    assert_eq!(inbound.event, Some(ChatEvent::Reacted { message_id: "9".into(), added, removed }));
    assert_eq!((inbound.message_id.as_str(), inbound.platform_message()), ("reaction/31", "9"));
    // Telegram never says in which topic of a forum it was.
    for (forum, chat) in [(false, "-5"), (true, "-5:topic:1")] {
        let chat_of = update(json!({ "update_id": 32, "message_reaction": {
            "chat": { "id": -5, "type": "supergroup", "is_forum": forum }, "message_id": 9, "date": 100,
            "user": { "id": 7, "is_bot": false, "first_name": "Ada" },
            "old_reaction": [], "new_reaction": emoji(&["🔥"]) } }));
        assert_eq!(chat_of.unwrap().chat.id, chat);
    }
}

#[test]
fn a_group_that_moves_says_where_to() {
    let moved = in_group(json!({ "migrate_to_chat_id": -1_001, "chat": { "id": -5, "type": "group" } }));
    assert_eq!((moved.chat.id.as_str(), moved.event), ("-5", Some(ChatEvent::Moved { to: "-1001".into() })));
}
