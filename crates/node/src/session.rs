//! One connection's work: requests come in as events, each becomes a job, each job answers once.

use crate::commands;
use crate::host::{Host, MAX_RUNNING};
use crate::invoke::{Failure, InvokeRequest, Outcome, event_params, result_params};
use crate::notice::{Notice, Notices};
use crate::progress::Progress;
use crate::replay::Start;
use crate::stream::{Piece, WAITING, Wire};
use client::{Caller, EventFrame};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Jobs of all kinds at once: those that run, those that wait for an earlier run of the same key, and refusals under
/// way. A gateway that asks for more is not answered any more.
const MAX_JOBS: usize = 256;
/// Requests that are refused at the same time: each waits for the gateway to note its answer.
const MAX_REFUSALS: usize = 64;
/// How long the gateway may take to note an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long commands may take to end when the connection has: SIGTERM, and 2 s later SIGKILL.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// One connection's work.
pub(crate) struct Session<'a> {
    host: Arc<Host>,
    caller: Caller,
    notices: &'a dyn Notices,
    /// Told when an operator has decided about this node's commands.
    decided: &'a watch::Sender<()>,
    /// Whether the gateway wants to hear what a command has written so far.
    takes_progress: bool,
    jobs: JoinSet<()>,
    /// Answers to requests that could not be taken up.
    refusals: JoinSet<()>,
    /// By invoke id; a token is cancelled once its job is over.
    running: HashMap<String, Running>,
}

/// A job under way.
struct Running {
    token: CancellationToken,
    /// Where the pieces of its stream go; nobody reads them where it has none.
    pieces: mpsc::Sender<Piece>,
}

impl<'a> Session<'a> {
    /// The work on one connection.
    pub(crate) fn new(
        host: Arc<Host>,
        caller: Caller,
        notices: &'a dyn Notices,
        decided: &'a watch::Sender<()>,
        takes_progress: bool,
    ) -> Self {
        Self {
            host,
            caller,
            notices,
            decided,
            takes_progress,
            jobs: JoinSet::new(),
            refusals: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Serves until the events end, and ends all commands then. Dropping the future kills them.
    pub(crate) async fn serve(mut self, mut events: mpsc::Receiver<EventFrame>) {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.on_event(&event),
                    None => break,
                },
                Some(_) = self.refusals.join_next() => {}
                Some(ended) = self.jobs.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a command's task failed");
                    }
                    self.running.retain(|_, job| !job.token.is_cancelled());
                }
            }
        }
        for job in self.running.values() {
            job.token.cancel();
        }
        let all = async { while self.jobs.join_next().await.is_some() {} };
        if tokio::time::timeout(END_TIMEOUT, all).await.is_err() {
            self.jobs.shutdown().await;
        }
    }

    fn on_event(&mut self, event: &EventFrame) {
        match event.event.as_str() {
            "node.invoke.request" => self.on_request(&event.payload),
            "node.invoke.cancel" => self.on_cancel(&event.payload),
            "node.invoke.input" => self.on_input(&event.payload),
            "node.pair.resolved" => self.on_decision(&event.payload),
            _ => {}
        }
    }

    fn on_request(&mut self, payload: &Value) {
        let request: InvokeRequest = match serde::Deserialize::deserialize(payload) {
            Ok(request) => request,
            Err(error) => return self.refuse_unreadable(payload, &error.to_string()),
        };
        if self.running.contains_key(&request.id) {
            tracing::debug!(id = request.id, "the same request came twice and is answered once");
            return;
        }
        if self.is_flooded() {
            return self.refuse_flood(&request.id);
        }
        let token = CancellationToken::new();
        let (sender, pieces) = mpsc::channel(WAITING);
        self.running.insert(request.id.clone(), Running { token: token.clone(), pieces: sender });
        let (host, caller, takes_progress) =
            (Arc::clone(&self.host), self.caller.clone(), self.takes_progress);
        // Entered here rather than in the job: requests begin in the order they came.
        let start = host.replay.begin(request.replay_key().as_deref());
        self.jobs.spawn(async move {
            let _over = token.clone().drop_guard();
            serve_request(&host, (&caller, takes_progress), request, start, (&token, pieces)).await;
        });
    }

    /// A request that cannot be read but for its id is answered all the same.
    fn refuse_unreadable(&mut self, payload: &Value, problem: &str) {
        let Some(id) = payload.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()) else {
            tracing::warn!(problem, "a node.invoke.request without an id was left aside");
            return;
        };
        if self.is_flooded() {
            return self.refuse_flood(id);
        }
        let outcome = Err(Failure::invalid(format!("invalid node.invoke.request: {problem}")));
        let (caller, params) = (self.caller.clone(), result_params(id, &self.host.node_id, &outcome));
        self.jobs.spawn(async move { answer(&caller, params).await });
    }

    fn is_flooded(&self) -> bool {
        self.jobs.len() >= MAX_JOBS
    }

    /// One more than can be under way is told so. Where the gateway does not even take that, the caller's own time is what tells it.
    fn refuse_flood(&mut self, id: &str) {
        if self.refusals.len() >= MAX_REFUSALS {
            tracing::warn!("{MAX_JOBS} requests are under way; one more was left aside");
            return;
        }
        tracing::warn!("{MAX_JOBS} requests are under way; one more is refused");
        let why = format!("{MAX_JOBS} requests are under way on this node; try again when some have ended");
        let outcome = Err(Failure::unavailable(why));
        let (caller, params) = (self.caller.clone(), result_params(id, &self.host.node_id, &outcome));
        self.refusals.spawn(async move { answer(&caller, params).await });
    }

    fn on_cancel(&self, payload: &Value) {
        let id = payload.get("invokeId").or_else(|| payload.get("id")).and_then(Value::as_str);
        if let Some(job) = id.and_then(|id| self.running.get(id)) {
            job.token.cancel();
        }
    }

    /// A piece of a stream. One more than can wait ends the job: it could not go on without it.
    fn on_input(&self, payload: &Value) {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let Some(job) = text("id").and_then(|id| self.running.get(id)) else { return };
        let (Some(seq), Some(piece)) = (payload.get("seq").and_then(Value::as_u64), text("payloadJSON"))
        else {
            return job.token.cancel();
        };
        if matches!(job.pieces.try_send((seq, piece.to_owned())), Err(TrySendError::Full(_))) {
            tracing::warn!("a gateway sends more of a stream than was asked for; its call is ended");
            job.token.cancel();
        }
    }

    fn on_decision(&self, payload: &Value) {
        if payload.get("nodeId").and_then(Value::as_str) == Some(&self.host.node_id) {
            let approved = payload.get("decision").and_then(Value::as_str) == Some("approved");
            self.notices.notice(&Notice::Decided { approved });
            self.decided.send_replace(());
        }
    }
}

