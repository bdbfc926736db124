//! `agents.defaults.heartbeat` and `agents.entries.<id>.heartbeat`: the turn that an agent takes now and then by itself.

use super::duration_ms;
use crate::doc::Section;

/// What a heartbeat says; what it leaves open comes from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// `every`, in ms; 0 is never. Half an hour where nothing is said.
    pub every_ms: Option<u64>,
    /// `target`: `owner`, `last`, `none` or a channel; `owner` where nothing is said.
    pub target: Option<String>,
    /// `to`: the chat on a channel that `target` names.
    pub to: Option<String>,
    /// `accountId`: the account of that channel.
    pub account_id: Option<String>,
    /// `prompt`: what the agent is asked, instead of the usual.
    pub prompt: Option<String>,
    /// `model`: `provider/model`, instead of the agent's own.
    pub model: Option<String>,
    /// `lightContext`: without the files of the workspace.
    pub light_context: Option<bool>,
    /// `timeoutSeconds`: the longest turn.
    pub timeout_seconds: Option<u64>,
    /// `activeHours`: when it may speak.
    pub active_hours: Option<ActiveHours>,
}

/// A part of each day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActiveHours {
    /// `start`, in minutes after midnight; belongs to it.
    pub start: u32,
    /// `end`, in minutes after midnight, up to 1440; does not.
    pub end: u32,
    /// `timezone`: an IANA name, `user` or `local`; the user's where nothing is said.
    pub timezone: Option<String>,
}

/// A bare number is minutes.
const MINUTE_MS: u64 = 60 * 1000;
/// Half an hour.
const EVERY_MS: u64 = 30 * 60 * 1000;

impl HeartbeatConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("session", "heartbeats are in the agent's main session");
        s.unsupported("isolatedSession", "heartbeats are in the agent's main session");
        s.unsupported("directPolicy", "direct chats are never left out");
        s.raw("ackMaxChars");
        let every_ms = s.text("every").and_then(|text| {
            let read = duration_ms(&text, MINUTE_MS);
            if read.is_none() {
                s.error("every", format!("{text:?} is no duration; write it as 30m, 1h or 0m"));
            }
            read
        });
        Self {
            every_ms,
            target: s.text("target"),
            to: s.text("to"),
            account_id: s.text("accountId"),
            prompt: s.text("prompt"),
            model: s.text("model"),
            light_context: s.boolean("lightContext"),
            timeout_seconds: s.integer("timeoutSeconds", 1..=u64::MAX),
            active_hours: s.section("activeHours", ActiveHours::read),
        }
    }

    /// This, and what it leaves open from `defaults`.
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        Self {
            every_ms: self.every_ms.or(defaults.every_ms),
            target: text(&self.target, &defaults.target),
            to: text(&self.to, &defaults.to),
            account_id: text(&self.account_id, &defaults.account_id),
            prompt: text(&self.prompt, &defaults.prompt),
            model: text(&self.model, &defaults.model),
            light_context: self.light_context.or(defaults.light_context),
            timeout_seconds: self.timeout_seconds.or(defaults.timeout_seconds),
            active_hours: self.active_hours.clone().or_else(|| defaults.active_hours.clone()),
        }
    }

    /// The time between two, in ms; 0 is never.
    pub fn every_ms(&self) -> u64 {
        self.every_ms.unwrap_or(EVERY_MS)
    }
}

impl ActiveHours {
    fn read(s: &Section<'_>) -> Option<Self> {
        if !s.exists() {
            return None;
        }
        let time = |key: &'static str, missing: u32| {
            let Some(text) = s.text(key) else { return missing };
            let read = minutes(&text);
            if read.is_none() {
                s.error(
                    key,
                    format!("{text:?} is no time of day; write it as 08:00 (24:00 is the day's end)"),
                );
            }
            read.unwrap_or(missing)
        };
        Some(Self { start: time("start", 0), end: time("end", 1440), timezone: s.text("timezone") })
    }

    /// Whether a minute of the day lies within. A span may go over midnight; one without length has no minute.
    pub fn contains(&self, minute: u32) -> bool {
        if self.start <= self.end {
            (self.start..self.end).contains(&minute)
        } else {
            minute >= self.start || minute < self.end
        }
    }
}

/// `08:30` as minutes.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
    let all = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && all <= 1440).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_as_people_write_them() {
        assert_eq!(
            (minutes("08:30"), minutes("24:00"), minutes("24:01"), minutes("8")),
            (Some(510), Some(1440), None, None)
        );
    }

    #[test]
    fn active_hours_have_a_beginning_and_an_end_and_may_go_over_midnight() {
        let hours = |start, end| ActiveHours { start, end, timezone: None };
        let day = hours(480, 1320);
        assert_eq!([479, 480, 1319, 1320].map(|m| day.contains(m)), [false, true, true, false]);
        let night = hours(1320, 360);
        assert_eq!([1319, 1320, 0, 359, 360].map(|m| night.contains(m)), [false, true, true, true, false]);
        assert!((0..1440).all(|m| !hours(480, 480).contains(m)));
    }
}
