//! `tasks.list`, `tasks.get`, `tasks.cancel`: what agents are at and were at. A task is a run of an agent, whoever began it; what
//! waits for one is a task that is queued.

use super::{Answer, Call, Handler, handlers, store_error, submit};
use crate::runs::{abort, dispatch};
use model::SessionKey;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{InboundRow, RunStatus, Task, TaskFilter};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "tasks.list" => list,
    "tasks.get" => get,
    "tasks.cancel" => cancel,
};

/// Tasks of a page where nothing is said, and at most.
const LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;
/// Characters of an answer or an error that are shown; the transcript has all of it.
const MAX_SUMMARY: usize = 2000;
/// How a task may stand. None is `timed_out` here: such a turn failed, and its error says why.
const STATUS: [&str; 6] = ["queued", "running", "completed", "failed", "cancelled", "timed_out"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    status: Option<Words>,
    agent_id: Option<String>,
    session_key: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    More(Vec<String>),
}

async fn list(mut call: Call) -> Answer {
    let p: Params = call.params().map_err(|_| invalid("at /status: must be a status or a list of them"))?;
    let limit = p.limit.unwrap_or(LIMIT);
    if limit > MAX_LIMIT {
        return Err(invalid(&format!("at /limit: must be <= {MAX_LIMIT}")));
    }
    let wanted = match p.status {
        None => STATUS.iter().map(|s| (*s).to_owned()).collect(),
        Some(Words::One(word)) => vec![word],
        Some(Words::More(words)) => words,
    };
    if wanted.iter().any(|word| !STATUS.contains(&word.as_str())) {
        return Err(invalid("at /status: must be equal to one of the allowed values"));
    }
    let begin = Begin::read(p.cursor.as_deref())
        .ok_or_else(|| invalid("at /cursor: must be the nextCursor of an earlier answer"))?;
    let session = match &p.session_key {
        Some(key) => Some(submit::kept_session_key(&call, Some(key), p.agent_id.as_deref())?),
        None => None,
    };
    let is_wanted = |key: &SessionKey| {
        session.as_ref().is_none_or(|wanted| wanted == key)
            && p.agent_id.as_ref().is_none_or(|agent| agent == key.agent_id())
    };
    let mut tasks: Vec<Value> = Vec::new();
    // What waits has no run's number yet: it stands before everything else, as it came.
    if let Begin::Waiting(after) = begin
        && wanted.iter().any(|word| word == "queued")
    {
        let mut last = after;
        for row in call.shared.store.open_inbound().await.map_err(store_error)? {
            let key = dispatch::session_of(&call.shared, &row.inbound);
            if row.id <= after || !is_wanted(&key) {
                continue;
            }
            if tasks.len() == limit {
                return Ok(json!({"tasks": tasks, "nextCursor": format!("{WAITING}{last}")}).into());
            }
            last = row.id;
            tasks.push(queued(&row, &key));
        }
    }
    let below = match begin {
        Begin::Waiting(_) => None,
        Begin::Runs(below) => Some(below),
    };
    let statuses: Vec<RunStatus> = wanted.iter().filter_map(|word| run_status(word)).collect();
    let left = limit - tasks.len();
    // One more says whether there is another page.
    let filter = TaskFilter {
        statuses,
        agent_id: p.agent_id.clone(),
        session_key: session.clone(),
        below,
        limit: left + 1,
    };
    let mut found = call.shared.store.tasks(filter).await.map_err(store_error)?;
    let is_more = found.len() > left;
    found.truncate(left);
    tasks.extend(found.iter().map(task));
    let mut answer = json!({"tasks": tasks});
    // A page that is full of what waits is followed by all that runs and ran.
    let last = found.last().map_or(i64::MAX, |task| task.number);
    if is_more {
        answer["nextCursor"] = json!(last.to_string());
    }
    Ok(answer.into())
}

/// Before the number of a row in a cursor.
const WAITING: &str = "waiting-";

/// Where a page begins.
#[derive(Clone, Copy)]
enum Begin {
    /// With what waits, behind this row.
    Waiting(i64),
    /// With what runs and ran, below this number.
    Runs(i64),
}

impl Begin {
    fn read(cursor: Option<&str>) -> Option<Self> {
        match cursor.filter(|cursor| !cursor.is_empty()) {
            None => Some(Self::Waiting(0)),
            Some(cursor) => match cursor.strip_prefix(WAITING) {
                Some(row) => row.parse().ok().map(Self::Waiting),
                None => cursor.parse().ok().map(Self::Runs),
            },
        }
    }
}

