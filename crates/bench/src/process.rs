//! The program that is measured, as a process of its own: built, started, looked at, ended.

use crate::failure::{Context, Failure, Result};
use crate::stats::ms;
use crate::wire::Target;
use model::SecretString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use testkit::gateway::TOKEN;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command as AsyncCommand};
use tokio::time::{Instant, sleep, timeout};

/// A start that takes longer has failed.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// A gateway that is asked to stop gets this long.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// A command that is timed gets this long.
const COMMAND_PATIENCE: Duration = Duration::from_secs(30);
/// How often something that is awaited is looked at; the clock of tokio is no finer.
const LOOK: Duration = Duration::from_millis(1);

/// Builds `openclaw` in the profile of this program and says where it is.
pub(crate) fn build_openclaw() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "cli"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let built = command.status().context("cargo build")?;
    if !built.success() {
        return Err(Failure::new("cargo could not build the program"));
    }
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("openclaw"))
}

/// A home directory with a configuration; gone when dropped.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new(config: &str) -> Result<Self> {
        let dir = TempDir::with_prefix("openclaw-bench-")?;
        let state = dir.path().join(".openclaw");
        std::fs::create_dir_all(&state)?;
        std::fs::write(state.join("openclaw.json"), config)?;
        Ok(Self(dir))
    }

    /// A command in this home and in no other environment.
    fn command(&self, binary: &Path, args: &[&str]) -> AsyncCommand {
        let mut command = AsyncCommand::new(binary);
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("stderr.log")
    }
}

/// A gateway that runs; killed when dropped.
pub(crate) struct Running<'a> {
    child: Child,
    home: &'a Home,
    port: u16,
    /// From the start of the process to the first `/healthz` that says 200.
    pub(crate) started_in_ms: f64,
}

impl<'a> Running<'a> {
    pub(crate) async fn start(binary: &Path, home: &'a Home) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let stderr = std::fs::File::create(home.log())?;
        let mut command = home.command(binary, &["gateway", "run", "--port", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(stderr);
        let begun = Instant::now();
        let mut child = command.spawn().context(&binary.display().to_string())?;
        loop {
            if healthz(port).await {
                break;
            }
            let ended = child.try_wait()?.is_some();
            if ended || begun.elapsed() > START_PATIENCE {
                let log = std::fs::read_to_string(home.log()).unwrap_or_default();
                return Err(Failure::new(format!("the gateway did not start: {}", log.trim())));
            }
            sleep(LOOK).await;
        }
        Ok(Self { child, home, port, started_in_ms: ms(begun.elapsed()) })
    }

    pub(crate) fn target(&self) -> Target {
        Target { url: format!("ws://127.0.0.1:{}", self.port), token: SecretString::from(TOKEN) }
    }

    /// Resident memory in MB.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let pid = self.child.id().ok_or_else(|| Failure::new("the gateway has ended by itself"))?;
        rss_mb(pid)
    }

    /// Runs a command of the program against this gateway: how long it took in ms, and its peak memory in MB.
    ///
    /// With `watch` the memory is looked at all the while, which costs time; without it is 0.
    pub(crate) async fn command(&self, binary: &Path, args: &[&str], watch: bool) -> Result<(f64, f64)> {
        let port = self.port.to_string();
        let mut command = self.home.command(binary, &[args, &["--port", &port]].concat());
        command.stdout(Stdio::null()).stderr(std::fs::File::create(self.home.log())?);
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let pid = child.id();
        let mut peak: f64 = 0.0;
        while let (true, Some(pid), None) = (watch, pid, child.try_wait()?) {
            // Between its end and our notice it has no memory.
            peak = peak.max(memory_mb(pid, "VmHWM:").unwrap_or(0.0));
        }
        let status = timeout(COMMAND_PATIENCE, child.wait()).await.context(&args.join(" "))??;
        let took = ms(begun.elapsed());
        if !status.success() {
            let log = std::fs::read_to_string(self.home.log()).unwrap_or_default();
            return Err(Failure::new(format!("`{}` ended with {status}: {}", args.join(" "), log.trim())));
        }
        Ok((took, peak))
    }

    /// Ends it as an operator would.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().ok_or_else(|| Failure::new("the gateway has ended by itself"))?;
        let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().context("kill")?;
        let ended = timeout(STOP_PATIENCE, self.child.wait()).await.context("the gateway did not stop")??;
        if told.success() && ended.success() {
            return Ok(());
        }
        Err(Failure::new(format!("the gateway ended with {ended}")))
    }
}

/// Whether `/healthz` answers 200.
async fn healthz(port: u16) -> bool {
    let ask = async {
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        tcp.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.ok()?;
        let mut status = [0; 12];
        tcp.read_exact(&mut status).await.ok()?;
        Some(&status == b"HTTP/1.1 200")
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Some(true)))
}

/// Resident memory of a process on this machine, in MB.
pub(crate) fn rss_mb(pid: u32) -> Result<f64> {
    memory_mb(pid, "VmRSS:")
        .ok_or_else(|| Failure::new(format!("the memory of process {pid} cannot be read")))
}

fn memory_mb(pid: u32, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
