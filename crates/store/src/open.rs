//! Opening the state file: made if absent, checked, brought to our format, set aside where it is damaged.

use crate::adopt;
use crate::check::{self, Verdict};
use crate::error::{Fault, Sql, StoreError};
use crate::handle::{Core, Store};
use crate::readers::Readers;
use crate::schema;
use crate::writer::{QUEUE, Writer};
use model::SharedClock;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

/// How long SQLite waits for somebody else's lock on the file (a backup, a database tool) before it says busy.
const BUSY: Duration = Duration::from_secs(5);

/// An open store, and what the operator should hear about the opening.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Whole sentences: what was damaged, where it lies now.
    pub notices: Vec<String>,
}

impl Store {
    /// Whether there is a state file in `dir`, under its name of now or of before.
    pub fn is_in(dir: &Path) -> bool {
        ["gateway.sqlite", "openclaw.sqlite"].iter().any(|name| dir.join("state").join(name).exists())
    }

    /// Opens `<dir>/state/gateway.sqlite` (0600), or makes it. The caller holds the directory's
    /// [`crate::StateLock`]. A damaged file is renamed, never deleted, and a new one begun; the notices say so.
    ///
    /// # Errors
    /// The directory or file cannot be used; or a newer program wrote the file, which then stays untouched.
    pub fn open(dir: &Path, clock: SharedClock) -> Result<Opened, StoreError> {
        let folder = dir.join("state");
        let path = folder.join(adopt::NAME);
        let failed = |reason: String| StoreError::Open { path: path.clone(), reason };
        private_dir(&folder).map_err(|e| failed(e.to_string()))?;
        let mut notices = Vec::new();
        adopt::former_file(&folder, &mut notices).map_err(failed)?;
        let (connection, verdict) = match begin(&path, &mut notices) {
            Err(StoreError::Damaged { reason, .. }) => {
                let aside = set_aside(&path, clock.now_ms()).map_err(|e| failed(e.to_string()))?;
                notices.push(format!(
                    "the state file {} was damaged ({reason}) and is set aside as {}; a new one was begun, so \
                     pairings and sessions start empty",
                    path.display(),
                    aside.display()
                ));
                begin(&path, &mut notices)?
            }
            other => other?,
        };
        let stop_check = Arc::new(AtomicBool::new(false));
        if verdict == Verdict::Unfinished {
            let background = check::in_background(path.clone(), Arc::clone(&stop_check));
            background.map_err(|e| failed(e.to_string()))?;
        }
        let store = start(connection, &path, clock, stop_check).map_err(|e| failed(e.to_string()))?;
        Ok(Opened { store, notices })
    }
}

impl Store {
    /// Opens the state file in `dir` for reading alone, where no gateway runs, and beside one that starts meanwhile: what writes is
    /// [`StoreError::Closed`], and the file stays as it is. `None` where there is none.
    ///
    /// # Errors
    /// It cannot be opened, or is of another format than this program's.
    pub fn open_for_reading(dir: &Path, clock: SharedClock) -> Result<Option<Store>, StoreError> {
        let path = dir.join("state").join(adopt::NAME);
        if !path.exists() {
            return Ok(None);
        }
        let readers = Readers::only(path.clone());
        let found = readers.look(schema::version)?;
        let ours = schema::latest();
        if found > ours {
            return Err(StoreError::Newer { path, found, ours });
        }
        if found < ours {
            return Err(StoreError::Older { path, found, ours });
        }
        // Nobody takes jobs.
        let (jobs, _) = tokio::sync::mpsc::channel(1);
        Ok(Some(Store {
            core: Arc::new(Core {
                path,
                jobs,
                readers,
                clock,
                version: Arc::default(),
                last_page: Default::default(),
                approved: Default::default(),
                stop_check: Arc::default(),
            }),
        }))
    }
}

