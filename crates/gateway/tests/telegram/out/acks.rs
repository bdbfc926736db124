//! Reactions of the bot: that a message was taken up, and what the agent puts there.

use super::{FRIEND, Gate, bench, chat};
use crate::flow::{Bench, PATIENCE, text_of};
use serde_json::{Value, json};
use testkit::fake_model::Step;
use testkit::fake_telegram::{BOT_USERNAME, FakeTelegram};

const GROUP: i64 = -100_123;
const GROUPS: &str = r#"groups: { "-100123": { requireMention: false } },"#;

fn mention(fake: &FakeTelegram, text: &str) {
    let name = format!("@{BOT_USERNAME}");
    let entity = json!([{"type": "mention", "offset": 0, "length": name.len()}]);
    fake.push_message(GROUP, FRIEND, json!({"text": format!("{name} {text}"), "entities": entity}));
}

/// The messages that got a reaction, and which.
fn reactions(fake: &FakeTelegram) -> Vec<(i64, i64, String)> {
    let reacted = fake.requests().into_iter().filter(|(name, _)| name == "setmessagereaction");
    let read = |(_, params): (String, Value)| {
        let emoji = params["reaction"][0]["emoji"].as_str().unwrap_or_default().to_owned();
        (params["chat_id"].as_i64().unwrap(), params["message_id"].as_i64().unwrap(), emoji)
    };
    reacted.map(read).collect()
}

#[tokio::test]
async fn messages_that_were_taken_up_get_a_reaction_where_that_is_wanted() {
    for (more, expected) in [
        ("", vec![(GROUP, 3, "👀")]),
        (r#"messages: { ackReactionScope: "group-all" },"#, vec![(GROUP, 1, "👀"), (GROUP, 3, "👀")]),
        (r#"messages: { ackReactionScope: "direct", ackReaction: "🔥" },"#, vec![(FRIEND, 1, "🔥")]),
        (
            r#"messages: { ackReactionScope: "all" },"#,
            vec![(FRIEND, 1, "👀"), (GROUP, 1, "👀"), (GROUP, 3, "👀")],
        ),
        (r#"messages: { ackReactionScope: "off" },"#, vec![]),
    ] {
        let (bench, fake) = bench(GROUPS, more).await;
        fake.push_text(FRIEND, FRIEND, "hi");
        chat(&fake, &["echo: hi"]).await;
        fake.push_text(GROUP, FRIEND, "hello all");
        fake.wait_for_sent(2, PATIENCE).await.unwrap();
        mention(&fake, "and you");
        fake.wait_for_sent(3, PATIENCE).await.unwrap();
        let wanted: Vec<_> = expected.iter().map(|(c, m, e)| (*c, *m, (*e).to_owned())).collect();
        let same = fake.wait_until(|| reactions(&fake).len() >= wanted.len(), PATIENCE).await;
        let mut all = reactions(&fake);
        all.sort_by_key(|(chat, message, _)| (-chat, *message));
        assert!(same && all == wanted, "{more}: {all:?}");
        bench.gateway.stop().await;
    }
}

#[tokio::test]
async fn an_account_says_which_reaction_and_an_empty_one_is_none() {
    let scope = r#"messages: { ackReactionScope: "all", ackReaction: "👍" },"#;
    for (own, expected) in
        [(r#"ackReaction: "❤","#, vec!["❤"]), (r#"ackReaction: "","#, vec![]), ("", vec!["👍"])]
    {
        let (bench, fake) = bench(own, scope).await;
        fake.push_text(FRIEND, FRIEND, "hi");
        chat(&fake, &["echo: hi"]).await;
        let done = fake.wait_until(|| reactions(&fake).len() >= expected.len(), PATIENCE).await;
        let emoji: Vec<String> = reactions(&fake).into_iter().map(|(_, _, emoji)| emoji).collect();
        assert!(done && emoji == expected, "{own}: {emoji:?}");
        bench.gateway.stop().await;
    }
}

/// What the agent was told of its last call.
async fn told(bench: &Bench) -> String {
    let history = bench.operator().await.history().await;
    history.iter().rev().find(|m| m["role"] == "toolResult").map(text_of).unwrap_or_default()
}

#[tokio::test]
async fn the_agent_reacts_to_what_it_answers_unless_that_is_switched_off() {
    let react = |emoji: &str| format!("TOOL:message {}", json!({"action": "react", "emoji": emoji}));
    let (bench, fake) = super::bench("", "").await;
    fake.push_text(FRIEND, FRIEND, &react("👍"));
    fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(fake.shown(FRIEND, 1).unwrap().reaction.as_deref(), Some("👍"));
    let back = json!({"action": "react", "emoji": "", "channel": "telegram", "to": "777", "messageId": "1"});
    fake.push_text(FRIEND, FRIEND, &format!("TOOL:message {back}"));
    fake.wait_for_sent(2, PATIENCE).await.unwrap();
    assert_eq!(fake.shown(FRIEND, 1).unwrap().reaction, None);
    // What the platform does not take, the agent hears of.
    fake.push_text(FRIEND, FRIEND, &react("🦞"));
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    assert!(told(&bench).await.contains("REACTION_INVALID"), "{}", told(&bench).await);
    bench.gateway.stop().await;

    for level in ["off", "ack"] {
        let (bench, fake) = super::bench(&format!("reactionLevel: {level:?},"), "").await;
        fake.push_text(FRIEND, FRIEND, &react("👍"));
        fake.wait_for_sent(1, PATIENCE).await.unwrap();
        assert!(told(&bench).await.contains(&format!("reactionLevel {level}")), "{}", told(&bench).await);
        assert_eq!(reactions(&fake), []);
        bench.gateway.stop().await;
    }
}

#[tokio::test]
async fn where_that_is_wanted_the_reaction_says_how_far_the_turn_is() {
    let wanted = r#"messages: { ackReactionScope: "all", statusReactions: { enabled: true } },"#;
    let (bench, fake) = bench("", wanted).await;
    let gate = Gate::new(&bench);
    let bad_key = Step::Status(401, vec![], r#"{"error":{"message":"bad key"}}"#.into());
    bench.model.script(vec![
        Step::ToolCalls(vec![("exec".into(), gate.command())]),
        Step::Text("Done.".into()),
        bad_key,
    ]);
    fake.push_text(FRIEND, FRIEND, "work");
    let shows = async |message: i64, emoji: &str| {
        let is_so = || fake.shown(FRIEND, message).and_then(|shown| shown.reaction).as_deref() == Some(emoji);
        assert!(fake.wait_until(is_so, PATIENCE).await, "{emoji}: {:?}", reactions(&fake));
    };
    shows(1, "👨‍💻").await;
    gate.open();
    shows(1, "👍").await;
    shows(1, "👀").await;
    fake.push_text(FRIEND, FRIEND, "again");
    let second = fake.sent()[0].message_id + 1;
    shows(second, "😱").await;
    shows(second, "👀").await;
    bench.gateway.stop().await;
}
