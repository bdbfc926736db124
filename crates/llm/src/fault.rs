//! What a provider's refusal means: from status and body to an [`ErrorKind`]. Providers agree on little here, so the
//! rules go from the certain (status, error type) to the likely (words of the message).

use crate::ErrorKind;
use serde_json::Value;
use std::time::Duration;

/// A failed call before it carries the provider's name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    /// What was said or what happened.
    pub(crate) said: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind, said: impl Into<String>) -> Self {
        Self { kind, said: said.into(), retry_after: None }
    }

    pub(crate) fn refused(said: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, said)
    }

    /// What came is no answer.
    pub(crate) fn no_answer(said: impl Into<String>) -> Self {
        Self::new(ErrorKind::NoAnswer, said)
    }

    pub(crate) fn transient(said: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, said)
    }

    pub(crate) fn aborted() -> Self {
        Self::new(ErrorKind::Aborted, "the call was stopped")
    }
}

/// Reads an answer whose status is not 2xx.
pub(crate) fn from_status(status: u16, reason: &str, body: &str, retry_after: Option<Duration>) -> Fault {
    let value = serde_json::from_str::<Value>(body).unwrap_or(Value::Null);
    let details = Details::of(&value);
    let text = if details.message.is_empty() { body.trim() } else { &details.message };
    let said = match (text.is_empty(), reason.is_empty()) {
        (true, _) => format!("answered {status} {reason} without a word"),
        (false, true) => format!("answered {status}: {text}"),
        (false, false) => format!("answered {status} {reason}: {text}"),
    };
    Fault { kind: kind_of(status, &details, text), said, retry_after }
}

/// Reads an error that came within a stream, or in a 200 answer.
pub(crate) fn from_value(value: &Value) -> Fault {
    let details = Details::of(value);
    let text = if details.message.is_empty() { value.to_string() } else { details.message.clone() };
    let status = details.status.unwrap_or(0);
    Fault {
        kind: kind_of(status, &details, &text),
        said: format!("broke off with an error: {text}"),
        retry_after: None,
    }
}

/// The parts of an error body that providers agree on, more or less.
#[derive(Debug, Default)]
struct Details {
    message: String,
    /// `type` and `code`, lower-case, with a space between.
    tags: String,
    /// A numeric `code` is a status (OpenRouter, llama.cpp).
    status: Option<u16>,
}

impl Details {
    /// Reads `{"error": {...}}`, `{"error": "text"}`, `[{"error": …}]`, `{"message"}`, `{"detail"}` and the bare object.
    fn of(value: &Value) -> Self {
        let outer = value.get(0).unwrap_or(value);
        let error = match outer.get("error") {
            Some(Value::String(text)) => return Self { message: text.clone(), ..Self::default() },
            Some(inner) if inner.is_object() => inner,
            _ => outer,
        };
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let message =
            [text("message"), text("detail")].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
        // OpenRouter wraps what the provider behind it said.
        let raw = error.pointer("/metadata/raw").and_then(Value::as_str).unwrap_or_default();
        let message = if raw.is_empty() { message.to_owned() } else { format!("{message}: {raw}") };
        let tags = format!("{} {}", text("type"), text("code")).to_lowercase();
        let status = error.get("code").and_then(Value::as_u64).and_then(|c| u16::try_from(c).ok());
        Self { message, tags, status }
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.contains(tag)
    }
}

/// Words by which providers say that a request was too long for the model.
const TOO_LONG: &[&str] = &[
    "maximum context length",
    "context length exceeded",
    "context_length_exceeded",
    "exceeds the context",
    "exceed context limit",
    "exceeds the available context",
    "exceeds the model's context",
    "exceeds the model's maximum context",
    "larger than the context",
    "greater than the context length",
    "context window",
    "context size",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "input token count",
    "too many tokens",
    "maximum prompt length",
    "max_prompt_tokens",
    "token limit exceeded",
    "reduce the length of the messages",
    "request too large for",
];

/// Words by which they say that there is no money left: waiting does not help.
const NO_CREDIT: &[&str] = &[
    "insufficient_quota",
    "exceeded your current quota",
    "credit balance is too low",
    "insufficient balance",
];

/// Words by which they say that what may be used in a time is used up: it comes back by itself, whatever the status says.
const USED_UP_FOR_NOW: &[&str] = &[
    "usage limit",
    "hourly limit",
    "daily limit",
    "weekly limit",
    "monthly limit",
    "spending limit",
    "spend limit",
];

fn kind_of(status: u16, details: &Details, text: &str) -> ErrorKind {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    if matches!(status, 402 | 429) && says(USED_UP_FOR_NOW) {
        return ErrorKind::RateLimited;
    }
    if details.has("insufficient_quota") || details.has("billing") || status == 402 || says(NO_CREDIT) {
        return ErrorKind::NoCredit;
    }
    let may_be_too_long = match status {
        // Elsewhere these words speak of tokens per minute.
        429 => text.contains("request too large for"),
        0 | 400 | 413 | 422 | 500 => says(TOO_LONG),
        _ => false,
    };
    if status == 413
        || details.has("context_length_exceeded")
        || details.has("exceed_context_size")
        || details.has("request_too_large")
        || may_be_too_long
    {
        return ErrorKind::ContextOverflow;
    }
    if details.has("overloaded") || details.has("rate_limit") || matches!(status, 429 | 529) {
        return ErrorKind::RateLimited;
    }
    match status {
        401 | 403 => ErrorKind::Auth,
        404 => ErrorKind::NoModel,
        400 if details.has("model_not") => ErrorKind::NoModel,
        300..=399 => ErrorKind::NoAnswer,
        503 if text.contains("overload") => ErrorKind::RateLimited,
        408 | 409 | 425 | 500.. => ErrorKind::Transient,
        0 => kind_of_type(details),
        _ => ErrorKind::Refused,
    }
}

