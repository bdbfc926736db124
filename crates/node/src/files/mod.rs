//! Files of this node: the commands by which a gateway reads and writes them. Whether a path may be touched is decided by the
//! gateway, which looks first (`preflightOnly`) and then names what it saw; here it is held that the same file is meant, that no
//! link is followed unasked, and that a file is there whole or not at all.

mod begun;
mod binding;
mod browse;
mod content;
mod create;
mod fetch;
mod kind;
mod list;
mod place;
mod problem;
mod stat;
mod target;
mod tree;
mod upload;
mod walk;
mod write;

use crate::commands::params;
use crate::host::Host;
use crate::invoke::Failure;
use crate::stream::{self, Messages, Wire};
pub(crate) use begun::Ledger;
use problem::Problem;
use rustix::fs::Stat;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The commands.
pub(crate) const COMMANDS: &[&str] = &[
    "dir.fetch",
    "dir.list",
    "file.create",
    "file.fetch",
    "file.stat",
    "file.write",
    "fs.listDir",
    "terminal.upload",
];

/// Bytes of a file that goes in one frame: as base64 it leaves room for the rest.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// Bytes of a file that goes as a stream, whatever the gateway allows.
const MAX_STREAM: u64 = 4 * 1024 * 1024 * 1024;
/// Where nobody says how many.
const DEFAULT_BYTES: u64 = 8 * 1024 * 1024;

type Work = Box<dyn FnOnce(&CancellationToken) -> Result<Value, Failure> + Send>;

/// What tells that a call is made as a stream.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Way {
    preflight_only: bool,
    transport: Option<String>,
}

/// Whether a call is spoken with while it runs: a new file comes so, and a file goes so where that is asked for.
pub(crate) fn streams(command: &str, params: Option<&str>) -> bool {
    let way: Way = params.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let asked = command == "file.create" || (command == "file.fetch" && way.transport.is_some());
    asked && !way.preflight_only
}

/// How long work that nobody wants any more may take to undo what it has begun.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Does one of [`COMMANDS`] until `stop` says why not any more; then the work is told, and has ended when that is given. Dropped, it
/// ends before it changes anything more.
pub(crate) async fn perform(
    host: &Host,
    command: &str,
    params: Option<&str>,
    wire: Wire<'_>,
    stop: impl Future<Output = Failure>,
) -> Result<Value, Failure> {
    let (messages, between) =
        if streams(command, params) { Some(stream::open()).unzip() } else { (None, None) };
    let work = work(host, command, params, messages)?;
    let wanted = CancellationToken::new();
    let given_up = wanted.clone();
    let guard = wanted.drop_guard();
    let mut done = tokio::task::spawn_blocking(move || work(&given_up));
    let carry = async {
        match between {
            None => std::future::pending().await,
            Some(between) => match wire.carry(between).await {
                Err(problem) => problem,
                Ok(never) => match never {},
            },
        }
    };
    let failure = tokio::select! {
        biased;
        done = &mut done => return finished(command, done),
        problem = carry => Failure::unavailable(format!("{command} broke off: {problem}")),
        failure = stop => failure,
    };
    drop(guard);
    if tokio::time::timeout(END_TIMEOUT, done).await.is_err() {
        tracing::warn!(command, "the disk does not answer; what was begun is undone when it does");
    }
    Err(failure)
}

fn finished(
    command: &str,
    done: Result<Result<Value, Failure>, tokio::task::JoinError>,
) -> Result<Value, Failure> {
    done.map_err(|e| Failure::unavailable(format!("{command} broke off: {e}")))?
}

fn work(host: &Host, command: &str, json: Option<&str>, messages: Option<Messages>) -> Result<Work, Failure> {
    Ok(match command {
        "dir.fetch" => {
            let p: tree::Params = params::read(command, json)?;
            Box::new(move |wanted| Ok(told(tree::fetch(&p, wanted))))
        }
        "file.create" => {
            let p: create::Params = params::read(command, json)?;
            let ledger = Ledger::of(&host.state_dir);
            Box::new(move |wanted| Ok(told(create::create(&p, messages, &ledger, wanted))))
        }
        "dir.list" => {
            let p: list::Params = params::read(command, json)?;
            Box::new(move |_| Ok(told(list::list(&p))))
        }
        "file.fetch" => {
            let p: fetch::Params = params::read(command, json)?;
            Box::new(move |wanted| Ok(told(fetch::fetch(&p, messages, wanted))))
        }
        "file.stat" => {
            let target: target::Target = params::read(command, json)?;
            Box::new(move |_| Ok(told(stat::stat(&target))))
        }
        "file.write" => {
            let p: write::Params = params::read(command, json)?;
            let ledger = Ledger::of(&host.state_dir);
            Box::new(move |wanted| Ok(told(write::write(&p, &ledger, wanted))))
        }
        "fs.listDir" => {
            let p: browse::Params = params::read(command, json)?;
            Box::new(move |_| browse::browse(p))
        }
        "terminal.upload" => {
            let p: upload::Params = params::read(command, json)?;
            let (root, now_ms) = (host.uploads(), host.clock.now_ms());
            Box::new(move |wanted| upload::upload(&root, &p, now_ms, wanted))
        }
        other => return Err(Failure::invalid(format!("unknown command: {other}"))),
    })
}

/// Takes away uploaded files that have had their day.
pub(crate) async fn tidy(host: &Host) {
    let (root, now_ms) = (host.uploads(), host.clock.now_ms());
    match tokio::task::spawn_blocking(move || exec::tidy_uploads(&root, now_ms).map(drop)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "uploaded files that have had their day stay"),
        Err(error) => tracing::warn!(%error, "uploaded files that have had their day stay"),
    }
}

/// What could not be done is a result, too.
fn told(done: Result<Value, Problem>) -> Value {
    done.unwrap_or_else(|problem| problem.payload())
}

/// What somebody asked for, where it is a number above 0, and within the limits.
fn at_most(asked: Option<f64>, default: usize, most: usize) -> usize {
    match asked {
        Some(n) if n.is_finite() && n >= 1.0 => (n as usize).min(most),
        _ => default,
    }
}

/// Bytes that may be fetched.
fn bounded(asked: Option<f64>) -> u64 {
    at_most(asked, DEFAULT_BYTES as usize, MAX_FILE as usize) as u64
}

/// Hex SHA-256.
fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// When it was changed last, in ms.
fn mtime_ms(stat: &Stat) -> f64 {
    stat.st_mtime as f64 * 1000.0 + stat.st_mtime_nsec as f64 / 1e6
}
