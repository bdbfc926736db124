//! `openclaw man`: the manual pages, one for the program and one for each command.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Where the pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder that the pages are written to, such as ~/.local/share/man/man1; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Writes them.
///
/// # Errors
/// The folder cannot be written to.
pub(crate) fn run(args: &ManArgs, line: clap::Command, ctx: &Context) -> Result<(), Failure> {
    let failed = |error| {
        let place = args.dir.display();
        Failure::new(Exit::Failed, "FILE", format!("the pages cannot be written to {place}: {error}"))
    };
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    // Without this, `help` would have a page for each command once more.
    let command = line.disable_help_subcommand(true);
    clap_mangen::generate_to(command, &args.dir).map_err(failed)?;
    let report = json!({"ok": true, "dir": args.dir});
    ctx.out.show(&report, || format!("written to {}; the first one is openclaw.1", args.dir.display()))
}