/// A store around the writer's connection.
pub(crate) fn start(
    connection: Connection,
    path: &Path,
    clock: SharedClock,
    stop_check: Arc<AtomicBool>,
) -> io::Result<Store> {
    let (jobs, inbox) = tokio::sync::mpsc::channel(QUEUE);
    let version = Arc::new(AtomicU64::new(0));
    let (own_clock, own_version) = (Arc::clone(&clock), Arc::clone(&version));
    let writer = Writer { connection, path: path.to_path_buf(), clock: own_clock, version: own_version };
    // Ends with the last handle or with `Store::close`, which waits for it.
    std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.work(inbox))?;
    let readers = Readers::new(path.to_path_buf());
    Ok(Store {
        core: Arc::new(Core {
            path: path.to_path_buf(),
            jobs,
            readers,
            clock,
            version,
            last_page: Default::default(),
            approved: Default::default(),
            stop_check,
        }),
    })
}

/// The writer's connection to a sound file of our format.
pub(crate) fn begin(path: &Path, notices: &mut Vec<String>) -> Result<(Connection, Verdict), StoreError> {
    make_file(path, notices)?;
    let settle = || -> Sql<(Connection, Verdict, i64)> {
        let mut connection = connect(path)?;
        // Until the file is known to be ours, closing must not write the log back into it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let found = schema::version(&connection)?;
        if found > schema::latest() {
            return Ok((connection, Verdict::Unfinished, found));
        }
        let verdict = check::at_start(&mut connection, path)?;
        if !matches!(verdict, Verdict::Damaged(_)) {
            prepare(&mut connection)?;
        }
        Ok((connection, verdict, found))
    };
    let (connection, verdict, found) = settle().map_err(|fault| match fault {
        Fault::Job(reason) => StoreError::Open { path: path.to_path_buf(), reason },
        fault => fault.at(path),
    })?;
    if found > schema::latest() {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, ours: schema::latest() });
    }
    if let Verdict::Damaged(reason) = verdict {
        return Err(StoreError::Damaged { path: path.to_path_buf(), reason });
    }
    Ok((connection, verdict))
}

/// What only the writer's connection needs.
fn prepare(connection: &mut Connection) -> Sql<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // The size limit gives disk space back after a burst; the log is otherwise kept at its largest.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 8388608; PRAGMA cache_size = -1024;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    schema::migrate(connection)
}

/// A connection as all of ours are: durable, checked, small. The file must exist.
pub(crate) fn connect(path: &Path) -> Sql<Connection> {
    connect_to(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// As [`connect`], and the file cannot be written through it. What SQLite needs beside it for sharing is made.
pub(crate) fn connect_for_reading(path: &Path) -> Sql<Connection> {
    connect_to(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect_to(path: &Path, access: OpenFlags) -> Sql<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // Without it, whatever is bound to a column that a partial index speaks of has its statement compiled anew, cached or not:
    // some ten statements a turn.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;",
    )?;
    Ok(connection)
}

/// Makes the file, readable by its owner alone, before SQLite would make it readable by others.
fn make_file(path: &Path, notices: &mut Vec<String>) -> Result<(), StoreError> {
    let failed = |e: io::Error| StoreError::Open { path: path.to_path_buf(), reason: e.to_string() };
    let size = match fs::metadata(path) {
        Ok(data) => Some(data.len()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(failed(e)),
    };
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |data| data.len());
    if size.unwrap_or(0) == 0 && log > 0 {
        // SQLite would throw the log away here. It holds what was committed last.
        let reason = "it is empty while its log is not".to_owned();
        return Err(StoreError::Damaged { path: path.to_path_buf(), reason });
    }
    if size == Some(0) {
        notices.push(format!("the state file {} was empty; a new one was begun", path.display()));
    }
    let open = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open.map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// Makes a directory and its parents for the owner alone; leaves an existing one as it is.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// `path` with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames the file and what belongs to it. Log first: a crash between the renames must not leave the old log beside
/// a new file.
fn set_aside(path: &Path, now_ms: i64) -> io::Result<PathBuf> {
    let mut stamp = now_ms;
    while beside(path, &format!(".damaged-{stamp}")).exists() {
        stamp += 1;
    }
    let aside = beside(path, &format!(".damaged-{stamp}"));
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    match fs::remove_file(check::marker(path)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(aside)
}
