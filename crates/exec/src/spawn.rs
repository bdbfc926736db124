//! Starting a child: its own process group, a scrubbed environment, pipes, and errors that say what to do.

use crate::group::Group;
use crate::{CommandSpec, ExecError, env};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A child that runs.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) group: Group,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

/// Starts the command. With `input` its stdin is a pipe, otherwise it is empty.
pub(crate) async fn start(spec: &CommandSpec, input: bool) -> Result<Started, ExecError> {
    let (program, arguments) =
        spec.argv.split_first().filter(|(p, _)| !p.is_empty()).ok_or(ExecError::Empty)?;
    if let Some(cwd) = &spec.cwd {
        check_cwd(program, cwd).await?;
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(env::inherited())
        .envs(spec.env.iter().map(|(k, v)| (k, v)))
        .stdin(if input { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    let mut child = command.spawn().map_err(|e| explain(e, program, spec))?;
    Ok(Started {
        group: Group::led_by(child.id()),
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        child,
    })
}

pub(crate) async fn check_cwd(program: &str, cwd: &Path) -> Result<(), ExecError> {
    let reason = match tokio::fs::metadata(cwd).await {
        Ok(m) if m.is_dir() => return Ok(()),
        Ok(_) => "it is not a directory".to_owned(),
        Err(e) if e.kind() == ErrorKind::NotFound => "there is no such directory".to_owned(),
        Err(e) => e.to_string(),
    };
    Err(ExecError::Cwd { program: program.to_owned(), cwd: cwd.to_owned(), reason })
}

pub(crate) fn explain(source: std::io::Error, program: &str, spec: &CommandSpec) -> ExecError {
    let (program, cwd) = (program.to_owned(), spec.cwd.clone());
    match source.kind() {
        ErrorKind::NotFound => ExecError::NotFound { program, cwd },
        ErrorKind::PermissionDenied => ExecError::NotExecutable { program, cwd },
        _ => ExecError::Spawn { program, cwd, source },
    }
}
