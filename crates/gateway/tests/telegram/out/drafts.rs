//! Drafts: an answer is seen while it is being written, and is one message in the end, whatever happens meanwhile.

use super::{FRIEND, Gate, bench, chat, refusal};
use crate::flow::{self, BOT_TOKEN, PATIENCE, gateway_at};
use serde_json::json;
use testkit::fake_model::{FakeModel, Pen, Step};
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::config_with_model;

const PARTIAL: &str = r#"streaming: { mode: "partial" },"#;

#[tokio::test]
async fn an_answer_is_seen_while_it_is_written_and_is_one_message() {
    let (bench, fake) = bench(&format!("{PARTIAL} replyToMode: \"first\","), "").await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "tell me a story");
    pen.write("Once upon");
    chat(&fake, &["Once upon"]).await;
    pen.write(" **a time**");
    chat(&fake, &["Once upon a time"]).await;
    pen.write(", and that was it.");
    pen.end();
    chat(&fake, &["Once upon a time, and that was it."]).await;
    let sent = fake.sent();
    assert_eq!((sent.len(), sent[0].reply_to), (1, Some(1)));
    let begun = fake.requests().into_iter().find(|(name, _)| name == "sendmessage").unwrap().1;
    assert_eq!(begun["reply_parameters"]["quote"], "tell me a story");
    // What is said next is a message of its own, and needs no draft where it is quick.
    fake.push_text(FRIEND, FRIEND, "thanks");
    chat(&fake, &["Once upon a time, and that was it.", "echo: thanks"]).await;
    assert_eq!(fake.sent().len(), 2);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn of_many_pieces_only_the_last_state_is_sent() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "count");
    let mut all = String::new();
    for round in 0..3 {
        for n in 0..200 {
            let piece = format!(" {round}-{n}");
            pen.write(&piece);
            all.push_str(&piece);
        }
        chat(&fake, &[all.trim()]).await;
    }
    pen.end();
    bench.model.wait_for_requests(1).await;
    let calls = fake.calls("sendMessage") + fake.calls("editMessageText");
    assert!(calls < 20, "{calls} calls for 600 pieces");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_platform_that_refuses_changes_gets_the_answer_all_the_same() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("one");
    chat(&fake, &["one"]).await;
    let mut busy = refusal(429, "Too Many Requests: retry after 1");
    busy["parameters"] = json!({"retry_after": 1});
    fake.fail_next("editMessageText", 429, busy);
    fake.fail_next("editMessageText", 400, refusal(400, "Bad Request: can't parse entities: oh no"));
    pen.write(" *two*");
    chat(&fake, &["one two"]).await;
    let edits: Vec<_> = fake.requests().into_iter().filter(|(name, _)| name == "editmessagetext").collect();
    assert_eq!((edits.len(), edits[2].1.get("parse_mode")), (3, None), "as plain text: {edits:?}");
    fake.fail_next("editMessageText", 502, json!({}));
    pen.write(" three");
    pen.end();
    chat(&fake, &["one two three"]).await;
    assert_eq!(fake.sent().len(), 1);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_draft_that_somebody_deleted_or_that_cannot_be_changed_is_no_loss() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let draft = async |text: &str| {
        let pen = Pen::default();
        bench.model.script(vec![Step::Written(pen.clone())]);
        fake.push_text(FRIEND, FRIEND, "hi");
        pen.write(text);
        pen
    };
    let pen = draft("half").await;
    chat(&fake, &["half"]).await;
    fake.delete(FRIEND, fake.sent()[0].message_id);
    pen.write(" and all");
    pen.end();
    chat(&fake, &["half and all"]).await;

    let pen = draft("part").await;
    chat(&fake, &["half and all", "part"]).await;
    let edits = fake.calls("editMessageText");
    for _ in 0..2 {
        fake.fail_next("editMessageText", 400, refusal(400, "Bad Request: message can't be edited"));
    }
    pen.write(" two");
    fake.wait_for_calls("editMessageText", edits + 1, PATIENCE).await.unwrap();
    pen.end();
    // What could not be changed is not left beside it.
    chat(&fake, &["half and all", "part two"]).await;
    assert_eq!(fake.sent().len(), 4);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_long_answer_begins_in_the_draft_and_goes_on_below() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("word0 ");
    chat(&fake, &["word0"]).await;
    let words: Vec<String> = (0..1500).map(|n| format!("word{n}")).collect();
    pen.write(&words[1..].join(" "));
    pen.end();
    let all = fake.wait_for_sent(4, PATIENCE).await;
    let shown = fake.chat(FRIEND);
    assert_eq!(shown.join(" ").split_whitespace().collect::<Vec<_>>(), words, "{all:?}");
    assert!(shown.len() == 4 && shown.iter().all(|text| text.len() <= 4096));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn what_is_said_meanwhile_stands_above_the_answer() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let (pen, gate) = (Pen::default(), Gate::new(&bench));
    let operator = bench.operator().await;
    bench
        .model
        .script(vec![Step::ToolCalls(vec![("exec".into(), gate.command())]), Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "work");
    chat(&fake, &["🔧 exec"]).await;
    let note = json!({"channel": "telegram", "to": "777", "message": "a note", "idempotencyKey": "n"});
    operator.call("send", note).await;
    gate.open();
    pen.write("It is");
    chat(&fake, &["a note", "It is"]).await;
    pen.write(" done.");
    pen.end();
    chat(&fake, &["a note", "It is done."]).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn a_turn_that_is_stopped_leaves_no_draft_and_one_that_fails_says_so_in_it() {
    let (bench, fake) = bench(PARTIAL, "").await;
    let operator = bench.operator().await;
    let pen = Pen::default();
    let bad_key = Step::Status(401, vec![], r#"{"error":{"message":"bad key"}}"#.into());
    let gate = Gate::new(&bench);
    bench.model.script(vec![
        Step::Written(pen.clone()),
        Step::ToolCalls(vec![("exec".into(), gate.command())]),
        bad_key,
    ]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("half a");
    chat(&fake, &["half a"]).await;
    operator.call("chat.abort", json!({"sessionKey": flow::MAIN})).await;
    chat(&fake, &[]).await;
    fake.push_text(FRIEND, FRIEND, "again");
    chat(&fake, &["🔧 exec"]).await;
    gate.open();
    let sent = fake.sent().len();
    let says = || fake.chat(FRIEND).first().is_some_and(|text| text.starts_with("⚠️"));
    let waited = fake.wait_until(says, PATIENCE).await;
    assert!(waited, "{:?}", fake.chat(FRIEND));
    assert_eq!((fake.chat(FRIEND).len(), fake.sent().len()), (1, sent));
    bench.gateway.stop().await;
}

#[tokio::test]
async fn after_a_crash_the_draft_becomes_the_answer_and_nothing_is_said_twice() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let config = || {
        let channels = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}], {PARTIAL}"));
        config_with_model(&model.url(), &channels)
    };
    let first = gateway_at(dir.path(), config()).await;
    let pen = Pen::default();
    model.script(vec![Step::Written(pen.clone()), Step::Text("The whole answer.".into())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("The who");
    chat(&fake, &["The who"]).await;
    first.stop().await;
    chat(&fake, &["The who"]).await;

    let second = gateway_at(dir.path(), config()).await;
    chat(&fake, &["The whole answer."]).await;
    assert_eq!(fake.sent().len(), 1);
    fake.push_text(FRIEND, FRIEND, "bye");
    chat(&fake, &["The whole answer.", "echo: bye"]).await;
    second.stop().await;
}

#[tokio::test]
async fn unless_said_otherwise_a_line_says_what_the_agent_is_at_and_goes_when_the_answer_comes() {
    let (bench, fake) = bench("streaming: {},", "").await;
    let gate = Gate::new(&bench);
    bench.model.script(vec![
        Step::ToolCalls(vec![("exec".into(), gate.command())]),
        Step::Text("All is done.".into()),
    ]);
    fake.push_text(FRIEND, FRIEND, "work");
    chat(&fake, &["Working"]).await;
    gate.open();
    chat(&fake, &["All is done."]).await;
    assert_eq!(fake.sent().len(), 2, "the answer is a message of its own");
    bench.gateway.stop().await;
}

#[tokio::test]
async fn progress_shows_the_tools_under_a_label_of_ones_own() {
    let streaming = r#"streaming: { mode: "progress",
        progress: { label: "Busy", toolProgress: true, commandText: "raw", maxLineChars: 30 } },"#;
    let (bench, fake) = bench(streaming, "").await;
    let gate = Gate::new(&bench);
    bench.model.script(vec![
        Step::ToolCalls(vec![("exec".into(), gate.command())]),
        Step::Text("All is done.".into()),
    ]);
    fake.push_text(FRIEND, FRIEND, "work");
    fake.wait_for_sent(1, PATIENCE).await.unwrap();
    let status = fake.chat(FRIEND).remove(0);
    assert!(status.starts_with("Busy\n\n🔧 exec: while") && status.ends_with("; done"), "{status}");
    gate.open();
    chat(&fake, &["All is done."]).await;
    bench.gateway.stop().await;
}

#[tokio::test]
async fn by_blocks_another_message_begins_where_one_gets_long() {
    let block = r#"streaming: { mode: "block", preview: { chunk: { minChars: 10, maxChars: 40 } } },"#;
    let (bench, fake) = bench(block, "").await;
    let (first, second) = ("The first paragraph is this one.", "The second is about as long.");
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write(&format!("{first}\n\nThe second"));
    chat(&fake, &[first]).await;
    pen.write(" is about as long.\n\nThe third");
    chat(&fake, &[first, second]).await;
    pen.end();
    chat(&fake, &[first, &format!("{second}\n\nThe third")]).await;
    assert_eq!(fake.sent().len(), 2);
    bench.gateway.stop().await;
}

#[tokio::test]
async fn an_answer_may_come_as_messages_that_are_never_changed() {
    let whole = r#"streaming: { mode: "partial", block: { enabled: true, coalesce: { maxChars: 40 } } },"#;
    let (bench, fake) = bench(whole, "").await;
    let (first, second) = ("The first paragraph is this one.", "The second is about as long.");
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write(&format!("{first}\n\n{second}\n\nThe"));
    // The second may still grow.
    chat(&fake, &[first]).await;
    pen.write(" third is as long, or nearly so.\n\nAnd");
    chat(&fake, &[first, second]).await;
    pen.write(" that was it.");
    pen.end();
    let (third, last) = ("The third is as long, or nearly so.", "And that was it.");
    chat(&fake, &[first, second, third, last]).await;
    assert_eq!(fake.sent().len(), 4);
    let shown = |(name, params): &(String, serde_json::Value)| {
        name == "editmessagetext" && !fake.chat(FRIEND).contains(&params["text"].as_str().unwrap().to_owned())
    };
    assert!(!fake.requests().iter().any(shown), "nobody sees a text change: {:?}", fake.requests());
    bench.gateway.stop().await;
}

#[tokio::test]
async fn after_a_crash_all_the_messages_of_a_draft_become_the_answer() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let config = || {
        let block = r#"streaming: { mode: "block", preview: { chunk: { minChars: 10, maxChars: 40 } } },"#;
        let channels = flow::telegram(&fake, &format!("allowFrom: [{FRIEND}], {block}"));
        config_with_model(&model.url(), &channels)
    };
    let first = gateway_at(dir.path(), config()).await;
    let (one, two) = ("The first paragraph is this one.", "The second is about as long.");
    let pen = Pen::default();
    model.script(vec![Step::Written(pen.clone()), Step::Text("A short answer.".into())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write(&format!("{one}\n\n{two}\n\nThe"));
    chat(&fake, &[one, two]).await;
    first.stop().await;
    chat(&fake, &[one, two]).await;
    let second = gateway_at(dir.path(), config()).await;
    chat(&fake, &["A short answer."]).await;
    assert_eq!(fake.sent().len(), 2);
    second.stop().await;
}

#[tokio::test]
async fn by_blocks_an_answer_grows_by_whole_paragraphs() {
    let block = r#"streaming: { mode: "block", preview: { chunk: { minChars: 10 } } },"#;
    let (bench, fake) = bench(block, "").await;
    let pen = Pen::default();
    bench.model.script(vec![Step::Written(pen.clone())]);
    fake.push_text(FRIEND, FRIEND, "hi");
    pen.write("The first paragraph.\n\nThe second is not");
    chat(&fake, &["The first paragraph."]).await;
    pen.write(" whole yet.\n\nNow");
    chat(&fake, &["The first paragraph.\n\nThe second is not whole yet."]).await;
    pen.end();
    chat(&fake, &["The first paragraph.\n\nThe second is not whole yet.\n\nNow"]).await;
    assert_eq!(fake.sent().len(), 1);
    bench.gateway.stop().await;
}