/// An error within a stream carries no status; its type says what it is. What says nothing may pass.
fn kind_of_type(details: &Details) -> ErrorKind {
    let any = |tags: &[&str]| tags.iter().any(|t| details.has(t));
    if any(&["authentication", "permission", "invalid_api_key"]) {
        ErrorKind::Auth
    } else if any(&["not_found", "model_not"]) {
        ErrorKind::NoModel
    } else if any(&["invalid_request", "badrequest", "bad_request", "content_filter"]) {
        ErrorKind::Refused
    } else {
        ErrorKind::Transient
    }
}

/// Reads how long to wait from the answer's headers: `retry-after-ms`, or `retry-after` in seconds. The date form is
/// not used by model providers; it is read as nothing said.
pub(crate) fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    // Longer than a day is no wait but a refusal; it is cut so that nobody sleeps for a year on a wrong unit.
    const MAX_SECONDS: f64 = 86_400.0;
    let number =
        |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Some(Duration::from_secs_f64(seconds.clamp(0.0, MAX_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind::{Auth, ContextOverflow, NoAnswer, NoCredit, NoModel, RateLimited, Refused, Transient};

    #[test]
    fn answers_are_classified_by_status_type_and_words() {
        let cases: &[(u16, &str, ErrorKind)] = &[
            (401, r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#, Auth),
            (403, "forbidden", Auth),
            (402, r#"{"error":{"message":"Insufficient credits","code":402}}"#, NoCredit),
            (402, r#"{"error":{"message":"Weekly usage limit exhausted"}}"#, RateLimited),
            (404, r#"{"error":{"message":"model \"x\" not found, try pulling it first"}}"#, NoModel),
            (
                404,
                r#"{"error":{"message":"prompt is too long","code":"context_length_exceeded"}}"#,
                ContextOverflow,
            ),
            (400, r#"{"error":{"message":"no such model","code":"model_not_found"}}"#, NoModel),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#,
                ContextOverflow,
            ),
            (400, r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#, ContextOverflow),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                ContextOverflow,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
                ContextOverflow,
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"The input token count (2000000) exceeds the maximum"}}]"#,
                ContextOverflow,
            ),
            (
                413,
                r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
                ContextOverflow,
            ),
            (
                429,
                r#"{"error":{"message":"Request too large for gpt-x on tokens per min","code":"rate_limit_exceeded"}}"#,
                ContextOverflow,
            ),
            (
                400,
                r#"{"error":{"message":"messages.0: unexpected role","type":"invalid_request_error"}}"#,
                Refused,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
                NoCredit,
            ),
            (429, r#"{"error":{"message":"slow down"}}"#, RateLimited),
            (429, r#"{"message":"Too many tokens, please wait before trying again"}"#, RateLimited),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
                NoCredit,
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                RateLimited,
            ),
            (503, r#"{"error":{"message":"The model is overloaded"}}"#, RateLimited),
            (503, "Service Unavailable", Transient),
            (500, "", Transient),
            (502, "<html>Bad Gateway</html>", Transient),
            (408, "", Transient),
            (422, r#"{"detail":"bad field"}"#, Refused),
            (302, "", NoAnswer),
        ];
        for (status, body, want) in cases {
            let fault = from_status(*status, "", body, None);
            assert_eq!(fault.kind, *want, "{status} {body}");
        }
    }

    #[test]
    fn errors_within_a_stream_are_classified_by_their_type() {
        let cases: &[(&str, ErrorKind)] = &[
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, RateLimited),
            (r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#, RateLimited),
            (r#"{"type":"error","error":{"type":"api_error","message":"Internal"}}"#, Transient),
            (r#"{"type":"error","error":{"type":"authentication_error","message":"no"}}"#, Auth),
            (r#"{"error":{"code":502,"message":"Provider returned error"}}"#, Transient),
            (
                r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"busy"}}}"#,
                RateLimited,
            ),
            (r#"{"error":{"message":"bad","type":"invalid_request_error"}}"#, Refused),
            (r#"{"error":"something went wrong"}"#, Transient),
            (
                r#"{"object":"error","message":"prompt is too long","type":"BadRequestError"}"#,
                ContextOverflow,
            ),
        ];
        for (body, want) in cases {
            assert_eq!(from_value(&serde_json::from_str(body).unwrap()).kind, *want, "{body}");
        }
    }

    #[test]
    fn the_time_to_wait_is_read_from_the_headers() {
        let cases: &[(&str, &str, Option<Duration>)] = &[
            ("retry-after", "7", Some(Duration::from_secs(7))),
            ("retry-after", "0.5", Some(Duration::from_millis(500))),
            ("retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("retry-after", "-3", Some(Duration::ZERO)),
            ("retry-after", "1e300", Some(Duration::from_secs(86_400))),
            ("retry-after", "NaN", None),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("x-other", "7", None),
        ];
        for (name, value, want) in cases {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(*name, value.parse().unwrap());
            assert_eq!(retry_after(&headers), *want, "{name}: {value}");
        }
    }
}
