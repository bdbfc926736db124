//! The commands that this node knows.

mod approvals;
pub(crate) mod params;
mod policy;
mod prepare;
mod run;
mod which;

use crate::files;
use crate::host::Host;
use crate::invoke::{Failure, InvokeRequest};
use crate::progress::Progress;
use crate::stream::Wire;
use crate::{browser, mcp};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// The commands about this host and its programs.
const SYSTEM: &[&str] = &[
    "system.execApprovals.get",
    "system.execApprovals.set",
    "system.run",
    "system.run.prepare",
    "system.which",
];

/// The commands that there are where there is a browser.
const BROWSER: &[&str] = &[browser::COMMAND, browser::UPLOAD];

/// All commands that a node can declare, with the group (`caps`) of each.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = files::COMMANDS
        .iter()
        .map(|c| (*c, if c.starts_with("file.") || c.starts_with("dir.") { "file" } else { "system" }));
    let others = SYSTEM.iter().map(|c| (*c, "system"));
    let driven = [(browser::COMMAND, "browser"), (browser::UPLOAD, "browser"), (mcp::COMMAND, "mcp")];
    driven.into_iter().chain(others).chain(files)
}

/// The commands that a node declares: all (that of a browser where there is one), or those of them that it was started with.
pub(crate) fn declared(only: Option<&[String]>, has_browser: bool) -> Vec<String> {
    let wanted = |c: &&str| {
        (has_browser || !BROWSER.contains(c)) && only.is_none_or(|only| only.iter().any(|o| o == c))
    };
    all().map(|(command, _)| command).filter(wanted).map(str::to_owned).collect()
}

/// The groups of these commands, each once.
pub(crate) fn caps(commands: &[String]) -> Vec<String> {
    let mut caps: Vec<String> = Vec::new();
    for (command, cap) in all() {
        if commands.iter().any(|c| c == command) && !caps.iter().any(|c| c == cap) {
            caps.push(cap.to_owned());
        }
    }
    caps
}

/// Known besides; it tells nothing that the node does not report by itself.
const STATS: &str = "node.host.stats";

/// How long a command that starts no program may take, where the gateway names no time.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The result.
    pub(crate) payload: Value,
    /// An `exec.finished` event that goes before the result.
    pub(crate) finished: Option<Value>,
    /// The place of a file that is on its way; it is free when the answer is sent.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl From<Value> for Answer {
    fn from(payload: Value) -> Self {
        Self { payload, finished: None, place: None }
    }
}

/// Whether a call is spoken with while it runs.
pub(crate) fn streams(request: &InvokeRequest) -> bool {
    files::streams(&request.command, request.params_json.as_deref())
}

/// Does what is asked for; `progress` gets what a program writes on the way.
pub(crate) async fn perform(
    host: &Host,
    request: &InvokeRequest,
    cancel: &CancellationToken,
    progress: &Progress,
    wire: Wire<'_>,
) -> Result<Answer, Failure> {
    let waits = request.timeout_ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    if !host.commands.contains(&request.command) && request.command != STATS {
        let shown: String = request.command.chars().take(80).collect();
        let known = all().any(|(command, _)| command == request.command);
        let why = if known { "command not advertised by this node" } else { "unknown command" };
        return Err(Failure::invalid(format!("{why}: {shown}")));
    }
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
    let command = request.command.as_str();
    if let Some(browser) = host.browser.as_ref().filter(|_| BROWSER.contains(&command)) {
        let params = params::read(browser::COMMAND, request.params_json.as_deref())?;
        return tokio::select! {
            answer = browser.answer(command, params, waits.unwrap_or(Duration::MAX)) => answer.map(Answer::from),
            () = cancel.cancelled() => Err(Failure::cancelled()),
        };
    }
    let timeout = waits.unwrap_or(LOOK_TIMEOUT);
    if files::COMMANDS.contains(&request.command.as_str()) {
        return file(host, request, (timeout, cancel), wire).await;
    }
    tokio::select! {
        answer = tokio::time::timeout(timeout, look(host, request)) => {
            answer.map_err(|_| slow(&request.command, timeout))?
        }
        () = cancel.cancelled() => Err(Failure::cancelled()),
    }
}

fn slow(command: &str, timeout: Duration) -> Failure {
    let seconds = timeout.as_secs_f32();
    Failure::unavailable(format!("{command} took longer than {seconds} s; check the node's file systems"))
}

/// The commands about files; each waits for a place, which it has until its answer is sent.
async fn file(
    host: &Host,
    request: &InvokeRequest,
    (timeout, cancel): (Duration, &CancellationToken),
    wire: Wire<'_>,
) -> Result<Answer, Failure> {
    let until = tokio::time::Instant::now() + timeout;
    let stop = async || {
        tokio::select! {
            () = cancel.cancelled() => Failure::cancelled(),
            () = tokio::time::sleep_until(until) => slow(&request.command, timeout),
        }
    };
    let place = tokio::select! {
        place = Arc::clone(&host.transfers).acquire_owned() => place,
        failure = stop() => return Err(failure),
    };
    let place = place.map_err(|e| Failure::unavailable(e.to_string()))?;
    let (command, params) = (request.command.as_str(), request.params_json.as_deref());
    let payload = files::perform(host, command, params, wire, stop()).await?;
    Ok(Answer { payload, finished: None, place: Some(place) })
}

/// The commands that start no program.
async fn look(host: &Host, request: &InvokeRequest) -> Result<Answer, Failure> {
    let (command, params) = (request.command.as_str(), request.params_json.as_deref());
    let payload = match command {
        "system.run.prepare" => prepare::prepare(host, params::read("system.run.prepare", params)?).await,
        "system.execApprovals.get" => approvals::get(host).await,
        "system.execApprovals.set" => {
            approvals::set(host, params::read("system.execApprovals.set", params)?).await
        }
        "system.which" => which::which(host, params::read("system.which", params)?).await,
        STATS => {
            let stats = exec::host::stats(&host.state_dir).await;
            serde_json::to_value(stats).map_err(|e| Failure::unavailable(e.to_string()))
        }
        other => Err(Failure::invalid(format!("unknown command: {other}"))),
    };
    payload.map(Answer::from)
}
