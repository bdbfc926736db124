//! `logs.tail`: the end of the gateway's log, or what came since a cursor.

use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const DEFAULT_LIMIT: usize = 500;
const MAX_LIMIT: usize = 5000;
const DEFAULT_BYTES: u64 = 250_000;
const MAX_BYTES: u64 = 1_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    cursor: Option<u64>,
    limit: Option<usize>,
    max_bytes: Option<u64>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let Some(file) = call.shared.log_file.clone() else {
        return Err(ErrorShape::unavailable(
            "this gateway writes no log file; its log goes to standard error",
        ));
    };
    let limit = p.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let bytes = p.max_bytes.unwrap_or(DEFAULT_BYTES).min(MAX_BYTES);
    let path = file.clone();
    let read = tokio::task::spawn_blocking(move || tail(&path, p.cursor, limit, bytes)).await;
    let tail = match read {
        Ok(Ok(tail)) => tail,
        Ok(Err(e)) => return Err(ErrorShape::unavailable(format!("{}: {e}", file.display()))),
        Err(_) => return Err(ErrorShape::unavailable("reading the log failed; see standard error")),
    };
    Ok(json!({
        "file": tail.file.display().to_string(), "cursor": tail.cursor, "size": tail.size, "lines": tail.lines,
        "truncated": tail.truncated, "reset": tail.reset,
    })
    .into())
}

struct Tail {
    file: PathBuf,
    /// Where to go on.
    cursor: u64,
    size: u64,
    lines: Vec<String>,
    /// Something before the first line was left out.
    truncated: bool,
    /// The cursor was of another file: the log was rotated.
    reset: bool,
}

fn tail(path: &Path, cursor: Option<u64>, limit: usize, max_bytes: u64) -> std::io::Result<Tail> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let reset = cursor.is_some_and(|c| c > size);
    let wanted = cursor.filter(|c| *c <= size);
    let start = wanted.unwrap_or(0).max(size.saturating_sub(max_bytes));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(size - start).read_to_end(&mut bytes)?;
    // A line that is still being written is left for the next call.
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    bytes.truncate(end);
    let cut_in = start > 0 && wanted != Some(start);
    let first = if cut_in { bytes.iter().position(|b| *b == b'\n').map_or(end, |i| i + 1) } else { 0 };
    let text = String::from_utf8_lossy(bytes.get(first..).unwrap_or_default());
    let all: Vec<&str> = text.lines().collect();
    let skip = all.len().saturating_sub(limit);
    Ok(Tail {
        file: path.to_owned(),
        cursor: start + end as u64,
        size,
        lines: all.iter().skip(skip).map(|l| (*l).to_owned()).collect(),
        truncated: cut_in || skip > 0,
        reset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_followed_from_a_cursor_without_gaps_or_halves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one\ntwo\nhal").unwrap();
        let first = tail(&path, None, 10, 1000).unwrap();
        assert_eq!(
            (first.lines, first.cursor, first.truncated),
            (vec!["one".into(), "two".into()], 8, false)
        );
        std::fs::write(&path, "one\ntwo\nhalf\nthree\n").unwrap();
        let next = tail(&path, Some(8), 10, 1000).unwrap();
        assert_eq!((next.lines, next.reset), (vec!["half".to_owned(), "three".into()], false));
        let last = tail(&path, None, 1, 1000).unwrap();
        assert_eq!((last.lines, last.truncated), (vec!["three".to_owned()], true));
        let bounded = tail(&path, None, 10, 8).unwrap();
        assert_eq!((bounded.lines, bounded.truncated), (vec!["three".to_owned()], true));
        std::fs::write(&path, "new\n").unwrap();
        let rotated = tail(&path, Some(19), 10, 1000).unwrap();
        assert_eq!((rotated.lines, rotated.reset), (vec!["new".to_owned()], true));
    }
}
