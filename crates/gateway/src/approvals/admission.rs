//! Whether a command may run beside the gateway: what the policy says, and what people say where it wants them asked.

use super::asking::{Asked, ask};
use super::ending::{end, no_route, run_aborted, timeout};
use super::question::{Body, Kind, Question, Requester, prompt, route_of, show};
use super::{ALLOW_ALWAYS, ALLOW_ONCE, DENY, shown, told};
use crate::hub::Audience;
use crate::shared::Shared;
use agent::tool::ToolContext;
use exec::policy::{AllowEntry, Analysis, Ask, Document, Place, Policy, Unclear, Use, Verdict, analyse};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{Approval, ApprovalStatus};
use tokio_util::sync::CancellationToken;
use tools::{AdmittedCommand, CommandToRun, HostError};

/// The end of a question comes from the task that ends questions; should that ever fail, nobody waits for ever.
const SLACK: Duration = Duration::from_secs(30);
/// Why an aborted run's command is not run.
const ABORTED: &str = "the run was aborted; the command was not run.";

/// What is known of a command before it runs.
struct Looked {
    policy: Policy,
    analysis: Result<Analysis, Unclear>,
    used: Option<Vec<Use>>,
    /// What "always" would add to the list; `None` where nothing would be kept.
    grants: Option<Vec<AllowEntry>>,
    cwd: PathBuf,
}

fn refused(message: impl Into<String>) -> HostError {
    HostError { code: "FORBIDDEN".into(), message: message.into() }
}

/// What is said of a command that nobody could read whole.
pub(super) fn too_long() -> HostError {
    refused(format!(
        "people are asked about commands here, and this one is too long to be read with its variables (at most {} \
         characters); make it shorter.",
        shown::MAX_SHOWN
    ))
}

/// Rules for an agent that is not there would be those of nobody: its commands are not run.
pub(super) fn check_agent(shared: &Shared, agent_id: &str) -> Result<(), HostError> {
    if shared.settings().has_agent(agent_id) {
        return Ok(());
    }
    Err(refused(format!("there is no agent {agent_id:?} in agents.list; no commands are run for it.")))
}

/// What may run, there and so. An error says why nothing may.
pub(crate) async fn admit(shared: &Arc<Shared>, command: CommandToRun) -> Result<AdmittedCommand, HostError> {
    check_agent(shared, &command.context.agent_id)?;
    let looked = look(shared, &command).await?;
    let listed = looked.used.is_some();
    let by_list = match looked.policy.verdict(listed) {
        Verdict::Run => looked.policy.security != exec::policy::Security::Full,
        Verdict::Refuse => return Err(refused(not_allowed(shared, &looked))),
        Verdict::Ask => match ask_people(shared, &command, &looked).await? {
            Answer::Allowed => false,
            Answer::Denied => {
                return Err(refused("the operator denied this command. Do not try it in another form."));
            }
            Answer::Unanswered(_) if looked.policy.runs_unanswered(listed) => listed,
            Answer::Unanswered(why) | Answer::Aborted(why) => return Err(refused(why)),
        },
    };
    if command.context.cancel.is_cancelled() {
        return Err(refused(ABORTED));
    }
    let cwd = looked.cwd.clone();
    let argv = if by_list { listed_argv(shared, &command, looked) } else { exec::shell_argv(&command.text) };
    Ok(AdmittedCommand { argv, cwd, env: command.env })
}

/// Looks at the policy, the list and the command.
async fn look(shared: &Arc<Shared>, command: &CommandToRun) -> Result<Looked, HostError> {
    let (file, request) = (shared.approvals.file.clone(), shared.settings().exec_request);
    let agent = command.context.agent_id.clone();
    let (text, cwd, sets_variables) = (command.text.clone(), command.cwd.clone(), !command.env.is_empty());
    let work = move || {
        let document = file.read().map_err(|e| refused(e.to_string()))?.document;
        let policy = Policy::effective(request, &document, &agent);
        let cwd = cwd.canonicalize().map_err(|e| refused(format!("{}: {e}", cwd.display())))?;
        let path = std::env::var("PATH").unwrap_or_default();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let place = Place { cwd: &cwd, path: &path, home: home.as_deref() };
        let analysis = analyse(&exec::shell_argv(&text), place);
        // A variable can make a listed program do anything else.
        let used =
            analysis.as_ref().ok().filter(|_| !sets_variables).and_then(|a| a.listed(&policy.allowlist));
        let lasts = policy.ask != Ask::Always && !sets_variables;
        let grants = analysis.as_ref().ok().filter(|_| lasts).and_then(Analysis::grants);
        let grants = grants.filter(|grants| !grants.is_empty() && fits(document, &agent, grants));
        Ok(Looked { policy, analysis, used, grants, cwd })
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| refused(format!("the policy could not be read: {e}")))?
}

