//! From the bytes of an answer to its events: server-sent events, or one JSON object where the server does not stream.

use crate::ErrorKind;
use crate::answer::{Answer, Sink};
use crate::endpoint::Reply;
use crate::fault::{Fault, from_value};
use model::sse::{Decoder, Event};
use serde_json::Value;

/// Builds an answer from the events of one API.
pub(crate) trait Decode {
    /// Takes one event's JSON.
    fn event(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault>;

    /// Takes a whole answer that was not streamed.
    fn whole(&mut self, value: &Value, events: &mut Sink<'_>) -> Result<(), Fault>;

    /// Takes the API's closing mark (`[DONE]`).
    fn done(&mut self);

    /// Whether the answer is complete, save perhaps its usage.
    fn is_complete(&self) -> bool;

    /// Whether nothing more will come.
    fn is_over(&self) -> bool;

    /// The answer.
    ///
    /// # Errors
    /// The stream ended too early.
    fn finish(self) -> Result<Answer, Fault>;
}

/// Reads a reply to its end.
pub(crate) async fn read<D: Decode>(
    mut reply: Reply<'_>,
    decoder: D,
    events: &mut Sink<'_>,
) -> Result<Answer, Fault> {
    let mut feed = Feed::new(decoder);
    loop {
        match reply.next(feed.decoder.is_complete()).await {
            Ok(Some(bytes)) => feed.push(&bytes, events)?,
            Ok(None) => break,
            // The answer is there; only its usage may be missing.
            Err(fault) if feed.decoder.is_complete() && fault.kind == ErrorKind::Transient => break,
            Err(fault) => return Err(fault),
        }
        if feed.decoder.is_over() {
            break;
        }
    }
    reply.drain().await;
    feed.end(events)
}

/// The bytes of one answer, taken at any cut.
pub(crate) struct Feed<D> {
    decoder: D,
    body: Body,
    found: Vec<Event>,
}

enum Body {
    /// Nothing but white space so far.
    Unknown,
    Sse(Decoder, Vec<u8>),
    Json(Vec<u8>),
}

/// So much of an answer is kept to show what it was when it was nonsense.
const EXCERPT: usize = 200;

impl<D: Decode> Feed<D> {
    pub(crate) fn new(decoder: D) -> Self {
        Self { decoder, body: Body::Unknown, found: Vec::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// The provider reported an error, or sent what is no answer.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Sink<'_>) -> Result<(), Fault> {
        if matches!(self.body, Body::Unknown) {
            match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
                None => return Ok(()),
                Some(b'{' | b'[') => self.body = Body::Json(Vec::new()),
                Some(_) => self.body = Body::Sse(Decoder::default(), Vec::new()),
            }
        }
        match &mut self.body {
            Body::Unknown => return Ok(()),
            Body::Json(json) => json.extend_from_slice(bytes),
            Body::Sse(decoder, head) => {
                let room = EXCERPT.saturating_sub(head.len());
                head.extend(bytes.iter().take(room));
                decoder.push(bytes, &mut self.found).map_err(|_| {
                    Fault::no_answer(format!("sent a line of more than {} MiB", model::sse::MAX_LINE >> 20))
                })?;
            }
        }
        let mut found = std::mem::take(&mut self.found);
        for event in found.drain(..) {
            self.event(&event, events)?;
        }
        self.found = found;
        Ok(())
    }

    fn event(&mut self, event: &Event, events: &mut Sink<'_>) -> Result<(), Fault> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.decoder.done();
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Value>(data) {
            Ok(value) if event.name == "error" => Err(from_value(&value)),
            Ok(value) => self.decoder.event(&value, events),
            Err(_) if event.name == "error" => Err(from_value(&Value::String(data.to_owned()))),
            Err(e) => Err(Fault::no_answer(format!("sent an event that is no JSON ({e}): {data}"))),
        }
    }

    /// The bytes have ended.
    ///
    /// # Errors
    /// The answer was cut, or was none.
    pub(crate) fn end(mut self, events: &mut Sink<'_>) -> Result<Answer, Fault> {
        match &self.body {
            Body::Json(json) => {
                let value = serde_json::from_slice::<Value>(json).map_err(|e| not_json(&e, json))?;
                self.decoder.whole(&value, events)?;
            }
            Body::Sse(decoder, head) if !decoder.saw_sse() && !begins_a_field(decoder.rest()) => {
                let head = String::from_utf8_lossy(head);
                return Err(Fault::no_answer(format!("answered what is no model's answer: {head}")));
            }
            Body::Unknown | Body::Sse(..) => {}
        }
        self.decoder.finish()
    }
}

/// Whether a line that was cut may have become a line of server-sent events.
fn begins_a_field(line: &[u8]) -> bool {
    let fields = [&b"data:"[..], b"event:", b"id:", b"retry:", b":"];
    !line.is_empty() && fields.iter().any(|f| f.starts_with(line) || line.starts_with(f))
}

fn not_json(error: &serde_json::Error, json: &[u8]) -> Fault {
    if error.is_eof() {
        return Fault::transient("cut its answer short");
    }
    let head = String::from_utf8_lossy(json.get(..EXCERPT).unwrap_or(json));
    Fault::no_answer(format!("sent an answer that is no JSON ({error}): {head}"))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Feeding decoders with bytes, for the tests of both APIs.

    use super::*;
    use crate::StreamEvent;

    /// What came of an answer, and what was reported meanwhile.
    pub(crate) type Outcome = (Result<Answer, Fault>, Vec<StreamEvent>);

    /// Feeds one answer in pieces.
    pub(crate) fn feed<D: Decode>(decoder: D, pieces: &[&[u8]]) -> Outcome {
        let mut reported = Vec::new();
        let mut sink = |event| reported.push(event);
        let mut feed = Feed::new(decoder);
        let pushed = pieces.iter().try_for_each(|piece| feed.push(piece, &mut sink));
        let result = pushed.and_then(|()| feed.end(&mut sink));
        (result, reported)
    }

    /// Feeds an answer whole, cut in two at every position, and byte by byte; the outcome is always the same.
    pub(crate) fn feed_at_every_cut<D: Decode>(decoder: impl Fn() -> D, bytes: &[u8]) -> Outcome {
        let whole = feed(decoder(), &[bytes]);
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(feed(decoder(), &[a, b]), whole, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(feed(decoder(), &single), whole, "byte by byte");
        whole
    }
}
