//! One turn, from its submissions to its end: begin (durable), run, finish (durable), tell.

use super::events::{COALESCE, RunEvents};
use super::transcript::{RunTranscript, speaker, system_message, user_message};
use super::{Turn, Work, dispatch, draft, fallback, finish, marks, outgoing};
use crate::current::Current;
use crate::methods::over_funnel;
use crate::models::failover::Chain;
use crate::node_tools;
use crate::shared::Shared;
use agent::prompt::{PromptInput, system_prompt};
use agent::queue::Submission;
use agent::turn::{Limits, TurnEnd, TurnError, TurnErrorKind, TurnOutcome, TurnSetup, run_turn};
use model::{ChatKind, Inbound, Message, SessionKey, Usage};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{BeginRun, Begun, Entry, InboundRow, Route, Run, RunStatus, StoreError, SystemEvent};
use tokio_util::sync::CancellationToken;

/// How often a chat is told that an answer is being written; platforms forget after five seconds or so.
const TYPING_INTERVAL: Duration = Duration::from_secs(4);

/// When the store cannot take the beginning of a turn (a full disk, say), it is tried again after this time.
const BEGIN_RETRY: Duration = Duration::from_secs(2);

/// What the agent is told of reactions.
const REACT_RARELY: &str = "\n\nYou can react to a message with an emoji (message, action react). Do so rarely: where it says what would need no words.";
const REACT_OFTEN: &str = "\n\nYou can react to a message with an emoji (message, action react). Do so freely, as friends do in a chat.";

/// A run that has begun.
pub(crate) struct Begin {
    pub(crate) run: Run,
    pub(crate) entries: Vec<Entry>,
    /// The message that it answers; `None` where it is resumed.
    pub(crate) first: Option<Inbound>,
    /// The configuration that it goes by to its end.
    pub(crate) current: Arc<Current>,
}

/// Runs one turn of a session.
pub(crate) async fn run(shared: &Arc<Shared>, key: &SessionKey, turn: Turn) {
    let Turn { work, cancel } = turn;
    let Some(begun) = begin_at_last(shared, key, &work).await else { return };
    // The rows are closed: nothing holds them any more.
    drop(work);
    let run = &begun.run;
    let events = RunEvents::new(shared.clone(), key.clone(), run.session_id.clone(), run.run_id.clone());
    events.lifecycle(json!({"phase": "start", "startedAt": run.started_at_ms}));
    super::events::session_changed(shared, key, "send").await;
    let wanted = fallback::wanted(&begun);
    let models = &begun.current.models;
    let chain = Chain::new(models, &shared.store, key.agent_id(), wanted, &run.session_id).await;
    let (outcome, report) = match chain {
        Ok(chain) => {
            fallback::passed(&events, &chain.report());
            let outcome = answer(shared, key, (&begun, &chain), &events, &cancel).await;
            (outcome, Some(chain.report()))
        }
        Err(message) => (failed(message), None),
    };
    finish::finish(shared, key, (&begun, report), outcome, &events).await;
}

/// Begins, however long the store cannot take it: the session waits meanwhile, so that nothing overtakes this message.
/// `None`: there is nothing to run, or the gateway is stopping.
async fn begin_at_last(shared: &Arc<Shared>, key: &SessionKey, work: &[Submission<Work>]) -> Option<Begin> {
    loop {
        match begin(shared, key, work).await {
            Ok(begun) => return begun,
            Err(StoreError::Closed { .. }) => return None,
            Err(error) => tracing::error!(session = %key, %error, "a turn waits for the store"),
        }
        tokio::time::sleep(BEGIN_RETRY).await;
    }
}

/// Begins the run: its row, its messages and the end of its inbound rows are one commit. Can be called again after an
/// error: what was begun already goes on as after a crash.
async fn begin(
    shared: &Arc<Shared>,
    key: &SessionKey,
    work: &[Submission<Work>],
) -> Result<Option<Begin>, StoreError> {
    let mut rows: Vec<&InboundRow> = Vec::new();
    for submission in work {
        match &submission.payload {
            Work::Message { row, .. } => rows.push(row),
            Work::Resume(run) => return super::resume::begin(shared, key, run).await,
        }
    }
    begin_rows(shared, key, rows).await
}

async fn begin_rows(
    shared: &Arc<Shared>,
    key: &SessionKey,
    rows: Vec<&InboundRow>,
) -> Result<Option<Begin>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let events = shared.store.system_events(key).await?;
    let begin = begin_row(key, first, &rows, &events);
    let said = begin.messages.len();
    match shared.store.begin_run(begin).await? {
        // Somebody took messages out while they were on their way into the queue: those that are left get their turn.
        Begun::Closed => {
            let mut open = Vec::with_capacity(rows.len());
            for row in rows {
                if shared.store.is_open_inbound(row.id).await? {
                    open.push(row);
                }
            }
            Box::pin(begin_rows(shared, key, open)).await
        }
        Begun::Started { run, transcript } => {
            shared.arriving.may_have_room();
            let current = shared.current();
            let new = transcript.len().saturating_sub(said);
            super::events::session_messages(shared, key, transcript.get(new..).unwrap_or_default());
            Ok(Some(Begin { run, entries: transcript, first: Some(first.inbound.clone()), current }))
        }
        // Begun by an earlier try of this very turn, whose second half failed.
        Begun::Existing(run) if run.status == RunStatus::Running => {
            super::resume::begin(shared, key, &run).await
        }
        Begun::Existing(run) => {
            // The same message once more: its row only needs closing; whoever waits gets the first answer.
            shared.store.close_inbound(vec![first.id], "answered by an earlier run", vec![]).await?;
            finish::resolve_stored(shared, &run);
            Ok(None)
        }
    }
}

