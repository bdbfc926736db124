//! The commands that this node knows.

mod approvals;
mod params;
mod policy;
mod prepare;
mod run;
mod which;

use crate::host::Host;
use crate::invoke::{Failure, InvokeRequest};
use crate::mcp;
use crate::progress::Progress;
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The commands that the node declares, and that an operator approves. `node.host.stats` is known besides; it tells
/// nothing that the node does not report by itself.
pub(crate) const DECLARED: &[&str] = &[
    mcp::COMMAND,
    "system.execApprovals.get",
    "system.execApprovals.set",
    "system.run",
    "system.run.prepare",
    "system.which",
];

/// What kinds of commands those are.
pub(crate) const CAPS: &[&str] = &["mcp", "system"];

/// How long a command that starts no program may take, where the gateway names no time.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// What a command gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The result.
    pub(crate) payload: Value,
    /// An `exec.finished` event that goes before the result.
    pub(crate) finished: Option<Value>,
}

impl From<Value> for Answer {
    fn from(payload: Value) -> Self {
        Self { payload, finished: None }
    }
}

/// Does what is asked for; `progress` gets what a program writes on the way.
pub(crate) async fn perform(
    host: &Host,
    request: &InvokeRequest,
    cancel: &CancellationToken,
    progress: &Progress,
) -> Result<Answer, Failure> {
    let waits = request.timeout_ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    if request.command == "system.run" {
        let params = params::read("system.run", request.params_json.as_deref())?;
        return run::run(host, params, (waits, cancel), progress).await;
    }
    if request.command == mcp::COMMAND {
        let params = params::read(mcp::COMMAND, request.params_json.as_deref())?;
        return tokio::select! {
            answer = host.mcp.call(params, waits.unwrap_or(mcp::CALL_TIMEOUT)) => answer.map(Answer::from),
            () = cancel.cancelled() => Err(Failure::cancelled()),
        };
    }
    let timeout = waits.unwrap_or(LOOK_TIMEOUT);
    tokio::select! {
        answer = tokio::time::timeout(timeout, look(host, request)) => {
            answer.map_err(|_| slow(&request.command, timeout))?.map(Answer::from)
        }
        () = cancel.cancelled() => Err(Failure::cancelled()),
    }
}

fn slow(command: &str, timeout: Duration) -> Failure {
    let seconds = timeout.as_secs_f32();
    Failure::unavailable(format!("{command} took longer than {seconds} s; check the node's file systems"))
}

/// The commands that start no program.
async fn look(host: &Host, request: &InvokeRequest) -> Result<Value, Failure> {
    let params = request.params_json.as_deref();
    match request.command.as_str() {
        "system.run.prepare" => prepare::prepare(host, params::read("system.run.prepare", params)?).await,
        "system.execApprovals.get" => approvals::get(host).await,
        "system.execApprovals.set" => {
            approvals::set(host, params::read("system.execApprovals.set", params)?).await
        }
        "system.which" => which::which(host, params::read("system.which", params)?).await,
        "node.host.stats" => {
            let stats = exec::host::stats(&host.state_dir).await;
            serde_json::to_value(stats).map_err(|e| Failure::unavailable(e.to_string()))
        }
        other => {
            let shown: String = other.chars().take(80).collect();
            Err(Failure::invalid(format!("unknown command: {shown}")))
        }
    }
}
