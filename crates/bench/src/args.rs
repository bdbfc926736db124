//! The command line.

use crate::failure::{Failure, Result};
use crate::wire::Target;
use clap::Parser;
use model::SecretString;
use std::path::PathBuf;

/// Measures a gateway: start, memory, calls, turns
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
pub(crate) struct Args {
    /// Measure only the gateway at this address
    #[arg(value_name = "URL", requires = "token", conflicts_with = "vs")]
    url: Option<String>,
    /// Its token
    #[arg(value_name = "TOKEN", requires = "url")]
    token: Option<String>,
    /// Measure this gateway, too, and put it beside ours
    #[arg(long, num_args = 2, value_names = ["URL", "TOKEN"])]
    vs: Option<Vec<String>>,
    /// The other gateway's process on this machine, to read its memory
    #[arg(long, value_name = "PID")]
    vs_pid: Option<u32>,
    /// Run agent turns on the other gateway: it asks its own model, which may cost money
    #[arg(long)]
    vs_turns: bool,
    /// Start and measure another program with the same command line, and put it beside ours; its interpreter is looked for in PATH
    #[arg(long, value_name = "PATH", conflicts_with_all = ["vs", "url"])]
    pub(crate) vs_program: Option<PathBuf>,
    /// The program to measure; built from this workspace where this is not given
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
    /// Measure how long each command of the program takes, cold, and nothing else
    #[arg(long, conflicts_with_all = ["url", "vs", "vs_program"])]
    pub(crate) commands: bool,
    /// A short run: shows that everything works, and its figures mean little
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// A gateway that this program did not start.
pub(crate) struct Other {
    pub(crate) target: Target,
    pub(crate) pid: Option<u32>,
    pub(crate) turns: bool,
}

impl Args {
    /// Whether our own gateway is started and measured.
    pub(crate) fn measures_ours(&self) -> bool {
        self.url.is_none()
    }

    /// The other gateway, where one is named.
    pub(crate) fn other(&self) -> Result<Option<Other>> {
        let (url, token) = match (&self.url, &self.token, self.vs.as_deref()) {
            (Some(url), Some(token), _) => (url, token),
            (_, _, Some([url, token])) => (url, token),
            (None, None, None) => return Ok(None),
            _ => return Err(Failure::new("an address and a token belong together; see --help")),
        };
        let target = Target { url: url.clone(), token: SecretString::from(token.clone()) };
        Ok(Some(Other { target, pid: self.vs_pid, turns: self.vs_turns }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_in_full_or_not_at_all() {
        let parse = |args: &[&str]| Args::try_parse_from([&["bench"], args].concat());
        assert!(parse(&[]).unwrap().other().unwrap().is_none());
        for (args, ours) in [(&["ws://h:1", "t"][..], false), (&["--vs", "ws://h:1", "t"][..], true)] {
            let args = parse(args).unwrap();
            assert_eq!(args.other().unwrap().unwrap().target.url, "ws://h:1");
            assert_eq!(args.measures_ours(), ours);
        }
        for wrong in [&["ws://h:1"][..], &["--vs", "ws://h:1"], &["ws://h:1", "t", "--vs", "ws://h:2", "t"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