fn begin_row(key: &SessionKey, first: &InboundRow, rows: &[&InboundRow], events: &[SystemEvent]) -> BeginRun {
    let inbound = &first.inbound;
    let is_rpc = inbound.channel == dispatch::RPC;
    let chat_type = if inbound.chat.kind == ChatKind::Group { "group" } else { "direct" };
    BeginRun {
        run_id: dispatch::run_id(first),
        session_key: key.clone(),
        route: dispatch::route_of(inbound),
        directives: inbound.directives.clone(),
        messages: system_message(events)
            .into_iter()
            .chain(rows.iter().map(|row| user_message(row)))
            .collect(),
        system_events: events.iter().map(|event| event.id).collect(),
        inbound_ids: rows.iter().map(|row| row.id).collect(),
        created_via: if is_rpc { "run" } else { "channel" }.into(),
        title: (!is_rpc).then(|| inbound.chat.title.clone().unwrap_or_else(|| speaker(inbound))),
        chat_type: (!is_rpc).then(|| chat_type.into()),
    }
}

async fn answer(
    shared: &Arc<Shared>,
    key: &SessionKey,
    (begun, chain): (&Begin, &Arc<Chain>),
    events: &RunEvents,
    cancel: &CancellationToken,
) -> TurnOutcome {
    let settings = &begun.current.settings;
    let directives = begun.run.directives.clone().unwrap_or_default();
    let tools = tools_of(shared, key, begun);
    let mut system = prompt(shared, key, begun, &tools).await;
    if let Some(often) = reacts(begun, &tools) {
        system.push_str(if often { REACT_OFTEN } else { REACT_RARELY });
    }
    if let Some(of_group) = group_of(shared, begun).and_then(|group| group.system_prompt) {
        system.push_str("\n\n");
        system.push_str(&of_group);
    }
    if let Some(extra) = &directives.extra_system {
        system.push_str("\n\n");
        system.push_str(extra);
    }
    let mut limits = Limits { turn_deadline: settings.turn_deadline, ..Limits::default() };
    if let Some(ms) = directives.timeout_ms.filter(|ms| *ms > 0) {
        limits.turn_deadline = limits.turn_deadline.min(Duration::from_millis(ms));
    }
    if let Some(reserve) = settings.reserve_tokens {
        limits.reserve_tokens = reserve;
    }
    let setup = TurnSetup {
        agent_id: key.agent_id().to_owned(),
        session_key: key.clone(),
        run_id: begun.run.run_id.clone(),
        system,
        model: chain.model(),
        failover: Some(chain.clone()),
        tools,
        clock: shared.clock.clone(),
        limits,
    };
    let messages: Vec<Message> = begun.entries.iter().map(|e| e.message.clone()).collect();
    let transcript =
        RunTranscript::new(shared.clone(), key.clone(), begun.run.run_id.clone(), &begun.entries);
    let (mut watched, drafting) = draft::of(shared, begun, events);
    let (feed, mut marked) = marks::of(shared, key, begun).unzip();
    watched.marks = feed;
    let turn = async move {
        let turn = run_turn(&setup, messages, &transcript, &watched, cancel);
        let route = begun.run.route.as_ref().filter(|_| !outgoing::is_mute(begun));
        let outcome = tended(shared, route, events, turn).await;
        // The draft ends with what it shows.
        drop(watched);
        outcome
    };
    let outcome = tokio::join!(turn, draft::keep(drafting), marks::keep(&mut marked)).0;
    marks::end(marked, &outcome);
    outcome
}

/// A turn, and what is done beside it: text that was held back is told, and the chat sees that somebody writes.
async fn tended(
    shared: &Shared,
    route: Option<&Route>,
    events: &RunEvents,
    turn: impl Future<Output = TurnOutcome>,
) -> TurnOutcome {
    let mut turn = std::pin::pin!(turn);
    let mut flush = tokio::time::interval(COALESCE);
    let mut typing = tokio::time::interval(TYPING_INTERVAL);
    loop {
        tokio::select! {
            outcome = &mut turn => return outcome,
            _ = flush.tick() => events.flush(),
            _ = typing.tick() => shared.channels.typing(&shared.lifecycle, route),
        }
    }
}

/// What is configured for the group in which the message was said. A call that only has its answer delivered there is its
/// caller's.
fn group_of(shared: &Shared, begun: &Begin) -> Option<config::GroupConfig> {
    let route = begun.run.route.as_ref().filter(|_| begun.run.directives.is_none())?;
    dispatch::group_of(
        &shared.channels.moved_groups(),
        &begun.current.settings,
        &route.channel,
        &route.account,
        &route.to,
    )
}

