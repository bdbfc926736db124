//! After a crash: runs that were cut go on before anything new begins.

use super::Work;
use super::finish;
use super::turn::{Begin, failed};
use crate::approvals::question::Body;
use crate::current::Current;
use crate::shared::Shared;
use agent::queue::{QueueMode, Submission, Submitted};
use agent::resume::plan_resume;
use model::{Block, Message, SessionKey};
use std::sync::Arc;
use std::time::Duration;
use store::{ApprovalStatus, Run, RunStatus, StoreError};

/// A run that was cut this often is ended with an apology: it may be what brings the gateway down.
const MAX_RESUMES: i64 = 10;

/// Approved nodes have this long, from the start, to come back before a cut run goes on without them.
const NODE_GRACE: Duration = Duration::from_secs(5);

/// Queues every run that was running when the gateway died. Called once, before inbound rows are looked at, so that
/// the order within each session is kept.
pub(crate) async fn all(shared: &Arc<Shared>) -> Result<(), StoreError> {
    for run in shared.store.unfinished_runs().await? {
        tracing::info!(run = %run.run_id, session = %run.session_key, "a run was cut; it goes on");
        let key = run.session_key.clone();
        let route = run.route.as_ref().map(|r| format!("{}:{}:{}", r.channel, r.account, r.to));
        let run_id = run.run_id.clone();
        let submission = Submission { run_id: run_id.clone(), route, payload: Work::Resume(Box::new(run)) };
        if shared.runs.submit(shared, &key, submission, QueueMode::FollowUp) == Submitted::Refused {
            tracing::error!(run = %run_id, "too many runs were cut in one session; this one waits for the next start");
        }
    }
    Ok(())
}

/// Right after the start no node can be back yet; a run that was about to use one would be told that there is none.
async fn wait_for_nodes(shared: &Shared) -> Result<(), StoreError> {
    if shared.store.nodes().await?.is_empty() {
        return Ok(());
    }
    while shared.started.elapsed() < NODE_GRACE && shared.hub.nodes.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// What the run called before and is not there yet may be lent by a node that has not published it again, or by a server of tools that
/// has not begun again.
async fn wait_for_tools(
    shared: &Shared,
    current: &Current,
    key: &SessionKey,
    messages: &[Message],
) -> Result<(), StoreError> {
    let is_there = |name: &str| {
        let tools = shared.tools_for(current, key.agent_id());
        tools.iter().any(|tool| tool.spec().name == name)
    };
    let mut called: Vec<&str> = messages.iter().flat_map(calls).collect();
    called.retain(|name| !is_there(name));
    let by_server = shared.own_servers.is_some() && called.iter().any(|name| name.contains("__"));
    if called.is_empty() || (!by_server && shared.store.nodes().await?.is_empty()) {
        return Ok(());
    }
    while shared.started.elapsed() < NODE_GRACE && !called.iter().all(|name| is_there(name)) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The names of the tools that a message calls.
fn calls(message: &Message) -> impl Iterator<Item = &str> {
    let blocks = match message {
        Message::Assistant(said) => said.content.as_slice(),
        _ => &[],
    };
    blocks.iter().filter_map(|block| match block {
        Block::ToolCall { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// Begins a cut run again: the cut is marked in its transcript, calls that may have had effects are not repeated.
pub(super) async fn begin(
    shared: &Arc<Shared>,
    key: &SessionKey,
    run: &Run,
) -> Result<Option<Begin>, StoreError> {
    wait_for_nodes(shared).await?;
    let Some((run, mut entries)) = shared.store.resume_run(&run.run_id).await? else { return Ok(None) };
    if run.status != RunStatus::Running {
        finish::resolve_stored(shared, &run);
        return Ok(None);
    }
    let current = shared.current();
    if run.resumes > MAX_RESUMES {
        let begun = Begin { run, entries: vec![], first: None, current };
        let events = super::events::RunEvents::new(
            shared.clone(),
            key.clone(),
            begun.run.session_id.clone(),
            begun.run.run_id.clone(),
        );
        let message = "this was interrupted too often and is given up; please ask again".to_owned();
        finish::finish(shared, key, (&begun, None), failed(message), &events).await;
        return Ok(None);
    }
    let messages: Vec<_> = entries.iter().map(|e| e.message.clone()).collect();
    wait_for_tools(shared, &current, key, &messages).await?;
    let tools = shared.tools_for(&current, key.agent_id());
    let asked = shared.store.approvals_of_run(&run.run_id).await?;
    // What clients ask may name any call.
    let own = |a: &store::Approval| Body::of(a).requester.is_agent();
    let waited = asked.into_iter().filter(|a| a.status == ApprovalStatus::Cancelled && own(a));
    let unbegun: Vec<String> = waited.filter_map(|a| a.tool_call_id).collect();
    let plan = plan_resume(&messages, &tools, &unbegun, shared.clock.now_ms());
    if !plan.append.is_empty() {
        entries.extend(shared.store.append(&run.run_id, plan.append, vec![], vec![]).await?);
    }
    Ok(Some(Begin { run, entries, first: None, current }))
}
