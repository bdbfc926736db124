//! `openclaw man`: the manual pages, one for the program and one for each command.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use clap_mangen::Man;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

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
    let mut command = line.disable_help_subcommand(true);
    command.build();
    write(&command, &args.dir).map_err(failed)?;
    let report = json!({"ok": true, "dir": args.dir});
    ctx.out.show(&report, || format!("written to {}; the first one is openclaw.1", args.dir.display()))
}

/// The page of a command and of those below it, each in one write: the library makes one for each word.
fn write(command: &clap::Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, dir)?;
    }
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    std::fs::write(dir.join(man.get_filename()), page)
}
