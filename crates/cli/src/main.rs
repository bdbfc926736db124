//! The `openclaw` program: reads the command line, runs one command, and turns its outcome into an exit code.
//! Everything else lives in the modules; the exit codes are one table in [`failure`].

mod args;
mod checks;
mod command_line;
mod commands;
mod context;
mod failure;
mod input;
mod kept_secret;
mod link;
mod logging;
mod output;
mod runtime;
mod service;
mod sign_in;
mod terminal;
mod tool_servers;
mod view;

use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = remote::tunnel::run(&line) {
        return code;
    }
    let env = config::Env::system();
    let cli = match command_line::parse(std::env::args_os(), &env) {
        Ok(cli) => cli,
        Err(stop) => return stop.report(),
    };
    let output = output::Output::new(&cli.global, &env);
    match run(cli, env, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

fn run(cli: command_line::Cli, env: config::Env, output: output::Output) -> Result<(), Failure> {
    let context = context::Context::new(&cli.global, env, output)?;
    match (cli.command.serves(), cli.global.log_level) {
        (true, _) => {}
        (false, Some(level)) => logging::start_console(level, !cli.global.no_color)?,
        (false, None) => logging::start_warnings()?,
    }
    let runtime = runtime::build(cli.command.serves())?;
    let outcome = runtime.block_on(commands::run(cli.command, command_line::command, &context));
    // Tasks that block on the system (name look-ups) must not hold the exit up.
    runtime.shutdown_timeout(runtime::LEAVE_WITHIN);
    outcome
}
