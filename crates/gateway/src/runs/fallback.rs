//! What people see of a fail-over: events as it happens, and one line in a direct chat when another model begins to answer, or
//! the chosen one answers again. Which model a session has chosen is not changed by it.

use super::events::RunEvents;
use super::turn::Begin;
use crate::models::Wanted;
use crate::models::failover::Report;
use model::Outbound;
use serde_json::{Value, json};
use store::{Fallback, RunStatus};

/// By which model a run wants to be answered. What the call asks for goes before what was chosen for the session; a job that
/// names a model falls back on what its agent does.
pub(super) fn wanted(begun: &Begin) -> Wanted<'_> {
    let directives = begun.run.directives.as_ref();
    let asked = directives.and_then(|d| Some((d.model.as_deref()?, d.unattended)));
    match (asked, &begun.run.model_choice) {
        (Some((name, true)), _) => Wanted::First(name),
        (Some((name, false)), _) => Wanted::Exactly(name),
        (None, Some(choice)) => Wanted::Chosen(choice),
        (None, None) => Wanted::Own,
    }
}

/// Tells of the models that are passed over before any is asked.
pub(super) fn passed(events: &RunEvents, report: &Report) {
    for attempt in &report.attempts {
        events.lifecycle(step(&attempt.name, &report.active, (&attempt.reason, &attempt.detail)));
    }
}

/// A step from one model to the next, as a `lifecycle` event.
pub(super) fn step(from: &str, to: &str, (reason, detail): (&str, &str)) -> Value {
    json!({
        "phase": "fallback_step", "fallbackStepFromModel": from, "fallbackStepToModel": to,
        "fallbackStepFromFailureReason": reason, "fallbackStepFromFailureDetail": detail,
    })
}

/// Whether another model answers now than before: what is to be noted of the session.
pub(super) fn changed(begun: &Begin, report: Option<&Report>, status: RunStatus) -> Option<Option<Fallback>> {
    let report = report.filter(|_| status == RunStatus::Done)?;
    let before = &begun.run.fallback;
    if report.active == report.selected {
        return before.is_some().then_some(None);
    }
    let known = |before: &Fallback| before.selected == report.selected && before.active == report.active;
    if before.as_ref().is_some_and(known) {
        return None;
    }
    let why = report.attempts.iter().find(|attempt| attempt.name == report.selected);
    Some(Some(Fallback {
        selected: report.selected.clone(),
        active: report.active.clone(),
        reason: why.map_or_else(|| "unavailable".to_owned(), |attempt| attempt.reason.clone()),
    }))
}

/// The line about it for the chat; `None` where it is a group, or where nobody speaks.
pub(super) fn notice(begun: &Begin, change: Option<&Option<Fallback>>) -> Option<Outbound> {
    let route = begun.run.route.as_ref().filter(|_| begun.run.directives.is_none())?;
    if super::outgoing::is_mute(begun) {
        return None;
    }
    if route.to.starts_with('-') {
        return None;
    }
    let text = match (change?, &begun.run.fallback) {
        (Some(now), _) => format!(
            "↪️ {} answers instead of {} ({})",
            now.active,
            now.selected,
            now.reason.replace('_', " ")
        ),
        (None, Some(before)) => format!("↪️ {} answers again, no longer {}", before.selected, before.active),
        (None, None) => return None,
    };
    Some(Outbound {
        channel: route.channel.clone(),
        account: route.account.clone(),
        to: route.to.clone(),
        text,
        reply_to: None,
        act: None,
        ..Outbound::default()
    })
}

/// Tells of it by an event.
pub(super) fn tell(events: &RunEvents, change: Option<&Option<Fallback>>, report: &Report) {
    let Some(change) = change else { return };
    let (provider, model) = halves(&report.selected);
    let (active_provider, active_model) = halves(&report.active);
    let mut data = json!({
        "phase": if change.is_some() { "fallback" } else { "fallback_cleared" },
        "selectedProvider": provider, "selectedModel": model,
        "activeProvider": active_provider, "activeModel": active_model,
    });
    if let Some(now) = change {
        let attempts = report.attempts.iter().map(|attempt| {
            let (provider, model) = halves(&attempt.name);
            json!({"provider": provider, "model": model, "reason": attempt.reason, "error": attempt.detail})
        });
        let summaries = report.attempts.iter().map(|a| format!("{}: {}", a.name, a.reason.replace('_', " ")));
        data["reasonSummary"] = json!(now.reason.replace('_', " "));
        data["attemptSummaries"] = summaries.collect::<Vec<_>>().into();
        data["attempts"] = attempts.collect::<Vec<_>>().into();
    }
    events.lifecycle(data);
}

fn halves(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}
