//! `openclaw health`: whether the gateway is well.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::output::{Output, Tone, ago, span};
use crate::view::{counted, flag, list, number, text};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Which gateway, and how thoroughly.
#[derive(Debug, Default, Args)]
pub(crate) struct HealthArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Ask the channels themselves, and show every account
    #[arg(long, visible_alias = "debug")]
    pub(crate) verbose: bool,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached, or says that it is not well.
pub(crate) async fn run(args: HealthArgs, ctx: &Context) -> Result<(), Failure> {
    let params = if args.verbose { json!({"probe": true}) } else { json!({}) };
    let link = Link::dial_for(ctx, &args.connect, "health").await?;
    let health = link.call("health", params).await?;
    let url = link.target().url.clone();
    link.leave().await;
    ctx.out.show(&health, || {
        let mut page = describe(&ctx.out, &health, ctx.now_ms());
        if args.verbose {
            // Writing to a string cannot fail.
            let _ = write!(page, "\nurl       {url}");
        }
        page
    })?;
    if flag(&health, "/ok") {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "UNHEALTHY", "the gateway answers, but says that it is not well")
        .hint("see what it logs: openclaw logs"))
}

/// The health as a few lines.
pub(crate) fn describe(out: &Output, health: &Value, now_ms: i64) -> String {
    let verdict =
        if flag(health, "/ok") { out.paint(Tone::Good, "ok") } else { out.paint(Tone::Bad, "not well") };
    let took = number(health, "/durationMs").map_or(String::new(), |ms| format!(" ({})", span(ms)));
    let mut page = format!("gateway   {verdict}{took}\n");
    page.push_str(&channels(out, health, now_ms));
    for agent in list(health, "/agents") {
        let id = text(agent, "/agentId").unwrap_or("?");
        let sessions = counted(number(agent, "/sessions/count").unwrap_or_default(), "session", "sessions");
        let last = number(agent, "/sessions/recent/0/updatedAt");
        // Writing to a string cannot fail.
        let _ = writeln!(page, "agent     {id}: {sessions}, last active {}", ago(now_ms, last));
    }
    page.trim_end().to_owned()
}

/// One line for each account of each channel, in the gateway's order.
pub(crate) fn channels(out: &Output, payload: &Value, now_ms: i64) -> String {
    let Some(channels) = payload.get("channels").and_then(Value::as_object) else { return String::new() };
    let mut lines = String::new();
    for (id, channel) in channels {
        let label = payload.pointer(&format!("/channelLabels/{id}")).and_then(Value::as_str).unwrap_or(id);
        let accounts = accounts(payload, id, channel);
        for account in &accounts {
            let name = text(account, "/accountId").filter(|_| accounts.len() > 1);
            let name = name.map_or(String::new(), |name| format!(" ({name})"));
            lines.push_str(&line(out, &format!("{label}{name}"), account, now_ms));
            lines.push_str(&warnings(out, payload, id, text(account, "/accountId")));
        }
    }
    lines
}

/// What keeps an account that works from doing all that is configured, and what to do about it.
fn warnings(out: &Output, payload: &Value, id: &str, account: Option<&str>) -> String {
    let issues = list(payload, "/statusIssues").iter().filter(|issue| {
        text(issue, "/channel") == Some(id)
            && text(issue, "/accountId") == account
            && text(issue, "/fix").is_some()
    });
    let line = |issue: &Value| {
        let said = format!(
            "{}; {}",
            text(issue, "/message").unwrap_or_default(),
            text(issue, "/fix").unwrap_or_default()
        );
        format!("          {}{}\n", out.paint(Tone::Warn, "warning: "), crate::output::printable(&said))
    };
    issues.map(line).collect()
}

/// How each account of a channel is doing: `channels.status` lists them beside it, those that do not work among the issues; `health`
/// has them in it.
fn accounts(payload: &Value, id: &str, channel: &Value) -> Vec<Value> {
    let listed = list(payload, &format!("/channelAccounts/{id}")).to_vec();
    let within = channel.get("accounts").and_then(Value::as_object);
    let within = within.into_iter().flat_map(|all| all.values().cloned());
    let mut accounts: Vec<Value> = listed.into_iter().chain(within).collect();
    let issues = list(payload, "/statusIssues").iter().filter(|issue| text(issue, "/channel") == Some(id));
    for issue in issues {
        let account = text(issue, "/accountId");
        if !accounts.iter().any(|known| text(known, "/accountId") == account) {
            accounts.push(
                json!({"accountId": account, "configured": false, "lastError": text(issue, "/message")}),
            );
        }
    }
    if accounts.is_empty() { vec![channel.clone()] } else { accounts }
}

