//! `openclaw status`: what the gateway has, at a glance.

mod page;

pub(super) use page::tailscale;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{self, Link, decision, scope_names, tunnel};
use crate::view::{flag, list, number, text};
use clap::Args;
use config::{AuthMode, Loaded};
use protocol::Scope;
use remote::Target;
use serde_json::{Value, json};

/// How much to show.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Ask the channels themselves, and count what waits for approval
    #[arg(long)]
    deep: bool,
    /// Everything, with the places of this installation
    #[arg(long)]
    all: bool,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached (what is known without it is printed all the same), or refuses.
pub(crate) async fn run(args: StatusArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = link::config_for(ctx, &args.connect)?;
    let decision = link::decide(ctx, &args.connect, &loaded);
    let looked = args.all.then(|| decision::both(&decision));
    let target = match decision.target {
        Ok(target) => target,
        Err(error) => return Err(undecided(ctx, looked, error.into())),
    };
    let deep = args.deep || args.all;
    let scopes = if deep { scope_names(&[Scope::Read, Scope::Pairing]) } else { scope_names(&[Scope::Read]) };
    let dialled = Link::dial_target(ctx, &args.connect, &scopes, target.clone()).await;
    // A tunnel has chosen its port by then.
    let mut local = local_facts(ctx, &loaded, &target);
    if let Some(looked) = looked {
        local["decision"] = looked;
    }
    let link = match dialled {
        Ok(link) => link,
        Err(failure) => return Err(down(ctx, local, failure)),
    };
    let mut report = collect(&link).await?;
    if deep {
        report["health"] = link.call("health", json!({"probe": true})).await?;
        report["waiting"] = waiting(&link).await?;
    }
    link.leave().await;
    report["local"] = local;
    ctx.out.show(&report, || page::render(ctx, &report, args.all))
}

async fn collect(link: &Link) -> Result<Value, Failure> {
    let empty = || json!({});
    let status = link.call("status", empty()).await?;
    let channels = link.call("channels.status", empty()).await?;
    let agents = link.call("agents.list", empty()).await?;
    let nodes = link.call("node.list", empty()).await?;
    let models = link.call("models.list", empty()).await?;
    let nodes = list(&nodes, "/nodes");
    let connected: Vec<&str> = nodes
        .iter()
        .filter(|n| flag(n, "/connected"))
        .filter_map(|n| text(n, "/displayName").or(text(n, "/nodeId")))
        .collect();
    Ok(json!({
        "ok": true,
        "gateway": gateway_facts(link),
        "model": model_of(&agents, &models),
        "agents": agents,
        "sessions": {"count": number(&status, "/sessions/count")},
        "outbox": status.get("outbox"),
        "tailscale": status.get("tailscale"),
        "channels": channels,
        "nodes": {"known": nodes.len(), "connected": connected},
        "status": status,
    }))
}

/// What `hello-ok` says about the gateway, and how long connecting took.
pub(super) fn gateway_facts(link: &Link) -> Value {
    let hello = link.hello();
    let target = link.target();
    let millis = u64::try_from(link.connected_in().as_millis()).unwrap_or(u64::MAX);
    json!({
        "reachable": true,
        "url": target.url,
        "via": target.via,
        "version": text(hello, "/server/version"),
        "protocol": number(hello, "/protocol"),
        "bootId": text(hello, "/server/bootId"),
        "uptimeMs": number(hello, "/snapshot/uptimeMs"),
        "authMode": text(hello, "/snapshot/authMode"),
        "scopes": hello.pointer("/auth/scopes"),
        "connectMs": millis,
    })
}

/// The default agent's model, else the one that the catalogue marks, else none.
fn model_of(agents: &Value, models: &Value) -> Option<String> {
    let default = text(agents, "/defaultId");
    let agent = list(agents, "/agents").iter().find(|a| text(a, "/id") == default);
    let named = agent.and_then(|a| text(a, "/model/primary").or(text(a, "/model")));
    let marked = || {
        let is_default = |m: &&Value| list(m, "/tags").iter().any(|t| t == "default");
        let model = list(models, "/models").iter().find(is_default)?;
        Some(format!("{}/{}", text(model, "/provider")?, text(model, "/id")?))
    };
    named.map(str::to_owned).or_else(marked)
}

