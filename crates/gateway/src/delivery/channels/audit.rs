//! Whether a bot can do what is configured: who it is, and whether Telegram lets it hear the groups in which it is to hear everything.

use super::TELEGRAM;
use super::telegram::TelegramAccount;
use crate::settings::Settings;
use channels::ChannelStatus;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Groups that are asked about; more would take longer than anybody waits.
const MOST: usize = 50;
/// So many are asked about at the same time.
const AT_ONCE: usize = 8;
/// What is said of a group that the time did not reach.
const NOT_ASKED: &str = "not asked in time";

/// Asks Telegram who the bot is; with `settings`, what it is in its groups, too.
pub(super) async fn probe(
    account: &TelegramAccount,
    patience: Duration,
    settings: Option<&Settings>,
) -> (String, Value) {
    let begun = Instant::now();
    let mut probe = match tokio::time::timeout(patience, account.bot.probe()).await {
        Ok(Ok(bot)) => {
            let mut shown = json!({"id": bot.id, "username": bot.username});
            if let Some(hears) = bot.hears_groups {
                shown["canReadAllGroupMessages"] = json!(hears);
            }
            let mut probe = json!({"ok": true, "error": null, "bot": shown});
            // Whoever answers works, however long its groups take.
            let left = patience.saturating_sub(begun.elapsed());
            if let Some(audit) = audit(account, bot.id, settings, left).await {
                probe["audit"] = audit;
            }
            probe
        }
        Ok(Err(error)) => json!({"ok": false, "error": error}),
        Err(_) => {
            json!({"ok": false, "error": format!("Telegram did not answer within {} ms", patience.as_millis())})
        }
    };
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    probe["elapsedMs"] = json!(elapsed);
    (account.name().to_owned(), probe)
}

/// What the bot is in the groups in which it is to hear everything; `None` where there are none.
async fn audit(
    account: &TelegramAccount,
    bot_id: i64,
    settings: Option<&Settings>,
    left: Duration,
) -> Option<Value> {
    let (groups, for_all) = settings?.account(TELEGRAM, account.name())?.unmentioned_groups();
    if groups.is_empty() && !for_all {
        return None;
    }
    let asking: Vec<_> = groups
        .iter()
        .take(MOST)
        .map(|group| async move { (group, account.bot.membership(group, bot_id).await) })
        .collect();
    let mut answered = HashMap::new();
    let mut asking = stream::iter(asking).buffer_unordered(AT_ONCE);
    let all = async {
        while let Some((group, status)) = asking.next().await {
            answered.insert(group, status);
        }
    };
    // What is known by then is told.
    tokio::time::timeout(left, all).await.ok();
    let seen: Vec<Value> = groups.iter().take(MOST).map(|group| seen(group, answered.get(group))).collect();
    let unresolved = groups.len() - answered.len();
    Some(json!({
        "ok": unresolved == 0 && seen.iter().all(|group| group["ok"] == true), "checkedGroups": answered.len(),
        "unresolvedGroups": unresolved, "hasWildcardUnmentionedGroups": for_all, "groups": seen,
    }))
}

fn seen(group: &str, answer: Option<&Result<String, String>>) -> Value {
    let (status, error) = match answer {
        Some(Ok(status)) => (Some(status.as_str()), None),
        Some(Err(error)) => (None, Some(error.as_str())),
        None => (None, Some(NOT_ASKED)),
    };
    let is_in = status.is_some_and(|status| !["left", "kicked"].contains(&status));
    json!({"chatId": group, "ok": is_in, "status": status, "error": error})
}

/// Whether the bot is known to hear everything in these groups whatever its privacy mode is: administrators do.
fn hears_as_administrator(for_all: bool, audit: Option<&Value>) -> bool {
    let groups = audit.and_then(|audit| audit["groups"].as_array());
    let is_administrator =
        |group: &Value| matches!(group["status"].as_str(), Some("administrator" | "creator"));
    !for_all
        && audit.is_some_and(|audit| audit["unresolvedGroups"] == 0)
        && groups.is_some_and(|groups| groups.iter().all(is_administrator))
}

/// What is wrong with an account, in words, with what to do about it.
pub(crate) fn issues(
    settings: &Settings,
    status: &ChannelStatus,
    probe: Option<&Value>,
) -> Vec<(String, String)> {
    let Some(account) = settings.account(TELEGRAM, &status.account) else { return vec![] };
    let (groups, for_all) = account.unmentioned_groups();
    let mut issues = Vec::new();
    let audit = probe.map(|probe| &probe["audit"]);
    let is_concerned = (for_all || !groups.is_empty()) && !hears_as_administrator(for_all, audit);
    if is_concerned && status.hears_groups == Some(false) {
        issues.push((
            "requireMention is false for groups, and the bot's privacy mode keeps what does not mention it away from it".to_owned(),
            "switch it off at @BotFather (/setprivacy, Disable), take the bot out of its groups and add it again, or make it an administrator there; then restart the channel".to_owned(),
        ));
    }
    let audited = audit.and_then(|audit| audit["groups"].as_array());
    for group in audited.into_iter().flatten().filter(|group| group["ok"] == false) {
        let why = group["status"].as_str().or(group["error"].as_str()).unwrap_or("unknown");
        let id = group["chatId"].as_str().unwrap_or_default();
        issues.push(if why == NOT_ASKED {
            (
                format!("nobody knows whether the bot is in group {id}: {why}"),
                "ask again, with more time (--timeout)".to_owned(),
            )
        } else {
            (
                format!("the bot is not in group {id}: {why}"),
                "add it to the group, or take the group out of channels.telegram.groups".to_owned(),
            )
        });
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_hear_everything_where_all_groups_are_known() {
        let audit = |statuses: &[&str], unresolved: usize| {
            let answers = statuses.iter().map(|status| Ok((*status).to_owned()));
            let groups: Vec<Value> = answers.map(|answer| seen("-1", Some(&answer))).collect();
            json!({"groups": groups, "unresolvedGroups": unresolved})
        };
        let both = audit(&["administrator", "creator"], 0);
        assert!(hears_as_administrator(false, Some(&both)));
        assert!(!hears_as_administrator(true, Some(&both)), "there are groups that nobody has named");
        assert!(!hears_as_administrator(false, Some(&audit(&["administrator", "member"], 0))));
        assert!(!hears_as_administrator(false, Some(&audit(&["administrator"], 1))));
        assert!(!hears_as_administrator(false, Some(&Value::Null)) && !hears_as_administrator(false, None));
        assert_eq!((&seen("-1", None)["ok"], &seen("-1", None)["error"]), (&json!(false), &json!(NOT_ASKED)));
    }
}
