//! Jobs and their runs: begun once, ended once, and only on the state that was decided on.

use crate::support::{START, begin, finish, fixture, inbound, key, outbound};
use model::cron::{Job, RunOutcome};
use serde_json::{Value, json};
use store::{AddedJob, AfterRun, EndCronRun, Ended, JobRow, RunFilter, StartCronRun, Store};

fn job(id: &str, next: i64) -> Job {
    let value = json!({
        "id": id, "name": id, "enabled": true, "createdAtMs": START, "updatedAtMs": START,
        "schedule": {"kind": "every", "everyMs": 1000}, "sessionTarget": "isolated", "wakeMode": "now",
        "payload": {"kind": "agentTurn", "message": "hi"}, "state": {"nextRunAtMs": next},
    });
    serde_json::from_value(value).unwrap()
}

async fn added(store: &Store, job: Job) -> JobRow {
    match store.add_cron_job(job, 10).await.unwrap() {
        AddedJob::Yes(row) => *row,
        other => panic!("{other:?}"),
    }
}

fn start(row: &JobRow, run_id: &str) -> StartCronRun {
    StartCronRun {
        run_id: run_id.into(),
        job: row.job.clone(),
        revision: row.revision,
        agent_id: "main".into(),
        session_key: Some(key("main")),
        started_at_ms: START,
        inbound: None,
        event: Some(format!("line of {run_id}")),
        wakes: false,
        woken_by: None,
        end: None,
        remove_job: false,
    }
}

fn end(row: &JobRow, run_id: &str, after: AfterRun) -> EndCronRun {
    EndCronRun {
        run_id: run_id.into(),
        status: RunOutcome::Ok,
        delivery: "outbox",
        entry: json!({"runId": run_id, "completionStatus": "succeeded"}),
        job: Some((row.job.clone(), row.revision)),
        after,
        outbox: vec![],
    }
}

#[tokio::test]
async fn a_time_is_begun_once_by_whoever_saw_the_job_as_it_is() {
    let f = fixture();
    let row = added(&f.store, job("a", START)).await;
    added(&f.store, job("later", START + 1)).await;
    let due = f.store.cron_due(START, 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&row));
    assert!(f.store.start_cron_run(start(&row, "r1")).await.unwrap().is_some());
    for again in ["r1", "r2"] {
        assert!(f.store.start_cron_run(start(&row, again)).await.unwrap().is_none());
    }
    let lines = f.store.system_events(&key("main")).await.unwrap();
    assert_eq!(lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>(), ["line of r1"]);
    // What runs is not due, and is found open after a restart.
    let f = f.restarted().await;
    assert!(f.store.cron_due(START, 10).await.unwrap().is_empty());
    assert_eq!(f.store.cron_next_at().await.unwrap(), Some(START + 1));
    assert_eq!(f.store.open_cron_runs().await.unwrap()[0].run_id, "r1");
}

#[tokio::test]
async fn a_run_ends_once_and_never_over_an_edit() {
    let f = fixture();
    let row = added(&f.store, job("a", START)).await;
    f.store.start_cron_run(start(&row, "r")).await.unwrap();
    let read = f.store.cron_job("a").await.unwrap().unwrap();
    let edited = Job { name: "edited".into(), ..read.job.clone() };
    f.store.change_cron_job(edited, read.revision).await.unwrap().unwrap();
    assert!(f.store.change_cron_job(read.job.clone(), read.revision).await.unwrap().is_none());
    assert_eq!(f.store.end_cron_run(end(&read, "r", AfterRun::Keep)).await.unwrap(), Ended::Stale);
    assert_eq!(f.store.open_cron_runs().await.unwrap().len(), 1, "nothing was written");
    let read = f.store.cron_job("a").await.unwrap().unwrap();
    assert_eq!(f.store.end_cron_run(end(&read, "r", AfterRun::Keep)).await.unwrap(), Ended::Now);
    assert_eq!(f.store.end_cron_run(end(&read, "r", AfterRun::Remove)).await.unwrap(), Ended::Before);
    let read = f.store.cron_job("a").await.unwrap().unwrap();
    assert_eq!((read.job.name.as_str(), read.running), ("edited", None));
}

