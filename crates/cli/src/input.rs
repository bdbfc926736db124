//! What a command reads: a file or standard input, all of it up to a bound; and the word of whoever sits there.

use crate::context::Context;
use crate::failure::Failure;
use std::fs::File;
use std::io::{BufRead, Error, IsTerminal, Read, Result as Io, Write, stdin};
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

/// A span of time such as 30s, in milliseconds.
///
/// # Errors
/// It is none, or nothing at all.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no duration; write 30s, 10m, 1h or 2d");
    let (mut all, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, left) = after.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        all = number.checked_mul(unit).and_then(|ms| all.checked_add(ms)).ok_or_else(wrong)?;
        rest = left;
    }
    Some(all).filter(|ms| *ms > 0).ok_or_else(wrong)
}

/// Asks whoever sits there before something is deleted.
///
/// # Errors
/// Nobody is there to be asked, who could have said so by `flag`; or the answer is no.
pub(crate) fn confirm(question: &str, flag: &str, ctx: &Context) -> Result<(), Failure> {
    let no = |message: &str| Failure::usage(message).hint(format!("add {flag}"));
    match ask(question, ctx) {
        Some(true) => Ok(()),
        Some(false) => Err(no("nothing was deleted")),
        None => Err(no(&format!("deleting needs {flag} where nobody can be asked"))),
    }
}

/// Asks whoever sits there; `None` where nobody does.
pub(crate) fn ask(question: &str, ctx: &Context) -> Option<bool> {
    if ctx.out.json || !stdin().is_terminal() {
        return None;
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    Some(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
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