/// The tools of a turn: those of the agent, as far as the call and the chat let it have them.
pub(super) fn tools_of(shared: &Arc<Shared>, key: &SessionKey, begun: &Begin) -> agent::tool::Tools {
    let directives = begun.run.directives.clone().unwrap_or_default();
    let (mut tools, by_server) = shared.tools_and_lenders(&begun.current, key.agent_id());
    if directives.over_funnel {
        tools = shared.own_tools(&begun.current, key.agent_id());
        tools.retain(|tool| !over_funnel::LEFT_OUT.contains(&&*tool.spec().name));
    }
    if let Some(allowed) = &directives.tools_allow {
        tools.retain(|tool| allowed.iter().any(|name| *name == tool.spec().name));
    }
    if directives.no_message_tool {
        tools.retain(|tool| tool.spec().name != tools::MESSAGE);
    }
    if let Some(bounds) = group_of(shared, begun).map(|group| group.tools) {
        // A run that goes on after a crash may be anybody's.
        let sender = begun.first.as_ref().map(|inbound| inbound.sender.id.as_str());
        within(&mut tools, &by_server, &bounds, sender);
    }
    if !tools.iter().any(|tool| tool.spec().name == tools::WEB_FETCH) {
        for tool in tools.iter_mut().filter(|tool| tool.spec().name == tools::MESSAGE) {
            *tool = tools::without_urls(tool.clone());
        }
    }
    tools
}

/// Leaves those of the tools that a chat lets somebody use; `by_server`: the names of those that servers lend.
pub(crate) fn within(
    tools: &mut agent::tool::Tools,
    by_server: &HashSet<String>,
    bounds: &config::ChatTools,
    sender: Option<&str>,
) {
    tools.retain(|tool| match tool.spec().name.as_str() {
        name if by_server.contains(name) => bounds.has(sender, &node_tools::names_of_own(name)),
        name => bounds.has(sender, &[name]),
    });
}

/// Whether the agent may put reactions on what it answers, and is to do so often.
fn reacts(begun: &Begin, tools: &agent::tool::Tools) -> Option<bool> {
    let route = begun.run.route.as_ref()?;
    let level = begun.current.settings.account(&route.channel, &route.account)?.reaction_level;
    let can = level.lets_agents_react() && tools.iter().any(|tool| tool.spec().name == tools::MESSAGE);
    can.then_some(level == config::ReactionLevel::Extensive)
}

async fn prompt(shared: &Shared, key: &SessionKey, begun: &Begin, tools: &agent::tool::Tools) -> String {
    let settings = &begun.current.settings;
    let agent = settings.agent(key.agent_id());
    let workspace = agent::workspace::Workspace::new(agent.workspace.clone());
    let channel = begun.run.route.as_ref().map(|r| r.channel.clone());
    let group = begun.first.as_ref().filter(|i| i.chat.kind == ChatKind::Group);
    let light = begun.run.directives.as_ref().is_some_and(|d| d.light_context);
    let now_ms = shared.clock.now_ms();
    let (time_zone, utc_offset_minutes) = settings.zone.at(now_ms);
    system_prompt(&PromptInput {
        agent_id: agent.id.clone(),
        agent_name: agent.name.clone(),
        session_key: key.to_string(),
        channel,
        group: group.map(|i| i.chat.title.clone().unwrap_or_else(|| i.chat.id.clone())),
        now_ms,
        time_zone,
        utc_offset_minutes,
        tools: tools.iter().map(|t| t.spec().name.clone()).collect(),
        nodes: node_names(shared),
        skills: skills(shared, begun),
        workspace: workspace.root().display().to_string(),
        files: if light { vec![] } else { workspace.bootstrap().await },
    })
}

/// The skills that the agent is told of: of those that it has, the ones of its chat.
fn skills(shared: &Shared, begun: &Begin) -> Vec<agent::prompt::Skill> {
    let mut skills = crate::node_skills::told(shared, &begun.current);
    if let Some(only) = group_of(shared, begun).and_then(|group| group.skills) {
        skills.retain(|skill| only.contains(&skill.name));
    }
    skills
}

fn node_names(shared: &Shared) -> Vec<String> {
    let mut names: Vec<String> = shared
        .hub
        .nodes
        .all()
        .into_iter()
        .map(|n| n.declared.display_name.unwrap_or(n.declared.node_id))
        .collect();
    names.sort();
    names
}

/// A turn that could not even ask the model.
pub(crate) fn failed(message: String) -> TurnOutcome {
    ended(TurnEnd::Failed(TurnError { kind: TurnErrorKind::Model(llm::ErrorKind::Refused), message }))
}

/// A turn that ended before it began.
pub(crate) fn ended(end: TurnEnd) -> TurnOutcome {
    TurnOutcome {
        reply: String::new(),
        silent: false,
        messages: vec![],
        calls: vec![],
        usage: Usage::default(),
        last_call: Usage::default(),
        tool_names: vec![],
        tool_failures: 0,
        model_calls: 0,
        end,
    }
}