/// Whether the document can take them, too: one that is full is not written.
fn fits(mut document: Document, agent: &str, grants: &[AllowEntry]) -> bool {
    document.allow(agent, grants.to_vec());
    document.too_large().is_none()
}

/// What runs of a listed command: the programs that were looked at. That they were used is noted.
fn listed_argv(shared: &Arc<Shared>, command: &CommandToRun, looked: Looked) -> Vec<String> {
    let (file, now) = (shared.approvals.file.clone(), shared.clock.now_ms());
    let (agent, text) = (command.context.agent_id.clone(), command.text.clone());
    let used = looked.used.unwrap_or_default();
    let note = move || {
        if let Err(error) = file.note_use(&agent, &used, &text, now) {
            tracing::warn!(%error, "the use of an allow-list entry was not noted");
        }
    };
    // Nobody waits for the note; the command does not depend on it.
    shared.lifecycle.spawn(async move {
        let _ = tokio::task::spawn_blocking(note).await;
    });
    looked.analysis.map_or_else(|_| exec::shell_argv(&command.text), |a| a.pinned().to_vec())
}

fn not_allowed(shared: &Shared, looked: &Looked) -> String {
    let file = shared.approvals.file.path().display();
    if looked.policy.security == exec::policy::Security::Deny {
        return format!("no commands are allowed here: security is deny in tools.exec or {file}.");
    }
    let why = match &looked.analysis {
        Err(unclear) => format!("the allow-list cannot vouch for it, because {unclear}"),
        Ok(_) => "not every program in it is on the allow-list, or variables are set".to_owned(),
    };
    format!(
        "{why}. The operator can allow a program with `openclaw approvals allowlist add --gateway PATTERN`, or have \
         commands asked about with tools.exec.mode \"ask\"."
    )
}

/// What people said.
pub(super) enum Answer {
    Allowed,
    Denied,
    /// Nobody said anything in time, or could be asked; why.
    Unanswered(String),
    /// Nobody wants to know any more; nothing runs, whatever the fallback.
    Aborted(String),
}

async fn ask_people(
    shared: &Arc<Shared>,
    command: &CommandToRun,
    looked: &Looked,
) -> Result<Answer, HostError> {
    let grants = looked.grants.clone();
    let mut request = Map::new();
    if !show(&mut request, &command.text, None, &command.env) {
        return Err(too_long());
    }
    request.insert("cwd".into(), json!(looked.cwd.to_string_lossy()));
    request.insert("host".into(), json!("gateway"));
    request.insert("nodeId".into(), Value::Null);
    request.insert("security".into(), json!(looked.policy.security));
    request.insert("ask".into(), json!(looked.policy.ask));
    let can_last = grants.is_some();
    let variables = shown::digest(&command.env);
    let asking = Asking { kind: Kind::Exec, request, plan: None, variables, grants, can_last };
    let (_, answer) = put(shared, &command.context, asking).await?;
    Ok(answer)
}

/// A question of the agent's.
pub(super) struct Asking {
    pub(super) kind: Kind,
    pub(super) request: Map<String, Value>,
    pub(super) plan: Option<Value>,
    pub(super) variables: String,
    /// What `allow-always` would add to the list here.
    pub(super) grants: Option<Vec<AllowEntry>>,
    /// Whether `allow-always` would be kept, here or on the node; otherwise it is not offered.
    pub(super) can_last: bool,
}

/// Asks for an agent and waits: the approval, and what people said.
pub(super) async fn put(
    shared: &Arc<Shared>,
    context: &ToolContext,
    asking: Asking,
) -> Result<(Approval, Answer), HostError> {
    let store = |e: store::StoreError| refused(e.to_string());
    let run = shared.store.run(&context.run_id).await.map_err(store)?;
    let route = route_of(run.and_then(|run| run.route));
    let question = question_of(shared, context, asking, route);
    let reachable =
        !question.tell.is_empty() || shared.hub.has_audience(Audience::Approvers(&question.body.requester));
    settle(shared, question, reachable, &context.cancel).await
}

