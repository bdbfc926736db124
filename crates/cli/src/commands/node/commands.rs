//! `--commands` and `--all-commands` of `node run` and `node install`: what of its commands a node offers, now and later.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(super) struct OfferedArgs {
    /// Offer these commands only, separated by commas; kept for later starts
    #[arg(long, value_name = "COMMANDS", value_delimiter = ',', conflicts_with = "all_commands")]
    commands: Vec<String>,
    /// Offer all commands again: forget what --commands kept
    #[arg(long)]
    all_commands: bool,
}

impl OfferedArgs {
    /// Keeps what was said, if anything was.
    ///
    /// # Errors
    /// None of the commands is one that this node knows, or the disk refuses.
    pub(super) fn keep(&self, ctx: &Context) -> Result<(), Failure> {
        let named: Vec<String> =
            self.commands.iter().map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        if self.commands.is_empty() && !self.all_commands {
            return Ok(());
        }
        let known = node::known_commands();
        if !self.all_commands && !named.iter().any(|c| known.contains(c)) {
            return Err(Failure::usage(format!(
                "--commands names no command that this node knows; it knows {}",
                known.join(", ")
            )));
        }
        for unknown in named.iter().filter(|c| !known.contains(c)) {
            ctx.out.remark(&format!("--commands: this node does not know {unknown}; the rest is offered"));
        }
        let offered = (!self.all_commands).then_some(named.as_slice());
        node::keep_commands(&ctx.paths.state_dir, offered).map_err(failed)
    }
}

/// What was kept; `None` is all.
///
/// # Errors
/// It cannot be read.
pub(super) fn kept(ctx: &Context) -> Result<Option<Vec<String>>, Failure> {
    node::kept_commands(&ctx.paths.state_dir).map_err(failed)
}

fn failed(error: std::io::Error) -> Failure {
    let fix = "run node run --all-commands to offer all, or --commands to say anew which";
    Failure::new(Exit::Failed, "NODE_COMMANDS", format!("the commands that this node offers: {error}; {fix}"))
}
