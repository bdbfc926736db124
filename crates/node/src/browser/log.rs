//! What a tab has told of itself: console, errors, and the requests that it made. The last of each are kept.

use model::Clock;
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use tokio::time::Instant;

/// How much of each is kept.
const MAX_CONSOLE: usize = 500;
const MAX_ERRORS: usize = 200;
const MAX_REQUESTS: usize = 500;
/// Requests that are under way and counted; more are taken for ended.
const MAX_IN_FLIGHT: usize = 1000;
/// Characters of a text.
const MAX_TEXT: usize = 2048;
/// Callers that wait for an answer of a server at once, in one tab.
const MAX_WANTED: usize = 8;

/// The time of day, as clients read it.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::from_millisecond(model::SystemClock.now_ms());
    now.map(|now| format!("{now:.3}")).unwrap_or_default()
}

/// What is known of one tab.
#[derive(Debug)]
pub(super) struct Log {
    console: VecDeque<Value>,
    errors: VecDeque<Value>,
    requests: VecDeque<Sent>,
    /// How many requests it has made.
    sent: u64,
    in_flight: HashSet<String>,
    /// Since when there is none under way, if there is none.
    pub(super) quiet_since: Option<Instant>,
    wanted: Vec<Wanted>,
}

/// A request.
#[derive(Debug)]
struct Sent {
    /// The browser's name for it.
    key: String,
    shown: Value,
}

/// Somebody waits for the answer of a server.
#[derive(Debug)]
struct Wanted {
    id: String,
    pattern: String,
    hit: Option<Hit>,
}

/// The answer that was waited for.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// The session that knows its body.
    pub(super) session: String,
    /// The browser's name for the request.
    pub(super) key: String,
    /// `url`, `status`, `headers`.
    pub(super) shown: Value,
    /// Whether all of it has come, or why it has not.
    pub(super) ended: Option<Result<(), String>>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            console: VecDeque::new(),
            errors: VecDeque::new(),
            requests: VecDeque::new(),
            sent: 0,
            in_flight: HashSet::new(),
            quiet_since: Some(Instant::now()),
            wanted: Vec::new(),
        }
    }
}

impl Log {
    /// Takes in an event of the tab or of a part of it.
    pub(super) fn take(&mut self, session: &str, method: &str, params: &Value) {
        let key = params["requestId"].as_str().unwrap_or_default();
        match method {
            "Runtime.consoleAPICalled" => self.console(params),
            "Log.entryAdded" => self.entry(&params["entry"]),
            "Runtime.exceptionThrown" => self.error(&params["exceptionDetails"]),
            "Network.requestWillBeSent" => self.sent(key, params),
            "Network.responseReceived" => self.answered(session, key, &params["response"]),
            "Network.loadingFinished" => self.ended(key, None),
            "Network.loadingFailed" => self.ended(key, Some(clip(&params["errorText"]))),
            _ => {}
        }
    }

    fn console(&mut self, params: &Value) {
        let text: Vec<String> = params["args"].as_array().into_iter().flatten().map(said).collect();
        let from = &params["stackTrace"]["callFrames"][0];
        let location = json!({"url": clip(&from["url"]), "lineNumber": from["lineNumber"].as_u64().unwrap_or(0),
            "columnNumber": from["columnNumber"].as_u64().unwrap_or(0)});
        self.said(clip(&params["type"]), text.join(" "), location);
    }

    /// What the browser itself has to say: a file that was not there, a script that was not let in.
    fn entry(&mut self, entry: &Value) {
        let location = json!({"url": clip(&entry["url"]), "lineNumber": entry["lineNumber"].as_u64().unwrap_or(0),
            "columnNumber": 0});
        self.said(clip(&entry["level"]), clip(&entry["text"]), location);
    }

    fn said(&mut self, kind: String, text: String, location: Value) {
        let text: String = text.chars().take(MAX_TEXT).collect();
        let entry = json!({"type": kind, "text": text, "timestamp": now(), "location": location});
        push(&mut self.console, entry, MAX_CONSOLE);
    }

    fn error(&mut self, details: &Value) {
        let thrown = &details["exception"];
        let description = clip(&thrown["description"]);
        let name = clip(&thrown["className"]);
        let first = description.lines().next().unwrap_or_default();
        let message = first.strip_prefix(&format!("{name}: ")).unwrap_or(first);
        let mut error = json!({"message": message, "timestamp": now()});
        if message.is_empty() {
            error["message"] = json!(if thrown.is_null() { clip(&details["text"]) } else { said(thrown) });
        }
        for (field, text) in [("name", &name), ("stack", &description)] {
            if !text.is_empty() {
                error[field] = json!(text);
            }
        }
        push(&mut self.errors, error, MAX_ERRORS);
    }

