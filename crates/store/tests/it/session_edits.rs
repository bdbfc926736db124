//! What people do to sessions, finding what was said in them, and what they used.

use crate::support::{START, answer, begin, call, finish, fixture, key, user};
use model::{NoteMessage, SessionKey};
use store::{
    Archived, Created, Deleted, NewSession, Patched, SessionFilter, SessionGuard, SessionPatch, Store,
    TextSearch, UsageFilter,
};

fn new(name: &str, patch: SessionPatch) -> NewSession {
    NewSession { key: key(name), created_via: "operator".into(), title: None, parent_key: None, patch }
}

fn labelled(label: &str) -> SessionPatch {
    SessionPatch { label: Some(Some(label.into())), ..SessionPatch::default() }
}

async fn keys(store: &Store, filter: SessionFilter) -> Vec<String> {
    let sessions = store.sessions(SessionFilter { limit: 100, ..filter }).await.unwrap();
    sessions.iter().map(|s| s.key.rest().to_owned()).collect()
}

async fn found(store: &Store, query: &str) -> Vec<(String, String)> {
    let search = TextSearch { query: query.into(), limit: 10, ..TextSearch::default() };
    let hits = store.search(search).await.unwrap();
    hits.iter().map(|hit| (hit.key.rest().to_owned(), text(&hit.message))).collect()
}

fn text(message: &model::Message) -> String {
    match message {
        model::Message::User(user) => user.content.text(),
        model::Message::Assistant(answer) => answer.text(),
        other => panic!("{other:?} is never found"),
    }
}

#[tokio::test]
async fn a_label_belongs_to_one_session_of_an_agent() {
    let f = fixture();
    let made = f.store.create_session(new("one", labelled("plans"))).await.unwrap();
    let Created::Done(one, true) = made else { panic!("{made:?}") };
    assert_eq!((one.label.as_deref(), one.created_via.as_str()), (Some("plans"), "operator"));
    let taken = f.store.create_session(new("two", labelled("plans"))).await.unwrap();
    assert_eq!(taken, Created::LabelTaken("plans".into()));
    assert!(f.store.session(&key("two")).await.unwrap().is_none(), "a taken label makes no session");
    f.store.ensure_session(&key("two"), "run").await.unwrap();
    let taken = f.store.patch_session(&key("two"), SessionGuard::default(), labelled("plans")).await.unwrap();
    assert_eq!(taken, Patched::LabelTaken("plans".into()));
    let other = NewSession { key: SessionKey::main("other"), ..new("x", labelled("plans")) };
    assert!(matches!(f.store.create_session(other).await.unwrap(), Created::Done(_, true)));
    // The one that has it may keep it, and give it up.
    let again = f.store.create_session(new("one", labelled("plans"))).await.unwrap();
    assert!(matches!(again, Created::Done(_, false)));
    let none = SessionPatch { label: Some(None), ..SessionPatch::default() };
    f.store.patch_session(&key("one"), SessionGuard::default(), none).await.unwrap();
    let given = f.store.patch_session(&key("two"), SessionGuard::default(), labelled("plans")).await.unwrap();
    assert!(matches!(given, Patched::Done(_)));
}

#[tokio::test]
async fn pinned_sessions_come_first_and_archived_ones_only_where_asked_for() {
    let f = fixture();
    for name in ["a", "b", "c", "d"] {
        f.clock.advance_ms(1);
        f.store.ensure_session(&key(name), "run").await.unwrap();
    }
    let patch = |pinned, archived| SessionPatch { pinned, archived, ..SessionPatch::default() };
    let guard = SessionGuard::default;
    f.store.patch_session(&key("a"), guard(), patch(Some(true), None)).await.unwrap();
    f.store.patch_session(&key("c"), guard(), patch(None, Some(true))).await.unwrap();
    let filter = |archived| SessionFilter { archived, ..SessionFilter::default() };
    assert_eq!(keys(&f.store, filter(Archived::No)).await, ["a", "d", "b"]);
    assert_eq!(keys(&f.store, filter(Archived::Only)).await, ["c"]);
    assert_eq!(keys(&f.store, filter(Archived::All)).await, ["a", "d", "c", "b"]);
    let page = f.store.session_page(SessionFilter { limit: 1, ..filter(Archived::No) }).await.unwrap();
    assert_eq!((page.sessions.len(), page.total), (1, 3));
    f.store.patch_session(&key("a"), guard(), patch(Some(false), None)).await.unwrap();
    f.store.patch_session(&key("c"), guard(), patch(None, Some(false))).await.unwrap();
    assert_eq!(keys(&f.store, filter(Archived::No)).await, ["d", "c", "b", "a"]);
}

