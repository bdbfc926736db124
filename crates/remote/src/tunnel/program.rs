//! The processes that a tunnel takes: its supervisor, and the leash that becomes ssh.
//!
//! A supervisor lives for weeks and may hold 6 MB (S4). Most of what a process holds are pages of its program's file, which
//! the kernel maps 16 at a time, so that a file of 27 MB costs 10 MB where one of 3 MB costs 3. For that reason these two
//! are a small program of their own, `openclaw-tunnel`, as long as it lies beside this one; where it does not,
//! this program does the same.

use super::keeping::{Keep, KeepError, keep};
use super::leash::{Leash, run_leash};
use super::supervisor::{Supervise, SuperviseError, supervise};
use super::{Place, Starter, TunnelSpec, WireSpec};
use model::SystemClock;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both programs are of one version, or what one asks for is not what the other does.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The small program's name.
const NAME: &str = "openclaw-tunnel";
/// The first words of a leash's command line.
const LEASH: [&str; 2] = ["remote", "ssh-leash"];
/// Those of a supervisor's that all share; the version, the tunnel's key, the state directory and the tunnel as JSON follow.
pub(super) const SUPERVISE: [&str; 2] = ["remote", "supervise"];
/// Those of one that stays in the foreground of a service, with the same after them.
const KEEP: [&str; 2] = ["remote", "keep"];

/// Does what a command line of a tunnel's own asks for; nothing where this is none. These are no commands: nobody types them.
pub fn run(line: &[OsString]) -> Option<ExitCode> {
    if let Some(rest) = after(line, LEASH) {
        return Some(become_ssh(rest));
    }
    let shared = after(line, SUPERVISE).map(look_after);
    shared.or_else(|| after(line, KEEP).map(stay))
}

/// What follows these words, where the line begins with them.
fn after<'a>(line: &'a [OsString], words: [&str; 2]) -> Option<&'a [OsString]> {
    let (first, rest) = line.split_at_checked(words.len())?;
    first.iter().eq(words.iter()).then_some(rest)
}

