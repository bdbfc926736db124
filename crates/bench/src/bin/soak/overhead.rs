//! The managed tunnel beside an `ssh -N -L` by hand, call by call in turns, over the same cable to the same gateway.

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
/// A tunnel may cost this share of what one by hand gives.
const MAY_COST: f64 = 0.1;
/// The supervisor's memory, in MB, pages of its file included.
const MAY_HOLD_MB: f64 = 6.0;
/// Of one processor, while nothing goes through: what asking the far gateway every few seconds takes.
const MAY_USE: f64 = 0.002;
/// The kernel counts processor time in these (`getconf CLK_TCK`, the same on every Linux of today).
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Default)]
struct Way {
    small: Rounds,
    large: Rounds,
    /// Bytes of a large answer.
    bytes: usize,
}

/// Measures, prints, and says whether the tunnel costs no more than it may.
pub(crate) fn measure(args: &Args) -> Result<bool> {
    let far = Far::start(&args.binary);
    let tunnel = far.near_json(&["remote", "up"]);
    let by_hand = by_hand(&far);
    let near = far.hosts.near.clone();
    let rounds = args.rounds;
    let measured = std::thread::spawn(move || -> Result<(Way, Way)> {
        near.enter()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(compare(rounds))
    });
    let (managed, hand) = measured.join().map_err(|_| Failure::new("the measuring thread ended"))??;
    drop(by_hand);
    let mut verdict = Verdict::allowing(args.allow);
    println!("| | managed | `ssh -N -L` by hand | ratio | allowed |\n|---|---|---|---|---|");
    let mb = |way: &Way| way.large.per_second() * way.bytes as f64 / 1e6;
    verdict.at_most("calls, p50 ms", managed.small.quantile_ms(0.5), hand.small.quantile_ms(0.5));
    verdict.at_least(
        "calls a second, one after the other",
        managed.small.per_second(),
        hand.small.per_second(),
    );
    verdict.at_least("large answers, MB a second", mb(&managed), mb(&hand));
    let pid = tunnel["pid"].as_u64().ok_or_else(|| Failure::new("the tunnel has no supervisor"))?;
    let before = processor(pid)?;
    std::thread::sleep(Duration::from_secs(args.idle));
    let used = (processor(pid)? - before) / args.idle.max(1) as f64;
    let (resident, own) = (memory_mb(pid, &["Rss"])?, memory_mb(pid, &["Private_Clean", "Private_Dirty"])?);
    println!("\n| supervisor | | allowed |\n|---|---|---|");
    verdict.limit("memory, MB", resident, MAY_HOLD_MB);
    verdict.limit("processor while idle, %", used * 100.0, MAY_USE * 100.0);
    println!("\n{own:.1} MB of it are its own, the rest is shared; idling took {} s", args.idle);
    Ok(verdict.is_good)
}