#[tokio::test]
async fn a_change_is_made_only_where_its_guard_holds() {
    let f = fixture();
    let session = f.store.ensure_session(&key("a"), "run").await.unwrap();
    let unread = |unread| SessionPatch { unread: Some(unread), ..SessionPatch::default() };
    let on = |session_id: &str| SessionGuard { session_id: Some(session_id.into()), ..Default::default() };
    let done = f.store.patch_session(&key("a"), on(&session.session_id), unread(true)).await.unwrap();
    let Patched::Done(marked) = done else { panic!("{done:?}") };
    assert_eq!(marked.marked_unread_at_ms, Some(START));
    assert_eq!(marked.updated_at_ms, session.updated_at_ms, "nothing was said in it");
    f.store.reset_session(&key("a")).await.unwrap();
    let changed = f.store.patch_session(&key("a"), on(&session.session_id), unread(false)).await.unwrap();
    assert_eq!(changed, Patched::Changed);
    let marked_elsewhere = SessionGuard { marked_unread_at_ms: Some(None), ..Default::default() };
    let changed = f.store.patch_session(&key("a"), marked_elsewhere, unread(false)).await.unwrap();
    assert_eq!(changed, Patched::Changed);
    let as_marked = SessionGuard { marked_unread_at_ms: Some(Some(START)), ..Default::default() };
    let done = f.store.patch_session(&key("a"), as_marked, unread(false)).await.unwrap();
    let Patched::Done(read) = done else { panic!("{done:?}") };
    assert_eq!((read.marked_unread_at_ms, read.read_at_ms), (None, Some(START)));
    let missing = f.store.patch_session(&key("b"), SessionGuard::default(), unread(true)).await.unwrap();
    assert_eq!(missing, Patched::Missing);
    let archived = SessionGuard { archived: true, ..Default::default() };
    assert_eq!(f.store.delete_session(&key("a"), archived, true).await.unwrap(), Deleted::NotArchived);
}

#[tokio::test]
async fn what_was_said_is_found_by_its_words_until_the_session_is_deleted() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["Der Zug fährt um neun", "remember the Milk"])).await.unwrap();
    f.store.append("r", vec![answer("The milk is noted.")], vec![], vec![]).await.unwrap();
    f.store.begin_run(begin("s", "other", &["no milk today"])).await.unwrap();
    let main = |text: &str| ("main".to_owned(), text.to_owned());
    assert_eq!(found(&f.store, "remember MILK").await, [main("remember the Milk")]);
    assert_eq!(found(&f.store, "fahrt neun").await, [main("Der Zug fährt um neun")]);
    assert_eq!(found(&f.store, "rememb").await, [main("remember the Milk")]);
    assert_eq!(found(&f.store, "milk").await.len(), 3);
    for nothing in ["", "  ", "\"*()", "milk OR zug", "NEAR(", "unheard"] {
        assert_eq!(found(&f.store, nothing).await, [], "{nothing:?}");
    }
    let only = TextSearch {
        query: "milk".into(),
        keys: Some(vec![key("other")]),
        agent_id: Some("main".into()),
        limit: 10,
    };
    assert_eq!(f.store.search(only).await.unwrap().len(), 1);

    let deleted = f.store.delete_session(&key("main"), SessionGuard::default(), true).await.unwrap();
    assert!(matches!(deleted, Deleted::Done(_)));
    assert_eq!(found(&f.store, "milk").await, [("other".to_owned(), "no milk today".to_owned())]);
    assert_eq!(
        f.store.delete_session(&key("main"), SessionGuard::default(), true).await.unwrap(),
        Deleted::Missing
    );
    // The run and what it cost are facts; the key is free, and begins anew.
    assert!(f.store.run("r").await.unwrap().is_some());
    let fresh = f.store.ensure_session(&key("main"), "run").await.unwrap();
    assert_eq!((fresh.message_count, fresh.label, fresh.title), (0, None, None));
    assert_eq!(found(&f.store, "remember").await, []);
}

