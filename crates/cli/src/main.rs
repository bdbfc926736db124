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
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(rest) = after(&line, link::tunnel::LEASH) {
        return become_ssh(rest);
    }
    if let Some(rest) = after(&line, link::tunnel::SUPERVISE) {
        return look_after(rest);
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

/// What follows these words, where the line begins with them. What this program starts itself for is no command: nobody types it,
/// and whoever stays for weeks need not hold what the reading of a whole command line takes.
fn after<'a>(line: &'a [OsString], words: [&str; 2]) -> Option<&'a [OsString]> {
    let (first, rest) = line.split_at_checked(words.len())?;
    first.iter().eq(words.iter()).then_some(rest)
}

/// The process that looks after a tunnel. Only commands that want one start it.
fn look_after(line: &[OsString]) -> ExitCode {
    let (env, global) = (config::Env::system(), args::Global::default());
    let output = output::Output::new(&global, &env);
    let looking = || {
        let ctx = context::Context::new(&global, env, output)?;
        logging::start_warnings()?;
        let runtime = runtime::build(false)?;
        let outcome = runtime.block_on(commands::remote::supervise::run(line, &ctx));
        runtime.shutdown_timeout(runtime::LEAVE_WITHIN);
        outcome
    };
    looking().map_or_else(|failure| output.failure(&failure), |()| ExitCode::SUCCESS)
}

/// The leash of a tunnel's ssh. Only the tunnel's supervisor starts it.
fn become_ssh(line: &[OsString]) -> ExitCode {
    match remote::tunnel::run_leash(line.iter().cloned()) {
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
