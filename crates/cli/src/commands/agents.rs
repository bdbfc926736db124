//! `openclaw agents`: which agents the gateway has.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, flag, list, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `agents` and its subcommand.
#[derive(Debug, Args)]
pub(crate) struct AgentsArgs {
    #[command(subcommand)]
    command: AgentsCommand,
}

#[derive(Debug, Subcommand)]
enum AgentsCommand {
    /// List them; as JSON, an array
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: AgentsArgs, ctx: &Context) -> Result<(), Failure> {
    let AgentsCommand::List(args) = args.command;
    let payload = one_call(ctx, &args.connect, "agents.list", json!({})).await?;
    let agents = marked(&payload);
    ctx.out.show(&agents, || {
        let mut table = Table::new(&["AGENT", "NAME", "DEFAULT", "MODEL", "WORKSPACE"]);
        for agent in list(&agents, "") {
            let model = text(agent, "/model/primary").map_or_else(|| cell(agent, "/model"), str::to_owned);
            table.row([
                cell(agent, "/id"),
                cell(agent, "/name"),
                if flag(agent, "/isDefault") { "yes".into() } else { "-".into() },
                model,
                cell(agent, "/workspace"),
            ]);
        }
        table.render(&ctx.out, "no agents")
    })
}

/// The agents, each with whether it is the default.
fn marked(payload: &Value) -> Value {
    let default = text(payload, "/defaultId");
    let agents = list(payload, "/agents").iter().map(|agent| {
        let mut agent = agent.clone();
        agent["isDefault"] = (text(&agent, "/id") == default).into();
        agent
    });
    agents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_agent_is_marked() {
        let payload = json!({"defaultId": "b", "agents": [{"id": "a"}, {"id": "b"}]});
        assert_eq!(
            marked(&payload),
            json!([{"id": "a", "isDefault": false}, {"id": "b", "isDefault": true}])
        );
    }
}
