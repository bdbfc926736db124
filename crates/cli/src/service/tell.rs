//! Asking the system's own tools: by argument list, in plain English, with a deadline.

use exec::{CommandSpec, ExecError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How tools are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tool {
    /// Variables over those of this process.
    pub(crate) variables: Vec<(String, String)>,
}

/// What a tool said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Said {
    /// Whether it says that it did what it was asked for.
    pub(crate) fn is_well(&self) -> bool {
        self.code == Some(0)
    }

    /// What it said about what went wrong, on one line.
    pub(crate) fn reason(&self) -> String {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let line: Vec<&str> = text.split_whitespace().collect();
        match (line.is_empty(), self.code) {
            (false, _) => line.join(" "),
            (true, Some(code)) => format!("it said nothing and ended with {code}"),
            (true, None) => "it said nothing and was killed".into(),
        }
    }
}

/// Why a tool gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// It is not installed.
    #[error("{0} is not installed, or not in PATH")]
    Missing(String),
    /// It took too long.
    #[error("{program} gave no answer within {} s", within.as_secs())]
    Slow {
        /// Its name.
        program: String,
        /// What it was given.
        within: Duration,
    },
    /// It could not be run.
    #[error(transparent)]
    Other(ExecError),
}

/// A tool's answer is short; what is longer is cut in the middle.
const MAX_ANSWER: usize = 256 * 1024;

impl Tool {
    /// Runs a tool to its end. One that runs and says no is no error.
    ///
    /// # Errors
    /// It is not there, cannot be run, or takes longer than `within`.
    pub(crate) async fn ask(&self, argv: &[&str], within: Duration) -> Result<Said, ToolError> {
        let mut spec = CommandSpec::new(argv.iter().map(|word| (*word).to_owned()).collect());
        spec.env = vec![("LC_ALL".into(), "C".into())];
        spec.env.extend(self.variables.iter().cloned());
        spec.timeout = Some(within);
        spec.max_output = MAX_ANSWER;
        let program = argv.first().copied().unwrap_or_default().to_owned();
        let output = exec::run(spec, &CancellationToken::new()).await.map_err(|error| match error {
            ExecError::NotFound { program, .. } => ToolError::Missing(program),
            other => ToolError::Other(other),
        })?;
        if output.timed_out {
            return Err(ToolError::Slow { program, within });
        }
        Ok(Said { code: output.exit_code, out: output.stdout, err: output.stderr })
    }
}