fn line(out: &Output, label: &str, channel: &Value, now_ms: i64) -> String {
    let (tone, state) = channel_state(channel);
    let mode = text(channel, "/mode").map_or(String::new(), |m| format!(", {m}"));
    let heard = match number(channel, "/lastInboundAt") {
        Some(at) if at > 0 => format!(", last message {}", ago(now_ms, Some(at))),
        _ => String::new(),
    };
    let error = text(channel, "/lastError").map_or(String::new(), |e| format!(": {e}"));
    let probed = probe(channel);
    let rest = crate::output::printable(&format!("{mode}{heard}{probed}{error}"));
    format!("channel   {label}: {}{rest}\n", out.paint(tone, state))
}

/// What the platform said when it was asked just now; nothing where nobody asked.
fn probe(channel: &Value) -> String {
    let Some(probe) = channel.get("probe").filter(|probe| probe.is_object()) else { return String::new() };
    if flag(probe, "/ok") {
        let name = text(probe, "/bot/username").map_or(String::new(), |name| format!(" as @{name}"));
        let took = number(probe, "/elapsedMs").map_or(String::new(), |ms| format!(" in {}", span(ms)));
        return format!(", answers{name}{took}");
    }
    format!(", asked, and not well: {}", text(probe, "/error").unwrap_or("no reason given"))
}

/// A channel's state in a word.
fn channel_state(channel: &Value) -> (Tone, &'static str) {
    let failed = text(channel, "/lastError").is_some_and(|e| !e.is_empty());
    match () {
        () if channel.get("enabled") == Some(&Value::Bool(false)) => (Tone::Dim, "disabled"),
        () if !flag(channel, "/configured") => (Tone::Dim, "not configured"),
        () if flag(channel, "/connected") && !failed => (Tone::Good, "connected"),
        () if flag(channel, "/running") && failed => (Tone::Warn, "in trouble"),
        () if flag(channel, "/running") => (Tone::Good, "running"),
        () => (Tone::Bad, "stopped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_reads_as_a_few_lines() {
        let health = json!({"ok":true,"durationMs":3,"channelLabels":{"telegram":"Telegram"},
            "channels":{"telegram":{"configured":true,"running":true,"connected":true,"mode":"polling","lastInboundAt":40_000}},
            "agents":[{"agentId":"main","sessions":{"count":2,"recent":[{"updatedAt":40_000}]}}]});
        assert_eq!(
            describe(&Output::plain(), &health, 100_000),
            "gateway   ok (3ms)\nchannel   Telegram: connected, polling, last message 1m ago\n\
             agent     main: 2 sessions, last active 1m ago"
        );
    }

    #[test]
    fn each_account_has_its_line() {
        let ready = json!({"accountId": "alerts", "configured": true, "running": true, "connected": true, "mode": "polling"});
        let behind = json!({"accountId": "family", "configured": true, "running": true, "lastError": "502"});
        let status = json!({"channelLabels": {"telegram": "Telegram"}, "channels": {"telegram": {"configured": true, "running": true}},
            "channelAccounts": {"telegram": [ready, behind]},
            "statusIssues": [{"channel": "telegram", "accountId": "old", "message": "it has no token"}]});
        assert_eq!(
            channels(&Output::plain(), &status, 0),
            "channel   Telegram (alerts): connected, polling\nchannel   Telegram (family): in trouble: 502\n\
             channel   Telegram (old): not configured: it has no token\n"
        );
        let health = json!({"channels": {"telegram": {"configured": true, "accounts": {"alerts": ready}}}});
        assert_eq!(channels(&Output::plain(), &health, 0), "channel   telegram: connected, polling\n");
    }

    #[test]
    fn what_a_probe_brought_is_shown() {
        let well = json!({"probe": {"ok": true, "elapsedMs": 3, "bot": {"id": 1, "username": "b"}}});
        let ill = json!({"probe": {"ok": false, "error": "Unauthorized (401)"}});
        assert_eq!(probe(&well), ", answers as @b in 3ms");
        assert_eq!(probe(&ill), ", asked, and not well: Unauthorized (401)");
        assert_eq!(probe(&json!({})), "");
    }

    #[test]
    fn a_channels_state_is_one_word() {
        for (channel, state) in [
            (json!({"enabled":false,"configured":true}), "disabled"),
            (json!({"configured":false}), "not configured"),
            (json!({"configured":true,"running":true,"connected":true}), "connected"),
            (json!({"configured":true,"running":true,"connected":true,"lastError":"401"}), "in trouble"),
            (json!({"configured":true,"running":true}), "running"),
            (json!({"configured":true,"lastError":"401"}), "stopped"),
        ] {
            assert_eq!(channel_state(&channel).1, state, "{channel}");
        }
    }
}
