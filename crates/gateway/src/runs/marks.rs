//! How far a turn is, as a reaction on the message that led to it, where `messages.statusReactions` wants that: that the agent thinks,
//! which kind of tool it uses, that it is done or that something went wrong, and then again that the message was taken up.

use super::acks;
use super::turn::Begin;
use crate::shared::Shared;
use agent::turn::{CompactionPhase, TurnEvent, TurnOutcome};
use model::{Act, Outbound, SessionKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What lasts no longer is not shown.
const QUIET: Duration = Duration::from_millis(700);
/// A platform that takes longer is not waited for.
const CALL: Duration = Duration::from_secs(10);
/// How long it is seen that a turn is done, and that it went wrong.
const DONE: Duration = Duration::from_millis(1500);
const FAILED: Duration = Duration::from_millis(2500);

/// The reaction on a message whose turn runs.
pub(crate) struct Marks {
    shared: Arc<Shared>,
    out: Outbound,
    /// The sign that it was taken up.
    first: String,
    seen: watch::Receiver<&'static str>,
}

/// Where events are told, and the marks of the turn, where there are some.
pub(crate) fn of(
    shared: &Arc<Shared>,
    key: &SessionKey,
    begun: &Begin,
) -> Option<(watch::Sender<&'static str>, Marks)> {
    let settings = &begun.current.settings;
    let inbound = begun.first.as_ref().filter(|_| settings.status_reactions && begun.run.route.is_some())?;
    let first = acks::emoji(settings, key, inbound)?;
    let (feed, seen) = watch::channel("");
    let out = Outbound {
        channel: inbound.channel.clone(),
        account: inbound.account.clone(),
        to: inbound.chat.id.clone(),
        act: Some(Act::React { message_id: inbound.message_id.clone(), emoji: None }),
        ..Outbound::default()
    };
    Some((feed, Marks { shared: shared.clone(), out, first, seen }))
}

/// What an event shows, where it shows something.
pub(crate) fn of_event(event: &TurnEvent) -> Option<&'static str> {
    match event {
        TurnEvent::ModelCall { .. } => Some("🤔"),
        TurnEvent::ToolStart { name, .. } => Some(match name.as_str() {
            "exec" | "process" | "read" | "write" | "edit" | "session_status" => "👨‍💻",
            "web_search" | "web_fetch" | "browser" => "⚡",
            _ => "🔥",
        }),
        TurnEvent::Compaction { phase: CompactionPhase::Start } => Some("✍"),
        _ => None,
    }
}

/// Shows what there is to be seen until the turn ends.
pub(crate) async fn keep(marks: &mut Option<Marks>) {
    let Some(marks) = marks else { return };
    let mut shown = "";
    while marks.seen.changed().await.is_ok() {
        loop {
            match tokio::time::timeout(QUIET, marks.seen.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => break,
            }
        }
        let now = *marks.seen.borrow_and_update();
        if now != shown {
            marks.put(now).await;
            shown = now;
        }
    }
}

impl Marks {
    async fn put(&self, emoji: &str) {
        let mut out = self.out.clone();
        if let Some(Act::React { emoji: on, .. }) = &mut out.act {
            *on = Some(emoji.to_owned());
        }
        match tokio::time::timeout(CALL, self.shared.channels.send(&out)).await {
            Ok(Ok(_)) => {}
            // A chat may not allow it; the turn goes on all the same.
            Ok(Err(error)) => tracing::debug!(error = %error.message, "a reaction is not shown"),
            Err(_) => tracing::debug!("a reaction is not shown in time"),
        }
    }
}

/// Shows how the turn ended, for a moment.
pub(crate) fn end(marks: Option<Marks>, outcome: &TurnOutcome) {
    let Some(marks) = marks else { return };
    let (emoji, time) = match outcome.end {
        agent::turn::TurnEnd::Failed(_) => ("😱", FAILED),
        agent::turn::TurnEnd::Done | agent::turn::TurnEnd::Aborted => ("👍", DONE),
    };
    let shared = marks.shared.clone();
    shared.lifecycle.spawn(async move {
        marks.put(emoji).await;
        tokio::time::sleep(time).await;
        marks.put(&marks.first).await;
    });
}
