//! Every command of the program, cold: its process from start to end, in its cheapest form, beside a gateway that answers.
//! What it says does not count: one that asks for a session that is not there has come as far as any other.

use crate::failure::{Context, Result};
use crate::fakes::Fakes;
use crate::plan::Plan;
use crate::process::{Home, Program, Running};
use crate::stats::median;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a command may take, in ms.
const GOAL_MS: f64 = 25.0;
/// So many of the slowest are shown where all are fast enough.
const SHOWN: usize = 10;

/// Every command with an example; a test of the program holds that the page is what it says.
const PAGE: &str = include_str!("../../../../docs/commands.md");

/// Those that stay up, wait for others, ask the network or change this host are measured by their help; of the rest some have
/// a cheaper form than their example.
const FORMS: &[(&str, &str)] = &[
    ("agents delete", "agents delete writer --force"),
    ("completion", "completion --shell bash"),
    ("connect", "connect --help"),
    ("cron run", "cron run JOB"),
    ("demo", "demo --help"),
    ("dns setup", "dns setup --domain example.com"),
    ("doctor", "doctor"),
    ("gateway discover", "gateway discover --help"),
    ("gateway install", "gateway install --help"),
    ("gateway probe", "gateway probe"),
    ("gateway restart", "gateway restart --help"),
    ("gateway run", "gateway run --help"),
    ("gateway start", "gateway start --help"),
    ("gateway stop", "gateway stop --help"),
    ("gateway uninstall", "gateway uninstall --help"),
    ("health", "health"),
    ("logs", "logs --limit 1"),
    ("man", "man --dir pages"),
    ("models auth login", "models auth login --help"),
    ("node install", "node install --help"),
    ("node restart", "node restart --help"),
    ("node run", "node run --help"),
    ("node start", "node start --help"),
    ("node stop", "node stop --help"),
    ("node uninstall", "node uninstall --help"),
    ("remote install", "remote install --help"),
    ("remote logs", "remote logs"),
    ("remote trust", "remote trust --help"),
    ("remote uninstall", "remote uninstall --help"),
    ("remote up", "remote up --help"),
    ("security audit", "security audit"),
    ("status", "status"),
];

/// How long each command took, the slowest first.
pub(crate) struct Cold(Vec<(Vec<String>, f64)>);

/// Measures all of them.
pub(crate) async fn measure(program: &Program, plan: &Plan) -> Result<Cold> {
    let fakes = Fakes::start().await;
    let own = Home::new(&fakes.config())?;
    let gateway = Running::start(program, &own).await?;
    // What commands write goes to a home beside the gateway's own.
    let home = Home::new(&fakes.config())?;
    let mut cold = Vec::new();
    for line in lines() {
        let mut times = Vec::new();
        // One more, untimed: the first may make a key or a file.
        home.timed(program, &line, gateway.port()).await.context(&line.join(" "))?;
        for _ in 0..plan.starts {
            times.push(home.timed(program, &line, gateway.port()).await.context(&line.join(" "))?);
        }
        cold.push((line, median(times)));
    }
    gateway.stop().await?;
    cold.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(Cold(cold))
}

/// The command lines that are run.
fn lines() -> Vec<Vec<String>> {
    PAGE.split("\n## openclaw ")
        .skip(1)
        .map(|part| {
            let name = part.lines().next().unwrap_or_default();
            let form = FORMS.iter().find(|(command, _)| *command == name).map(|(_, line)| (*line).to_owned());
            let example = part.lines().skip_while(|line| *line != "Example:").skip(1);
            let example: Vec<&str> =
                example.take_while(|line| line.starts_with("  ")).map(str::trim).collect();
            let example = example.join(" ");
            words(form.as_deref().unwrap_or(example.trim_start_matches("openclaw ")))
        })
        .collect()
}

/// Words as a shell splits them, where quotes are single ones.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

impl Cold {
    fn over(&self) -> usize {
        self.0.iter().take_while(|(_, ms)| *ms > GOAL_MS).count()
    }

    /// A table of those that take too long, and of the slowest.
    pub(crate) fn markdown(&self) -> String {
        let over = self.over();
        let mut out = format!(
            "{} commands, cold; {over} take more than {GOAL_MS} ms (p50).\n\n| command | p50 |\n|---|---:|",
            self.0.len()
        );
        for (line, ms) in self.0.iter().take(over.max(SHOWN)) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\n| `{}` | {ms:.1} ms |", line.join(" ").replace('|', "\\|"));
        }
        out
    }

    /// `{goalMs, over, commands: [{line, p50Ms}]}`.
    pub(crate) fn json(&self) -> String {
        let commands: Vec<Value> =
            self.0.iter().map(|(line, ms)| json!({"line": line.join(" "), "p50Ms": ms})).collect();
        format!("{:#}", json!({"goalMs": GOAL_MS, "over": self.over(), "commands": commands}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_page_is_run_and_every_form_is_of_one() {
        let lines = lines();
        assert!(lines.len() > 100 && lines.iter().all(|line| !line[0].is_empty() && line[0] != "openclaw"));
        let is_there = |name: &str| PAGE.contains(&format!("\n## openclaw {name}\n"));
        for (name, line) in FORMS {
            assert!(is_there(name) && line.starts_with(name), "{name}");
        }
        assert_eq!(words("a --b '{\"c\": 1}'"), ["a", "--b", "{\"c\": 1}"]);
    }

    #[test]
    fn the_slow_ones_are_shown_first() {
        let cold = Cold(vec![(vec!["slow".into()], 30.0), (vec!["fast".into()], 5.0)]);
        let table = cold.markdown();
        assert!(
            table.contains("2 commands, cold; 1 take more") && table.contains("| `slow` | 30.0 ms |"),
            "{table}"
        );
        let json: Value = serde_json::from_str(&cold.json()).unwrap();
        assert_eq!((&json["over"], &json["commands"][1]["line"]), (&json!(1), &json!("fast")));
    }
}
