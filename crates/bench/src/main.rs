//! `bench`: measures a gateway — its start, its memory, its calls, its turns — against the goals in [`rows`], and any
//! other gateway that speaks the protocol beside it.
//!
//! The load is made in this process. On a small machine it shares the processors with the gateway it measures, so all
//! figures are those of both together.

mod args;
mod failure;
mod fakes;
mod plan;
mod process;
mod report;
mod rows;
mod scenario;
mod stats;
mod wire;

use args::Args;
use clap::Parser;
use failure::{Context, Failure, Result};
use process::Program;
use report::Report;
use scenario::Subject;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// As many as the gateway has itself.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let plan = if args.quick { plan::QUICK } else { plan::FULL };
    if args.commands {
        let program = Program::ours(binary(args)?);
        let cold = runtime.block_on(scenario::commands::measure(&program, &plan))?;
        return Ok(if args.json { cold.json() } else { cold.markdown() });
    }
    let mut report = Report::new(args.quick);
    if args.measures_ours() {
        let binary = binary(args)?;
        let program = Program::ours(binary);
        let subject = Subject { name: "openclaw", program: &program, plan: &plan, calm: Duration::ZERO };
        let mut figures = runtime.block_on(scenario::program(&subject)).context("our gateway")?;
        figures.set("binary", program.size_mb()?);
        report.add(figures);
    }
    if let Some(other) = args.other()? {
        report.add(runtime.block_on(scenario::other(&other, &plan)).context("the other gateway")?);
    }
    if let Some(path) = &args.vs_program {
        let (program, plan) = (Program::other(path.canonicalize()?), plan::OTHER);
        let subject =
            Subject { name: "the other", program: &program, plan: &plan, calm: scenario::OTHER_CALM };
        report.add(runtime.block_on(scenario::program(&subject)).context("the other program")?);
    }
    Ok(if args.json { report.json() } else { report.markdown() })
}

/// The program that is measured: the one that was named, else the one of this profile, built first.
fn binary(args: &Args) -> Result<PathBuf> {
    let path = match &args.binary {
        Some(path) => path.clone(),
        None => process::build_openclaw()?,
    };
    if path.is_file() {
        // It is started from another directory.
        return Ok(path.canonicalize()?);
    }
    Err(Failure::new(format!(
        "{} is not there; build it with `cargo build --release -p cli`, or name it with --binary",
        path.display()
    )))
}
