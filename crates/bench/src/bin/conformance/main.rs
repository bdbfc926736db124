//! `conformance`: holds any gateway that speaks the protocol against the cases in `conformance/` at the root of the
//! repository, and prints a verdict for each. It knows the server by its address and token alone and uses no code of it;
//! `conformance/README.md` describes the cases.
//!
//! Exit codes: 0 where no case failed, 1 where one did, 2 where nothing could be run.

mod args;
mod check;
mod device;
mod fakes;
mod pattern;
mod record;
mod report;
mod run;
mod scope;
mod socket;
mod step;
mod suite;
mod words;

use args::Args;
use clap::Parser;
use record::Recorder;
use report::{Report, Verdict};
use run::Target;
use std::process::ExitCode;
use std::time::Duration;
use suite::{Case, NEEDS, Suite};

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether no case failed.
fn start(args: &Args) -> Result<bool, String> {
    let suite = if args.cases.is_empty() { Suite::built_in() } else { Suite::read(&args.cases) }?;
    let chosen = chosen(&suite, args)?;
    if args.list {
        list(&chosen);
        return Ok(true);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    if args.serve_fakes {
        return runtime.block_on(serve_fakes()).map(|()| true);
    }
    runtime.block_on(run(args, &suite, &chosen))
}

fn chosen<'a>(suite: &'a Suite, args: &Args) -> Result<Vec<&'a Case>, String> {
    let is_chosen = |case: &&Case| args.only.is_empty() || args.only.iter().any(|o| case.name.contains(o));
    let chosen: Vec<&Case> = suite.cases.iter().filter(is_chosen).collect();
    match chosen.is_empty() {
        true => Err(format!("no case has {} in its name; --list shows all", args.only.join(" or "))),
        false => Ok(chosen),
    }
}

fn list(cases: &[&Case]) {
    for case in cases {
        let needs = case.head.needs.join(", ");
        let needs = if needs.is_empty() { needs } else { format!(" [{needs}]") };
        println!("{}{needs}: {}", case.name, case.head.proves);
    }
    println!("\nWhat a case may need, and --provides promises:");
    for (name, means) in NEEDS {
        println!("  {name}: {means}");
    }
}

/// Serves until the process is interrupted.
async fn serve_fakes() -> Result<(), String> {
    let fakes = fakes::Fakes::start().await;
    println!("{}", fakes.properties());
    tokio::signal::ctrl_c().await.map_err(|e| e.to_string())
}

async fn run(args: &Args, suite: &Suite, cases: &[&Case]) -> Result<bool, String> {
    let (Some(url), Some(token)) = (&args.url, &args.token) else {
        return Err("--url and --token say which gateway is asked".into());
    };
    let recorder = if args.record.is_some() { Recorder::all(token) } else { Recorder::default() };
    let patience = Duration::from_secs(args.patience);
    let target = Target { url: url.clone(), token: token.clone(), patience, recorder };
    let version = target.version(suite).await.map_err(|e| format!("{url}: {e}"))?;
    let mut report = Report { version, verdicts: vec![] };
    for case in cases {
        let verdict = judge(&target, suite, case, args, &report.version).await;
        if !args.json {
            println!("{}", Report::line(case, &verdict));
        }
        report.verdicts.push((case, verdict));
    }
    println!("{}", if args.json { report.json() } else { report.summary() });
    if let Some(file) = &args.record {
        std::fs::write(file, target.recorder.text()).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    Ok(report.is_good())
}

async fn judge(target: &Target, suite: &Suite, case: &Case, args: &Args, version: &str) -> Verdict {
    let lacks = case.lacks(&args.provides);
    if !lacks.is_empty() {
        return Verdict::Skipped(lacks.join(", "));
    }
    match target.run(suite, case).await {
        Ok(()) => Verdict::Passed,
        Err((line, how)) => match case.known(version, line, &how) {
            Some(known) => Verdict::Known(known.why.clone(), how),
            None => Verdict::Failed(line, how),
        },
    }
}
