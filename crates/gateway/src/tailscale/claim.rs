//! The program that holds the route. It is ours by its handle and never looked for, and it ends with us even when we are killed: a
//! shell starts it and ends it as soon as the pipe that we hold is closed, which the system does for the dead.

use super::cli::{Cli, words};
use exec::CommandSpec;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::task::AbortOnDropHandle;

/// The route goes within this time; the shell has killed a program that takes no notice a second before.
const RELEASE_WITHIN: Duration = Duration::from_secs(3);
/// Bytes kept of what the program says; the last ones, where errors are.
const MAX_WORDS: usize = 8 * 1024;

/// Runs `"$@"` until it ends or standard input does; two seconds after that it is killed. The reader of that input is a process
/// of its own, so that it does its part though the shell be killed.
const UNTIL_INPUT_ENDS: &str = r#"exec 3<&0
"$@" </dev/null 3<&- &
held=$!
{ cat >/dev/null; kill -TERM "$held"; sleep 2; kill -KILL "$held"; } <&3 >/dev/null 2>&1 &
watch=$!
wait "$held"
code=$?
kill -KILL "$watch" 2>/dev/null
exit "$code""#;

/// A route that is held, or about to be.
pub(super) struct Claim {
    child: Child,
    /// Closed to let go.
    input: Option<ChildStdin>,
    said: Arc<Mutex<Vec<u8>>>,
    readers: Vec<AbortOnDropHandle<()>>,
}

impl Claim {
    pub(super) fn start(cli: &Cli) -> Result<Self, String> {
        let argv = CommandSpec::new(cli.claim()?).argv;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(UNTIL_INPUT_ENDS).arg("tailscale").args(argv);
        // Nothing of the gateway's environment: its secrets are there.
        command.env_clear().env("PATH", cli.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for the gateway, which lets go in its own time.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| format!("/bin/sh cannot be started: {error}"))?;
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let mut readers = Vec::new();
        if let Some(out) = child.stdout.take() {
            readers.push(reader(out, said.clone()));
        }
        if let Some(err) = child.stderr.take() {
            readers.push(reader(err, said.clone()));
        }
        Ok(Self { input: child.stdin.take(), child, said, readers })
    }

    /// Waits until the program has ended, and gives what it said.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.child.wait().await;
        self.read_to_end().await;
        match status {
            Ok(status) => format!("{} ({status})", words(&self.text())),
            Err(error) => format!("{} ({error})", words(&self.text())),
        }
    }

    async fn read_to_end(&mut self) {
        // What it said last may still be in the pipes; another process may hold them open.
        let rest = async {
            for reader in &mut self.readers {
                // A reader that was stopped has read what there was.
                let _ = reader.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
    }

    /// Lets go, waits until the program is gone, and gives what it said.
    pub(super) async fn release(mut self) -> String {
        self.input.take();
        if tokio::time::timeout(RELEASE_WITHIN, self.child.wait()).await.is_err() {
            tracing::warn!("tailscale did not let go of its route within {} s", RELEASE_WITHIN.as_secs());
            self.kill_all();
        }
        self.read_to_end().await;
        words(&self.text())
    }

    /// Ends the shell and all that it started. Their group is led by the shell, which is ours to wait for, so that its number is
    /// nobody else's.
    fn kill_all(&self) {
        let leader = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = leader {
            // Fails only where nobody is left in the group, which is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Reads to the end, so that the program never waits for a reader.
#[allow(clippy::disallowed_methods)] // Owned by the claim, which ends it.
fn reader(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    said: Arc<Mutex<Vec<u8>>>,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut piece = [0; 1024];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.extend_from_slice(&piece[..count]);
            let over = said.len().saturating_sub(MAX_WORDS);
            said.drain(..over);
        }
    }))
}
