//! `openclaw configure`: the questions of `onboard`, of some parts alone, for an installation that is there already.

use super::ask;
use super::flags::{Flow, Mode, OnboardArgs};
use super::plan::{self, Plan};
use crate::args::ConnectArgs;
use crate::commands::{config_cmd, gateway, health};
use crate::context::Context;
use crate::failure::Failure;
use crate::link::one_call;
use crate::terminal::Terminal;
use clap::{Args, ValueEnum};
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct ConfigureArgs {
    /// Only this part; can be repeated [default: all of them]
    #[arg(long = "section", value_name = "PART")]
    sections: Vec<Section>,
}

/// A part of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// The folder of the agent's files.
    Workspace,
    /// The model and its key.
    Model,
    /// Where the gateway is, and who reaches it.
    Gateway,
    /// The gateway as a service.
    Daemon,
    /// Telegram.
    Channels,
    /// Whether the gateway answers.
    Health,
    #[value(hide = true)]
    Web,
    #[value(hide = true)]
    Plugins,
    #[value(hide = true)]
    Skills,
}

const ALL: &[Section] = &[
    Section::Gateway,
    Section::Workspace,
    Section::Model,
    Section::Channels,
    Section::Daemon,
    Section::Health,
];

/// Parts that OpenClaw asks about and that have nothing to ask about here: why, and what there is instead.
const NOT_HERE: &[(Section, &str, &str)] = &[
    (
        Section::Web,
        "--section web is not supported: there is no search of the web here that would need a provider",
        "pages are read without a key, by the tool web_fetch; who may: openclaw config get tools",
    ),
    (
        Section::Plugins,
        "--section plugins is not supported: there are no plugins; what they do is part of this program or not there",
        "see which: openclaw plugins list",
    ),
    (
        Section::Skills,
        "--section skills is not supported: skills are those of nodes, and each node says itself which it has",
        "on the node: openclaw config set nodeHost.skills.enabled true",
    ),
];

/// Asks, shows what would change, writes.
///
/// # Errors
/// Nobody is there to be asked, or they do not want to; a part is not there; the configuration cannot be changed.
pub(crate) async fn run(args: ConfigureArgs, ctx: &Context) -> Result<(), Failure> {
    let parts = if args.sections.is_empty() { ALL } else { &args.sections };
    if let Some((_, why, instead)) = NOT_HERE.iter().find(|(part, ..)| parts.contains(part)) {
        return Err(Failure::usage(*why).hint(*instead));
    }
    let Some(mut terminal) = Terminal::open() else {
        return Err(Failure::usage("there is no terminal to ask questions at")
            .hint("look: openclaw config get KEY; change: openclaw config set KEY VALUE, openclaw config patch --file FILE; check: openclaw config validate")
            .hint("or by flags: openclaw onboard --non-interactive --accept-risk; openclaw onboard --help has them all"));
    };
    let before = ctx.load()?;
    let has = |part: Section| parts.contains(&part);
    let mut wanted = OnboardArgs { flow: Some(Flow::Manual), ..OnboardArgs::default() };
    if has(Section::Gateway) || has(Section::Daemon) || has(Section::Health) {
        ask::place(&mut wanted, &mut terminal, &before)?;
    } else {
        wanted.keeps_mode = true;
    }
    if plan::mode(&wanted, &before) == Mode::Remote && !wanted.keeps_mode {
        ask::remote(&mut wanted, &mut terminal, &before)?;
        return write(&wanted, &mut terminal, ctx);
    }
    if has(Section::Gateway) {
        ask::listening(&mut wanted, &mut terminal, ctx, &before)?;
    }
    if has(Section::Workspace) {
        ask::workspace(&mut wanted, &mut terminal, ctx, &before)?;
    }
    if has(Section::Model) {
        ask::model(&mut wanted, &mut terminal, ctx, &before).await?;
    }
    if has(Section::Channels) {
        ask::telegram(&mut wanted, &mut terminal, ctx, &before)?;
    }
    if has(Section::Daemon) {
        ask::service(&mut wanted, &mut terminal)?;
    }
    write(&wanted, &mut terminal, ctx)?;
    if wanted.service.install_daemon {
        gateway::install_as_configured(ctx).await?;
    }
    if has(Section::Health) {
        let health = one_call(ctx, &ConnectArgs::default(), "health", json!({})).await?;
        return ctx.out.show(&health, || health::describe(&ctx.out, &health, ctx.now_ms()));
    }
    Ok(())
}

fn write(wanted: &OnboardArgs, terminal: &mut Terminal, ctx: &Context) -> Result<(), Failure> {
    let before = ctx.load()?;
    let plan = Plan::new(wanted, ctx, &before)?;
    ask::agree(&plan.write(ctx, true)?, terminal)?;
    config_cmd::told(ctx, &plan.write(ctx, false)?, false, "")
}
