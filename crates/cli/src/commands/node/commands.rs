//! `--commands` and `--all-commands` of `node run`, `node install` and `connect`: what of its commands a node offers, now and later.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct OfferedArgs {
    /// Offer these commands only, separated by commas; kept for later starts
    #[arg(long, value_name = "COMMANDS", value_delimiter = ',', conflicts_with = "all_commands")]
    commands: Vec<String>,
    /// Offer all commands again: forget what --commands kept
    #[arg(long)]
    all_commands: bool,
}

impl OfferedArgs {
    /// Whether anything was said.
    pub(crate) fn is_said(&self) -> bool {
        self.all_commands || !self.commands.is_empty()
    }

    /// The commands that were named.
    ///
    /// # Errors
    /// Some were, and none of them is one that this node knows.
    pub(crate) fn check(&self) -> Result<Vec<String>, Failure> {
        let named: Vec<String> =
            self.commands.iter().map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        let known = node::known_commands();
        if !self.commands.is_empty() && !named.iter().any(|c| known.contains(c)) {
            return Err(Failure::usage(format!(
                "--commands names no command that this node knows; it knows {}",
                known.join(", ")
            )));
        }
        Ok(named)
    }

    /// What is offered now: what was said, else what was kept; `None` is all.
    ///
    /// # Errors
    /// As [`OfferedArgs::check`], or what was kept cannot be read.
    pub(crate) fn or_kept(&self, ctx: &Context) -> Result<Option<Vec<String>>, Failure> {
        if !self.is_said() {
            return kept(ctx);
        }
        Ok(if self.all_commands { None } else { Some(self.check()?) })
    }

    /// Keeps what was said, if anything was.
    ///
    /// # Errors
    /// None of the commands is one that this node knows, or the disk refuses.
    pub(crate) fn keep(&self, ctx: &Context) -> Result<(), Failure> {
        if !self.is_said() {
            return Ok(());
        }
        let named = self.check()?;
        let known = node::known_commands();
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