#[tokio::test]
async fn a_transcript_is_written_to_and_compacted_without_a_run() {
    let f = fixture();
    assert!(f.store.inject(&key("main"), answer("hello")).await.unwrap().is_none());
    f.store.begin_run(begin("r", "main", &["one"])).await.unwrap();
    f.store.finish_run(finish("r", vec![])).await.unwrap();
    let entry = f.store.inject(&key("main"), answer("a remark")).await.unwrap().unwrap();
    assert_eq!((entry.seq, entry.run_id.as_deref()), (3, None));
    assert_eq!(f.store.entry(&key("main"), &entry.id).await.unwrap(), Some(entry.clone()));
    assert_eq!(f.store.entry(&key("other"), &entry.id).await.unwrap(), None);
    let session = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!(session.preview.as_deref(), Some("a remark"));

    let note = || NoteMessage { kind: "compaction".into(), text: "they met".into(), timestamp: START };
    let payer = (key("main"), session.session_id.clone());
    let calls = vec![call("compaction", 7, 0.25)];
    let context = f.store.compact_session(payer.clone(), "op", (note(), 3), calls.clone()).await.unwrap();
    let context = context.expect("the session is as it was");
    assert_eq!(context.iter().map(|e| e.seq).collect::<Vec<_>>(), [4, 3]);
    let after = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!((after.compactions, after.usage.cost), (1, 0.75));

    f.store.reset_session(&key("main")).await.unwrap();
    let late = f.store.compact_session(payer, "late", (note(), 3), calls).await.unwrap();
    assert!(late.is_none(), "another transcript meanwhile");
    assert!(f.store.context(&key("main")).await.unwrap().is_empty());
    let all = UsageFilter { from_ms: 0, before_ms: i64::MAX, agent_id: None, key: None };
    let cells = f.store.used(all).await.unwrap();
    let calls: u64 = cells.iter().map(|cell| cell.calls).sum();
    assert_eq!(calls, 3, "each was paid for");
    assert!(cells.iter().all(|cell| cell.session_id.as_deref() == Some(&*session.session_id)));
}

#[tokio::test]
async fn usage_is_counted_by_quarter_session_and_model() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["one"])).await.unwrap();
    f.store.append("r", vec![], vec![call("turn", 5, 0.5), call("turn", 6, 0.25)], vec![]).await.unwrap();
    f.clock.advance_ms(15 * 60 * 1000);
    f.store.finish_run(finish("r", vec![])).await.unwrap();
    let work = store::BeginRun { session_key: SessionKey::main("work"), ..begin("w", "x", &["two"]) };
    f.store.begin_run(work).await.unwrap();
    let filter = |agent: Option<&str>, from_ms| UsageFilter {
        from_ms,
        before_ms: i64::MAX,
        agent_id: agent.map(str::to_owned),
        key: None,
    };
    let (cells, entries) = f.store.usage(filter(None, 0)).await.unwrap();
    let seen: Vec<(u64, u64, f64, f64)> =
        cells.iter().map(|c| (c.calls, c.usage.input, c.usage.cost, c.cost.input)).collect();
    assert_eq!(seen, [(2, 11, 0.75, 0.75), (1, 100, 0.5, 0.5)]);
    assert!(cells.iter().all(|c| c.at_ms % 900_000 == 0));
    let roles: Vec<(&str, &str, u64)> =
        entries.iter().map(|e| (e.key.agent_id(), e.role.as_str(), e.count)).collect();
    assert_eq!(roles, [("main", "user", 1), ("main", "assistant", 1), ("work", "user", 1)]);
    let (cells, entries) = f.store.usage(filter(Some("work"), 0)).await.unwrap();
    assert_eq!((cells.len(), entries.len()), (0, 1));
    let (cells, _) = f.store.usage(filter(None, START + 1)).await.unwrap();
    assert_eq!(cells.len(), 1);
    assert_eq!(f.store.first_call().await.unwrap(), Some(START));
}

