//! The command line.

use crate::suite::NEEDS;
use clap::Parser;
use std::path::PathBuf;

/// Holds a gateway against the recorded protocol: one verdict a case
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
pub(crate) struct Args {
    /// Address of the gateway, such as ws://127.0.0.1:18789
    #[arg(long, required_unless_present_any = ["list", "serve_fakes"])]
    pub(crate) url: Option<String>,
    /// Its shared token
    #[arg(long, env = "OPENCLAW_GATEWAY_TOKEN", hide_env_values = true, required_unless_present_any = ["list", "serve_fakes"])]
    pub(crate) token: Option<String>,
    /// Only cases whose name contains one of these
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// What the gateway has that some cases need; see --list
    #[arg(long, value_name = "NEED", value_delimiter = ',', value_parser = NEEDS.map(|(name, _)| name))]
    pub(crate) provides: Vec<String>,
    /// Cases of these files instead of those that are built in
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) cases: Vec<PathBuf>,
    /// Seconds that each step waits at least
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) patience: u64,
    /// Write all frames there, with tokens masked
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the cases and what they need, and ask no gateway
    #[arg(long)]
    pub(crate) list: bool,
    /// Be a model and a Telegram for a gateway, print the configuration that uses them, and stay until interrupted
    #[arg(long, conflicts_with_all = ["url", "list"])]
    pub(crate) serve_fakes: bool,
}