async fn serve_request(
    host: &Host,
    (caller, takes_progress): (&Caller, bool),
    request: InvokeRequest,
    start: Start,
    (cancel, pieces): (&CancellationToken, mpsc::Receiver<Piece>),
) {
    let run = match start {
        Start::Again(earlier) => {
            let outcome = tokio::select! {
                outcome = earlier.outcome() => outcome,
                () = cancel.cancelled() => Arc::new(Err(Failure::cancelled())),
            };
            return answer(caller, result_params(&request.id, &host.node_id, &outcome)).await;
        }
        Start::First(run) => run,
    };
    let Ok(place) = host.places.try_acquire() else {
        let busy = format!("node is busy: {MAX_RUNNING} commands run already; try again when one has ended");
        let outcome = Arc::new(Err(Failure::unavailable(busy)));
        // Whoever waits for this run is told the same; whoever asks later asks anew.
        run.finish(Arc::clone(&outcome));
        host.replay.forget(request.replay_key().as_deref());
        return answer(caller, result_params(&request.id, &host.node_id, &outcome)).await;
    };
    let progress = Progress::default();
    let streams = takes_progress && commands::streams(&request);
    let wire = Wire { caller, node_id: &host.node_id, invoke_id: &request.id, pieces };
    let work = commands::perform(host, &request, cancel, &progress, wire);
    // Progress ends before the result is sent: nothing comes after that.
    let performed = tokio::select! {
        performed = work => performed,
        never = progress.send(caller, &host.node_id, &request.id), if takes_progress && !streams => match never {},
    };
    drop(place);
    // A file keeps its place until it is sent.
    let (outcome, finished, _transfer): (Outcome, _, _) = match performed {
        Ok(answer) => (Ok(answer.payload.to_string()), answer.finished, answer.place),
        Err(failure) => (Err(failure), None, None),
    };
    let result = result_params(&request.id, &host.node_id, &outcome);
    run.finish(Arc::new(outcome));
    // In this order on the wire; the result does not wait for the event's answer.
    tokio::join!(
        biased;
        async {
            if let Some(payload) = finished {
                report_finished(caller, &payload).await;
            }
        },
        answer(caller, result),
    );
}

async fn report_finished(caller: &Caller, payload: &Value) {
    let params = event_params("exec.finished", payload);
    if let Err(error) = caller.call("node.event", params, ANSWER_TIMEOUT).await {
        tracing::debug!(%error, "the gateway did not take exec.finished");
    }
}

async fn answer(caller: &Caller, params: Value) {
    // A gateway that is gone has failed the call itself; one that refuses the answer has given up waiting for it.
    if let Err(error) = caller.call("node.invoke.result", params, ANSWER_TIMEOUT).await {
        tracing::debug!(%error, "the gateway did not take a result");
    }
}
