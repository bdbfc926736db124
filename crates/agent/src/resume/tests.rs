use super::*;
use crate::testing::*;
use serde_json::json;

#[test]
fn calls_with_effects_are_given_up_and_calls_without_are_left_to_be_made_again() {
    let messages = vec![
        user("go"),
        calls(&[("a", "look", json!({})), ("b", "change", json!({})), ("c", "look", json!({}))]),
        result("c", "x"),
    ];
    let plan = plan_resume(&messages, &two_tools(), &[], 9);
    assert_eq!(plan.rerun, [("a".to_owned(), "look".to_owned(), json!({}))]);
    assert!(matches!(&plan.append[..], [Message::ToolResult(r)]
        if r.tool_call_id == "b" && r.is_error && r.timestamp == 9 && r.text().contains("unknown whether it took effect")));
}

#[test]
fn the_cut_is_marked_once_behind_the_results() {
    for messages in [
        vec![user("go")],
        vec![user("go"), calls(&[("a", "look", json!({}))]), result("a", "x")],
        vec![user("go"), calls(&[("b", "change", json!({}))])],
        vec![user("go"), calls(&[("b", "change", json!({})), ("g", "gone", json!({}))])],
    ] {
        let mut messages = messages;
        let plan = plan_resume(&messages, &two_tools(), &[], 9);
        assert!(matches!(plan.append.last(), Some(Message::Note(n)) if n.kind == RESTART), "{messages:?}");
        messages.extend(plan.append);
        assert!(unanswered(&messages).is_empty());
        assert_eq!(plan_resume(&messages, &two_tools(), &[], 10), ResumePlan::default(), "planned again");
    }
}

#[test]
fn arguments_that_were_refused_are_refused_again() {
    assert!(may_repeat(&two_tools(), "change", &json!("{broken")));
    assert!(!may_repeat(&two_tools(), "change", &json!({})));
    assert!(!may_repeat(&two_tools(), "gone", &json!({})));
}

#[test]
fn an_older_answer_with_the_same_ids_does_not_confuse_it() {
    let messages =
        vec![calls(&[("a", "look", json!({}))]), result("a", "x"), calls(&[("a", "look", json!({}))])];
    assert_eq!(plan_resume(&messages, &two_tools(), &[], 9).rerun.len(), 1);
}

#[test]
fn a_call_that_waited_for_approval_is_known_not_to_have_run() {
    let messages = vec![user("go"), calls(&[("a", "change", json!({})), ("b", "change", json!({}))])];
    let plan = plan_resume(&messages, &two_tools(), &["b".to_owned()], 9);
    let texts: Vec<String> = plan
        .append
        .iter()
        .filter_map(|m| if let Message::ToolResult(r) = m { Some(r.text()) } else { None })
        .collect();
    assert!(
        texts[0].contains("unknown whether it took effect") && texts[1].contains("It was not run"),
        "{texts:?}"
    );
}