/// How many wait for somebody to decide about them.
async fn waiting(link: &Link) -> Result<Value, Failure> {
    let devices = link.call("device.pair.list", json!({})).await?;
    let nodes = link.call("node.pair.list", json!({})).await?;
    let people = link.call("channels.pairing.list", json!({})).await?;
    Ok(json!({
        "devices": list(&devices, "/pending").len(),
        "nodes": list(&nodes, "/pending").len(),
        "people": list(&people, "/requests").len(),
    }))
}

/// What is known without the gateway.
pub(super) fn local_facts(ctx: &Context, loaded: &Loaded, target: &Target) -> Value {
    let source = &loaded.source;
    let primary = "/agents/defaults/model";
    let channels: Vec<&String> =
        source.get("channels").and_then(Value::as_object).into_iter().flat_map(|c| c.keys()).collect();
    let credential = match (&target.token, &target.password) {
        (Some(_), _) => "token",
        (None, Some(_)) => "password",
        (None, None) => "none",
    };
    let kept = target.local.then(|| secret_place(ctx, loaded));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "url": tunnel::url_of(ctx, target),
        "via": target.via,
        "credential": credential,
        "tlsPins": target.pinned.as_ref().map(|p| p.base.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "secretKeptIn": kept,
        "configFile": ctx.paths.config_file,
        "configExists": loaded.exists,
        "stateDir": ctx.paths.state_dir,
        "model": text(source, &format!("{primary}/primary")).or(text(source, primary)),
        "channels": channels,
        "remarks": loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Where the secret of this host's gateway is kept, in the order in which the gateway looks for it.
fn secret_place(ctx: &Context, loaded: &Loaded) -> String {
    let auth = &loaded.config.gateway.auth;
    let set = |name: &str| ctx.env.get_filled(name).is_some().then(|| name.to_owned());
    let password = || {
        let key = auth.password.as_ref().map(|s| s.place().to_owned());
        key.or_else(|| set("OPENCLAW_GATEWAY_PASSWORD"))
    };
    let token = || {
        let key = auth.token.as_ref().map(|s| s.place().to_owned());
        let file = ctx.paths.gateway_token_file();
        let file = if file.exists() { file.display().to_string() } else { "made at the first start".into() };
        key.or_else(|| set("OPENCLAW_GATEWAY_TOKEN")).unwrap_or(file)
    };
    match auth.mode {
        Some(AuthMode::None) => "none is needed".into(),
        Some(AuthMode::Token) => token(),
        Some(AuthMode::TrustedProxy) => password().unwrap_or_else(|| "a proxy says who somebody is".into()),
        Some(AuthMode::Password) => password().unwrap_or_else(|| "not set".into()),
        None => password().unwrap_or_else(token),
    }
}

/// What was looked at, then why nothing was decided.
fn undecided(ctx: &Context, looked: Option<Value>, failure: Failure) -> Failure {
    let Some(looked) = looked else { return failure };
    if ctx.out.json {
        return failure.details(json!({"decision": looked}));
    }
    match ctx.out.line(&page::looked_at(ctx, &looked)) {
        Ok(()) => failure,
        Err(no_reader) => no_reader,
    }
}

/// What is known without the gateway, then why it does not answer.
fn down(ctx: &Context, local: Value, failure: Failure) -> Failure {
    if ctx.out.json {
        let why = failure.details.as_deref().cloned().unwrap_or(Value::Null);
        return failure.details(json!({"local": local, "reason": why}));
    }
    match ctx.out.line(&page::without_gateway(ctx, &local)) {
        Ok(()) => failure,
        Err(no_reader) => no_reader,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_default_agents_else_the_marked_one() {
        let models =
            json!({"models":[{"id":"a","provider":"p"},{"id":"b","provider":"p","tags":["default"]}]});
        let agents = |model: Value| json!({"defaultId":"main","agents":[{"id":"ops","model":"x/y"},{"id":"main","model":model}]});
        assert_eq!(model_of(&agents(json!({"primary":"q/m"})), &models).as_deref(), Some("q/m"));
        assert_eq!(model_of(&agents(Value::Null), &models).as_deref(), Some("p/b"));
        assert_eq!(model_of(&agents(Value::Null), &json!({})), None);
    }
}
