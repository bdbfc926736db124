//! `openclaw gateway probe`: every gateway that could be meant, whether it answers, and what this client may do there.

mod ssh;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{self, Link, decision, scopes_of, tunnel};
use crate::output::Table;
use crate::view::{cell, flag, joined, list, text};
use clap::Args;
use config::SshTarget;
use remote::{Meant, Standing};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The gateway at this ssh host alone, through a tunnel of its own; another host than the configured one gets the
    /// credentials of the command line and no others
    #[arg(long, value_name = "USER@HOST[:PORT]", value_parser = SshTarget::parse, conflicts_with_all = ["url", "port"])]
    ssh: Option<SshTarget>,
    /// The key file to log in with there
    #[arg(long, value_name = "FILE", requires = "ssh")]
    ssh_identity: Option<PathBuf>,
}

/// Asks each in turn.
///
/// # Errors
/// None of them lets this client in: as the first one that said anything does it.
pub(super) async fn run(args: ProbeArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = link::config_for(ctx, &args.connect)?;
    // Held until all is asked.
    let (meant, _tunnel) = match &args.ssh {
        Some(to) => {
            let (meant, hold) = ssh::enter(ctx, &args.connect, to, args.ssh_identity.as_deref()).await?;
            (vec![meant], Some(hold))
        }
        None => (remote::every(&link::flags(&args.connect), &loaded, &ctx.env, &ctx.paths), None),
    };
    let places = meant.first().map(|first| decision::json(&first.decision.places));
    let (mut targets, mut failures) = (Vec::new(), Vec::new());
    for one in meant {
        let (shown, failure) = probe(ctx, &args.connect, one).await;
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
        "places": places,
        "warnings": targets.iter().filter_map(warning).collect::<Vec<_>>(),
    });
    if flag(&report, "/ok") {
        return ctx.out.show(&report, || page(ctx, &report));
    }
    let failure = verdict(failures);
    if ctx.out.json {
        return Err(failure.details(report));
    }
    ctx.out.line(&page(ctx, &report))?;
    Err(failure)
}

/// What is worth a word though the target may have answered, by the codes that OpenClaw has for it.
fn warning(target: &Value) -> Option<Value> {
    let failed = list(target, "/credentials").iter().find(|c| text(c, "/standing") == Some("failed"));
    let (code, message) = if let Some(failed) = failed {
        ("auth_secretref_unresolved", cell(failed, "/why"))
    } else if flag(target, "/connect/scopeLimited") {
        ("probe_scope_limited", cell(target, "/connect/error"))
    } else {
        return None;
    };
    Some(json!({"code": code, "message": message, "targetIds": [target["id"]]}))
}

/// One that answers and refuses says more than one that is late, and that more than one that is not there.
fn verdict(failures: Vec<Failure>) -> Failure {
    let weight = |failure: &Failure| match failure.exit {
        Exit::Unreachable => 2,
        Exit::Timeout => 1,
        _ => 0,
    };
    let mut hints: Vec<String> = Vec::new();
    for hint in failures.iter().flat_map(|failure| &failure.hints) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    match failures.into_iter().min_by_key(weight) {
        Some(failure) if failure.exit != Exit::Unreachable => failure,
        // One may listen there and be no gateway: that is worth its own words.
        Some(failure) if failure.code != "UNREACHABLE" => failure,
        _ => {
            let message = "no gateway that could be meant answers";
            Failure { hints, ..Failure::new(Exit::Unreachable, "UNREACHABLE", message) }
        }
    }
}

/// What is shown of a target, and why it does not let this client in where it does not.
async fn probe(ctx: &Context, args: &ConnectArgs, meant: Meant) -> (Value, Option<Failure>) {
    let Meant { id, active, decision } = meant;
    let place = decision.places.iter().find(|p| matches!(p.standing, Standing::Taken | Standing::Failed(_)));
    let mut shown = json!({
        "id": id,
        "kind": id,
        "active": active,
        "url": place.and_then(|p| p.place.clone()),
        "via": place.map(|p| p.name),
        "credentials": decision::json(&decision.credentials),
    });
    let link = match decision.target {
        Ok(target) => {
            let dialled = Link::dial_target(ctx, args, &scopes_of("status"), target.clone()).await;
            // A tunnel has chosen its port by then.
            let url = dialled
                .as_ref()
                .map_or_else(|_| tunnel::url_of(ctx, &target), |link| link.target().url.clone());
            shown["url"] = remote::shown(&url).into();
            dialled
        }
        Err(error) => Err(error.into()),
    };
    let link = match link {
        Ok(link) => link,
        Err(failure) => {
            let pending = failure.code == "PAIRING_REQUIRED";
            shown["connect"] =
                json!({"ok": false, "rpcOk": false, "scopeLimited": false, "error": failure.message});
            shown["auth"] = json!({"capability": if pending { "pairing_pending" } else { "unknown" }});
            return (shown, Some(failure));
        }
    };
    answers(&link, &mut shown).await;
    link.leave().await;
    (shown, None)
}

/// What one that let this client in says of itself.
async fn answers(link: &Link, shown: &mut Value) {
    let asked = link.call("status", json!({})).await;
    let error = asked.as_ref().err().map(|failure| failure.message.clone());
    let limited = error.as_deref().is_some_and(|e| e.contains("missing scope"));
    let hello = link.hello();
    let scopes = hello.pointer("/auth/scopes").cloned().unwrap_or(json!([]));
    shown["connect"] = json!({
        "ok": true,
        "rpcOk": error.is_none(),
        "scopeLimited": limited,
        "latencyMs": u64::try_from(link.connected_in().as_millis()).unwrap_or(u64::MAX),
        "error": error,
    });
    shown["auth"] = json!({"role": "operator", "capability": capability(&scopes), "scopes": scopes});
    shown["server"] =
        json!({"version": text(hello, "/server/version"), "connId": text(hello, "/server/connId")});
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
    let mut table = Table::whole(&["GATEWAY", "URL", "ANSWERS", "VERSION", "MAY", "WHY NOT"]);
    for target in list(report, "/targets") {
        let answers = match (flag(target, "/connect/ok"), flag(target, "/connect/rpcOk")) {
            (true, true) => format!("in {} ms", cell(target, "/connect/latencyMs")),
            (true, false) => "connects only".to_owned(),
            (false, _) => "no".to_owned(),
        };
        table.row([
            name(target),
            cell(target, "/url"),
            answers,
            cell(target, "/server/version"),
            joined(target, "/auth/scopes"),
            cell(target, "/connect/error"),
        ]);
    }
    let mut page = table.render(&ctx.out, "no gateway is meant");
    page.push_str(&format!("\n\nWhere\n{}", decision::lines(ctx, list(report, "/places"))));
    for target in list(report, "/targets").iter().filter(|t| !list(t, "/credentials").is_empty()) {
        let credentials = decision::lines(ctx, list(target, "/credentials"));
        page.push_str(&format!("\n\nWith what: {}\n{credentials}", name(target)));
    }
    page
}

/// What a target is called; one that the configuration names while its mode is local says so.
fn name(target: &Value) -> String {
    let id = cell(target, "/id");
    let idle = id == "configRemote" && !flag(target, "/active");
    if idle { format!("{id} (not used: gateway.mode)") } else { id }
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
            let verdict = verdict(failures);
            assert_eq!((verdict.exit, verdict.code.as_str()), (exit, code));
        }
        let both = vec![away().hint("start it"), away().hint("start it").hint("open the tunnel")];
        assert_eq!(verdict(both).hints, ["start it", "open the tunnel"]);
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