fn become_ssh(line: &[OsString]) -> ExitCode {
    match run_leash(line.iter().cloned()) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            // The supervisor reads it; without one, nobody does.
            let _ = writeln!(io::stderr(), "ssh could not be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Looks after a tunnel until nobody wants it. Whoever started this reads `ready`, `held` or what is wrong from its output.
fn look_after(line: &[OsString]) -> ExitCode {
    match detached(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(SuperviseError::Held) => {
            tell("held");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn detached(line: &[OsString]) -> Result<(), SuperviseError> {
    let (place, spec, _) = read(line)?;
    // A session of its own: closing the terminal, or Ctrl-C in it, is not meant for the tunnel. It fails only for who
    // leads one already.
    let _ = rustix::process::setsid();
    // No file system is kept busy; the root can be entered by everybody.
    let _ = std::env::set_current_dir("/");
    let setup = Supervise {
        place,
        spec,
        leash: Leash::here().map_err(SuperviseError::System)?,
        path: std::env::var("PATH").ok(),
        clock: Arc::new(SystemClock),
        keep: false,
        ask: false,
    };
    runtime()?.block_on(async {
        let mut stop = Stop::listen().map_err(SuperviseError::System)?;
        supervise(setup, || tell("ready"), stop.told()).await
    })
}

/// Looks after a tunnel in the foreground. What is to be said goes where a service's errors go.
fn stay(line: &[OsString]) -> ExitCode {
    let say = |text: &str| {
        let _ = writeln!(io::stderr(), "{text}");
    };
    match in_foreground(line, say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn in_foreground(line: &[OsString], say: impl Fn(&str)) -> Result<(), KeepError> {
    let (place, spec, state_dir) = read(line)?;
    let starter = Starter::here(state_dir).map_err(SuperviseError::System)?;
    let path = std::env::var("PATH").ok();
    runtime()?.block_on(keep(Keep { place, spec, starter, path, ask: false }, say))
}

/// One thread: it waits far more than it computes.
fn runtime() -> Result<tokio::runtime::Runtime, SuperviseError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SuperviseError::System)
}

/// What follows the words of a supervisor.
fn read(line: &[OsString]) -> Result<(Place, TunnelSpec, PathBuf), SuperviseError> {
    let none = || SuperviseError::Line("it is started by commands; try: openclaw remote up".to_owned());
    let [version, key, state_dir, spec] = line else { return Err(none()) };
    if version.to_str() != Some(VERSION) {
        return Err(SuperviseError::Line(format!(
            "{NAME} is of version {VERSION} and openclaw of {}: install both",
            version.display()
        )));
    }
    let (Some(key), Some(spec)) = (key.to_str(), spec.to_str()) else { return Err(none()) };
    let wire: WireSpec = serde_json::from_str(spec).map_err(|e| SuperviseError::Line(e.to_string()))?;
    let spec = TunnelSpec::from_wire(wire).map_err(SuperviseError::Line)?;
    Ok((Place::new(Path::new(state_dir), key), spec, PathBuf::from(state_dir)))
}

/// Says how the start went. Nobody may be listening any more.
fn tell(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The signals that end a supervisor in good order: SIGTERM and SIGINT.
pub(super) struct Stop(Signal, Signal);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system gives no signals.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    /// Waits for one of them. Giving this up loses nothing.
    pub(super) async fn told(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

impl Starter {
    /// Supervisors for the tunnels of this state directory: the small program, or this one.
    ///
    /// # Errors
    /// This program does not know where it is.
    pub fn here(state_dir: PathBuf) -> io::Result<Self> {
        let own = std::env::current_exe()?;
        Ok(Self { program: beside(&own).unwrap_or(own), state_dir })
    }

    /// Becomes the process that looks after this tunnel in the foreground. Comes back only with what is wrong.
    pub fn become_keeper(&self, place: &Place, spec: &TunnelSpec) -> io::Error {
        let named = |error| io::Error::other(format!("{}: {error}", self.program.display()));
        named(self.command(KEEP, place, spec).map_or_else(|error| error, |mut command| command.exec()))
    }

    /// The command line of a supervisor.
    pub(super) fn command(&self, words: [&str; 2], place: &Place, spec: &TunnelSpec) -> io::Result<Command> {
        let spec = serde_json::to_string(&spec.to_wire())?;
        let mut command = Command::new(&self.program);
        command.args(words).arg(VERSION).arg(place.key()).arg(&self.state_dir).arg(spec);
        // What a supervisor has no use for, it does not get.
        for secret in ["OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"] {
            command.env_remove(secret);
        }
        Ok(command)
    }
}

impl Leash {
    /// Leashes of this program, whichever of the two it is.
    ///
    /// # Errors
    /// It does not know where it is.
    pub(super) fn here() -> io::Result<Self> {
        // The same file, even where another version has been put in its place.
        let same = Path::new("/proc/self/exe");
        let program = if same.exists() { same.to_path_buf() } else { std::env::current_exe()? };
        Ok(Self { program, lead: LEASH.map(OsString::from).into() })
    }
}

/// The small program in the directory of this one. Whoever could put another there could put another in this one's place.
fn beside(own: &Path) -> Option<PathBuf> {
    let small = own.with_file_name(NAME);
    let can_be_started = rustix::fs::access(&small, rustix::fs::Access::EXEC_OK).is_ok();
    (small.is_file() && can_be_started).then_some(small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_small_program_is_taken_where_it_lies_and_can_be_started() {
        let dir = tempfile::tempdir().unwrap();
        let (own, small) = (dir.path().join("openclaw"), dir.path().join(NAME));
        assert_eq!(beside(&own), None);
        std::fs::create_dir(&small).unwrap();
        assert_eq!(beside(&own), None);
        std::fs::remove_dir(&small).unwrap();
        std::fs::write(&small, "").unwrap();
        std::fs::set_permissions(&small, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(beside(&own), None);
        std::fs::set_permissions(&small, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(beside(&own), Some(small));
    }

    #[test]
    fn a_command_line_that_is_none_of_a_supervisor_is_refused_with_the_way_on() {
        for line in [
            &[][..],
            &["key"],
            &[VERSION, "key", "/state", "{}"],
            &[VERSION, "key", "/state", "no JSON"],
            &["0.0.0", "key", "/state", "{}"],
        ] {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            let error = read(&line).unwrap_err().to_string();
            assert!(error.starts_with("this tunnel cannot be looked after: "), "{error}");
        }
        assert!(run(&["remote", "up"].map(OsString::from)).is_none());
    }
}
