//! The managed tunnel beside an `ssh -N -L` by hand, in turns, over the same cable to the same gateway.

use crate::Args;
use crate::failure::{Context, Failure, Result};
use crate::stats::{Round, Rounds};
use crate::wire::{Target, Wire, first};
use serde_json::json;
use std::time::Duration;
use testkit::far::{Far, PORT, TOKEN};
use testkit::process::Process;
use tokio::time::Instant;

/// The port of the tunnel by hand.
const BY_HAND: u16 = 18_999;
/// Small calls, and large answers, of a round.
const CALLS: usize = 400;
const LARGE: usize = 40;
const ROUNDS: usize = 9;
/// The kernel counts processor time in these (`getconf CLK_TCK`, the same on every Linux of today).
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Default)]
struct Way {
    small: Rounds,
    large: Rounds,
    /// Bytes of a large answer.
    bytes: usize,
}

pub(crate) fn measure(args: &Args) -> Result<()> {
    let far = Far::start(&args.binary);
    let tunnel = far.near_json(&["remote", "up"]);
    let mut command = far.user.ssh();
    let forward = format!("127.0.0.1:{BY_HAND}:127.0.0.1:{PORT}");
    command.args(["-v", "-N", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-L", &forward]);
    command.arg(far.sshd.destination());
    let by_hand = Process::start("ssh by hand", far.hosts.near.wrap(&command));
    by_hand.wait_for_text("Entering interactive session", 0);
    let near = far.hosts.near.clone();
    let measured = std::thread::spawn(move || -> Result<(Way, Way)> {
        near.enter()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(compare())
    });
    let (managed, hand) = measured.join().map_err(|_| Failure::new("the measuring thread ended"))??;
    let mb = |way: &Way| way.large.per_second() * way.bytes as f64 / 1e6;
    println!("| | managed | `ssh -N -L` by hand | ratio |\n|---|---|---|---|");
    for (name, managed, hand) in [
        ("calls, p50 ms", managed.small.quantile_ms(0.5), hand.small.quantile_ms(0.5)),
        ("calls a second, one after the other", managed.small.per_second(), hand.small.per_second()),
        ("large answers, MB a second", mb(&managed), mb(&hand)),
    ] {
        println!("| {name} | {managed:.2} | {hand:.2} | {:.3} |", managed / hand);
    }
    let pid = tunnel["pid"].as_u64().ok_or_else(|| Failure::new("the tunnel has no supervisor"))?;
    let before = processor(pid)?;
    std::thread::sleep(Duration::from_secs(args.idle));
    let used = processor(pid)? - before;
    println!(
        "\nsupervisor: {:.1} MB resident, {:.3} s of processor in {} s of idling",
        resident_mb(pid)?,
        used,
        args.idle
    );
    Ok(())
}

async fn compare() -> Result<(Way, Way)> {
    let target = |port: u16| Target { url: format!("ws://127.0.0.1:{port}"), token: TOKEN.into() };
    let mut ways = [(target(PORT), Way::default()), (target(BY_HAND), Way::default())];
    for _ in 0..ROUNDS {
        for (target, way) in &mut ways {
            let mut wire = Wire::operator(target).await?;
            way.small.0.push(round(&mut wire, "health", CALLS).await?.0);
            let (large, bytes) = round(&mut wire, "config.schema", LARGE).await?;
            way.large.0.push(large);
            way.bytes = bytes;
        }
    }
    let [(_, managed), (_, hand)] = ways;
    Ok((managed, hand))
}

async fn round(wire: &mut Wire, method: &str, calls: usize) -> Result<(Round, usize)> {
    let (mut latencies, mut bytes) = (Vec::with_capacity(calls), 0);
    let begun = Instant::now();
    for call in 0..calls {
        let sent = Instant::now();
        bytes = wire.call(&call.to_string(), method, &json!({}), first).await?.len();
        latencies.push(sent.elapsed());
    }
    Ok((Round::new(latencies, begun.elapsed()), bytes))
}

/// Seconds of processor time that a process has used.
fn processor(pid: u64) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the supervisor")?;
    // After the name, which may have spaces; user and system time are the 12th and 13th from there.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / TICKS_A_SECOND)
}

fn resident_mb(pid: u64) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the supervisor")?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?.trim().trim_end_matches("kB").trim().parse::<f64>().ok()
    });
    kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| Failure::new("the supervisor has no memory"))
}
