//! The program that is measured, as a process of its own: built, started, looked at, ended.

use crate::failure::{Context, Failure, Result};
use crate::stats::ms;
use crate::wire::Target;
use model::SecretString;
use std::ffi::OsString;
use std::path::PathBuf;
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

/// A gateway's program, ours or another's with the same command line.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    /// `PATH` for a program that is a script and needs its interpreter; ours needs nothing.
    search: Option<OsString>,
}

impl Program {
    /// The one that this workspace builds.
    pub(crate) fn ours(path: PathBuf) -> Self {
        Self { path, search: None }
    }

    /// Another one, which finds its interpreter where this program would.
    pub(crate) fn other(path: PathBuf) -> Self {
        Self { path, search: std::env::var_os("PATH") }
    }

    /// The size of its file in MB.
    pub(crate) fn size_mb(&self) -> Result<f64> {
        Ok(std::fs::metadata(&self.path)?.len() as f64 / 1e6)
    }
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
    fn command(&self, program: &Program, args: &[&str]) -> AsyncCommand {
        let mut command = AsyncCommand::new(&program.path);
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path());
        command.envs(program.search.as_ref().map(|search| ("PATH", search)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command beside a gateway at this port to its end, however that is: how long it took in ms.
    pub(crate) async fn timed(&self, program: &Program, args: &[String], port: u16) -> Result<f64> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.command(program, &args);
        command.env("OPENCLAW_GATEWAY_PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        timeout(COMMAND_PATIENCE, child.wait()).await.context(&args.join(" "))??;
        Ok(ms(begun.elapsed()))
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
    is_ours: bool,
    /// From the start of the process to the first `/healthz` that says 200.
    pub(crate) started_in_ms: f64,
}

impl<'a> Running<'a> {
    pub(crate) async fn start(program: &Program, home: &'a Home) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let stderr = std::fs::File::create(home.log())?;
        let mut command = home.command(program, &["gateway", "run", "--port", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(stderr);
        let begun = Instant::now();
        let mut child = command.spawn().context(&program.path.display().to_string())?;
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
        let is_ours = program.search.is_none();
        Ok(Self { child, home, port, is_ours, started_in_ms: ms(begun.elapsed()) })
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn target(&self) -> Target {
        Target { url: format!("ws://127.0.0.1:{}", self.port), token: SecretString::from(TOKEN) }
    }

    /// Resident memory in MB, that of its helper processes included.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let pid = self.child.id().ok_or_else(|| Failure::new("the gateway has ended by itself"))?;
        rss_mb(pid)
    }

    /// Runs a command of the program against this gateway: how long it took in ms, and its peak memory in MB.
    ///
    /// With `watch` the memory is looked at all the while, which costs time; without it is 0.
    pub(crate) async fn command(&self, program: &Program, args: &[&str], watch: bool) -> Result<(f64, f64)> {
        let port = self.port.to_string();
        let mut command = self.home.command(program, &[args, &["--port", &port]].concat());
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

    /// Ends it as an operator would. Another's program may take minutes to let its work run out; it is not waited for.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().ok_or_else(|| Failure::new("the gateway has ended by itself"))?;
        let told = Command::new("kill").args(["-TERM", &pid.to_string()]).status().context("kill")?;
        let ended = match timeout(STOP_PATIENCE, self.child.wait()).await {
            Ok(ended) => ended?,
            Err(_) if self.is_ours => return Err(Failure::new("the gateway did not stop")),
            Err(_) => return Ok(self.child.kill().await?),
        };
        if told.success() && (ended.success() || !self.is_ours) {
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

/// Resident memory of a process on this machine and of all that it started, in MB. Pages that they share count for each.
pub(crate) fn rss_mb(pid: u32) -> Result<f64> {
    let own = memory_mb(pid, "VmRSS:")
        .ok_or_else(|| Failure::new(format!("the memory of process {pid} cannot be read")))?;
    // One that has just ended has no memory.
    let helpers = children(pid).into_iter().filter_map(|child| rss_mb(child).ok()).sum::<f64>();
    Ok(own + helpers)
}

/// The processes that a process started and that still run.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn memory_mb(pid: u32, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
