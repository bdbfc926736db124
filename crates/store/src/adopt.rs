//! The first version kept its state in `state/openclaw.sqlite`, which is where OpenClaw keeps its own. Such a file is
//! taken to our own name once; OpenClaw's file is left alone.

use crate::error::Sql;
use crate::open::{beside, connect};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::fs;
use std::path::Path;

/// The name that we share with nobody.
pub(crate) const NAME: &str = "gateway.sqlite";
/// The name that was ours at first, and is OpenClaw's.
const FORMER: &str = "openclaw.sqlite";

/// Whose file it is.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    Ours,
    Theirs,
    /// Both programs have written to it.
    Both,
}

/// Takes a file of ours from its former name to its own, where there is one and nothing lies under the new name yet.
///
/// # Errors
/// It cannot be read or renamed; it is then still where it was.
pub(crate) fn former_file(folder: &Path, notices: &mut Vec<String>) -> Result<(), String> {
    let (former, path) = (folder.join(FORMER), folder.join(NAME));
    if path.exists() || !former.exists() {
        return Ok(());
    }
    let connection = connect(&former).map_err(|fault| fault.at(&former).to_string())?;
    // Until the file is known to be ours, closing must not write its log back into it.
    let keep_log = |keep| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
    keep_log(true).map_err(|error| format!("{}: {error}", former.display()))?;
    match owner(&connection).map_err(|fault| fault.at(&former).to_string())? {
        Owner::Theirs => return Ok(()),
        Owner::Both => {
            notices.push(format!(
                "{} holds tables of this gateway and of OpenClaw. It was left as it is and a new state file begun, so \
                 pairings and sessions start empty",
                former.display()
            ));
            return Ok(());
        }
        Owner::Ours => {}
    }
    // Everything into the one file, so that one rename moves all of it.
    let whole = keep_log(false).and_then(|_| connection.pragma_update(None, "journal_mode", "DELETE"));
    drop(connection);
    whole.map_err(|error| format!("{}: {error}", former.display()))?;
    if beside(&former, "-wal").exists() {
        return Err(format!("{} has a log that another program holds open; close that", former.display()));
    }
    fs::rename(&former, &path).map_err(|error| format!("{}: {error}", former.display()))?;
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| format!("{}: {error}", folder.display()))?;
    notices.push(format!("the state file {} is {} from now on", former.display(), path.display()));
    Ok(())
}

fn owner(c: &Connection) -> Sql<Owner> {
    let has = |table: &str| -> Sql<bool> {
        let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        Ok(c.query_row(count, [table], |row| row.get::<_, i64>(0))? > 0)
    };
    Ok(match (has("token_generations")?, has("schema_meta")?) {
        (true, false) => Owner::Ours,
        (true, true) => Owner::Both,
        // An empty one, too: whoever made it will fill it.
        (false, _) => Owner::Theirs,
    })
}
