//! What can go wrong with the state file, said so that an operator knows which file it is and what to do next.

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked. Nothing of a failed call is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory could not be opened or made.
    #[error("the state file {} could not be opened: {reason}; check that the directory exists, belongs to this user and is writable", path.display())]
    Open {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file was written by a later program.
    #[error("the state file {} has format {found}, this program knows formats up to {ours}; it was left as it is. Start the newer program again, or use another state directory (--profile NAME)", path.display())]
    Newer {
        /// The state file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format that this program knows.
        ours: i64,
    },
    /// The file was written by an earlier program, and is to be read alone.
    #[error("the state file {} has format {found}, this program reads format {ours}; start the gateway once: it brings the file there", path.display())]
    Older {
        /// The state file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format that this program reads.
        ours: i64,
    },
    /// The file turned out to be damaged while in use.
    #[error("the state file {} is damaged: {reason}; copy it away if you want to look at it, then restart the gateway: it sets the file aside and begins a new one", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// No space left. What was stored before is unharmed, and writing works again as soon as there is space.
    #[error("no space left in {} for the state; free some space there and try again. Nothing stored so far is lost", dir.display())]
    Full {
        /// The directory whose file system is full.
        dir: PathBuf,
    },
    /// Another program held the file for longer than the busy timeout.
    #[error("the state file {} is held by another program; close database tools that have it open, then try again", path.display())]
    Busy {
        /// The state file.
        path: PathBuf,
    },
    /// The store was closed before.
    #[error("the state file {} is closed: the gateway is stopping; try again once it runs", path.display())]
    Closed {
        /// The state file.
        path: PathBuf,
    },
    /// No run has this id.
    #[error("no run {run_id} is known in {}; begin it before writing to it", path.display())]
    UnknownRun {
        /// The state file.
        path: PathBuf,
        /// The id asked for.
        run_id: String,
    },
    /// The run ended before: nobody may write to it any more, or an answer could go out twice.
    #[error("run {run_id} in {} has ended before; nothing was changed. Begin a new run", path.display())]
    RunEnded {
        /// The state file.
        path: PathBuf,
        /// Its id.
        run_id: String,
    },
    /// Anything else that SQLite said, a row that cannot be read included.
    #[error("the state file {} could not be used: {reason}; try again, and look at the gateway's log (`openclaw logs`) if it stays", path.display())]
    Sqlite {
        /// The state file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// What goes wrong inside a job, where the file's name does not matter yet.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    UnknownRun(String),
    RunEnded(String),
    /// The job itself failed: a panic or a value that has no JSON form.
    Job(String),
}

pub(crate) type Sql<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl Fault {
    /// The same, with the file's name.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        let path = path.to_path_buf();
        match self {
            Fault::UnknownRun(run_id) => StoreError::UnknownRun { path, run_id },
            Fault::RunEnded(run_id) => StoreError::RunEnded { path, run_id },
            Fault::Job(reason) => StoreError::Sqlite { path, reason },
            Fault::Sql(error) => from_sqlite(&error, path),
        }
    }
}

fn from_sqlite(error: &rusqlite::Error, path: PathBuf) -> StoreError {
    let reason = error.to_string();
    let full = || StoreError::Full { dir: path.parent().unwrap_or(&path).to_path_buf() };
    match error.sqlite_error() {
        // The index of the WAL lives in a file of its own; where that cannot grow, SQLite calls it an I/O error.
        Some(e) if e.extended_code == SQLITE_IOERR_SHMSIZE => full(),
        Some(e) => match e.code {
            ErrorCode::DiskFull => full(),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged { path, reason },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Busy { path },
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => {
                StoreError::Open { path, reason }
            }
            _ => StoreError::Sqlite { path, reason },
        },
        None => StoreError::Sqlite { path, reason },
    }
}
