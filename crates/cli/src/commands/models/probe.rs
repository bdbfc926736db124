//! `openclaw models status --probe`: whether the keys work, found out by the gateway, which asks with each.

use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use crate::output::{Table, printable};
use crate::view::{cell, list, number, text};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// Whether to ask, whom, and how.
#[derive(Debug, Default, Args)]
pub(super) struct ProbeArgs {
    /// Have the gateway ask with each key for a few words: whether it works. This costs a few tokens each
    #[arg(long)]
    pub(super) probe: bool,
    /// Ask this provider alone
    #[arg(long, value_name = "NAME", requires = "probe")]
    probe_provider: Option<String>,
    /// Ask with these keys alone, by their profiles' names; can be repeated
    #[arg(long, value_name = "PROFILE", requires = "probe", value_delimiter = ',')]
    probe_profile: Vec<String>,
    /// Wait so long for each answer, in milliseconds [default: 8000]
    #[arg(long, value_name = "MS", requires = "probe", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    probe_timeout: Option<u64>,
    /// Ask with so many at once [default: 2]
    #[arg(long, value_name = "N", requires = "probe", value_parser = clap::value_parser!(u8).range(1..=16))]
    probe_concurrency: Option<u8>,
    /// Ask for at most this many tokens [default: 8]
    #[arg(long, value_name = "N", requires = "probe", value_parser = clap::value_parser!(u64).range(1..=4_096))]
    probe_max_tokens: Option<u64>,
}

/// As many keys as a gateway asks with, one after the other.
const LONGEST: Duration = Duration::from_secs(600);

impl ProbeArgs {
    /// What came of it.
    ///
    /// # Errors
    /// The gateway refuses or does not answer.
    pub(super) async fn ask(&self, link: &Link, agent: Option<&str>) -> Result<Value, Failure> {
        let mut params = json!({"profileIds": self.probe_profile});
        let plain = [
            ("agentId", agent.map(Value::from)),
            ("provider", self.probe_provider.as_deref().map(Value::from)),
            ("timeoutMs", self.probe_timeout.map(Value::from)),
            ("concurrency", self.probe_concurrency.map(Value::from)),
            ("maxTokens", self.probe_max_tokens.map(Value::from)),
        ];
        for (name, value) in plain {
            if let Some(value) = value {
                params[name] = value;
            }
        }
        link.call_within("models.keys.probe", params, LONGEST).await
    }
}

/// A line for each key.
pub(super) fn page(probes: &Value, ctx: &Context) -> String {
    let mut table = Table::new(&["PROVIDER", "ASKED", "WITH", "WORKS", "TOOK"]);
    let mut problems = Vec::new();
    for result in list(probes, "/results") {
        let status = cell(result, "/status");
        table.row([
            cell(result, "/provider"),
            cell(result, "/model"),
            cell(result, "/label"),
            if status == "ok" { "yes".to_owned() } else { format!("no: {}", status.replace('_', " ")) },
            number(result, "/latencyMs").map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms")),
        ]);
        if let Some(why) = text(result, "/error") {
            problems.push(printable(&format!("{}: {why}", cell(result, "/label"))));
        }
    }
    let mut page = table.render(&ctx.out, "there is no key to ask with");
    for problem in problems {
        page.push('\n');
        page.push_str(&problem);
    }
    page
}
