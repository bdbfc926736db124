//! Running one command to its end.

use crate::ExecError;
use crate::output::HeadTail;
use crate::spawn::{self, Started};
use crate::supervise::{End, Why, read_all, supervise};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes kept of each stream where nobody asks for another number.
pub const DEFAULT_MAX_OUTPUT: usize = 200_000;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The directory to run in; `None` is the directory of this process.
    pub cwd: Option<PathBuf>,
    /// Variables on top of the scrubbed environment of this process. Callers that pass on a stranger's wishes check
    /// them with [`crate::check_env_overrides`] first.
    pub env: Vec<(String, String)>,
    /// How long it may run; `None` is without end.
    pub timeout: Option<Duration>,
    /// Bytes kept per stream: half from its beginning, half from its end, with a remark between them.
    pub max_output: usize,
    /// What it reads on stdin; `None` is nothing at all.
    pub stdin: Option<Vec<u8>>,
}

impl CommandSpec {
    /// A command with everything else at its default: no deadline, no input, [`DEFAULT_MAX_OUTPUT`].
    pub fn new(argv: Vec<String>) -> Self {
        Self { argv, cwd: None, env: Vec::new(), timeout: None, max_output: DEFAULT_MAX_OUTPUT, stdin: None }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its stdout as lossy UTF-8, cut to [`CommandSpec::max_output`].
    pub stdout: String,
    /// Its stderr, likewise.
    pub stderr: String,
    /// Its exit code; `None` where a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// Whether it was ended because the caller cancelled.
    pub cancelled: bool,
    /// Whether anything of either stream was left out.
    pub truncated: bool,
    /// How long it ran, in ms.
    pub duration_ms: u64,
}

/// Runs a command in a process group of its own and waits for its end. On timeout or cancellation the whole group gets
/// SIGTERM and 2 s later SIGKILL; dropping the future kills the group at once. A process that the command leaves behind
/// in the background lives on, and is read for one more second at most.
///
/// # Errors
/// The command could not be started, or the system lost track of it. A command that runs and fails is no error.
pub async fn run(spec: CommandSpec, cancel: &CancellationToken) -> Result<CommandOutput, ExecError> {
    run_watched(spec, cancel, &|_| ()).await
}

/// As [`run`]; `watch` is shown what the command writes, as it comes: both streams, in pieces of at most 16 KiB that may end
/// within a character. It must not block.
///
/// # Errors
/// As [`run`].
pub async fn run_watched(
    spec: CommandSpec,
    cancel: &CancellationToken,
    watch: &(dyn Fn(&[u8]) + Sync),
) -> Result<CommandOutput, ExecError> {
    let begun = Instant::now();
    let deadline = deadline(begun, spec.timeout);
    // `group` is dropped before `child`: the group is killed while its leader still holds its number.
    let Started { mut child, group, stdin, stdout, stderr } =
        spawn::start(&spec, spec.stdin.is_some()).await?;
    let mut out = HeadTail::new(spec.max_output);
    let mut err = HeadTail::new(spec.max_output);
    let input = spec.stdin.unwrap_or_default();
    let pump = async {
        tokio::join!(
            write_all(stdin, &input),
            read_all(stdout, |bytes| {
                watch(bytes);
                out.push(bytes);
            }),
            read_all(stderr, |bytes| {
                watch(bytes);
                err.push(bytes);
            }),
        );
    };
    let End { status, why } =
        supervise(&mut child, &group, pump, deadline, cancel).await.map_err(|source| ExecError::Wait {
            program: spec.argv.first().cloned().unwrap_or_default(),
            source,
        })?;
    Ok(CommandOutput {
        truncated: out.truncated() || err.truncated(),
        stdout: out.into_text(),
        stderr: err.into_text(),
        exit_code: status.code(),
        signal: status.signal(),
        timed_out: why == Why::TimedOut,
        cancelled: why == Why::Stopped,
        duration_ms: millis(begun.elapsed()),
    })
}

async fn write_all(pipe: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut pipe) = pipe {
        // A command need not read its input: one that closes the pipe early is judged by its exit code alone.
        let _ = pipe.write_all(bytes).await;
    }
}

/// When a command that begins now must end. A time too far away to be told is no deadline.
pub(crate) fn deadline(begun: Instant, timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|t| begun.checked_add(t))
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
