//! What a command reads of a file or of standard input: all of it, up to a bound.

use crate::failure::Failure;
use std::fs::File;
use std::io::{Error, Read, Result as Io, stdin};
use std::path::Path;

/// The text of a file, or of standard input where none is named, and the words for where it came from.
///
/// # Errors
/// It cannot be read, is no text, or is larger than `most` bytes.
pub(crate) fn read(file: Option<&Path>, most: u64) -> Result<(String, String), Failure> {
    let (text, place) = match file {
        Some(file) => (File::open(file).and_then(|open| bounded(open, most)), file.display().to_string()),
        None => (bounded(stdin(), most), "standard input".to_owned()),
    };
    match text {
        Ok(text) => Ok((text, place)),
        Err(error) => Err(Failure::usage(format!("{place} cannot be read: {error}"))),
    }
}

fn bounded(from: impl Read, most: u64) -> Io<String> {
    let mut text = String::new();
    let read = from.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if read as u64 > most {
        return Err(Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read_or_nothing() {
        assert_eq!(bounded(&b"four"[..], 4).unwrap(), "four");
        assert_eq!(bounded(&b"fiver"[..], 4).unwrap_err().to_string(), "it is larger than 4 bytes");
        assert!(read(Some(Path::new("/no/such/file")), 4).unwrap_err().message.contains("/no/such/file"));
    }
}
