//! Whether a bot can do what is configured: who it is, and whether Telegram lets it hear the groups in which it is to hear everything.

use super::TELEGRAM;
use super::telegram::TelegramAccount;
use crate::settings::Settings;
use channels::ChannelStatus;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Groups that are asked about; more would take longer than anybody waits.
const MOST: usize = 50;

/// Asks Telegram who the bot is; with `settings`, what it is in its groups, too.
pub(super) async fn probe(
    account: &TelegramAccount,
    patience: Duration,
    settings: Option<&Settings>,
) -> (String, Value) {
    let begun = Instant::now();
    let asked = ask(account, settings);
    let answer = tokio::time::timeout(patience, asked).await;
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut probe = match answer {
        Ok(Ok(probe)) => probe,
        Ok(Err(error)) => json!({"ok": false, "error": error}),
        Err(_) => {
            json!({"ok": false, "error": format!("Telegram did not answer within {} ms", patience.as_millis())})
        }
    };
    probe["elapsedMs"] = json!(elapsed);
    (account.name().to_owned(), probe)
}

async fn ask(account: &TelegramAccount, settings: Option<&Settings>) -> Result<Value, String> {
    let bot = account.bot.probe().await?;
    let mut shown = json!({"id": bot.id, "username": bot.username});
    if let Some(hears) = bot.hears_groups {
        shown["canReadAllGroupMessages"] = json!(hears);
    }
    let mut probe = json!({"ok": true, "error": null, "bot": shown});
    let wanted = settings.and_then(|settings| settings.account(TELEGRAM, account.name()));
    let Some((groups, for_all)) = wanted.map(|account| account.unmentioned_groups()) else {
        return Ok(probe);
    };
    if groups.is_empty() && !for_all {
        return Ok(probe);
    }
    let mut seen = Vec::new();
    for group in groups.iter().take(MOST) {
        let what = account.bot.membership(group, bot.id).await;
        let is_in = what.as_ref().is_ok_and(|status| !["left", "kicked"].contains(&status.as_str()));
        let (status, error) = match what {
            Ok(status) => (Some(status), None),
            Err(error) => (None, Some(error)),
        };
        seen.push(json!({"chatId": group, "ok": is_in, "status": status, "error": error}));
    }
    probe["audit"] = json!({
        "ok": seen.iter().all(|group| group["ok"] == true), "checkedGroups": seen.len(), "unresolvedGroups": 0,
        "hasWildcardUnmentionedGroups": for_all, "groups": seen,
    });
    Ok(probe)
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
    if (for_all || !groups.is_empty()) && status.hears_groups == Some(false) {
        issues.push((
            "requireMention is false for groups, and the bot's privacy mode keeps what does not mention it away from it".to_owned(),
            "switch it off at @BotFather (/setprivacy, Disable), take the bot out of its groups and add it again, then restart the channel".to_owned(),
        ));
    }
    let audited = probe.map(|probe| &probe["audit"]["groups"]).and_then(Value::as_array);
    for group in audited.into_iter().flatten().filter(|group| group["ok"] == false) {
        let why = group["status"].as_str().or(group["error"].as_str()).unwrap_or("unknown");
        issues.push((
            format!("the bot is not in group {}: {why}", group["chatId"].as_str().unwrap_or_default()),
            "add it to the group, or take the group out of channels.telegram.groups".to_owned(),
        ));
    }
    issues
}
