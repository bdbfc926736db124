//! Which sessions are put away: decided on what is known of them, and nothing is done.

use config::MaintenanceConfig;
use model::SessionKey;
use store::Session;

/// A session that is put away, as it was when that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) key: SessionKey,
    pub(super) session_id: String,
    pub(super) updated_at_ms: i64,
    pub(super) name: String,
    /// For its age; else because there are too many.
    pub(super) is_aged: bool,
}

/// Those that are old, and of the others the oldest, as long as there are too many. Main sessions, groups, pinned ones, those of jobs
/// (which have a time of their own) and those that `stays` names are left alone, and count.
pub(super) fn planned(
    sessions: &[Session],
    maintenance: &MaintenanceConfig,
    now_ms: i64,
    stays: &dyn Fn(&Session) -> bool,
) -> Vec<Planned> {
    let since = |session: &Session| now_ms.saturating_sub(session.updated_at_ms);
    let recent = |session: &Session| maintenance.preserve_recent_ms.is_some_and(|ms| since(session) <= ms);
    let mut free: Vec<&Session> =
        sessions.iter().filter(|s| !is_protected(s) && !stays(s) && !recent(s)).collect();
    free.sort_by_key(|session| session.updated_at_ms);
    let aged = free.iter().filter(|session| since(session) > maintenance.prune_after_ms).count();
    let over = sessions.len().saturating_sub(aged).saturating_sub(maintenance.max_entries);
    let all = free.iter().take(aged.saturating_add(over)).enumerate();
    all.map(|(n, session)| Planned::new(session, n < aged)).collect()
}

fn is_protected(session: &Session) -> bool {
    let key = &session.key;
    key.is_main()
        || session.pinned_at_ms.is_some()
        || session.chat_type.as_deref() == Some("group")
        || key.rest().starts_with("cron:")
}