#[tokio::test]
async fn a_file_of_the_first_format_is_indexed_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("state")).unwrap();
    let old = rusqlite::Connection::open(dir.path().join("state/gateway.sqlite")).unwrap();
    old.execute_batch(include_str!("../../src/schema/0001.sql")).unwrap();
    old.execute_batch(
        r#"PRAGMA user_version = 1;
        INSERT INTO transcripts (transcript, session_id, session_key, started_at_ms, last_seq) VALUES (1, 'id', 'agent:main:main', 1, 4);
        INSERT INTO sessions (key, agent_id, session_id, created_at_ms, updated_at_ms, created_via)
          VALUES ('agent:main:main', 'main', 'id', 1, 1, 'run');
        INSERT INTO runs (run_id, session_key, transcript, status, started_at_ms) VALUES ('r', 'agent:main:main', 1, 'done', 1);
        INSERT INTO ledger (at_ms, run_id, session_key, provider, model, kind, used_input, used_output, used_cache_read,
          used_cache_write, used_cost, duration_ms) VALUES (5, 'r', 'agent:main:main', 'p', 'm', 'turn', 1, 2, 0, 0, 0.5, 9);"#,
    )
    .unwrap();
    let parts = r#"{"role":"user","content":[{"type":"text","text":"a picture of apples"},{"type":"image","data":"QUJD","mimeType":"image/png"}],"timestamp":1}"#;
    let asks = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"secret"},{"type":"toolCall","id":"c","name":"ls","arguments":{}}],"api":"a","provider":"p","model":"m","usage":{"input":1,"output":1,"cacheRead":0,"cacheWrite":0,"cost":0.0},"stopReason":"toolUse","timestamp":1}"#;
    let result = r#"{"role":"toolResult","toolCallId":"c","toolName":"ls","content":[{"type":"text","text":"pears"}],"isError":true,"timestamp":1}"#;
    for (seq, message) in
        [(1, r#"{"role":"user","content":"plain apples","timestamp":1}"#), (2, parts), (3, asks), (4, result)]
    {
        let sql =
            "INSERT INTO entries (transcript, seq, id, message, recorded_at_ms) VALUES (1, ?1, ?2, ?3, ?1)";
        old.execute(sql, rusqlite::params![seq, format!("e{seq}"), message]).unwrap();
    }
    drop(old);

    let clock = std::sync::Arc::new(model::ManualClock::at(START));
    let opened = Store::open(dir.path(), clock).unwrap();
    assert!(opened.notices.is_empty(), "{:?}", opened.notices);
    let store = opened.store;
    let mut texts: Vec<String> = found(&store, "apples").await.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["a picture of apples", "plain apples"]);
    assert_eq!(found(&store, "secret").await, []);
    assert_eq!(found(&store, "pears").await, [], "tools are not people");
    let all = UsageFilter { from_ms: 0, before_ms: i64::MAX, agent_id: None, key: Some(key("main")) };
    let (cells, entries) = store.usage(all).await.unwrap();
    assert_eq!((cells[0].session_id.as_deref(), cells[0].usage.cost), (Some("id"), 0.5));
    let mut seen: Vec<(&str, Option<&str>, u64, u64, u64)> =
        entries.iter().map(|e| (&*e.role, e.tool.as_deref(), e.count, e.tool_calls, e.failed)).collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [("assistant", None, 1, 1, 0), ("toolResult", Some("ls"), 1, 0, 1), ("user", None, 2, 0, 0)]
    );
    // And it goes on from there.
    store
        .begin_run(store::BeginRun { messages: vec![user("more apples")], ..begin("n", "main", &[]) })
        .await
        .unwrap();
    assert_eq!(found(&store, "apples").await.len(), 3);
}