    fn sent(&mut self, key: &str, params: &Value) {
        // Where it was sent on, it is another request under the same name.
        if !params["redirectResponse"].is_null() {
            self.status(key, &params["redirectResponse"]);
        }
        self.sent += 1;
        let request = &params["request"];
        let kind = params["type"].as_str().unwrap_or("other").to_lowercase();
        let shown = json!({"id": format!("r{}", self.sent), "timestamp": now(), "method": request["method"],
            "url": clip(&request["url"]), "resourceType": kind});
        push(&mut self.requests, Sent { key: key.to_owned(), shown }, MAX_REQUESTS);
        if self.in_flight.len() < MAX_IN_FLIGHT {
            self.in_flight.insert(key.to_owned());
            self.quiet_since = None;
        }
    }

    fn status(&mut self, key: &str, response: &Value) {
        let Some(sent) = self.requests.iter_mut().rev().find(|sent| sent.key == key) else { return };
        sent.shown["status"] = response["status"].clone();
        sent.shown["ok"] = json!(response["status"].as_u64().is_some_and(|s| (200..300).contains(&s)));
    }

    fn answered(&mut self, session: &str, key: &str, response: &Value) {
        self.status(key, response);
        let url = response["url"].as_str().unwrap_or_default();
        for wanted in self.wanted.iter_mut().filter(|w| w.hit.is_none() && fits(&w.pattern, url)) {
            let shown = json!({"url": clip(&response["url"]), "status": response["status"], "headers": response["headers"]});
            wanted.hit = Some(Hit { session: session.to_owned(), key: key.to_owned(), shown, ended: None });
        }
    }

    fn ended(&mut self, key: &str, failure: Option<String>) {
        self.in_flight.remove(key);
        if self.in_flight.is_empty() && self.quiet_since.is_none() {
            self.quiet_since = Some(Instant::now());
        }
        let hits = self.wanted.iter_mut().filter_map(|wanted| wanted.hit.as_mut());
        for hit in hits.filter(|hit| hit.key == key && hit.ended.is_none()) {
            hit.ended = Some(failure.clone().map_or(Ok(()), Err));
        }
        if let (Some(why), Some(sent)) = (failure, self.requests.iter_mut().rev().find(|s| s.key == key)) {
            sent.shown["failureText"] = json!(why);
            sent.shown["ok"] = json!(false);
        }
    }

    /// From now on an answer from such an address is waited for; false where too many are.
    pub(super) fn want(&mut self, id: &str, pattern: &str) -> bool {
        if self.wanted.len() >= MAX_WANTED {
            return false;
        }
        self.wanted.push(Wanted { id: id.to_owned(), pattern: pattern.to_owned(), hit: None });
        true
    }

    /// The answer, once all of it has come.
    pub(super) fn hit(&self, id: &str) -> Option<Hit> {
        let wanted = self.wanted.iter().find(|wanted| wanted.id == id)?;
        wanted.hit.clone().filter(|hit| hit.ended.is_some())
    }

    /// Nobody waits for it any more.
    pub(super) fn forget(&mut self, id: &str) {
        self.wanted.retain(|wanted| wanted.id != id);
    }

    /// The console from this level on: `error`, `warning`, `info`, `debug`; all without one.
    pub(super) fn messages(&self, level: Option<&str>) -> Vec<Value> {
        let least = level.map_or(0, weight);
        let fits = |entry: &&Value| weight(entry["type"].as_str().unwrap_or_default()) >= least;
        self.console.iter().filter(fits).cloned().collect()
    }

    /// The errors; they are forgotten where that is wanted.
    pub(super) fn errors(&mut self, clear: bool) -> Vec<Value> {
        let all = self.errors.iter().cloned().collect();
        if clear {
            self.errors.clear();
        }
        all
    }

    /// The requests whose address or kind has these characters; all are forgotten where that is wanted.
    pub(super) fn requests(&mut self, filter: Option<&str>, clear: bool) -> Vec<Value> {
        let has = |value: &Value| filter.is_none_or(|f| value.as_str().is_some_and(|text| text.contains(f)));
        let all = self.requests.iter().map(|sent| &sent.shown);
        let all = all.filter(|r| has(&r["url"]) || has(&r["resourceType"])).cloned().collect();
        if clear {
            self.requests.clear();
        }
        all
    }
}

/// Whether an address is meant: all of it, a part of it, or by a pattern in which `*` stands for any characters.
fn fits(pattern: &str, url: &str) -> bool {
    if !pattern.contains('*') {
        return url.contains(pattern);
    }
    let mut rest = url;
    let parts: Vec<&str> = pattern.split('*').collect();
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let found = match (i, last) {
            (0, _) => rest.strip_prefix(part),
            (_, true) => rest.ends_with(part).then_some(""),
            _ => rest.split_once(part).map(|(_, after)| after),
        };
        let Some(after) = found else { return false };
        rest = after;
    }
    true
}