#[tokio::test]
async fn a_job_goes_when_its_answer_is_sent_and_its_history_says_what_became_of_that() {
    let f = fixture();
    let row = added(&f.store, job("a", START)).await;
    f.store.start_cron_run(start(&row, "r")).await.unwrap();
    f.store.begin_run(begin("r", "main", &["hi"])).await.unwrap();
    let (_, rows) = f.store.finish_run(finish("r", vec![outbound("c", "answer")])).await.unwrap();
    let read = f.store.cron_job("a").await.unwrap().unwrap();
    f.store.end_cron_run(end(&read, "r", AfterRun::RemoveOnceSent)).await.unwrap();
    let delivery = async || f.store.cron_runs(filter()).await.unwrap().runs[0].delivery.clone();
    assert_eq!(delivery().await, "unknown");
    assert!(f.store.remove_sent_cron_jobs().await.unwrap().is_empty());
    f.store.mark_sent(rows[0].id, "p1").await.unwrap();
    assert_eq!(delivery().await, "delivered");
    assert_eq!(f.store.remove_sent_cron_jobs().await.unwrap().len(), 1);
    assert!(f.store.cron_job("a").await.unwrap().is_none());
}

fn filter() -> RunFilter {
    RunFilter { limit: 50, ..RunFilter::default() }
}

#[tokio::test]
async fn runs_are_found_by_what_they_are_and_forgotten_after_a_week() {
    let f = fixture();
    for (id, status, text) in [("a", RunOutcome::Ok, "all well"), ("b", RunOutcome::Error, "No Route")] {
        let row = added(&f.store, job(id, START)).await;
        let entry = json!({"runId": id, "summary": text});
        let once = StartCronRun { end: Some((status, entry)), remove_job: true, ..start(&row, id) };
        f.store.start_cron_run(once).await.unwrap();
    }
    assert!(f.store.cron_jobs().await.unwrap().is_empty());
    let ids = async |f: &crate::support::Fixture, filter: RunFilter| -> Vec<Value> {
        f.store.cron_runs(filter).await.unwrap().runs.into_iter().map(|r| r.entry["runId"].clone()).collect()
    };
    assert_eq!(ids(&f, filter()).await, ["b", "a"]);
    assert_eq!(ids(&f, RunFilter { ascending: true, limit: 1, ..filter() }).await, ["a"]);
    assert_eq!(ids(&f, RunFilter { query: Some("route".into()), ..filter() }).await, ["b"]);
    assert_eq!(ids(&f, RunFilter { statuses: vec!["ok".into()], ..filter() }).await, ["a"]);
    assert_eq!(ids(&f, RunFilter { job_id: Some("b".into()), ..filter() }).await, ["b"]);
    let none = RunFilter { deliveries: vec!["delivered".into()], ..filter() };
    assert_eq!(f.store.cron_runs(none).await.unwrap().total, 0);
    f.clock.advance_ms(8 * 24 * 3600 * 1000);
    f.store.prune().await.unwrap();
    assert_eq!(f.store.cron_runs(filter()).await.unwrap().total, 0);
}

#[tokio::test]
async fn there_are_only_so_many_jobs_and_one_for_each_declaration() {
    let f = fixture();
    let declared = |id: &str| Job { declaration_key: Some("k".into()), ..job(id, START) };
    added(&f.store, declared("a")).await;
    assert_eq!(f.store.add_cron_job(declared("b"), 10).await.unwrap(), AddedJob::Declared);
    assert_eq!(f.store.add_cron_job(job("c", START), 1).await.unwrap(), AddedJob::Full);
    assert_eq!(f.store.cron_declared("k").await.unwrap().unwrap().job.id, "a");
}

