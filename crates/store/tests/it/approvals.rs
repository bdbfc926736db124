//! Decisions about commands: made once, and never left open by a crash.

use crate::support::{START, fixture};
use model::{Act, Outbound};
use serde_json::json;
use store::{Approval, ApprovalEnd, ApprovalStatus, NewApproval};

fn question(id: &str) -> NewApproval {
    NewApproval {
        id: id.into(),
        body: json!({"command": "ls"}),
        run_id: Some("run".into()),
        tool_call_id: Some("call".into()),
        created_at_ms: START,
        expires_at_ms: START + 1000,
    }
}

fn end(status: ApprovalStatus, decision: Option<&str>) -> ApprovalEnd {
    ApprovalEnd {
        status,
        decision: decision.map(str::to_owned),
        reason: "user".into(),
        resolver: Some(("device".into(), "d".into())),
    }
}

fn message(text: &str) -> Outbound {
    Outbound {
        channel: "telegram".into(),
        account: "default".into(),
        to: "1".into(),
        text: text.into(),
        act: None,
        ..Outbound::default()
    }
}

/// What takes the place of a message that asked, where there is none.
fn nothing(_: &Approval, _: &Outbound) -> String {
    String::new()
}

#[tokio::test]
async fn the_first_decision_counts_and_an_approval_is_used_once() {
    let fixture = fixture();
    let store = &fixture.store;
    let added = store.add_approval(question("a"), vec![message("?")]).await.unwrap().unwrap();
    assert_eq!((added.status, added.expires_at_ms), (ApprovalStatus::Pending, START + 1000));
    assert!(
        store.add_approval(question("a"), vec![message("?")]).await.unwrap().is_none(),
        "ids are used once"
    );
    assert!(!store.use_approval("a").await.unwrap(), "not decided yet");
    let allow = end(ApprovalStatus::Allowed, Some("allow-once"));
    let (first, applied) =
        store.end_approval("a", allow, |_, asked| format!("{} yes", asked.text)).await.unwrap().unwrap();
    assert!(applied && first.status == ApprovalStatus::Allowed && first.resolved_at_ms == Some(START));
    let deny = end(ApprovalStatus::Denied, Some("deny"));
    let (second, applied) = store.end_approval("a", deny.clone(), |_, _| "no".into()).await.unwrap().unwrap();
    assert!(!applied);
    assert_eq!(second, first, "the second learns what was decided");
    assert!(store.end_approval("b", deny, nothing).await.unwrap().is_none());
    assert_eq!(
        (store.use_approval("a").await.unwrap(), store.use_approval("a").await.unwrap()),
        (true, false)
    );
    let rows = store.pending_outbox().await.unwrap();
    let sent: Vec<&str> = rows.iter().map(|r| r.outbound.text.as_str()).collect();
    assert_eq!(sent, ["?", "? yes"]);
    assert_eq!(rows[1].outbound.act, Some(Act::Replace { row: rows[0].id }));
    assert_eq!(store.approvals_of_run("run").await.unwrap(), [first]);
}

#[tokio::test]
async fn nothing_stays_open_over_a_restart_and_people_hear_of_it() {
    let fixture = fixture();
    for id in ["a", "b", "c"] {
        fixture.store.add_approval(question(id), vec![]).await.unwrap();
    }
    fixture.store.end_approval("b", end(ApprovalStatus::Denied, Some("deny")), nothing).await.unwrap();
    let fixture = fixture.restarted().await;
    let gone = ApprovalEnd {
        status: ApprovalStatus::Cancelled,
        decision: None,
        reason: "gateway-restart".into(),
        resolver: None,
    };
    let tell = |a: &store::Approval| (a.id == "c").then(|| message("gone"));
    let ended = fixture.store.end_open_approvals(gone.clone(), tell, nothing).await.unwrap();
    let ids: Vec<&str> = ended.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
    assert!(ended.iter().all(|a| a.status == ApprovalStatus::Cancelled));
    assert_eq!(fixture.store.pending_outbox().await.unwrap().len(), 1);
    assert!(fixture.store.end_open_approvals(gone, tell, nothing).await.unwrap().is_empty());
    assert!(fixture.store.pending_approvals().await.unwrap().is_empty());
    let history = |before, limit| {
        let store = fixture.store.clone();
        async move { store.ended_approvals(before, limit).await.unwrap() }
    };
    let first = history(None, 2).await;
    assert_eq!(first.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    assert_eq!(history(Some(first[1].seq), 2).await[0].id, "a");
    fixture.clock.advance_ms(31 * 86_400_000);
    fixture.store.prune().await.unwrap();
    assert!(history(None, 9).await.is_empty(), "ended ones are forgotten in the end");
}

#[tokio::test]
async fn of_those_that_have_ended_the_latest_are_kept() {
    let fixture = fixture();
    let store = &fixture.store;
    for id in ["ended", "waits"] {
        store.add_approval(question(id), vec![]).await.unwrap();
    }
    store.end_approval("ended", end(ApprovalStatus::Denied, Some("deny")), nothing).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..10_000 {
        let store = store.clone();
        tasks.spawn(async move { store.add_approval(question(&format!("q{i}")), vec![]).await });
    }
    for added in tasks.join_all().await {
        assert!(added.unwrap().is_some());
    }
    assert!(store.approval("ended").await.unwrap().is_none());
    assert!(store.approval("waits").await.unwrap().is_some(), "what waits is not forgotten");
}