fn run_status(word: &str) -> Option<RunStatus> {
    match word {
        "running" => Some(RunStatus::Running),
        "completed" => Some(RunStatus::Done),
        "failed" => Some(RunStatus::Failed),
        "cancelled" => Some(RunStatus::Aborted),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    task_id: String,
}

async fn get(mut call: Call) -> Answer {
    let id = call.params::<One>()?.task_id;
    match find(&call, &id).await? {
        Some((task, _)) => Ok(json!({"task": task}).into()),
        None => Err(ErrorShape::invalid(format!(
            "task not found: {}; tasks.list names those that there are",
            id.chars().take(80).collect::<String>()
        ))),
    }
}

/// A task and the session that it is in.
async fn find(call: &Call, id: &str) -> Result<Option<(Value, SessionKey)>, ErrorShape> {
    let store = &call.shared.store;
    if let Some(found) = store.task(id).await.map_err(store_error)? {
        return Ok(Some((task(&found), found.run.session_key)));
    }
    let waiting = store.open_inbound().await.map_err(store_error)?;
    Ok(waiting.iter().find(|row| dispatch::run_id(row) == id).map(|row| {
        let key = dispatch::session_of(&call.shared, &row.inbound);
        (queued(row, &key), key)
    }))
}

async fn cancel(mut call: Call) -> Answer {
    let id = call.params::<One>()?.task_id;
    let Some((before, key)) = find(&call, &id).await? else {
        return Ok(json!({"found": false, "cancelled": false, "reason": "Task not found."}).into());
    };
    let stopped = abort::abort(&call.shared, &key, Some(&id)).await.map_err(store_error)?;
    if stopped.is_empty() {
        // It may have begun or ended meanwhile.
        let now = find(&call, &id).await?.map_or(before, |(task, _)| task);
        let reason = match now["status"].as_str() {
            Some("queued") => {
                "Task waits until its files are here, its session has room or its channel works, and cannot be cancelled before."
            }
            _ => "Task has ended.",
        };
        return Ok(json!({"found": true, "cancelled": false, "reason": reason, "task": now}).into());
    }
    tracing::info!(task = %id, session = %key, by = %call.conn.id(), "a task is cancelled");
    // A running turn ends a moment later; a waiting one is gone, as it was.
    let mut answer = json!({"found": true, "cancelled": true});
    if let Some((task, _)) = find(&call, &id).await? {
        answer["task"] = task;
    }
    Ok(answer.into())
}

/// A message that waits for its turn.
fn queued(row: &InboundRow, key: &SessionKey) -> Value {
    let id = dispatch::run_id(row);
    json!({
        "id": id, "taskId": id, "runId": id, "kind": "agent", "status": "queued", "agentId": key.agent_id(), "sessionKey": key,
        "createdAt": row.inbound.sent_at_ms,
    })
}

fn task(task: &Task) -> Value {
    let run = &task.run;
    let status = match run.status {
        RunStatus::Running => "running",
        RunStatus::Done => "completed",
        RunStatus::Failed => "failed",
        RunStatus::Aborted => "cancelled",
    };
    let short = |text: &String| json!(text.chars().take(MAX_SUMMARY).collect::<String>());
    let mut out = json!({
        "id": run.run_id, "taskId": run.run_id, "runId": run.run_id, "kind": "agent", "status": status,
        "sourceId": run.run_id, "agentId": run.session_key.agent_id(), "sessionKey": run.session_key, "createdAt": run.started_at_ms,
        "startedAt": run.started_at_ms, "updatedAt": run.ended_at_ms.unwrap_or(run.started_at_ms),
    });
    if let Some((id, name)) = &task.job {
        (out["kind"], out["runtime"]) = (json!("cron"), json!("cron"));
        (out["sourceId"], out["title"]) = (json!(id), json!(name));
    }
    if run.route.is_none() {
        out["deliveryStatus"] = json!("not_applicable");
    }
    let more = [
        ("endedAt", run.ended_at_ms.map(|at| json!(at))),
        ("terminalSummary", run.reply.as_ref().map(short)),
        ("error", run.error.as_ref().map(short)),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            out[name] = value;
        }
    }
    out
}

fn invalid(problem: &str) -> ErrorShape {
    ErrorShape::invalid(format!("invalid tasks.list params: {problem}"))
}
