//! `openclaw gateway probe`: every gateway that could be meant, whether it answers, and what this client may do there.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{self, Link, scopes_of};
use crate::output::{Table, Tone};
use crate::view::{cell, flag, joined, list, text};
use clap::Args;
use remote::Target;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks each in turn.
///
/// # Errors
/// None of them lets this client in: as the first one that said anything does it.
pub(super) async fn run(args: ProbeArgs, ctx: &Context) -> Result<(), Failure> {
    let (mut targets, mut failures) = (Vec::new(), Vec::new());
    for (id, target) in meant(&args, ctx)? {
        let (shown, failure) = probe(ctx, &args.connect, id, target).await;
        targets.push(shown);
        failures.extend(failure);
    }
    let best = targets.iter().find(|t| flag(t, "/connect/ok"));
    let pending = targets.iter().find(|t| text(t, "/auth/capability") == Some("pairing_pending"));
    let report = json!({
        "ok": best.is_some(),
        "degraded": targets.iter().any(|t| flag(t, "/connect/ok") && !flag(t, "/connect/rpcOk")),
        "capability": best.or(pending).and_then(|t| text(t, "/auth/capability")).unwrap_or("unknown"),
        "ts": ctx.now_ms(),
        "primaryTargetId": best.and_then(|t| text(t, "/id")),
        "targets": targets,
    });
    if flag(&report, "/ok") {
        return ctx.out.show(&report, || page(ctx, &report));
    }
    let failure = verdict(failures, &ctx.command("gateway run"));
    if ctx.out.json {
        return Err(failure.details(report));
    }
    ctx.out.line(&page(ctx, &report))?;
    Err(failure)
}

/// One that answers and refuses says more than one that is late, and that more than one that is not there.
fn verdict(failures: Vec<Failure>, start: &str) -> Failure {
    let weight = |failure: &Failure| match failure.exit {
        Exit::Unreachable => 2,
        Exit::Timeout => 1,
        _ => 0,
    };
    match failures.into_iter().min_by_key(weight) {
        Some(failure) if failure.exit != Exit::Unreachable => failure,
        // One may listen there and be no gateway: that is worth its own words.
        Some(failure) if failure.code != "UNREACHABLE" => failure,
        _ => Failure::new(Exit::Unreachable, "UNREACHABLE", "no gateway that could be meant answers")
            .hint(format!("start one: {start}")),
    }
}

/// What the command line, the environment or the configuration names, and this host's own gateway beside it. With `--url`
/// that one alone: what this host keeps for others goes nowhere then.
fn meant(args: &ProbeArgs, ctx: &Context) -> Result<Vec<(&'static str, Target)>, Failure> {
    let loaded = link::config_for(ctx, &args.connect)?;
    let named = link::target(ctx, &args.connect, &loaded)?;
    if named.local {
        return Ok(vec![("localLoopback", named)]);
    }
    if args.connect.target.url.is_some() {
        return Ok(vec![("explicit", named)]);
    }
    let mut here = ConnectArgs { timeout: args.connect.timeout, ..ConnectArgs::default() };
    let gateway = &loaded.config.gateway;
    here.target.port = Some(config::gateway_port(None, &ctx.env, gateway, &ctx.paths)?);
    let local = link::target(ctx, &here, &loaded)?;
    let mut all = vec![("configRemote", named)];
    if all.iter().all(|(_, target)| target.url != local.url) {
        all.push(("localLoopback", local));
    }
    Ok(all)
}

