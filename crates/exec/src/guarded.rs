//! A program that is talked with over its pipes for as long as this process lives, and never longer: it runs in the process
//! group of a *guard*, a small shell that waits on a pipe which only this process holds. When that closes, however this
//! process died (kill -9 included), the guard kills its group, and itself with it. The group's number is the guard's, so
//! that it stays ours until we have waited for the guard.

use crate::group::Group;
use crate::spawn::{check_cwd, explain};
use crate::{CommandSpec, ExecError, env};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// What the guard does. Asked to end, the group ends and the guard stays, so that it can end what did not.
const GUARD: &str = "trap '' TERM INT HUP; read -r _; kill -KILL 0";
/// How long a program has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long the system may take to end what was killed.
const LAST: Duration = Duration::from_secs(5);

/// A program that ends with this process. Dropping it kills it and all that it started in its group.
#[derive(Debug)]
pub struct Guarded {
    // Dropped first: while the guard has not been waited for, the number of the group belongs to nobody else.
    group: Group,
    child: Child,
    /// Its standard input is the pipe that holds it back.
    guard: Child,
    program: String,
}

/// The ends of its pipes.
#[derive(Debug)]
pub struct Pipes {
    /// What it reads.
    pub stdin: ChildStdin,
    /// What it says.
    pub stdout: ChildStdout,
    /// What it says beside that.
    pub stderr: ChildStderr,
}

/// Starts the command behind a guard. Its `timeout`, `max_output` and `stdin` mean nothing here.
///
/// # Errors
/// It could not be started.
pub async fn start_guarded(spec: &CommandSpec) -> Result<(Guarded, Pipes), ExecError> {
    let (program, arguments) =
        spec.argv.split_first().filter(|(p, _)| !p.is_empty()).ok_or(ExecError::Empty)?;
    if let Some(cwd) = &spec.cwd {
        check_cwd(program, cwd).await?;
    }
    let guard = Command::new("/bin/sh")
        .args(["-c", GUARD])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| explain(e, "/bin/sh", spec))?;
    let group = Group::led_by(guard.id());
    let leader = guard.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(env::inherited())
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(leader)
        .kill_on_drop(true);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    let mut child = command.spawn().map_err(|e| explain(e, program, spec))?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else { return Err(ExecError::Empty) };
    let guarded = Guarded { group, child, guard, program: program.clone() };
    Ok((guarded, Pipes { stdin, stdout, stderr }))
}

impl Guarded {
    /// The program's process, as long as nobody has waited for its end.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the program itself has ended; what it started may go on.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub async fn wait(&mut self) -> Result<ExitStatus, ExecError> {
        let failed = |source| ExecError::Wait { program: self.program.clone(), source };
        self.child.wait().await.map_err(failed)
    }

    /// Ends it and all of its group: SIGTERM, and SIGKILL after 2 s or as soon as the program itself has ended. Whoever holds
    /// its pipes lets go of them first: most programs end by themselves then.
    pub async fn end(mut self) {
        self.group.terminate();
        // A program that does not end in time is killed with the rest; how it ended is of no interest then.
        let _ = timeout(GRACE, self.child.wait()).await;
        self.group.kill();
        let _ = timeout(LAST, async {
            let _ = self.child.wait().await;
            let _ = self.guard.wait().await;
        })
        .await;
        self.group.release();
    }
}
