//! Questions about commands: who is asked where, who decides, and what is left of a question that has ended.

use super::{FRIEND, bench};
use crate::flow::PATIENCE;
use serde_json::json;
use std::path::PathBuf;
use testkit::fake_telegram::{FakeTelegram, Shown};

/// The one who decides, who is not among those who are heard.
const OWNER: i64 = 555;
const GROUP: i64 = -100_123;
const ASKS: &str = r#"tools: { exec: { security: "full", ask: "always" } },"#;

/// A group in which a friend has a command run that leaves a file.
async fn asked(approvals: &str) -> (crate::flow::Bench, FakeTelegram, PathBuf) {
    let groups = r#"groups: { "-100123": { requireMention: false } },"#;
    let (bench, fake) = bench(&format!("{groups} {approvals}"), ASKS).await;
    fake.know_chat(OWNER);
    let file = bench.gateway.state_dir().join("ran");
    let call = json!({"command": format!("touch {}", file.display())});
    fake.push_text(GROUP, FRIEND, &format!("TOOL:exec {call}"));
    (bench, fake, file)
}

/// The message with buttons in a chat.
async fn question(fake: &FakeTelegram, chat: i64) -> (i64, Shown) {
    let find = || {
        let sent = fake.sent().into_iter().filter(|s| s.chat_id == chat);
        sent.filter_map(|s| Some((s.message_id, fake.shown(chat, s.message_id)?)))
            .find(|(_, shown)| !shown.buttons.is_empty())
    };
    assert!(fake.wait_until(|| find().is_some(), PATIENCE).await, "{:?}", fake.chat(chat));
    find().unwrap()
}

async fn says(fake: &FakeTelegram, chat: i64, message: i64, what: &str) {
    let is_so = || fake.shown(chat, message).is_some_and(|s| s.text.contains(what) && s.buttons.is_empty());
    assert!(fake.wait_until(is_so, PATIENCE).await, "{:?}", fake.shown(chat, message));
}

#[tokio::test]
async fn approvers_are_asked_in_their_own_chats_and_they_alone_decide() {
    let (bench, fake, file) = asked(&format!("execApprovals: {{ approvers: [{OWNER}] }},")).await;
    let (message, shown) = question(&fake, OWNER).await;
    assert!(shown.text.contains("touch "), "{}", shown.text);
    assert_eq!(fake.chat(GROUP), [""; 0], "the group is not asked");
    let allow = shown.buttons[0][0].clone();
    // Whoever may have commands run does not decide about them, with the id or without a button.
    fake.push_text(GROUP, FRIEND, &allow);
    fake.press(OWNER, FRIEND, message, &allow);
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    assert!(!file.exists());
    // The owner is heard in this, and in nothing else.
    fake.press(OWNER, OWNER, message, &allow);
    says(&fake, OWNER, message, "Allowed once").await;
    let there = || fake.chat(GROUP).iter().any(|text| text.contains("tool said"));
    assert!(fake.wait_until(there, PATIENCE).await && file.exists(), "{:?}", fake.chat(GROUP));
    let text = fake.shown(OWNER, message).unwrap().text;
    assert!(text.contains("touch ") && !text.contains("Answer within"), "{text}");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_question_in_both_places_is_over_in_both_once_somebody_decides() {
    let approvals =
        format!("execApprovals: {{ enabled: true, approvers: [\"tg:{OWNER}\"], target: \"both\" }},");
    let (bench, fake, file) = asked(&approvals).await;
    let (in_group, shown) = question(&fake, GROUP).await;
    let (direct, _) = question(&fake, OWNER).await;
    let deny = shown.buttons[0].last().unwrap().clone();
    fake.press(GROUP, FRIEND, in_group, &deny);
    fake.wait_for_sent(3, PATIENCE).await.unwrap();
    assert!(
        fake.chat(GROUP).iter().any(|text| text.contains("may not decide") || text.contains("no approval"))
    );
    fake.press(GROUP, OWNER, in_group, &deny);
    says(&fake, GROUP, in_group, "Denied").await;
    says(&fake, OWNER, direct, "Denied").await;
    assert!(!file.exists());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_question_whose_time_is_over_says_so() {
    let (bench, fake, file) = asked(&format!("execApprovals: {{ approvers: [{OWNER}] }},")).await;
    let (message, _) = question(&fake, OWNER).await;
    flow_pass(31 * 60).await;
    says(&fake, OWNER, message, "Nobody decided in time").await;
    assert!(!file.exists());
    bench.gateway.stop().await;
}

/// Lets so many seconds of the gateway's time pass at once. Sockets go on in real time.
async fn flow_pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn without_approvers_or_for_other_agents_the_chat_itself_is_asked() {
    for approvals in [
        "execApprovals: { enabled: true },".to_owned(),
        format!("execApprovals: {{ enabled: false, approvers: [{OWNER}] }},"),
        format!("execApprovals: {{ approvers: [{OWNER}], agentFilter: [\"other\"] }},"),
        format!("execApprovals: {{ approvers: [{OWNER}], sessionFilter: [\"discord:\"] }},"),
    ] {
        let (bench, fake, file) = asked(&approvals).await;
        let (message, shown) = question(&fake, GROUP).await;
        assert_eq!(fake.chat(OWNER), [""; 0], "{approvals}");
        fake.press(GROUP, FRIEND, message, &shown.buttons[0][0]);
        says(&fake, GROUP, message, "Allowed once").await;
        let ran = || fake.chat(GROUP).iter().any(|text| text.contains("tool said"));
        assert!(fake.wait_until(ran, PATIENCE).await && file.exists());
        bench.gateway.stop().await;
    }
}

#[tokio::test]
async fn owners_decide_where_no_approvers_are_named() {
    let groups = r#"groups: { "-100123": { requireMention: false } },"#;
    let owners = format!(r#"commands: {{ ownerAllowFrom: ["telegram:{OWNER}", "discord:9"] }}, {ASKS}"#);
    let (bench, fake) = bench(groups, &owners).await;
    fake.know_chat(OWNER);
    fake.push_text(GROUP, FRIEND, &format!("TOOL:exec {}", json!({"command": "true"})));
    let (message, shown) = question(&fake, OWNER).await;
    fake.press(OWNER, OWNER, message, &shown.buttons[0][0]);
    says(&fake, OWNER, message, "Allowed once").await;
    bench.gateway.stop().await;
}
