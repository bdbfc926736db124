//! Sessions: lists, history, reset; and what upkeep and settings do.

use crate::support::{START, begin, finish, fixture, key, user};
use model::SessionKey;
use serde_json::json;
use store::{HistoryPage, Route, SessionFilter};

fn all() -> SessionFilter {
    SessionFilter { limit: 100, ..SessionFilter::default() }
}

#[tokio::test]
async fn sessions_are_listed_the_latest_changed_first_and_found_by_what_people_see() {
    let f = fixture();
    for name in ["one", "two", "three"] {
        f.clock.advance_ms(1);
        f.store.begin_run(begin(name, name, &[&format!("about 100% of {name}")])).await.unwrap();
    }
    f.clock.advance_ms(1);
    f.store.append("one", vec![user("again")], vec![], vec![]).await.unwrap();
    f.store.ensure_session(&SessionKey::main("other"), "run").await.unwrap();
    let listed = |filter: SessionFilter| {
        let store = f.store.clone();
        async move {
            let sessions = store.sessions(filter).await.unwrap();
            sessions.iter().map(|s| s.key.rest().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(all()).await, ["one", "main", "three", "two"]);
    let of_main = SessionFilter { agent_id: Some("main".into()), ..all() };
    assert_eq!(listed(SessionFilter { limit: 1, offset: 1, ..of_main.clone() }).await, ["three"]);
    assert_eq!(listed(SessionFilter { search: Some("100% OF t".into()), ..all() }).await, ["three", "two"]);
    assert!(listed(SessionFilter { search: Some("1%0".into()), ..all() }).await.is_empty());
    assert!(listed(SessionFilter { search: Some("_".repeat(100_000)), ..all() }).await.is_empty());
    assert_eq!(f.store.session_count(Some("main")).await.unwrap(), 3);
    assert_eq!(f.store.session_count(None).await.unwrap(), 4);
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_shows_every_change_that_was_acknowledged() {
    let f = fixture();
    let of_main = SessionFilter { agent_id: Some("main".into()), ..all() };
    for name in ["one", "two", "three"] {
        f.clock.advance_ms(1);
        f.store.begin_run(begin(name, name, &["hi"])).await.unwrap();
        for filter in [all(), of_main.clone(), all(), all()] {
            let page = f.store.session_page(filter.clone()).await.unwrap();
            assert_eq!(page.sessions, f.store.sessions(filter.clone()).await.unwrap());
            assert_eq!(page.total, f.store.session_count(filter.agent_id.as_deref()).await.unwrap());
        }
    }
    let before = f.store.session_page(all()).await.unwrap();
    f.store.reset_session(&before.sessions[0].key).await.unwrap();
    let after = f.store.session_page(all()).await.unwrap();
    assert_ne!(before.sessions, after.sessions);
    let short = f.store.session_page(SessionFilter { limit: 1, ..all() }).await.unwrap();
    assert_eq!((short.sessions.len(), short.total), (1, after.total));
}

#[tokio::test]
async fn name_and_route_are_those_of_the_last_message_that_gave_them() {
    let f = fixture();
    let route =
        Route { channel: "telegram".into(), account: "default".into(), to: "7".into(), reply_to: None };
    let first = store::BeginRun {
        route: Some(route.clone()),
        title: Some("Ann".into()),
        chat_type: Some("direct".into()),
        created_via: "channel".into(),
        ..begin("a", "main", &["hi"])
    };
    f.store.begin_run(first).await.unwrap();
    f.store.finish_run(finish("a", vec![])).await.unwrap();
    f.store.begin_run(begin("b", "main", &["from the terminal"])).await.unwrap();
    let session = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!((session.route.as_ref(), session.title.as_deref()), (Some(&route), Some("Ann")));
    assert_eq!(session.created_via, "channel");
    assert_eq!(f.store.run("a").await.unwrap().unwrap().route, Some(route));
    assert_eq!(f.store.run("b").await.unwrap().unwrap().route, None);
    assert_eq!(session.last_run.unwrap().run_id, "b");
}

#[tokio::test]
async fn history_is_read_from_its_end_page_by_page() {
    let f = fixture();
    let texts: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    f.store.begin_run(begin("r", "main", &texts)).await.unwrap();
    for (limit, before, want) in
        [(3, None, vec![8, 9, 10]), (3, Some(8), vec![5, 6, 7]), (30, Some(3), vec![1, 2]), (0, None, vec![])]
    {
        let (entries, total) = f.store.history(&key("main"), limit, before).await.unwrap();
        assert_eq!((entries.iter().map(|e| e.seq).collect::<Vec<_>>(), total), (want, 10));
    }
    assert_eq!(f.store.history(&key("nobody"), 5, None).await.unwrap(), (vec![], 0));
    assert!(f.store.context(&key("nobody")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_page_reaches_as_far_back_as_limit_and_bytes_allow() {
    let f = fixture();
    let texts: Vec<String> = (1..=10).map(|_| "x".repeat(1000)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    f.store.begin_run(begin("r", "main", &texts)).await.unwrap();
    for (limit, offset, bytes, want) in [
        (3, 0, 1_000_000, vec![8, 9, 10]),
        (3, 2, 1_000_000, vec![6, 7, 8]),
        (30, 8, 1_000_000, vec![1, 2]),
        (3, 10, 1_000_000, vec![]),
        (3, usize::MAX, 1_000_000, vec![]),
        (30, 1, 2_500, vec![8, 9]),
        (30, 1, 0, vec![9]),
        (0, 0, 1_000_000, vec![]),
    ] {
        let page = HistoryPage { session_id: None, limit, offset, max_bytes: bytes };
        let (entries, total) = f.store.history_page(&key("main"), page).await.unwrap().unwrap();
        let seqs: Vec<i64> = entries.iter().map(|e| e.seq).collect();
        assert_eq!((seqs, total), (want, 10), "{limit} from {offset}, {bytes} bytes");
    }
    let page = |id: Option<&str>| HistoryPage {
        session_id: id.map(str::to_owned),
        limit: 5,
        offset: 0,
        max_bytes: 1_000_000,
    };
    assert_eq!(f.store.history_page(&key("nobody"), page(None)).await.unwrap(), Some((vec![], 0)));
    // An earlier conversation of the same session is read by its id, and no other's.
    let before = f.store.session(&key("main")).await.unwrap().unwrap().session_id;
    f.store.reset_session(&key("main")).await.unwrap();
    f.store.begin_run(begin("s", "other", &["there"])).await.unwrap();
    assert_eq!(f.store.history_page(&key("main"), page(None)).await.unwrap(), Some((vec![], 0)));
    let (entries, total) = f.store.history_page(&key("main"), page(Some(&before))).await.unwrap().unwrap();
    assert_eq!((entries.len(), total), (5, 10));
    assert_eq!(f.store.history_page(&key("other"), page(Some(&before))).await.unwrap(), None);
}

#[tokio::test]
async fn a_reset_begins_a_new_transcript_and_a_run_under_way_stays_with_the_old() {
    let f = fixture();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let before = f.store.session(&key("main")).await.unwrap().unwrap();
    f.clock.advance_ms(3);
    let after = f.store.reset_session(&key("main")).await.unwrap().unwrap();
    assert_ne!(after.session_id, before.session_id);
    assert_eq!((after.created_at_ms, after.started_at_ms), (START, START + 3));
    f.store.finish_run(finish("r", vec![])).await.unwrap();
    let session = f.store.session(&key("main")).await.unwrap().unwrap();
    assert_eq!((session.message_count, session.usage.total(), session.preview), (0, 0, None));
    assert!(f.store.context(&key("main")).await.unwrap().is_empty());
    assert_eq!(f.store.run("r").await.unwrap().unwrap().session_id, before.session_id);
    assert_eq!(f.store.reset_session(&key("nobody")).await.unwrap(), None);
}

#[tokio::test]
async fn settings_stay_as_they_were_set() {
    let f = fixture();
    assert_eq!(f.store.setting("a").await.unwrap(), None);
    f.store.set_setting("a", &json!({"x": [1, null]})).await.unwrap();
    f.store.set_setting("a", &json!({"x": 2})).await.unwrap();
    let f = f.restarted().await;
    assert_eq!(f.store.setting("a").await.unwrap(), Some(json!({"x": 2})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reader_sees_what_it_was_told_is_written() {
    let f = fixture();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = f.store.clone();
        tasks.spawn(async move {
            for n in 0..25 {
                let (run, session) = (format!("{writer}-{n}"), format!("s{writer}"));
                store.begin_run(begin(&run, &session, &["hi"])).await.unwrap();
                assert_eq!(store.context(&key(&session)).await.unwrap().len(), 2 * n + 1);
                store.finish_run(finish(&run, vec![])).await.unwrap();
                let session = store.session(&key(&session)).await.unwrap().unwrap();
                assert_eq!(session.message_count, 2 * n as i64 + 2);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(f.store.session_count(None).await.unwrap(), 8);
}
