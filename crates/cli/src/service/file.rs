//! The file that defines a service: whose it is, and writing it whole or not at all.

use super::{Service, plist, unit};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What stands at a definition's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Definition {
    /// Nothing.
    Absent,
    /// One of ours, and what it was made from; boxed, because it is large.
    Ours(Box<Service>, String),
    /// Somebody else's; OpenClaw's own services have the same names.
    Foreign,
}

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A systemd unit.
    Unit,
    /// A launchd property list.
    Plist,
}

impl Format {
    /// The text of a service's definition.
    pub(crate) fn text(self, service: &Service) -> String {
        match self {
            Format::Unit => unit::text(service),
            Format::Plist => plist::text(service),
        }
    }

    fn made_from(self, text: &str) -> Option<Service> {
        let json = match self {
            Format::Unit => text.lines().find_map(|line| line.strip_prefix(unit::MARK)),
            Format::Plist => {
                text.lines().find_map(|line| line.strip_prefix(plist::MARK)?.strip_suffix(plist::MARK_END))
            }
        };
        serde_json::from_str(json?).ok()
    }
}

/// Why a definition cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The system said no.
    #[error("cannot {verb} {}: {source}; check who owns it and its directory", file.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No service manager could read it.
    #[error(
        "{0:?} holds a line break or another control character, which no service definition can hold; give another"
    )]
    Text(String),
}

/// What stands at this place.
///
/// # Errors
/// It is there and cannot be read.
pub(crate) fn look(file: &Path, format: Format) -> Result<Definition, FileError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(match format.made_from(&text) {
            Some(service) => Definition::Ours(Box::new(service), text),
            None => Definition::Foreign,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Definition::Absent),
        // Property lists may be binary; ours are not.
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Definition::Foreign),
        Err(source) => Err(FileError::Io { verb: "read", file: file.to_owned(), source }),
    }
}

/// Writes the definition: a whole one or none. Mode 0644, because service managers read it and it holds no secret.
///
/// # Errors
/// [`FileError`]; what was there before is still there.
pub(crate) fn write(file: &Path, format: Format, service: &Service) -> Result<(), FileError> {
    check(service)?;
    let failed = |verb| move |source| FileError::Io { verb, file: file.to_owned(), source };
    let dir = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(failed("make the directory of"))?;
    let mut new = tempfile::NamedTempFile::new_in(dir).map_err(failed("write"))?;
    new.write_all(format.text(service).as_bytes()).map_err(failed("write"))?;
    let mode = std::fs::Permissions::from_mode(0o644);
    new.as_file().set_permissions(mode).map_err(failed("set the mode of"))?;
    new.as_file().sync_all().map_err(failed("write"))?;
    new.persist(file).map_err(|error| failed("replace")(error.error))?;
    Ok(())
}

/// Removes it; gives whether it was there.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn remove(file: &Path) -> Result<bool, FileError> {
    match std::fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError::Io { verb: "remove", file: file.to_owned(), source }),
    }
}

fn check(service: &Service) -> Result<(), FileError> {
    let paths = [&service.directory, &service.errors].map(|path| path.display().to_string());
    let variables = service.environment.iter().flat_map(|(k, v)| [k, v]);
    let all = service.argv.iter().chain(variables).chain(&paths).chain([&service.description]);
    match all.into_iter().find(|text| text.chars().any(char::is_control)) {
        Some(text) => Err(FileError::Text(text.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::{gateway, odd};

    #[test]
    fn a_definition_of_ours_says_what_it_was_made_from_and_others_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        for format in [Format::Unit, Format::Plist] {
            let file = dir.path().join("a/b/x");
            assert_eq!(look(&file, format).unwrap(), Definition::Absent);
            for service in [gateway(), odd()] {
                write(&file, format, &service).unwrap();
                let text = format.text(&service);
                assert_eq!(look(&file, format).unwrap(), Definition::Ours(Box::new(service), text));
            }
            for other in ["[Service]\nExecStart=/usr/bin/node x gateway\n", "# openclaw-service: {}\n", ""] {
                std::fs::write(&file, other).unwrap();
                assert_eq!(look(&file, format).unwrap(), Definition::Foreign, "{other}");
            }
            std::fs::write(&file, [0xff, 0xfe]).unwrap();
            assert_eq!(look(&file, format).unwrap(), Definition::Foreign);
            assert!(remove(&file).unwrap() && !remove(&file).unwrap());
        }
    }

    #[test]
    fn a_line_break_in_a_text_never_becomes_a_line_of_the_definition() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        let mut service = odd();
        service.argv.push("a\nExecStartPre=/bin/evil".into());
        let error = write(&file, Format::Unit, &service).unwrap_err();
        assert!(error.to_string().contains("control character"), "{error}");
        assert!(!file.exists());
    }
}
