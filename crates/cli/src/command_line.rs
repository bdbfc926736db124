//! The command line as a whole: read, and told where it is not understood. The flags of a command stand in its own file.

mod examples;

use crate::args::Global;
use crate::commands::Command;
use crate::failure::{self, Failure};
use clap::{CommandFactory, FromArgMatches, Parser};
use config::Env;
use std::ffi::OsString;
use std::process::ExitCode;

/// One always-on gateway for an agent: its server, its nodes, and the commands that talk to it.
#[derive(Debug, Parser)]
#[command(name = "openclaw", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Why there is nothing to run: help was asked for, or the command line is wrong.
pub(crate) struct Stop {
    error: clap::Error,
    json: bool,
}

impl Stop {
    /// Prints it and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if self.json && self.error.use_stderr() {
            let text = self.error.render().to_string();
            let message = text.trim().trim_start_matches("error: ").to_owned();
            return crate::output::Output::plain_json().failure(&Failure::usage(message));
        }
        // Nothing is left to tell it to when standard output is gone.
        let _ = self.error.print();
        ExitCode::from(u8::try_from(self.error.exit_code()).unwrap_or(2))
    }
}

/// Reads the command line.
///
/// # Errors
/// Help or the version was asked for, or something is not understood (exit code 2).
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>, env: &Env) -> Result<Cli, Stop> {
    let line: Vec<OsString> = line.into_iter().collect();
    let json = line.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let plain = env.get("NO_COLOR").is_some_and(|v| !v.is_empty()) || line.iter().any(|a| a == "--no-color");
    let colour = if plain { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    let read = |command: clap::Command| {
        let matches = command.try_get_matches_from(line.clone())?;
        Cli::from_arg_matches(&matches)
    };
    // What people are told instead comes from the whole of it.
    read(Cli::command()).or_else(|_| read(in_colour(colour))).map_err(|error| Stop { error, json })
}

/// The whole command line as clap knows it, with every command made, an example of each and the exit codes at its foot.
pub(crate) fn command() -> clap::Command {
    in_colour(clap::ColorChoice::Auto)
}

fn in_colour(colour: clap::ColorChoice) -> clap::Command {
    let table = failure::table_text();
    examples::with_examples(whole(colour)).after_help(format!("Exit codes:\n{table}")).mut_subcommand(
        "exit-codes",
        move |c| {
            let before = c.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
            c.after_help(format!("{before}Exit codes:\n{table}"))
        },
    )
}

/// Every command made. What one is for stands at its name; what is said of its arguments, which come later, would take the place of that.
fn whole(colour: clap::ColorChoice) -> clap::Command {
    // Before it is built: later it would be the first name's alone.
    let names = Cli::command().color(colour);
    let mut whole = names.clone();
    whole.build();
    names.get_subcommands().fold(whole, |whole, named| {
        let about = named.get_about().cloned().unwrap_or_default();
        whole.mut_subcommand(named.get_name(), |command| command.about(about).long_about(None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Cli, Stop> {
        parse(line.iter().map(OsString::from), &Env::default())
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_global_flags_work_on_both_sides_of_a_command() {
        for line in [
            ["openclaw", "--json", "--dev", "health"],
            ["openclaw", "health", "--json", "--dev"],
            ["openclaw", "--dev", "health", "--json"],
        ] {
            let cli = parsed(&line).ok().expect("understood");
            assert!(cli.global.json && cli.global.dev, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_exit_code_2() {
        for line in [
            &["openclaw"][..],
            &["openclaw", "helth"],
            &["openclaw", "health", "--tiemout", "5"],
            &["openclaw", "health", "--timeout", "0"],
            &["openclaw", "health", "--port", "0"],
            &["openclaw", "health", "--url", "ws://a", "--port", "1"],
            &["openclaw", "--dev", "--profile", "x", "health"],
            &["openclaw", "gateway", "run", "--bind", "everywhere"],
            &["openclaw", "nodes", "invoke", "--node", "a"],
            &["openclaw", "gateway", "--port", "1", "health"],
        ] {
            let stop = parsed(line).err().unwrap_or_else(|| panic!("{line:?}"));
            assert_eq!(stop.error.exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn only_what_stays_up_gets_more_than_one_thread() {
        for (line, serves) in [
            (&["openclaw", "gateway"][..], true),
            (&["openclaw", "gateway", "run", "--port", "0"], true),
            (&["openclaw", "gateway", "--port", "5000"], true),
            (&["openclaw", "gateway", "health"], false),
            (&["openclaw", "node", "run"], true),
            (&["openclaw", "node", "identity"], false),
            (&["openclaw", "demo", "--check"], true),
            (&["openclaw", "health"], false),
        ] {
            assert_eq!(parsed(line).ok().map(|c| c.command.serves()), Some(serves), "{line:?}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let cli = parsed(&["openclaw", "health", "--token", "hunter2", "--password", "hunter3"]).ok();
        assert!(!format!("{cli:?}").contains("hunter"));
    }
}
