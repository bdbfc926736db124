//! The status as people read it.

use crate::commands::health::channels;
use crate::context::Context;
use crate::link::decision;
use crate::output::{Tone, printable, span};
use crate::view::{cell, counted, joined, list, number, text};
use serde_json::Value;
use std::fmt::Write as _;

/// Where no model is configured, the keys that configure one.
const NO_MODEL: &str = "none; choose one: openclaw onboard, or openclaw models set PROVIDER/MODEL";

/// The whole page; `all` adds the places.
pub(super) fn render(ctx: &Context, report: &Value, all: bool) -> String {
    let mut page = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{name:<10}{value}");
    };
    let up = number(report, "/gateway/uptimeMs").map_or("-".into(), span);
    let version = printable(&cell(report, "/gateway/version"));
    row(
        "gateway",
        format!(
            "{} {version}, up {up}, auth {}",
            ctx.out.paint(Tone::Good, "running"),
            cell(report, "/gateway/authMode")
        ),
    );
    row("url", format!("{} ({})", cell(report, "/gateway/url"), cell(report, "/gateway/via")));
    if let Some(line) = tailscale(ctx, report.get("tailscale")) {
        row("tailscale", line);
    }
    row("model", text(report, "/model").map_or_else(|| ctx.out.paint(Tone::Warn, NO_MODEL), printable));
    row("agents", printable(&agents(report)));
    row("sessions", cell(report, "/sessions/count"));
    row("nodes", printable(&nodes(report)));
    page.push_str(&channel_lines(ctx, report));
    page.push_str(&outbox_line(ctx, report));
    if let Some(waiting) = report.get("waiting") {
        page.push_str(&waiting_line(ctx, waiting));
    }
    if let Some(health) = report.get("health") {
        let took = number(health, "/durationMs").map_or("-".into(), span);
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "health    {} ({took})",
            if cell(health, "/ok") == "true" { "ok" } else { "not well" }
        );
    }
    if all {
        let _ = write!(page, "\n{}", places(ctx, report.get("local").unwrap_or(&Value::Null)));
    }
    page.trim_end().to_owned()
}

/// What Tailscale publishes; nothing where it is off, or where the gateway has no word for it.
pub(crate) fn tailscale(ctx: &Context, report: Option<&Value>) -> Option<String> {
    let report = report?;
    let (tone, more) = match text(report, "/state")? {
        "up" => (Tone::Good, cell(report, "/url")),
        "waiting" => (Tone::Warn, format!("waiting: {}", cell(report, "/waitingFor"))),
        _ => (Tone::Bad, format!("failed, and tried again: {}", cell(report, "/reason"))),
    };
    Some(format!("{} {}", cell(report, "/mode"), ctx.out.paint(tone, &printable(&more))))
}

fn agents(report: &Value) -> String {
    let ids: Vec<&str> = list(report, "/agents/agents").iter().filter_map(|a| text(a, "/id")).collect();
    if ids.is_empty() { "-".into() } else { ids.join(", ") }
}

fn nodes(report: &Value) -> String {
    let (known, connected) = (cell(report, "/nodes/known"), joined(report, "/nodes/connected"));
    if connected == "-" {
        format!("{known} known, none connected")
    } else {
        format!("{known} known; connected: {connected}")
    }
}

fn channel_lines(ctx: &Context, report: &Value) -> String {
    let asked = report.get("health").filter(|h| h.get("channels").is_some());
    let lines = channels(&ctx.out, asked.or(report.get("channels")).unwrap_or(&Value::Null), ctx.now_ms());
    if lines.is_empty() { "channels  none\n".into() } else { lines }
}

/// Nothing where everything has gone out.
fn outbox_line(ctx: &Context, report: &Value) -> String {
    let count = |key: &str| number(report, key).filter(|n| *n > 0);
    let parts: Vec<String> = [
        ("/outbox/waiting", "on their way"),
        ("/outbox/givenUp", "given up (openclaw channels dead-letters list says why)"),
    ]
    .into_iter()
    .filter_map(|(key, words)| Some(format!("{} {words}", count(key)?)))
    .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("outbox    {}\n", ctx.out.paint(Tone::Warn, &parts.join(", ")))
}

fn waiting_line(ctx: &Context, waiting: &Value) -> String {
    let mut parts = Vec::new();
    for (key, one, many, command) in [
        ("/devices", "device", "devices", "devices list"),
        ("/nodes", "node", "nodes", "nodes pending"),
        ("/people", "person", "people", "pairing list"),
    ] {
        if let Some(count) = number(waiting, key).filter(|n| *n > 0) {
            parts.push(format!("{} ({})", counted(count, one, many), ctx.command(command)));
        }
    }
    let text = if parts.is_empty() { "nobody".into() } else { ctx.out.paint(Tone::Warn, &parts.join(", ")) };
    format!("waiting   {text}\n")
}

/// What is known while the gateway does not answer.
pub(super) fn without_gateway(ctx: &Context, local: &Value) -> String {
    format!(
        "gateway   {}\nurl       {} ({})\n{}",
        ctx.out.paint(Tone::Bad, "does not answer"),
        cell(local, "/url"),
        cell(local, "/via"),
        places(ctx, local)
    )
}

fn places(ctx: &Context, local: &Value) -> String {
    let missing = if cell(local, "/configExists") == "true" { "" } else { " (not there yet)" };
    let rows = [
        ("config", format!("{}{missing}", cell(local, "/configFile"))),
        ("state", cell(local, "/stateDir")),
        ("model", format!("{} (configured)", cell(local, "/model"))),
        ("channels", format!("{} (configured)", joined(local, "/channels"))),
        ("version", format!("{} (this program)", cell(local, "/version"))),
    ];
    let mut lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("{name:<10}{}", printable(value))).collect();
    lines.extend(
        list(local, "/remarks")
            .iter()
            .filter_map(Value::as_str)
            .map(|r| format!("remark    {}", printable(r))),
    );
    if let Some(looked) = local.get("decision") {
        lines.push(looked_at(ctx, looked));
    }
    lines.join("\n")
}

/// Every place and credential that was looked at, and what became of it.
pub(super) fn looked_at(ctx: &Context, looked: &Value) -> String {
    let table = |title: &str, key: &str| match list(looked, key) {
        [] => String::new(),
        some => format!("\n{title}\n{}\n", decision::lines(ctx, some)),
    };
    let text = table("Where", "/places") + &table("With what", "/credentials");
    text.trim_end().to_owned()
}
