//! `openclaw gateway usage-cost`: what the models cost, day by day.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::output::Table;
use crate::view::{cell, list, number};
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct UsageCostArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// So many days, today included
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_600))]
    days: u32,
    /// Of this agent; the default one where none is named
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Of all agents together
    #[arg(long, conflicts_with = "agent")]
    all_agents: bool,
}

/// Asks and prints.
///
/// # Errors
/// The gateway cannot be reached or refuses.
pub(crate) async fn run(args: UsageCostArgs, ctx: &Context) -> Result<(), Failure> {
    // Days as the people at the gateway have them.
    let mut params = json!({"days": args.days, "mode": "gateway"});
    if let Some(agent) = args.agent {
        params["agentId"] = agent.into();
    }
    if args.all_agents {
        params["agentScope"] = "all".into();
    }
    let payload = one_call(ctx, &args.connect, "usage.cost", params).await?;
    ctx.out.show(&payload, || {
        let mut table = Table::new(&["DAY", "TOKENS", "USD"]);
        for day in list(&payload, "/daily").iter().filter(|day| number(day, "/totalTokens") != Some(0)) {
            table.row([cell(day, "/date"), cell(day, "/totalTokens"), usd(day)]);
        }
        if table.is_empty() {
            return format!("no model was asked in the last {} days", args.days);
        }
        let totals = &payload["totals"];
        table.row(["all".to_owned(), cell(totals, "/totalTokens"), usd(totals)]);
        table.render(&ctx.out, "")
    })
}

fn usd(totals: &Value) -> String {
    totals["totalCost"].as_f64().map_or_else(|| "-".to_owned(), |cost| format!("{cost:.4}"))
}
