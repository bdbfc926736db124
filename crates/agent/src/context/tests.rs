use super::*;
use crate::testing::*;
use model::{NoteMessage, Usage};
use proptest::prelude::*;
use serde_json::json;

fn counted_answer(prompt: u64, timestamp: i64) -> Message {
    let usage = Usage { input: prompt, output: 10, ..Usage::default() };
    Message::Assistant(model::AssistantMessage { usage, timestamp, ..answer(vec![]) })
}

fn summary(timestamp: i64) -> Message {
    Message::Note(NoteMessage { kind: COMPACTION.into(), text: "before".into(), timestamp })
}

#[test]
fn the_providers_count_is_taken_unless_a_compaction_came_after_it() {
    let after = estimate_messages(&[user("four")]);
    let fresh = vec![user("x"), counted_answer(5_000, 7), user("four")];
    assert_eq!(estimate("sys", &[], &fresh), 5_010 + after);
    let stale = vec![summary(8), counted_answer(5_000, 7), user("four")];
    assert!(estimate("sys", &[], &stale) < 100);
    let renewed = vec![summary(8), counted_answer(900, 9), user("four")];
    assert_eq!(estimate("sys", &[], &renewed), 910 + after);
}

#[test]
fn a_guess_counts_system_prompt_and_tools_too() {
    let tool =
        ToolSpec { name: "look".into(), description: "d".repeat(400), parameters: json!({"type": "object"}) };
    let guess = estimate(&"s".repeat(4_000), &[tool], &[user("hi")]);
    assert!((1_100..1_200).contains(&guess), "{guess}");
}

#[test]
fn a_cut_that_gains_nothing_is_not_made() {
    assert_eq!(choose_cut(&[], 10), None);
    assert_eq!(choose_cut(&[user("only")], 0), None);
    assert_eq!(choose_cut(&[summary(1), user("only")], 0), None);
    assert_eq!(choose_cut(&[user("old"), says("yes"), user("new")], 0), Some(2));
}

fn any_transcript() -> impl Strategy<Value = Vec<Message>> {
    let exchange = (0usize..3, 0usize..4, 1usize..400).prop_map(|(users, calls_made, size)| {
        let mut part: Vec<Message> = (0..users).map(|_| user(&"u".repeat(size))).collect();
        let ids: Vec<String> = (0..calls_made).map(|n| format!("c{n}")).collect();
        let made: Vec<_> = ids.iter().map(|id| (id.as_str(), "look", json!({}))).collect();
        part.push(calls(&made));
        part.extend(ids.iter().map(|id| result(id, &"r".repeat(size))));
        part
    });
    proptest::collection::vec(exchange, 0..12).prop_map(|parts| parts.into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn a_cut_never_parts_a_call_from_its_results(messages in any_transcript(), budget in 0u64..3_000) {
        if let Some(cut) = choose_cut(&messages, budget) {
            prop_assert!(cut > 0 && cut < messages.len());
            prop_assert!(unanswered(&messages[..cut]).is_empty());
            prop_assert!(unanswered(&messages[cut..]).is_empty());
        }
    }

    #[test]
    fn a_digest_and_a_rendering_keep_their_bounds(messages in any_transcript(), max in 200usize..3_000) {
        prop_assert!(digest::render(&messages, max).chars().count() <= max);
        prop_assert!(digest::digest(&messages).chars().count() <= 6_000);
    }
}
