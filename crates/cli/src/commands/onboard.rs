//! `openclaw onboard`: from nothing to a gateway that can be started, by questions at a terminal or by flags alone. It adds to
//! the configuration and changes what it was told to; all else stays as it is, so that it can be run again at any time.

mod ask;
pub(crate) mod configure;
mod flags;
mod model;
mod others;
mod plan;
mod secrets;

use crate::args::ConnectArgs;
use crate::commands::gateway;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::one_call;
use crate::terminal::Terminal;
use config::{CredentialOrigin, Loaded, ServerAuth, server_auth};
pub(crate) use flags::OnboardArgs;
use flags::{Mode, SecretMode};
use plan::Plan;
use serde_json::{Value, json};

/// Asks or takes the flags, writes, and brings the gateway up where that was wanted.
///
/// # Errors
/// The flags are wrong, nobody is there to be asked, the configuration cannot be changed, or no gateway answers in the end.
pub(crate) async fn run(mut args: OnboardArgs, ctx: &Context) -> Result<(), Failure> {
    if let Some(refused) = &args.others.refused {
        return Err(Failure::usage(refused.clone()));
    }
    let before = ctx.load()?;
    if args.non_interactive {
        if !args.accept_risk {
            return Err(Failure::usage(
                "--non-interactive needs --accept-risk: an agent runs commands on this computer, and whoever may speak to it may have it run them",
            ));
        }
        args.model.infer();
    } else {
        let Some(mut terminal) = Terminal::open() else {
            return Err(Failure::usage("there is no terminal to ask questions at").hint(
                "by flags: openclaw onboard --non-interactive --accept-risk; openclaw onboard --help has them all",
            ));
        };
        ask::fill(&mut args, &mut terminal, ctx, &before).await?;
        let plan = Plan::new(&args, ctx, &before)?;
        ask::agree(&plan.write(ctx, true)?, &mut terminal)?;
    }
    let plan = Plan::new(&args, ctx, &before)?;
    let edited = plan.write(ctx, false)?;
    let mut report = json!({
        "ok": true, "mode": match plan.mode { Mode::Local => "local", Mode::Remote => "remote" },
        "path": edited.loaded.file, "changedPaths": edited.changed,
    });
    if plan.mode == Mode::Local {
        if args.secret_input_mode == Some(SecretMode::Ref) && !args.gives_secret() {
            ctx.out.remark(
                "--secret-input-mode ref changed nothing: it is about secrets that are given with it, and none was (--auth-choice, --gateway-token, --telegram-token); those that are there stay as they are, and a token that the gateway makes lies in a file of its own",
            );
        }
        here(&mut report, ctx, &edited.loaded)?;
    }
    if plan.mode == Mode::Local && args.service.install_daemon {
        // Two reports are two lines of JSON, as with `connect --service`.
        if ctx.out.json {
            ctx.out.json_line(&json!({"type": "onboarded", "report": report}))?;
        } else {
            ctx.out.line(&page(ctx, &report))?;
        }
        return gateway::install_as_configured(ctx).await;
    }
    let answers = match plan.mode {
        Mode::Local if !args.service.skip_health => {
            Some(one_call(ctx, &ConnectArgs::default(), "health", json!({})).await)
        }
        _ => None,
    };
    report["gatewayAnswers"] = answers.as_ref().map(Result::is_ok).into();
    // A gateway that was to be there already has to answer; one that is down fails nothing else.
    match answers {
        Some(Err(failure)) if must_answer(&args, &failure) => {
            Err(failure.details(report).hint("all is written; to leave this look out, add --skip-health"))
        }
        _ => ctx.out.show(&report, || page(ctx, &report)),
    }
}

/// Whether a gateway that does not answer is a failure: in a script that did not say otherwise, and where one is there and
/// refuses.
fn must_answer(args: &OnboardArgs, failure: &Failure) -> bool {
    let optional = !args.non_interactive || args.service.no_install_daemon;
    !(optional && failure.exit == Exit::Unreachable)
}

