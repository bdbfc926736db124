//! `/approve ID allow-once|allow-always|deny`.

use super::Speaker;
use crate::approvals::question::Kind;
use crate::approvals::{self, ALLOW_ALWAYS, ALLOW_ONCE, DENY, NotDecided};
use crate::shared::Shared;
use protocol::ErrorShape;
use std::sync::Arc;

/// A chat decides about what its own session asks, and an approver about what approvers are asked; nothing else.
pub(super) async fn run(
    shared: &Arc<Shared>,
    speaker: &Speaker<'_>,
    rest: &str,
) -> Result<String, ErrorShape> {
    let Some(decider) = &speaker.decides else {
        return Ok("You may not decide about commands here.".into());
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let decision = |word: &str| match word.to_ascii_lowercase().as_str() {
        "allow-once" | "allow" | "once" => Some(ALLOW_ONCE),
        "allow-always" | "always" => Some(ALLOW_ALWAYS),
        "deny" => Some(DENY),
        _ => None,
    };
    let Some((id, decision)) = (match words.as_slice() {
        [id, word] => decision(word).map(|d| (*id, d)),
        _ => None,
    }) else {
        return Ok("Write it as /approve ID allow-once, /approve ID allow-always or /approve ID deny.".into());
    };
    let key = speaker.key.to_string();
    // What a question says of its session is worth something only where the agent asked it: others name any.
    let sees = |body: &approvals::question::Body| {
        let may = match decider.client {
            Some(conn) => body.requester.may_see(conn.principal(), conn.id()),
            None => body.requester.is_agent(),
        };
        let is_own = match (&decider.client, &body.approvers) {
            (None, Some(_)) => decider.approver_of == body.approvers,
            _ => decider.of_session && body.session_key() == Some(&key),
        };
        may && is_own
    };
    Ok(match approvals::decide(shared, id, decision, decider.resolver.clone(), sees).await {
        Ok((approval, _)) if decision != ALLOW_ONCE => {
            let is_command = approvals::question::Body::of(&approval).kind == Kind::Exec;
            match (decision == DENY, is_command) {
                (true, true) => "❌ Denied. It was not run.".into(),
                (true, false) => "❌ Denied. Nothing was done.".into(),
                (false, true) => "✅ Allowed, from now on in that directory.".into(),
                (false, false) => "✅ Allowed, from now on for this path.".into(),
            }
        }
        Ok(_) => "✅ Allowed once.".into(),
        Err(NotDecided::Unknown) => {
            format!("There is no approval {id} that waits here; it may have expired.")
        }
        Err(NotDecided::Ambiguous) => format!("Several approvals begin with {id}; write more of the id."),
        Err(NotDecided::AlreadyResolved) => "It was decided otherwise already.".into(),
        Err(NotDecided::NotOffered(decision)) => {
            format!("{decision} is not possible for this one; allow-once or deny it.")
        }
        Err(NotDecided::Store(error)) => return Err(error),
    })
}
