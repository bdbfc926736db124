//! `POST /trace/start` and `/trace/stop`: what the browser does and how long that takes, as its own tools and Perfetto read it. One
//! file, which goes with the answer; nothing is left here.

use super::downloads::{MAX_FILE, wanted_name};
use super::error::Refusal;
use super::page::Page;
use super::request::Fields;
use super::routes::Given;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// KiB of what is recorded, before it is packed: then nothing more is.
const ROOM: u32 = 64 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 512 * 1024;
const CATEGORIES: &[&str] = &[
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
    "blink.user_timing",
    "loading",
    "latencyInfo",
    "v8.execute",
];
const PICTURES: &str = "disabled-by-default-devtools.screenshot";

/// What is recorded of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trace {
    /// It is.
    Running,
    /// It was, and can be read by this name.
    Ended(String),
}

/// Begins.
pub(super) async fn start(page: &Page<'_>, fields: Fields<'_>) -> Result<Value, Refusal> {
    let mut categories = CATEGORIES.to_vec();
    if fields.flag("screenshots").unwrap_or(true) {
        categories.push(PICTURES);
    }
    let how = json!({"recordMode": "recordUntilFull", "traceBufferSizeInKb": ROOM, "includedCategories": categories});
    let params = json!({"transferMode": "ReturnAsStream", "streamCompression": "gzip", "traceConfig": how});
    let mut is_recorded = false;
    // Noted before it is so: nobody may be there any more when the browser answers.
    page.with_tab(|tab| {
        is_recorded = tab.trace.is_some();
        tab.trace.get_or_insert(Trace::Running);
    });
    if is_recorded {
        return Err(Refusal::conflict("a trace of this tab is recorded already; stop it first"));
    }
    if let Err(refusal) = page.call("Tracing.start", params).await {
        if !is_answered(&refusal) {
            return Err(refusal);
        }
        page.with_tab(|tab| tab.trace = None);
        // The browser records once at a time.
        let message = refusal.message;
        return Err(Refusal::conflict(format!("{message}; a trace of another tab may be recorded")));
    }
    Ok(json!({"ok": true, "targetId": page.tab.target, "url": page.url()}))
}

/// Ends, and gives the file, under this name.
pub(super) async fn stop(page: &Page<'_>, fields: Fields<'_>) -> Result<Given, Refusal> {
    let name = match fields.word("path") {
        Some(path) => wanted_name(path)?,
        None => "trace.json.gz".to_owned(),
    };
    if of(page).is_none() {
        return Err(Refusal::conflict("no trace of this tab is recorded; start one first"));
    }
    let read = read(page).await?;
    let path = format!("/browser/{}/{name}", model::new_id());
    let file = json!({"path": path, "base64": STANDARD.encode(read), "mimeType": "application/gzip"});
    let result = json!({"ok": true, "targetId": page.tab.target, "url": page.url(), "path": path});
    Ok(Given { result, files: vec![file] })
}

fn of(page: &Page<'_>) -> Option<Trace> {
    page.session.tabs().by_target(&page.tab.target)?.trace.clone()
}

/// Whether the browser itself said no. Otherwise it may have done what it was asked for.
fn is_answered(refusal: &Refusal) -> bool {
    refusal.status == 500
}

/// Reads it all. What is recorded stays known until the browser has let go of it, so that it can be stopped once more.
async fn read(page: &Page<'_>) -> Result<Vec<u8>, Refusal> {
    let stream = ended(page).await?;
    let bytes = read_stream(page, &stream).await;
    let closed = page.call("IO.close", json!({ "handle": stream })).await;
    if closed.as_ref().err().is_none_or(is_answered) {
        page.with_tab(|tab| tab.trace = None);
    }
    let bytes = bytes?;
    closed.map(|_| bytes)
}

/// Ends it, where it has not ended yet; by what name it is read.
async fn ended(page: &Page<'_>) -> Result<String, Refusal> {
    if let Some(Trace::Ended(stream)) = of(page) {
        return Ok(stream);
    }
    if let Err(refusal) = page.call("Tracing.end", json!({})).await {
        // Then nothing is recorded, unless it has just ended.
        if is_answered(&refusal) {
            page.with_tab(|tab| {
                tab.trace.take_if(|trace| *trace == Trace::Running);
            });
        }
        return Err(refusal);
    }
    let target = &page.tab.target;
    let ended = page.session.wait("the trace's end", page.deadline, |tabs| match tabs.by_target(target) {
        None => Some(Err(Refusal::missing("the tab was closed meanwhile"))),
        Some(tab) => match &tab.trace {
            Some(Trace::Ended(stream)) => Some(Ok(stream.clone())),
            _ => None,
        },
    });
    ended.await?
}

async fn read_stream(page: &Page<'_>, stream: &str) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    // From its beginning: somebody may have read some of it before.
    let mut what = json!({"handle": stream, "size": PIECE, "offset": 0});
    loop {
        let piece = page.call("IO.read", what).await?;
        what = json!({"handle": stream, "size": PIECE});
        let data = piece["data"].as_str().unwrap_or_default();
        if piece["base64Encoded"] == true {
            let data = STANDARD.decode(data);
            bytes.extend(data.map_err(|e| Refusal::failed(format!("the browser gave no base64: {e}")))?);
        } else {
            bytes.extend_from_slice(data.as_bytes());
        }
        if bytes.len() as u64 > MAX_FILE {
            let most = MAX_FILE >> 20;
            return Err(Refusal::failed(format!(
                "the trace has more than {most} MiB and is gone; record for a shorter time, or without screenshots"
            )));
        }
        if piece["eof"] == true {
            return Ok(bytes);
        }
    }
}