/// What is there now on this host. The token is made where no secret is configured.
fn here(report: &mut Value, ctx: &Context, loaded: &Loaded) -> Result<(), Failure> {
    let auth = server_auth(&loaded.config.gateway.auth, &ctx.env, &ctx.paths).map_err(|error| {
        Failure::new(Exit::Config, "GATEWAY_AUTH", error.to_string()).hint("all else is written")
    })?;
    let (mode, origin) = match &auth {
        ServerAuth::None => ("none", None),
        ServerAuth::Token(_, origin) => ("token", Some(origin)),
        ServerAuth::Password(_, origin) => ("password", Some(origin)),
        ServerAuth::TrustedProxy(_) => ("trusted-proxy", None),
    };
    let place = origin.map(|origin| match origin {
        CredentialOrigin::Config(key) => key.clone(),
        CredentialOrigin::Variable(name) => (*name).to_owned(),
        CredentialOrigin::Generated { file, .. } => file.display().to_string(),
    });
    report["auth"] = json!({"mode": mode, "place": place});
    report["model"] = loaded.config.agents.defaults.model.primary.clone().into();
    report["workspace"] = ctx.paths.workspace(&loaded.config).display().to_string().into();
    report["port"] = config::gateway_port(None, &ctx.env, &loaded.config.gateway, &ctx.paths).ok().into();
    let unseen: Vec<&str> = variables(&loaded.source).filter(|name| ctx.of_shell(name).is_some()).collect();
    let missing: Vec<&str> =
        variables(&loaded.source).filter(|name| ctx.env.get_filled(name).is_none()).collect();
    report["variables"] = json!({"ofThisShell": unseen, "missing": missing});
    Ok(())
}

/// The variables that the configuration refers to by `{source: "env"}`.
fn variables(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::Object(map) if value["source"] == "env" && map.contains_key("id") => {
            Box::new(value["id"].as_str().into_iter())
        }
        Value::Object(map) => Box::new(map.values().flat_map(variables)),
        Value::Array(items) => Box::new(items.iter().flat_map(variables)),
        _ => Box::new(std::iter::empty()),
    }
}

/// What was done and what comes next, for people.
fn page(ctx: &Context, report: &Value) -> String {
    let text = |value: &Value| crate::output::printable(value.as_str().unwrap_or_default());
    let names = |value: &Value| {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let changed = names(&report["changedPaths"]);
    let mut lines = vec![if changed.is_empty() {
        format!("config     {}: says all that already", text(&report["path"]))
    } else {
        format!("config     {}: changed {changed}", text(&report["path"]))
    }];
    if report["mode"] == "remote" {
        lines.push(format!("try it:    {}", ctx.command("status")));
        return lines.join("\n");
    }
    lines.push(match report["model"].as_str() {
        Some(model) => format!("model      {}", crate::output::printable(model)),
        None => format!("model      none yet: {}", ctx.command("models set PROVIDER/MODEL")),
    });
    lines.push(format!("workspace  {}", text(&report["workspace"])));
    let place = report["auth"]["place"].as_str().map(|p| format!(", kept in {p}")).unwrap_or_default();
    lines.push(format!("auth       {}{place}", text(&report["auth"]["mode"])));
    let file = ctx.paths.env_file().display().to_string();
    for name in names(&report["variables"]["missing"]).split(", ").filter(|name| !name.is_empty()) {
        lines.push(format!("to do:     {name} is not set; put {name}=… into {file}"));
    }
    for name in names(&report["variables"]["ofThisShell"]).split(", ").filter(|name| !name.is_empty()) {
        lines.push(format!(
            "to do:     a service does not see {name} of this shell; put {name}=… into {file}"
        ));
    }
    match report["gatewayAnswers"].as_bool() {
        Some(true) => lines.push("gateway    answers".to_owned()),
        Some(false) => lines.push(format!("next:      {}", ctx.command("gateway run"))),
        None => {}
    }
    lines.join("\n")
}
