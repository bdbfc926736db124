//! What phones and desktops have beside files and programs: cameras, the screen, their place, notices. Each command is one call to one
//! node; a picture or a film is saved on this computer.

use super::pick;
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::view::list;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whom these commands ask.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
    /// The node's id, the beginning of it, its name or its address
    #[arg(long, value_name = "NODE")]
    pub(super) node: String,
    /// The node gives up after this many milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(super) invoke_timeout: Option<u64>,
}

/// The way to the node and back takes its own time beside the command's.
const WAY: Duration = Duration::from_secs(10);

/// Calls `command` and gives what the node answers. `takes` is how long it may take where nobody says, in milliseconds.
///
/// # Errors
/// There is no such node, or it refuses.
pub(super) async fn call(
    args: &NodeArgs,
    (command, params): (&str, Value),
    takes: u64,
    ctx: &Context,
) -> Result<Value, Failure> {
    let link = Link::dial_for(ctx, &args.connect, "node.invoke").await?;
    let nodes = link.call("node.list", json!({})).await?;
    let id = pick(list(&nodes, "/nodes"), &args.node)?;
    let takes = args.invoke_timeout.unwrap_or(takes);
    let params = json!({"nodeId": id, "command": command, "params": params, "timeoutMs": takes,
        "idempotencyKey": model::new_id()});
    let within = args.connect.timeout().max(Duration::from_millis(takes) + WAY);
    let mut answer = link.call_within("node.invoke", params, within).await?;
    link.leave().await;
    Ok(answer.get_mut("payload").map(Value::take).unwrap_or(answer))
}

/// A span of time, in milliseconds: `3000`, `10s`, `1m`.
pub(super) fn span(text: &str) -> Result<u64, String> {
    let ms = text.parse().or_else(|_| crate::input::duration(text).map(i64::unsigned_abs))?;
    if (1..=300_000).contains(&ms) { Ok(ms) } else { Err("is 1 ms to 5 minutes (300000)".into()) }
}

/// Saves the file in an answer, whole or not at all: at `out`, or under a new name where this computer keeps what is temporary (0600). Gives
/// where.
///
/// # Errors
/// There is none in it, or it cannot be written.
pub(super) fn save(answer: &Value, named: &str, out: Option<&Path>) -> Result<PathBuf, Failure> {
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let strange = |why: String| {
        Failure::new(
            Exit::Failed,
            "UNAVAILABLE",
            format!("the node sent {named} that cannot be saved: {why}"),
        )
    };
    let base64 = text("base64").ok_or_else(|| strange("it has no base64".into()))?;
    let bytes = STANDARD.decode(base64).map_err(|error| strange(error.to_string()))?;
    let is_ending =
        |end: &&str| (1..=5).contains(&end.len()) && end.chars().all(|c| c.is_ascii_alphanumeric());
    let ending = text("format").filter(is_ending).unwrap_or("bin");
    let dir = match out {
        Some(out) => {
            out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
        }
        None => std::env::temp_dir(),
    };
    let written = || {
        let mut part = tempfile::Builder::new()
            .prefix(&format!("openclaw-{named}-"))
            .suffix(&format!(".{ending}"))
            .tempfile_in(&dir)?;
        part.write_all(&bytes)?;
        part.as_file().sync_all()?;
        match out {
            Some(out) => part.persist(out).map(|_| out.to_owned()).map_err(|error| error.error),
            None => part.keep().map(|(_, path)| path).map_err(|error| error.error),
        }
    };
    written().map_err(|error: std::io::Error| {
        Failure::usage(format!("{} cannot be written: {error}", out.unwrap_or(&dir).display()))
            .hint("say another place with --out, or with TMPDIR")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_in_milliseconds_or_says_its_units_and_is_no_longer_than_five_minutes() {
        for (text, ms) in
            [("3000", Some(3000)), ("10s", Some(10_000)), ("1m30s", Some(90_000)), ("5m", Some(300_000))]
        {
            assert_eq!(span(text).ok(), ms, "{text}");
        }
        for bad in ["", "0", "6m", "-1", "ten", "10x"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_picture_is_saved_whole_and_what_is_none_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("photo.jpg");
        let saved = save(&json!({"format": "jpg", "base64": "aGk="}), "photo", Some(&out)).unwrap();
        assert_eq!((saved.as_path(), std::fs::read(&out).unwrap()), (out.as_path(), b"hi".to_vec()));
        for broken in [json!({"format": "jpg", "base64": "%"}), json!({"format": "jpg"})] {
            assert!(save(&broken, "photo", Some(&out)).is_err());
        }
        assert_eq!(std::fs::read(&out).unwrap(), b"hi");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(save(&json!({"base64": "aGk="}), "photo", Some(&dir.path().join("no/such"))).is_err());

        let kept = save(&json!({"format": "../x", "base64": "aGk="}), "film", None).unwrap();
        assert!(kept.to_str().is_some_and(|path| path.ends_with(".bin")), "{kept:?}");
        std::fs::remove_file(kept).unwrap();
    }
}
