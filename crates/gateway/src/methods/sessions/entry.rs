//! What several methods say of a session beside its row in lists, and the errors that they share.

use crate::shared::Shared;
use model::SessionKey;
use protocol::ErrorShape;
use serde_json::{Value, json};
use store::Session;

/// Characters of a label.
const MAX_LABEL: usize = 512;

/// The session as those see it who made or changed it (`samples/rpc.jsonl`, `sessions.create` and `sessions.reset`).
pub(super) fn entry(session: &Session) -> Value {
    let mut out = json!({
        "sessionId": session.session_id,
        "updatedAt": session.updated_at_ms,
        "sessionStartedAt": session.started_at_ms,
        "createdVia": session.created_via,
        "createdAt": session.created_at_ms,
        "compactionCount": session.compactions,
        "inputTokens": session.usage.input,
        "outputTokens": session.usage.output,
        "totalTokens": session.context_tokens,
    });
    let (provider, model) = match session.model_choice.as_deref().and_then(|name| name.split_once('/')) {
        Some((provider, model)) => (json!(provider), json!(model)),
        None => (Value::Null, Value::Null),
    };
    let chosen = [
        ("label", json!(session.label)),
        ("displayName", json!(session.title)),
        ("parentSessionKey", json!(session.parent_key)),
        ("providerOverride", provider),
        ("modelOverride", model),
        ("modelOverrideSource", json!(session.model_choice.as_ref().map(|_| "user"))),
        ("archivedAt", json!(session.archived_at_ms)),
        ("pinnedAt", json!(session.pinned_at_ms)),
        ("lastReadAt", json!(session.read_at_ms)),
        ("markedUnreadAt", json!(session.marked_unread_at_ms)),
        ("sendPolicy", json!(session.chosen.sends.map(|sends| if sends { "allow" } else { "deny" }))),
        (
            "groupActivation",
            json!(session.chosen.hears_all.map(|all| if all { "always" } else { "mention" })),
        ),
        ("responseUsage", json!(session.chosen.usage.map(store::UsageLine::as_str))),
    ];
    for (name, value) in chosen.into_iter().filter(|(_, value)| !value.is_null()) {
        out[name] = value;
    }
    out
}

/// The model that answers in the session.
pub(super) fn resolved(shared: &Shared, session: &Session) -> Value {
    let name = session.model_choice.clone().or_else(|| shared.models().name_for(session.key.agent_id()));
    match name.as_deref().and_then(|name| name.split_once('/')) {
        Some((provider, model)) => json!({"modelProvider": provider, "model": model}),
        None => json!({}),
    }
}

/// The name to show: the label, else what the chat is called, else the end of the key.
pub(super) fn display_name(session: &Session) -> String {
    session.label.clone().or_else(|| session.title.clone()).unwrap_or_else(|| session.key.rest().to_owned())
}

/// Marked as unread, or something was said since it was read last.
pub(super) fn is_unread(session: &Session) -> bool {
    session.marked_unread_at_ms.is_some()
        || (session.message_count > 0 && session.read_at_ms.is_none_or(|read| read < session.updated_at_ms))
}

/// A label as it is kept.
pub(super) fn label(text: &str) -> Result<String, ErrorShape> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_LABEL || text.chars().any(char::is_control) {
        return Err(ErrorShape::invalid(format!(
            "at /label: must be one line of 1 to {MAX_LABEL} characters; null takes it away"
        )));
    }
    Ok(text.to_owned())
}

/// Levels of thinking are not asked of models here: off is all that there is.
pub(super) fn check_thinking(shared: &Shared, session_model: &str, level: &str) -> Result<(), ErrorShape> {
    if level == "off" {
        return Ok(());
    }
    let name = if session_model.is_empty() {
        shared.models().name_for(&shared.settings().default_agent).unwrap_or_else(|| "this model".into())
    } else {
        session_model.to_owned()
    };
    Err(ErrorShape::invalid(format!("thinkingLevel {level:?} is not supported for {name} (use off)")))
}

/// No such session.
pub(in crate::methods) fn not_found(key: &SessionKey) -> ErrorShape {
    ErrorShape::invalid(format!("session not found: {key}; sessions.list names those that there are"))
}

/// Another session has the label.
pub(super) fn label_taken(label: &str) -> ErrorShape {
    ErrorShape::invalid(format!("label already in use: {label}"))
}

/// It is not what the caller saw any more.
pub(in crate::methods) fn changed(key: &SessionKey, before: &str) -> ErrorShape {
    ErrorShape::invalid(format!("Session {key} changed before {before}. Read it again, then retry."))
        .with_details(json!({"reason": "session-changed"}))
}

/// Its turn does not end.
pub(super) fn still_active(key: &SessionKey) -> ErrorShape {
    ErrorShape::unavailable(format!("Session {key} is still active; try again.")).retryable()
}
