//! Secrets that a program gives: it is asked on its standard input and answers on its standard output, as JSON. No shell;
//! bounded in time and size; what it says besides goes nowhere, since it may be secret.

use super::provider::ExecProvider;
use model::SecretString;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Version of question and answer.
const PROTOCOL: u64 = 1;

/// The secret that `id` names at the provider. The error says what is wrong, without anything that the program said.
pub(super) fn read(name: &str, provider: &ExecProvider, id: &str) -> Result<SecretString, String> {
    let program = program(provider)?;
    let question = json!({"protocolVersion": PROTOCOL, "provider": name, "ids": [id]}).to_string();
    let answer = ask(provider, &program, &question)?;
    let secret = value(&answer, provider, id)?;
    if secret.is_empty() { Err("the secret that it gave is empty".to_owned()) } else { Ok(secret.into()) }
}

/// The program, links in its directories followed, if it is one that only its owner could have put there.
fn program(provider: &ExecProvider) -> Result<PathBuf, String> {
    let path = &provider.command;
    let refuse = |why: &str| Err(why.to_owned());
    if !path.is_absolute() {
        return refuse("its command must be an absolute path; no PATH is searched");
    }
    let kind = fs::symlink_metadata(path).map_err(|error| format!("it cannot be found: {error}"))?;
    if kind.file_type().is_symlink() {
        return refuse("its command is a link; name the program itself (realpath shows it)");
    }
    if !kind.is_file() {
        return refuse("its command is no regular file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if kind.mode() & 0o022 != 0 {
            return refuse(
                "its command can be changed by others; take their right to write away (chmod go-w)",
            );
        }
        let me = rustix::process::geteuid().as_raw();
        if kind.uid() != me && kind.uid() != 0 {
            return refuse("its command belongs to another user; it must be yours or root's");
        }
    }
    // Where it really is: links and `..` lead elsewhere than they read.
    let real = fs::canonicalize(path).map_err(|error| format!("it cannot be found: {error}"))?;
    let holds = |dir: &PathBuf| fs::canonicalize(dir).is_ok_and(|dir| real.starts_with(dir));
    if !provider.trusted_dirs.is_empty() && !provider.trusted_dirs.iter().any(holds) {
        return refuse("its command lies in none of its trustedDirs");
    }
    Ok(real)
}

/// A program that has said everything ends within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Runs the program, asks, and gives what it answers.
fn ask(provider: &ExecProvider, program: &Path, question: &str) -> Result<Vec<u8>, String> {
    let mut command = Command::new(program);
    command.args(&provider.args).env_clear().envs(provider.variables.iter().map(|(k, v)| (k, v)));
    command.current_dir(program.parent().unwrap_or(Path::new("/")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(|error| format!("it cannot be run: {error}"))?;
    let mut running = Running(child);
    let (Some(mut input), Some(output)) = (running.0.stdin.take(), running.0.stdout.take()) else {
        return Err("its input and output cannot be had".to_owned());
    };
    let question = question.to_owned();
    let most = provider.max_output_bytes;
    let (sender, answer) = channel();
    // Threads of their own: a program that neither reads nor writes must not hold us. They end when it does, and it
    // ends with `running`.
    std::thread::spawn(move || {
        // A program that does not care for the question may still answer it.
        let _ = input.write_all(question.as_bytes());
    });
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(most as u64 + 1).read_to_end(&mut bytes);
        // Nobody listens any more where time is up.
        let _ = sender.send(read.map(|_| bytes));
    });
    let seconds = provider.timeout.as_secs_f32();
    let bytes = match answer.recv_timeout(provider.timeout) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(format!("its answer cannot be read: {error}")),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            return Err(format!("it did not answer within {seconds} s"));
        }
    };
    if bytes.len() > most {
        return Err(format!("it answered more than {most} bytes"));
    }
    match running.status(ENDS_WITHIN) {
        Some(status) if status.success() => Ok(bytes),
        Some(status) => Err(format!("it failed ({status})")),
        None => Err(format!("it answered, and did not end within {} s", ENDS_WITHIN.as_secs())),
    }
}

/// A program that ends with whoever runs it, together with all that it started.
struct Running(Child);

impl Running {
    /// How it ended, if it does within the time: it has said everything, so it is about to.
    fn status(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        const PAUSE: Duration = Duration::from_millis(5);
        let mut left = within;
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if !left.is_zero() => std::thread::sleep(PAUSE),
                Ok(None) | Err(_) => return None,
            }
            left = left.saturating_sub(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // Gone already is what is wanted.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The value in the answer: `{protocolVersion: 1, values: {ID: "…"}}`. Where that is allowed, anything else is the bare
/// value, whatever it looks like; a JSON string is what it says.
fn value(answer: &[u8], provider: &ExecProvider, id: &str) -> Result<String, String> {
    let text = std::str::from_utf8(answer).map_err(|_| "its answer is no text".to_owned())?;
    let bare = || Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    let document = match serde_json::from_str::<Value>(text) {
        Ok(Value::String(value)) if !provider.json_only => return Ok(value),
        Ok(document) if provider.json_only || document.get("protocolVersion").is_some() => document,
        Ok(_) => return bare(),
        Err(_) if !provider.json_only => return bare(),
        Err(_) => return Err("its answer is no JSON; it must be {\"protocolVersion\": 1, \"values\": {…}}, or set jsonOnly to false".to_owned()),
    };
    if let Some(version) = document.get("protocolVersion")
        && *version != PROTOCOL
    {
        return Err(format!("it speaks another version of the protocol; {PROTOCOL} is spoken here"));
    }
    if let Some(value) = document.get("values").and_then(|values| values.get(id)).and_then(Value::as_str) {
        return Ok(value.to_owned());
    }
    // Only codes that are known are shown: anything else may hold what is secret.
    let code =
        document.get("errors").and_then(|errors| errors.get(id)).and_then(|error| error["code"].as_str());
    Err(match code {
        Some("NOT_FOUND") => format!("it has no secret {id:?} (NOT_FOUND)"),
        Some("AMBIGUOUS_DUPLICATE_KEY") => {
            format!("it has more than one secret {id:?} (AMBIGUOUS_DUPLICATE_KEY)")
        }
        _ => format!("it gave no value for {id:?}"),
    })
}
