//! A shell behind a pseudo-terminal. Whatever way it ends, everything that it started in its session ends with it.

use crate::group::Group;
use crate::spawn::check_cwd;
use crate::{ExecError, env};
use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

/// What terminals understand, as programs look it up.
const TERM: &str = "xterm-256color";

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalSpec {
    /// The shell.
    pub shell: String,
    /// Where it starts.
    pub cwd: PathBuf,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// A shell and the two ends of its terminal.
#[derive(Debug)]
pub struct Terminal {
    /// Gives what is printed.
    pub output: TerminalOutput,
    /// Takes what is typed.
    pub input: TerminalInput,
    /// The shell itself.
    pub shell: TerminalShell,
}

/// What is printed.
#[derive(Debug)]
pub struct TerminalOutput(OwnedReadPty);

/// What is typed.
#[derive(Debug)]
pub struct TerminalInput(OwnedWritePty);

/// The shell. Dropping it kills all of its session.
#[derive(Debug)]
pub struct TerminalShell {
    // Before the child: the group is killed while its leader still holds its number.
    session: Session,
    child: Child,
}

/// How a shell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalEnd {
    /// Its exit code; `None` where a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal.
    pub signal: Option<i32>,
}

/// Opens a terminal and starts a shell in it.
///
/// # Errors
/// The shell or the directory is not there, or the system has no terminal left.
pub async fn open_terminal(spec: TerminalSpec) -> Result<Terminal, ExecError> {
    let failed = |e: pty_process::Error| ExecError::Terminal { reason: e.to_string() };
    check_cwd(&spec.shell, &spec.cwd).await?;
    let (pty, pts) = pty_process::open().map_err(failed)?;
    pty.resize(Size::new(spec.rows, spec.cols)).map_err(failed)?;
    let child = pty_process::Command::new(&spec.shell)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(env::inherited())
        .env("TERM", TERM)
        .kill_on_drop(true)
        .spawn(pts)
        .map_err(|e| ExecError::Terminal { reason: format!("{} could not be started: {e}", spec.shell) })?;
    let session = Session { leader: child.id(), group: Group::led_by(child.id()) };
    let (output, input) = pty.into_split();
    Ok(Terminal {
        output: TerminalOutput(output),
        input: TerminalInput(input),
        shell: TerminalShell { session, child },
    })
}

impl TerminalOutput {
    /// The next bytes; none at the end. Cancellation-safe.
    pub async fn read(&mut self, buffer: &mut [u8]) -> usize {
        // A terminal whose last user is gone gives an error instead of an end.
        self.0.read(buffer).await.unwrap_or(0)
    }
}

impl TerminalInput {
    /// Types these bytes; false where nobody reads any more.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Says how large the screen is; false where the system refused.
    pub fn resize(&self, cols: u16, rows: u16) -> bool {
        self.0.resize(Size::new(rows, cols)).is_ok()
    }
}

impl TerminalShell {
    /// Waits for the shell's end. Cancellation-safe.
    ///
    /// # Errors
    /// The system lost track of it.
    pub async fn wait(&mut self) -> Result<TerminalEnd, ExecError> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait().await;
        let status = status.map_err(|source| ExecError::Wait { program: "the shell".into(), source })?;
        // What it leaves behind goes now: later, its number may be somebody else's.
        self.session.kill();
        self.session.leader = None;
        self.session.group.release();
        Ok(TerminalEnd { exit_code: status.code(), signal: status.signal() })
    }

    /// Ends the shell and all that it started in its session.
    pub fn kill(&self) {
        self.session.kill();
    }
}

/// A shell puts each job into a group of its own; all of them are of its session.
#[derive(Debug)]
struct Session {
    leader: Option<u32>,
    group: Group,
}

impl Session {
    fn kill(&self) {
        if let Some(leader) = self.leader {
            for group in groups_of(leader) {
                let _gone = Group::led_by(Some(group));
            }
        }
        self.group.kill();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The process groups of a session, where the system tells them (`/proc`); elsewhere the terminal's end tells them to go.
fn groups_of(session: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let mut groups: Vec<u32> = entries
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok())
        .filter_map(|stat| {
            // The name, in brackets, may hold anything: state, parent, group and session come behind the last bracket.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(2);
            let (group, of): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (of == session).then_some(group)
        })
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}
