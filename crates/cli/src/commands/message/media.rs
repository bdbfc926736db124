//! Files that go with a message: those of this computer travel with the call, so that the gateway may be anywhere.

use crate::failure::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

/// Bytes of all files of one call: base64 makes a third more of them, and a frame has 25 MB.
const MAX_BYTES: usize = 18_000_000;

/// What is said to the gateway of each: an address, a file itself, or a path on the gateway's host.
///
/// # Errors
/// A file is not there, or they are too large together.
pub(super) fn read(names: &[String]) -> Result<Vec<String>, Failure> {
    let mut left = MAX_BYTES;
    names.iter().map(|name| one(name, &mut left)).collect()
}

fn one(name: &str, left: &mut usize) -> Result<String, Failure> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Ok(name.to_owned());
    }
    let path = Path::new(name);
    let size = match path.metadata() {
        Ok(found) if found.is_file() => usize::try_from(found.len()).unwrap_or(usize::MAX),
        Ok(_) => return Err(Failure::usage(format!("{name} is no regular file"))),
        // Perhaps there is one on the gateway's host.
        Err(_) if path.is_absolute() => return Ok(name.to_owned()),
        Err(error) => return Err(Failure::not_found(format!("{name}: {error}"))),
    };
    match left.checked_sub(size) {
        Some(rest) => *left = rest,
        // Where this is the gateway's host, it reads the file itself.
        None if path.is_absolute() => return Ok(name.to_owned()),
        None => {
            return Err(Failure::usage(format!("{name}: {MAX_BYTES} bytes travel with one call at most")).hint(
                "put it into the agent's workspace on the gateway's host, and name it by its whole path there",
            ));
        }
    }
    let bytes = std::fs::read(path).map_err(|error| Failure::not_found(format!("{name}: {error}")))?;
    let called = path.file_name().map(|name| name.to_string_lossy().replace([';', ','], "_"));
    let called = called.unwrap_or_else(|| "file".into());
    Ok(format!("data:application/octet-stream;name={called};base64,{}", STANDARD.encode(bytes)))
}
