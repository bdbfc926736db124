//! `openclaw demo`: an isolated gateway with a node in the same process, one message through the real path, each hop
//! with its time.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;

/// What to do after the first message.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave after the first message: exit code 0 if it was answered, else 1
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs the demonstration.
///
/// # Errors
/// It did not work; the message says at which hop.
pub(crate) async fn run(args: DemoArgs, ctx: &Context) -> Result<(), Failure> {
    let DemoArgs { check: _ } = args;
    let place = ctx.paths.state_dir.display();
    Err(Failure::new(Exit::Failed, "UNAVAILABLE", "the demonstration is not part of this build")
        .hint(format!("run a gateway of your own with state in {place}: openclaw gateway run")))
}
