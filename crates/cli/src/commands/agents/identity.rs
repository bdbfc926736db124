//! `openclaw agents set-identity`: what an agent is called, its emoji and its picture.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::output::printable;
use crate::view::text;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct IdentityArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The agent [default: the default agent]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    agent: Option<String>,
    /// Its name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// Its emoji
    #[arg(long, value_name = "EMOJI", value_parser = NonEmptyStringValueParser::new())]
    emoji: Option<String>,
    /// Its picture: a path within the workspace, or an address
    #[arg(long, value_name = "PATH", value_parser = NonEmptyStringValueParser::new())]
    avatar: Option<String>,
    #[arg(long, hide = true)]
    theme: Option<String>,
    #[arg(long, hide = true)]
    workspace: Option<String>,
    #[arg(long, hide = true)]
    identity_file: Option<String>,
    #[arg(long, hide = true)]
    from_identity: bool,
}

/// Writes it into the gateway's configuration.
///
/// # Errors
/// Nothing is given, there is no such agent, or the gateway cannot be reached or refuses.
pub(super) async fn run(args: IdentityArgs, ctx: &Context) -> Result<(), Failure> {
    refuse(&args)?;
    let mut params = json!({});
    for (name, value) in [("name", &args.name), ("emoji", &args.emoji), ("avatar", &args.avatar)] {
        if let Some(value) = value {
            params[name] = value.as_str().into();
        }
    }
    let identity = params.clone();
    let link = Link::dial_for(ctx, &args.connect, "agents.update").await?;
    let agent = match args.agent {
        Some(agent) => agent,
        None => {
            let agents = link.call("agents.list", json!({})).await?;
            text(&agents, "/defaultId").unwrap_or(config::MAIN_AGENT).to_owned()
        }
    };
    params["agentId"] = agent.as_str().into();
    let mut done = link.call("agents.update", params).await?;
    link.leave().await;
    done["identity"] = identity;
    ctx.out.show(&done, || {
        let parts = ["name", "emoji", "avatar"].map(|key| text(&done, &format!("/identity/{key}")));
        let said: Vec<&str> = parts.into_iter().flatten().collect();
        printable(&format!("agent {agent} is now {}", said.join(" ")))
    })
}

fn refuse(args: &IdentityArgs) -> Result<(), Failure> {
    const FLAGS: &str = "give what it is to be: --name, --emoji, --avatar";
    let given = [
        (args.theme.is_some(), "--theme", "how an agent speaks stands in SOUL.md of its workspace"),
        (args.workspace.is_some(), "--workspace", "name the agent: --agent ID"),
        (args.identity_file.is_some(), "--identity-file", FLAGS),
        (args.from_identity, "--from-identity", FLAGS),
    ];
    if let Some((_, flag, why)) = given.iter().find(|(given, ..)| *given) {
        return Err(Failure::usage(format!("{flag} is not supported: {why}")));
    }
    if args.name.is_none() && args.emoji.is_none() && args.avatar.is_none() {
        return Err(Failure::usage("nothing is to be changed; give --name, --emoji or --avatar"));
    }
    Ok(())
}