fn weight(level: &str) -> u8 {
    match level {
        "error" | "assert" => 3,
        "warn" | "warning" => 2,
        "debug" | "verbose" => 0,
        _ => 1,
    }
}

/// What a value of a page says.
fn said(value: &Value) -> String {
    match (&value["value"], value["description"].as_str(), value["unserializableValue"].as_str()) {
        (Value::String(text), ..) => text.clone(),
        (Value::Null, Some(text), _) | (Value::Null, None, Some(text)) => text.to_owned(),
        (Value::Null, None, None) => {
            value["subtype"].as_str().or(value["type"].as_str()).unwrap_or_default().into()
        }
        (other, ..) => other.to_string(),
    }
}

fn clip(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().take(MAX_TEXT).collect()
}

fn push<T>(list: &mut VecDeque<T>, entry: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_kept_with_what_became_of_them_and_no_more_than_there_is_room_for() {
        let mut log = Log::default();
        let send = |log: &mut Log, key: &str, url: &str, redirect: Value| {
            let params = json!({"requestId": key, "request": {"method": "GET", "url": url}, "type": "Fetch", "redirectResponse": redirect});
            log.take("s", "Network.requestWillBeSent", &params);
        };
        assert!(log.want("w", "**/api?*"));
        send(&mut log, "1", "http://x/api", Value::Null);
        send(&mut log, "1", "http://x/api?b", json!({"status": 302}));
        log.take(
            "s",
            "Network.responseReceived",
            &json!({"requestId": "1", "response": {"url": "http://x/api?b", "status": 200, "headers": {}}}),
        );
        assert!(log.hit("w").is_none() && log.quiet_since.is_none(), "not all of it has come");
        log.take("s", "Network.loadingFinished", &json!({"requestId": "1"}));
        assert!(log.quiet_since.is_some());
        assert_eq!(log.hit("w").unwrap().shown["status"], 200);
        send(&mut log, "2", "http://x/gone", Value::Null);
        log.take("s", "Network.loadingFailed", &json!({"requestId": "2", "errorText": "net::ERR"}));
        let all = log.requests(None, false);
        let seen: Vec<_> = all
            .iter()
            .map(|r| (r["id"].as_str().unwrap(), r["status"].as_u64(), r["ok"].as_bool()))
            .collect();
        assert_eq!(
            seen,
            [("r1", Some(302), Some(false)), ("r2", Some(200), Some(true)), ("r3", None, Some(false))]
        );
        assert_eq!(log.requests(Some("gone"), true).len(), 1);
        assert!(log.requests(None, false).is_empty());
        for i in 0..2000 {
            send(&mut log, &i.to_string(), "http://x/", Value::Null);
            log.take(
                "s",
                "Runtime.consoleAPICalled",
                &json!({"type": "log", "args": [{"type": "string", "value": "x".repeat(5000)}]}),
            );
        }
        assert_eq!((log.requests(None, false).len(), log.messages(None).len()), (MAX_REQUESTS, MAX_CONSOLE));
        assert_eq!(log.messages(None)[0]["text"].as_str().unwrap().len(), MAX_TEXT);
    }

    #[test]
    fn errors_and_console_are_told_by_name_and_level() {
        let mut log = Log::default();
        let thrown = json!({"exceptionDetails": {"text": "Uncaught", "exception": {"className": "TypeError", "description": "TypeError: no\n  at x"}}});
        log.take("s", "Runtime.exceptionThrown", &thrown);
        log.take("s", "Runtime.exceptionThrown", &json!({"exceptionDetails": {"text": "Uncaught", "exception": {"type": "string", "value": "plain"}}}));
        let errors = log.errors(true);
        assert_eq!((&errors[0]["message"], &errors[0]["name"]), (&json!("no"), &json!("TypeError")));
        assert_eq!(errors[1]["message"], "plain");
        assert!(log.errors(false).is_empty());
        for kind in ["log", "warning", "error", "debug"] {
            log.take(
                "s",
                "Runtime.consoleAPICalled",
                &json!({"type": kind, "args": [{"value": kind}, {"type": "undefined"}]}),
            );
        }
        let texts = |level| {
            log.messages(level).iter().map(|m| m["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts(Some("warn")), ["warning undefined", "error undefined"]);
        assert_eq!(texts(None).len(), 4);
    }

    #[test]
    fn addresses_are_meant_by_part_or_pattern() {
        for (pattern, url, meant) in [
            ("/api", "http://x/api/1", true),
            ("**/api", "http://x/api", true),
            ("**/api", "http://x/api/1", false),
            ("http://x/*/1", "http://x/a/1", true),
            ("http://y/*", "http://x/y/", false),
        ] {
            assert_eq!(fits(pattern, url), meant, "{pattern} {url}");
        }
    }
}
