//! `soak`: a tunnel between two hosts (network namespaces, a real sshd, a real gateway) under one random fault after the
//! other; how long it takes to come back, whether its port stays, and whether anything is left running. `--overhead` measures
//! it beside an `ssh -N -L` by hand instead, `--hold` keeps connections through it for hours. Needs root and Linux.
//!
//! Exit codes: 0 where the tunnel came back each time in time, at its port, and nothing was left, or where it costs no more than
//! it may; 1 where not; 2 where nothing could be measured.

#[path = "../../failure.rs"]
mod failure;
mod faults;
mod hold;
mod overhead;
mod probe;
mod report;
#[path = "../../stats.rs"]
#[allow(dead_code)] // This program uses its share of it.
mod stats;
#[path = "../../wire.rs"]
#[allow(dead_code)] // This program uses its share of it.
mod wire;

use clap::Parser;
use failure::{Failure, Result};
use faults::{Fault, Random};
use probe::Prober;
use report::Report;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use testkit::far::Far;
use testkit::process::Descendant;

/// What is just ending has so long for it: ssh is given 2 s by its supervisor.
const ENDING: Duration = Duration::from_secs(5);

/// The rarest fault comes up in so many draws.
const DRAWS: u32 = 10_000;

/// Faults of a tunnel, or what it costs.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The program `openclaw`
    #[arg(long)]
    binary: PathBuf,
    /// How many faults
    #[arg(long, default_value_t = 200)]
    faults: u32,
    /// The same seed gives the same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cuts of a minute and stops of half a minute, too
    #[arg(long)]
    long: bool,
    /// Of the faults, those alone whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Each kind of fault once instead, in a fixed order: what is checked of every change
    #[arg(long, conflicts_with_all = ["faults", "seed", "long", "overhead"])]
    each: bool,
    /// So many times the limits may be taken: for a machine that does other work meanwhile, or a debug build
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = lenience)]
    allow: f64,
    /// Measure throughput, latency, memory and processor instead
    #[arg(long)]
    overhead: bool,
    /// With --overhead: seconds of idling
    #[arg(long, default_value_t = 20)]
    idle: u64,
    /// With --overhead: rounds of calls through each of the two
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Hold connections through it for so many minutes instead, without a fault
    #[arg(long, value_name = "MINUTES", conflicts_with = "overhead")]
    hold: Option<u64>,
}

/// A factor of at least 1.
fn lenience(text: &str) -> std::result::Result<f64, String> {
    let factor = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (1.0..=100.0).contains(&factor) { Ok(factor) } else { Err("use a number from 1 to 100".to_owned()) }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.hold {
        Some(minutes) => hold::hold(&args, minutes),
        None if args.overhead => overhead::measure(&args),
        None => soak(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("soak: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all went well.
fn soak(args: &Args) -> Result<bool> {
    let mut far = Far::start(&args.binary);
    let port = local_port(&far.near_json(&["remote", "up"]));
    let prober = Prober::start(&far.hosts.near, port);
    let mut report = Report::allowing(args.allow);
    let faults = plan(args)?;
    for (number, fault) in faults.iter().enumerate() {
        let took = prober.recovery(fault.strike(&mut far)?)?;
        // What answers now may be an ssh that is just being given up; the next fault finds one that stays.
        let tunnel = far.near_json(&["remote", "up"]);
        let orphans = orphans(&far, &tunnel);
        let moved = local_port(&tunnel) != port;
        eprintln!("{}/{}: {}: {:.2} s", number + 1, faults.len(), fault.name(), took.as_secs_f64());
        report.add(*fault, took, orphans, moved);
    }
    let order = if args.each { "each once".to_owned() } else { format!("seed {}", args.seed) };
    println!("{}", report.table(&order));
    Ok(report.is_good())
}

/// The faults of a run, in their order: those alone that are wanted.
fn plan(args: &Args) -> Result<Vec<Fault>> {
    let is_wanted = |fault: &Fault| fault.name().contains(&args.only);
    let none = || Failure::new(format!("no fault is called {:?}; the table has their names", args.only));
    if args.each {
        let wanted: Vec<Fault> = Fault::EACH.iter().copied().filter(is_wanted).collect();
        return if wanted.is_empty() { Err(none()) } else { Ok(wanted) };
    }
    let mut random = Random::new(args.seed);
    let mut choose =
        || (0..DRAWS).map(|_| Fault::choose(&mut random, args.long)).find(is_wanted).ok_or_else(none);
    (0..args.faults).map(|_| choose()).collect()
}

fn local_port(tunnel: &Value) -> u16 {
    tunnel["localPort"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default()
}

/// How many processes of the near host belong to no tunnel: neither its supervisor nor the one ssh.
fn orphans(far: &Far, tunnel: &Value) -> usize {
    let id = |name: &str| tunnel[name].as_u64().and_then(|id| u32::try_from(id).ok());
    let expected: BTreeSet<u32> = [id("pid"), id("sshPid")].into_iter().flatten().collect();
    let others: Vec<Descendant> =
        far.hosts.near.processes().difference(&expected).filter_map(|id| Descendant::of(*id)).collect();
    // The tunnel may have got another ssh since it was asked.
    let now: BTreeSet<u32> =
        others.iter().filter(|other| !other.has_ended_within(ENDING)).map(|other| other.id).collect();
    if now.is_empty() {
        return 0;
    }
    let tunnel = far.tunnel();
    now.iter().filter(|other| tunnel["sshPid"].as_u64() != Some(u64::from(**other))).count()
}
