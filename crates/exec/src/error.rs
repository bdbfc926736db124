//! Why a command could not be run.

use std::path::PathBuf;

/// Why a command could not be started, or a background process not reached.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// `argv` has no program in it.
    #[error("no command given; name a program to run")]
    Empty,
    /// The directory to run in is not there, or is no directory.
    #[error("cannot run {program} in {}: {reason}; create the directory or name another one", cwd.display())]
    Cwd {
        /// The program that was asked for.
        program: String,
        /// The directory that was asked for.
        cwd: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such program.
    #[error("{program} was not found (in {}); install it, give its full path, or check PATH", place(cwd.as_ref()))]
    NotFound {
        /// The program that was asked for.
        program: String,
        /// Where it would have run; `None` is the directory of this process.
        cwd: Option<PathBuf>,
    },
    /// The file is there and may not be run.
    #[error("{program} may not be executed (in {}); check its permissions (chmod +x) or run it through its interpreter", place(cwd.as_ref()))]
    NotExecutable {
        /// The program that was asked for.
        program: String,
        /// Where it would have run; `None` is the directory of this process.
        cwd: Option<PathBuf>,
    },
    /// The system refused to start it for another reason.
    #[error("{program} could not be started (in {}): {source}; check the arguments and the limits of the system", place(cwd.as_ref()))]
    Spawn {
        /// The program that was asked for.
        program: String,
        /// Where it would have run; `None` is the directory of this process.
        cwd: Option<PathBuf>,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was started and its end could not be learned.
    #[error(
        "{program} was started and the system did not say how it ended: {source}; look whether it is still running"
    )]
    Wait {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An environment variable that a caller may not set.
    #[error("environment variable {name:?} may not be set here: {reason}; leave it out")]
    Env {
        /// Its name.
        name: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// No terminal could be opened, or nothing be started in it.
    #[error("no terminal: {reason}; check the shell and the limits of the system")]
    Terminal {
        /// What the system said.
        reason: String,
    },
    /// As many background processes run as may run at once.
    #[error("{limit} background processes are running already; stop one of them first")]
    Full {
        /// How many may run.
        limit: usize,
    },
    /// No background process has that id, or it ended long ago and was forgotten.
    #[error("there is no background process {id:?}; list the processes to see which there are")]
    Unknown {
        /// The id that was asked for.
        id: String,
    },
    /// The process takes no more input.
    #[error("background process {id} takes no input: {reason}")]
    Stdin {
        /// Its id.
        id: String,
        /// Why, and what to do.
        reason: &'static str,
    },
}

fn place(cwd: Option<&PathBuf>) -> String {
    cwd.map_or_else(|| "the current directory".to_owned(), |c| c.display().to_string())
}