/// What is shown of a target, and why it does not let this client in where it does not.
async fn probe(ctx: &Context, args: &ConnectArgs, id: &str, target: Target) -> (Value, Option<Failure>) {
    let url = target.url.clone();
    let link = match Link::dial_target(ctx, args, &scopes_of("status"), target).await {
        Ok(link) => link,
        Err(failure) => {
            let pending = failure.code == "PAIRING_REQUIRED";
            let connect =
                json!({"ok": false, "rpcOk": false, "scopeLimited": false, "error": failure.message});
            let capability = if pending { "pairing_pending" } else { "unknown" };
            let shown = json!({"id": id, "kind": id, "url": url, "connect": connect, "auth": {"capability": capability}});
            return (shown, Some(failure));
        }
    };
    let asked = link.call("status", json!({})).await;
    let error = asked.as_ref().err().map(|failure| failure.message.clone());
    let limited = error.as_deref().is_some_and(|e| e.contains("missing scope"));
    let hello = link.hello();
    let scopes = hello.pointer("/auth/scopes").cloned().unwrap_or(json!([]));
    let report = json!({
        "id": id,
        "kind": id,
        "url": url,
        "connect": {
            "ok": true,
            "rpcOk": error.is_none(),
            "scopeLimited": limited,
            "latencyMs": u64::try_from(link.connected_in().as_millis()).unwrap_or(u64::MAX),
            "error": error,
        },
        "auth": {"role": "operator", "capability": capability(&scopes), "scopes": scopes},
        "server": {"version": text(hello, "/server/version"), "connId": text(hello, "/server/connId")},
    });
    link.leave().await;
    (report, None)
}

/// The most that these scopes allow, in a word.
fn capability(scopes: &Value) -> &'static str {
    let has = |scope: &str| list(scopes, "").iter().any(|s| s == scope);
    match () {
        () if has("operator.admin") => "admin_capable",
        () if has("operator.write") => "write_capable",
        () if has("operator.read") => "read_only",
        () => "connected_no_operator_scope",
    }
}

fn page(ctx: &Context, report: &Value) -> String {
    let mut table = Table::new(&["GATEWAY", "URL", "ANSWERS", "VERSION", "MAY", "WHY NOT"]);
    for target in list(report, "/targets") {
        let (tone, answers) = match (flag(target, "/connect/ok"), flag(target, "/connect/rpcOk")) {
            (true, true) => (Tone::Good, format!("in {} ms", cell(target, "/connect/latencyMs"))),
            (true, false) => (Tone::Warn, "connects only".to_owned()),
            (false, _) => (Tone::Bad, "no".to_owned()),
        };
        table.row([
            cell(target, "/id"),
            cell(target, "/url"),
            ctx.out.paint(tone, &answers),
            cell(target, "/server/version"),
            joined(target, "/auth/scopes"),
            cell(target, "/connect/error"),
        ]);
    }
    table.render(&ctx.out, "no gateway is meant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_of_the_one_that_said_most() {
        let failed = |exit, code: &str| Failure::new(exit, code, "why");
        let away = || failed(Exit::Unreachable, "UNREACHABLE");
        for (failures, exit, code) in [
            (
                vec![away(), failed(Exit::Refused, "AUTH_TOKEN_MISMATCH")],
                Exit::Refused,
                "AUTH_TOKEN_MISMATCH",
            ),
            (vec![failed(Exit::Timeout, "TIMEOUT"), away()], Exit::Timeout, "TIMEOUT"),
            (vec![failed(Exit::Unreachable, "NOT_A_GATEWAY")], Exit::Unreachable, "NOT_A_GATEWAY"),
            (vec![away(), away()], Exit::Unreachable, "UNREACHABLE"),
        ] {
            let verdict = verdict(failures, "openclaw gateway run");
            assert_eq!((verdict.exit, verdict.code.as_str()), (exit, code));
        }
        assert_eq!(verdict(vec![away()], "start it").hints, ["start one: start it"]);
    }

    #[test]
    fn a_capability_is_the_most_that_the_scopes_allow() {
        for (scopes, word) in [
            (json!(["operator.read", "operator.admin"]), "admin_capable"),
            (json!(["operator.write"]), "write_capable"),
            (json!(["operator.read"]), "read_only"),
            (json!([]), "connected_no_operator_scope"),
            (Value::Null, "connected_no_operator_scope"),
        ] {
            assert_eq!(capability(&scopes), word, "{scopes}");
        }
    }
}