/// The other tunnel.
fn by_hand(far: &Far) -> Process {
    let mut command = far.user.ssh();
    let forward = format!("127.0.0.1:{BY_HAND}:127.0.0.1:{PORT}");
    command.args(["-v", "-N", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-L", &forward]);
    command.arg(far.sshd.destination());
    let by_hand = Process::start("ssh by hand", far.hosts.near.wrap(&command));
    by_hand.wait_for_text("Entering interactive session", 0);
    by_hand
}

/// Whether every figure so far is what it may be.
struct Verdict {
    is_good: bool,
    /// So many times the limits may be taken.
    allow: f64,
}

impl Verdict {
    fn allowing(allow: f64) -> Self {
        Self { is_good: true, allow }
    }

    /// Which share the managed one may cost; never all of it.
    fn share(&self) -> f64 {
        (MAY_COST * self.allow).min(0.9)
    }

    /// Less is better.
    fn at_most(&mut self, name: &str, managed: f64, hand: f64) {
        let allowed = 1.0 + self.share();
        self.compare(name, (managed, hand), managed <= hand * allowed, allowed);
    }

    /// More is better.
    fn at_least(&mut self, name: &str, managed: f64, hand: f64) {
        let allowed = 1.0 - self.share();
        self.compare(name, (managed, hand), managed >= hand * allowed, allowed);
    }

    fn compare(&mut self, name: &str, (managed, hand): (f64, f64), is_good: bool, allowed: f64) {
        println!("| {name} | {managed:.2} | {hand:.2} | {:.3} | {allowed:.1} |", managed / hand);
        self.judge(name, is_good);
    }

    /// A figure that stands for itself.
    fn limit(&mut self, name: &str, value: f64, allowed: f64) {
        let allowed = allowed * self.allow;
        println!("| {name} | {value:.2} | {allowed:.1} |");
        self.judge(name, value <= allowed);
    }

    fn judge(&mut self, name: &str, is_good: bool) {
        // A figure that is none is not good either.
        if !is_good {
            eprintln!("soak: {name}: not what it may be");
            self.is_good = false;
        }
    }
}

async fn compare(rounds: u32) -> Result<(Way, Way)> {
    let target = |port: u16| Target { url: format!("ws://127.0.0.1:{port}"), token: TOKEN.into() };
    let (managed, hand) = (target(PORT), target(BY_HAND));
    let mut ways = [Way::default(), Way::default()];
    for _ in 0..rounds {
        let mut wires = [Wire::operator(&managed).await?, Wire::operator(&hand).await?];
        let small = round(&mut wires, "health", CALLS).await?;
        let large = round(&mut wires, "config.schema", LARGE).await?;
        for (way, (small, large)) in ways.iter_mut().zip(small.into_iter().zip(large)) {
            way.small.0.push(small.0);
            way.large.0.push(large.0);
            way.bytes = large.1;
        }
    }
    let [managed, hand] = ways;
    Ok((managed, hand))
}

/// So many calls over each of the two, by turns: whatever else the machine does meanwhile is done to both. What a round of one
/// took are its own calls.
async fn round(wires: &mut [Wire; 2], method: &str, calls: usize) -> Result<[(Round, usize); 2]> {
    let mut taken = [(Vec::with_capacity(calls), 0), (Vec::with_capacity(calls), 0)];
    for call in 0..calls {
        for (wire, (latencies, bytes)) in wires.iter_mut().zip(&mut taken) {
            let sent = Instant::now();
            *bytes = wire.call(&call.to_string(), method, &json!({}), first).await?.len();
            latencies.push(sent.elapsed());
        }
    }
    Ok(taken.map(|(latencies, bytes)| {
        let took = latencies.iter().sum();
        (Round::new(latencies, took), bytes)
    }))
}

/// Seconds of processor time that a process has used.
fn processor(pid: u64) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the supervisor")?;
    // After the name, which may have spaces; user and system time are the 12th and 13th from there.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Ok(ticks / TICKS_A_SECOND)
}

/// The sum of these lines of the process's memory.
fn memory_mb(pid: u64, kinds: &[&str]) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("the supervisor")?;
    let kib = |kind: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(*kind)?.strip_prefix(':'));
        line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok())
    };
    let all: Option<Vec<f64>> = kinds.iter().map(kib).collect();
    let all = all.ok_or_else(|| Failure::new("the supervisor has no memory"))?;
    Ok(all.iter().sum::<f64>() * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_figure_beyond_its_limit_is_enough() {
        for (managed, hand, good) in [(100.0, 100.0, true), (109.0, 100.0, true), (111.0, 100.0, false)] {
            let mut verdict = Verdict::allowing(1.0);
            verdict.at_most("time", managed, hand);
            verdict.limit("memory", 1.0, MAY_HOLD_MB);
            assert_eq!(verdict.is_good, good, "{managed}");
        }
        for (managed, good) in [(150.0, true), (91.0, true), (89.0, false), (f64::NAN, false)] {
            let mut verdict = Verdict::allowing(1.0);
            verdict.at_least("rate", managed, 100.0);
            assert_eq!(verdict.is_good, good, "{managed}");
        }
        for (allow, good) in [(1.0, false), (2.0, true)] {
            let mut verdict = Verdict::allowing(allow);
            verdict.limit("memory", MAY_HOLD_MB + 0.1, MAY_HOLD_MB);
            assert_eq!(verdict.is_good, good, "{allow}");
        }
        let mut verdict = Verdict::allowing(100.0);
        verdict.at_least("rate", 1.0, 100.0);
        assert!(!verdict.is_good, "a tunnel that gives nothing is none, whatever is allowed");
    }
}
