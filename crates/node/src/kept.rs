//! What somebody has said of a node, kept for its later starts beside its key: which commands it offers, and its name.

use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Kept {
    commands: Vec<String>,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("identity").join("node-commands.json")
}

/// The commands that the node with this state directory offers; `None` is all that it knows.
///
/// # Errors
/// The file is there and cannot be read: then nobody knows what was to be left out.
pub fn kept_commands(state_dir: &Path) -> io::Result<Option<Vec<String>>> {
    let file = file(state_dir);
    let text = match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let kept: Kept = serde_json::from_str(&text)
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", file.display())))?;
    Ok(Some(kept.commands))
}

/// Keeps the commands for later starts; `None` forgets what was kept.
///
/// # Errors
/// The disk refuses.
pub fn keep_commands(state_dir: &Path, commands: Option<&[String]>) -> io::Result<()> {
    let file = file(state_dir);
    let Some(commands) = commands else {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    let text = serde_json::to_string_pretty(&Kept { commands: commands.to_vec() })?;
    write(&file, &text)
}

/// The name that operators see: what was given, which is kept, or what was kept, or what the computer is called.
///
/// # Errors
/// The disk refuses, or what is kept cannot be read.
pub fn name(state_dir: &Path, given: Option<String>) -> io::Result<String> {
    let file = state_dir.join("identity").join("node-name");
    if let Some(name) = given {
        write(&file, &name)?;
        return Ok(name);
    }
    match std::fs::read_to_string(&file) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())))
        }
        _ => Ok(exec::host::hostname().trim_end_matches(".local").to_owned()),
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let part = file.with_extension("part");
    let mut written =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    std::fs::rename(&part, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_had_again_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kept_commands(dir.path()).unwrap(), None);
        let commands = ["file.fetch".to_owned(), "dir.list".to_owned()];
        keep_commands(dir.path(), Some(&commands)).unwrap();
        assert_eq!(kept_commands(dir.path()).unwrap().unwrap(), commands);
        keep_commands(dir.path(), None).unwrap();
        keep_commands(dir.path(), None).unwrap();
        assert_eq!(kept_commands(dir.path()).unwrap(), None);
        std::fs::write(file(dir.path()), "{").unwrap();
        assert!(kept_commands(dir.path()).unwrap_err().to_string().contains("node-commands.json"));
    }

    #[test]
    fn a_name_is_kept_until_another_is_given_and_at_first_is_the_computers() {
        let dir = tempfile::tempdir().unwrap();
        let first = name(dir.path(), None).unwrap();
        assert!(!first.is_empty() && exec::host::hostname().starts_with(&first));
        assert_eq!(name(dir.path(), Some("laptop".into())).unwrap(), "laptop");
        assert_eq!(name(dir.path(), None).unwrap(), "laptop");
        std::fs::write(dir.path().join("identity/node-name"), [0xff]).unwrap();
        assert!(name(dir.path(), None).unwrap_err().to_string().contains("node-name"));
    }
}