#[tokio::test]
async fn lines_wait_once_each_and_no_more_than_somebody_reads() {
    let f = fixture();
    let (main, other) = (key("main"), key("other"));
    for n in 0..store::MAX_SYSTEM_EVENTS {
        f.store.add_system_event(&main, &format!("line {n}"), false).await.unwrap();
        f.store.add_system_event(&main, "line 0", false).await.unwrap();
    }
    assert!(f.store.add_system_event(&main, "one more", false).await.is_err());
    f.store.add_system_event(&other, "one more", false).await.unwrap();
    let lines = f.store.system_events(&main).await.unwrap();
    assert_eq!(lines.len(), store::MAX_SYSTEM_EVENTS);
    let taken = store::BeginRun {
        system_events: lines.iter().map(|l| l.id).collect(),
        ..begin("r", "main", &["hi"])
    };
    f.store.begin_run(taken).await.unwrap();
    assert!(f.store.system_events(&main).await.unwrap().is_empty());
    assert_eq!(f.store.system_events(&other).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wake_stands_until_the_look_that_it_asked_for_has_begun() {
    let f = fixture();
    let row = added(&f.store, job("a", START)).await;
    let wake = StartCronRun { wakes: true, ..start(&row, "line") };
    f.store.start_cron_run(wake).await.unwrap();
    f.store.add_system_event(&key("main"), "more", true).await.unwrap();
    f.store.add_system_event(&key("quiet"), "less", false).await.unwrap();
    let f = f.restarted().await;
    let wakes = f.store.wakes().await.unwrap();
    assert_eq!(wakes.iter().map(|w| &w.key).collect::<Vec<_>>(), [&key("main")]);
    // Asked for once more before the look at what was there begins: it is looked at again.
    f.store.add_system_event(&key("main"), "even more", true).await.unwrap();
    let look = added(&f.store, job("b", START)).await;
    let look = StartCronRun { woken_by: Some(wakes[0].id), event: None, ..start(&look, "look") };
    f.store.start_cron_run(look).await.unwrap();
    let again = f.store.wakes().await.unwrap();
    assert_eq!(again.len(), 1);
    let c = added(&f.store, job("c", START)).await;
    let look = StartCronRun { woken_by: Some(again[0].id), event: None, ..start(&c, "look again") };
    f.store.start_cron_run(look).await.unwrap();
    assert!(f.store.wakes().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_history_of_a_job_is_bounded_however_often_it_runs() {
    let f = fixture();
    let mut row = added(&f.store, job("a", START)).await;
    for n in 0..2003 {
        let end = Some((RunOutcome::Ok, json!({"runId": n})));
        let once = StartCronRun { end, event: None, ..start(&row, &format!("r{n}")) };
        f.store.start_cron_run(once).await.unwrap().unwrap();
        row.revision += 1;
    }
    let page = f.store.cron_runs(RunFilter { ascending: true, ..filter() }).await.unwrap();
    assert_eq!((page.total, &page.runs[0].entry["runId"]), (2000, &json!(3)));
}

#[tokio::test]
async fn a_session_of_a_run_goes_when_it_is_old_and_has_no_work() {
    let f = fixture();
    for name in ["cron:j:run:done", "cron:j:run:works", "cron:j:run:waits", "cron:j:run:pinned", "brief"] {
        f.store.begin_run(begin(name, name, &["hi"])).await.unwrap();
        if name != "cron:j:run:works" {
            f.store.finish_run(finish(name, vec![])).await.unwrap();
        }
    }
    let patch = store::SessionPatch { pinned: Some(true), ..Default::default() };
    let pinned = key("cron:j:run:pinned");
    f.store.patch_session(&pinned, store::SessionGuard::default(), patch).await.unwrap();
    let waits = key("cron:j:run:waits").to_string();
    f.store.accept_inbound("rpc", "", vec![inbound(&waits, "m")], "").await.unwrap();
    f.store.add_system_event(&key("cron:j:run:done"), "a line", true).await.unwrap();
    assert!(f.store.old_cron_sessions(START).await.unwrap().is_empty(), "none is older");
    let old = f.store.old_cron_sessions(START + 1).await.unwrap();
    assert_eq!(old, [key("cron:j:run:done")]);
    let nobodys = f.store.delete_cron_sessions(START + 1, [key("brief")].into()).await.unwrap();
    assert!(nobodys.is_empty(), "who does not hold it deletes nothing");
    let gone = f.store.delete_cron_sessions(START + 1, old.into_iter().collect()).await.unwrap();
    assert_eq!(gone.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key("cron:j:run:done")]);
    assert_eq!(f.store.session_count(None).await.unwrap(), 4);
    assert!(f.store.wakes().await.unwrap().is_empty());
    assert!(f.store.system_events(&key("cron:j:run:done")).await.unwrap().is_empty());
}
