//! Lines of a log as people and as programs read them. Ours are `{time, level, target, message, …}`; OpenClaw's have the
//! level in `_meta`.

use crate::output::{Output, Tone, printable};
use crate::view::text;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// Fields that have a place of their own in a line, or only repeat it.
const PLACED: &[&str] = &["time", "level", "target", "message", "_meta", "hostname"];

/// What `--json` prints before the first line of a file.
pub(super) fn meta(payload: &Value) -> Value {
    json!({"type": "meta", "file": payload["file"], "cursor": payload["cursor"], "size": payload["size"]})
}

/// A line as `--json` prints it.
pub(in crate::commands) fn event(line: &str) -> Value {
    match serde_json::from_str::<Value>(line) {
        Ok(Value::Object(fields)) => {
            let mut event = Map::from_iter([("type".to_owned(), json!("log"))]);
            event.extend(fields.into_iter().filter(|(name, _)| name != "type"));
            Value::Object(event)
        }
        _ => json!({"type": "raw", "raw": line}),
    }
}

/// A line as people read it: time, level, where, what, and the rest as `name=value`.
pub(in crate::commands) fn human(out: &Output, line: &str, zone: &TimeZone) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(line) else { return printable(line) };
    let all = Value::Object(fields);
    let time = text(&all, "/time").map(|time| short_time(time, zone)).unwrap_or_default();
    let level = text(&all, "/level").or(text(&all, "/_meta/logLevelName")).unwrap_or("INFO").to_uppercase();
    let target = text(&all, "/target").or(text(&all, "/_meta/name")).unwrap_or_default();
    let message = text(&all, "/message").or(text(&all, "/1")).or(text(&all, "/0")).unwrap_or_default();
    let mut rest = String::new();
    for (name, value) in all.as_object().into_iter().flatten() {
        if !PLACED.contains(&name.as_str()) && name.parse::<u32>().is_err() {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            rest.push_str(&format!(" {name}={shown}"));
        }
    }
    let level = out.paint(tone(&level), &printable(&format!("{level:<5}")));
    let place = out.paint(Tone::Dim, &printable(&format!("{time} ")));
    let said = printable(&format!(" {target}: {message}{rest}")).replace('\n', "\n    ");
    format!("{place}{level}{said}")
}

fn tone(level: &str) -> Tone {
    match level {
        "ERROR" | "FATAL" => Tone::Bad,
        "WARN" => Tone::Warn,
        "INFO" => Tone::Good,
        _ => Tone::Dim,
    }
}

/// `2026-11-21T01:56:06.558Z` without its fractions; in another zone with its offset.
fn short_time(time: &str, zone: &TimeZone) -> String {
    if *zone != TimeZone::UTC
        && let Ok(at) = time.parse::<Timestamp>()
    {
        return at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    }
    match (time.get(..19), time.ends_with('Z') || time.ends_with("+00:00")) {
        (Some(seconds), true) => format!("{seconds}Z"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_and_openclaws_read_alike() {
        let ours = r#"{"time":"2026-11-21T01:56:06.558Z","level":"WARN","target":"gateway","message":"slow","ms":5}"#;
        assert_eq!(
            human(&Output::plain(), ours, &TimeZone::UTC),
            "2026-11-21T01:56:06Z WARN  gateway: slow ms=5"
        );
        let rome = TimeZone::get("Europe/Rome").unwrap();
        assert_eq!(
            human(&Output::plain(), ours, &rome),
            "2026-11-21T02:56:06+01:00 WARN  gateway: slow ms=5"
        );
        let theirs = r#"{"0":"x","1":"paired","_meta":{"logLevelName":"INFO","name":"gw"},"time":"2026-11-21T01:56:06.558+00:00","message":"paired"}"#;
        assert_eq!(human(&Output::plain(), theirs, &TimeZone::UTC), "2026-11-21T01:56:06Z INFO  gw: paired");
    }

    #[test]
    fn what_is_no_json_is_shown_as_it_is_but_cannot_steer_the_terminal() {
        assert_eq!(human(&Output::plain(), "plain \x1b[31mtext", &TimeZone::UTC), "plain [31mtext");
        assert_eq!(event("plain"), json!({"type":"raw","raw":"plain"}));
        assert_eq!(event(r#"{"level":"INFO","type":"x"}"#), json!({"type":"log","level":"INFO"}));
    }
}
