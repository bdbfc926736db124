//! Transcripts: OpenAI's `audio/transcriptions`, a form with a file, and Deepgram's `listen`, the file itself.

use super::{CountOnDrop, FakeModel, Shared, Step, key, wait, with_status};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What somebody wanted a transcript of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listened {
    /// The fields of the form, or of the query.
    pub fields: BTreeMap<String, String>,
    /// What the file is called; empty where it has no name.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// The key, as it came.
    pub key: Option<String>,
}

#[derive(Default)]
pub(super) struct Ears {
    steps: VecDeque<Step>,
    heard: Vec<Listened>,
}

impl FakeModel {
    /// Answers the next requests for a transcript so: [`Step::Text`], [`Step::Status`], [`Step::Hang`] or [`Step::Garbage`]. Without one
    /// the transcript says how many bytes there were.
    pub fn transcripts(&self, steps: Vec<Step>) {
        self.shared.ears().steps.extend(steps);
    }

    /// What transcripts were wanted of, oldest first.
    pub fn listened(&self) -> Vec<Listened> {
        self.shared.ears().heard.clone()
    }

    /// Waits until so many transcripts were wanted.
    ///
    /// # Panics
    /// They were not within 10 s.
    pub async fn wait_for_listening(&self, count: usize) {
        wait(&self.shared.listened, count, "requests for a transcript").await;
    }
}

pub(super) async fn openai(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(listened) = form(&body) else {
        return with_status(400, &[], json!({"error": {"message": "no form with a file"}}).to_string());
    };
    let key = key(&headers, "authorization");
    answer(&shared, Listened { key, ..listened }, |words| json!({ "text": words })).await
}

pub(super) async fn deepgram(
    State(shared): State<Arc<Shared>>,
    Query(fields): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = key(&headers, "authorization");
    let listened = Listened { fields, name: String::new(), bytes: body.to_vec(), key };
    let shape = |words: &str| json!({"results": {"channels": [{"alternatives": [{"transcript": words}]}]}});
    answer(&shared, listened, shape).await
}

async fn answer(
    shared: &Shared,
    listened: Listened,
    shape: impl FnOnce(&str) -> serde_json::Value,
) -> Response {
    let size = listened.bytes.len();
    let step = {
        let mut ears = shared.ears();
        ears.heard.push(listened);
        ears.steps.pop_front()
    };
    shared.listened.send_modify(|n| *n += 1);
    match step {
        Some(Step::Status(status, headers, body)) => with_status(status, &headers, body),
        Some(Step::Hang) => {
            let _hung_up = CountOnDrop(&shared.hung_up);
            std::future::pending().await
        }
        Some(Step::Garbage) => with_status(200, &[], "<html>".to_owned()),
        Some(Step::Text(words)) => with_status(200, &[], shape(&words).to_string()),
        _ => with_status(200, &[], shape(&format!("heard {size} bytes")).to_string()),
    }
}

/// The fields of a form and its file; nothing where there is no file.
fn form(body: &[u8]) -> Option<Listened> {
    let line = body.windows(2).position(|two| two == b"\r\n")?;
    let mark = [b"\r\n", body.get(..line)?].concat();
    let mut listened = Listened::default();
    let (mut rest, mut has_file) = (body.get(line..)?, false);
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = part.windows(4).position(|four| four == b"\r\n\r\n")?;
        let content = part.get(head + 4..)?;
        let end = content.windows(mark.len()).position(|end| end == mark)?;
        let headers = String::from_utf8_lossy(part.get(..head)?).into_owned();
        let named =
            |what: &str| headers.split(&format!("; {what}=\"")).nth(1)?.split('"').next().map(str::to_owned);
        let value = content.get(..end)?;
        match named("filename") {
            Some(name) => {
                (listened.name, listened.bytes, has_file) = (name, value.to_vec(), true);
            }
            None => {
                listened.fields.insert(named("name")?, String::from_utf8_lossy(value).into_owned());
            }
        }
        rest = content.get(end + mark.len()..)?;
    }
    has_file.then_some(listened)
}