/// Asks and waits: the approval, which is used up if it allows something here, and what people said.
pub(super) async fn settle(
    shared: &Arc<Shared>,
    question: Question,
    reachable: bool,
    cancel: &CancellationToken,
) -> Result<(Approval, Answer), HostError> {
    let store = |e: store::StoreError| refused(e.to_string());
    let wait = question.timeout;
    let asked = ask(shared, question).await.map_err(|e| refused(e.message))?;
    // Where this future is dropped, so is whoever asked, and the question is taken back.
    let Asked { approval, mut ended, asker: _asker } = asked;
    let id = approval.id;
    if !reachable {
        end(shared, &id, no_route()).await.map_err(store)?;
    }
    let gave_up = tokio::select! {
        biased;
        () = async { drop(ended.wait_for(Option::is_some).await) } => None,
        () = cancel.cancelled() => Some(run_aborted()),
        () = tokio::time::sleep(wait + SLACK) => Some(timeout()),
    };
    if let Some(gave_up) = gave_up {
        end(shared, &id, gave_up).await.map_err(store)?;
    }
    let approval = shared.store.approval(&id).await.map_err(store)?;
    let approval = approval.ok_or_else(|| refused("the approval is gone; nothing was done."))?;
    let aborted = cancel.is_cancelled();
    let answer = if aborted { Answer::Aborted(ABORTED.into()) } else { answer_of(&approval) };
    // Used up before it runs: whatever happens, this decision starts nothing twice. A node's is, when it is sent there.
    let here = approval.body.get("plan").is_none_or(Value::is_null);
    if approval.status == ApprovalStatus::Allowed
        && (here || aborted)
        && !shared.store.use_approval(&id).await.map_err(store)?
    {
        return Err(refused("the approval was used already; nothing was done."));
    }
    Ok((approval, answer))
}

fn question_of(
    shared: &Shared,
    context: &ToolContext,
    asking: Asking,
    route: Option<(String, String, String)>,
) -> Question {
    let Asking { kind, mut request, plan, variables, grants, can_last } = asking;
    request.insert("agentId".into(), json!(context.agent_id));
    request.insert("sessionKey".into(), json!(context.session_key));
    request.insert("runId".into(), json!(context.run_id));
    request.insert("toolCallId".into(), json!(context.tool_call_id));
    if let Some((channel, account, to)) = &route {
        request.insert("turnSourceChannel".into(), json!(channel));
        request.insert("turnSourceAccountId".into(), json!(account));
        request.insert("turnSourceTo".into(), json!(to));
    }
    let offers_always = can_last && request.get("ask") != Some(&json!("always"));
    let allowed: &[&str] =
        if offers_always { &[ALLOW_ONCE, ALLOW_ALWAYS, DENY] } else { &[ALLOW_ONCE, DENY] };
    let settings = shared.settings();
    let whose = (context.agent_id.as_str(), context.session_key.as_str());
    let told = told::of(&settings, &shared.channels.default_account(), route.as_ref(), whose);
    let body = Body {
        kind,
        request,
        allowed: allowed.iter().map(|d| (*d).to_owned()).collect(),
        requester: Requester::default(),
        route,
        approvers: told.approvers,
        plan,
        variables,
        quiet: false,
    };
    let timeout = match kind {
        Kind::Exec => super::DEFAULT_TIMEOUT,
        Kind::Plugin => tools::ASKED_WITHIN,
    };
    let id = kind.new_id();
    let ask = |chat: &told::Chat| {
        let buttons = settings.has_buttons(&chat.0, &chat.1, &chat.2);
        prompt(&id, &body, timeout, chat, buttons)
    };
    Question {
        tell: told.chats.iter().flat_map(ask).collect(),
        id,
        body,
        timeout,
        run_id: Some(context.run_id.clone()),
        tool_call_id: Some(context.tool_call_id.clone()),
        grants: grants.map(|g| (context.agent_id.clone(), g)),
    }
}

fn answer_of(approval: &Approval) -> Answer {
    match (approval.status, approval.reason.as_deref()) {
        (ApprovalStatus::Allowed, _) => Answer::Allowed,
        (ApprovalStatus::Denied, Some("no-route")) => Answer::Unanswered(
            "the policy wants an operator asked, and nobody can be: no operator with operator.approvals is connected, \
             and the message came from no chat."
                .into(),
        ),
        (ApprovalStatus::Denied, _) => Answer::Denied,
        (ApprovalStatus::Cancelled, _) => Answer::Aborted(ABORTED.into()),
        (ApprovalStatus::Expired | ApprovalStatus::Pending, _) => Answer::Unanswered(
            "an operator was asked and did not answer in time. Say that you need an approval, and go on without it.".into(),
        ),
    }
}
