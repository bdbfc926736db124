//! The `openclaw` program: reads the command line, runs one command, and turns its outcome into an exit code.
//! Everything else lives in the modules; the exit codes are one table in [`failure`].

mod args;
mod commands;
mod context;
mod failure;
mod input;
mod link;
mod logging;
mod output;
mod runtime;
mod view;

use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let env = config::Env::system();
    let cli = match args::parse(std::env::args_os(), &env) {
        Ok(cli) => cli,
        Err(stop) => return stop.report(),
    };
    let output = output::Output::new(&cli.global, &env);
    match run(cli, env, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

fn run(cli: args::Cli, env: config::Env, output: output::Output) -> Result<(), Failure> {
    let context = context::Context::new(&cli.global, env, output)?;
    if let (false, Some(level)) = (cli.command.serves(), cli.global.log_level) {
        logging::start_console(level, !cli.global.no_color)?;
    }
    let runtime = runtime::build(cli.command.serves())?;
    let outcome = runtime.block_on(commands::run(cli.command, &context));
    // Tasks that block on the system (name look-ups) must not hold the exit up.
    runtime.shutdown_timeout(runtime::LEAVE_WITHIN);
    outcome
}
