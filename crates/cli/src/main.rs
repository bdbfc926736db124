//! The `openclaw` program: reads the command line, runs one command, and turns its outcome into an exit code.
//! Everything else lives in the modules; the exit codes are one table in [`failure`].

mod args;
mod checks;
mod command_line;
mod commands;
mod context;
mod failure;
mod input;
mod link;
mod logging;
mod output;
mod runtime;
mod service;
mod terminal;
mod view;

use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut line = std::env::args_os().skip(1);
    if link::tunnel::LEASH.iter().all(|word| line.next().as_deref() == Some(word.as_ref())) {
        return become_ssh(line);
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

/// The other thing that this program can be: the leash of a tunnel's ssh. Only a tunnel's supervisor asks for it.
fn become_ssh(line: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    match remote::tunnel::run_leash(line) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            // The supervisor reads it; without one, nobody does.
            let _ = writeln!(std::io::stderr(), "ssh could not be started: {error}");
            ExitCode::FAILURE
        }
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
