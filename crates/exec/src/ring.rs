//! The last stretch of a stream, with positions that stay the same when older bytes are dropped.

use crate::output::without_cut_start;
use std::collections::VecDeque;

/// Keeps the last `limit` bytes of a stream.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    /// Position in the stream of the first byte that is kept.
    start: u64,
    limit: usize,
}

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Lossy UTF-8.
    pub(crate) text: String,
    /// Where to read on.
    pub(crate) next: u64,
    /// How many bytes before the piece were asked for and are gone.
    pub(crate) lost: u64,
}

impl Ring {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), start: 0, limit }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(self.limit);
        self.bytes.drain(..over);
        self.start += over as u64;
    }

    /// How long the stream is so far, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// What came after position `after`, at most `max` bytes of it.
    pub(crate) fn read(&self, after: u64, max: usize) -> Piece {
        let from = after.clamp(self.start, self.end());
        let skip = usize::try_from(from - self.start).unwrap_or(usize::MAX);
        let bytes: Vec<u8> = self.bytes.iter().skip(skip).take(max).copied().collect();
        let lost = from.saturating_sub(after);
        let whole = if lost > 0 { without_cut_start(&bytes) } else { &bytes };
        // A character that is only begun is left for the next reading, unless the stream is nothing but that.
        let kept = match std::str::from_utf8(whole) {
            Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 => e.valid_up_to(),
            _ => whole.len(),
        };
        let text = String::from_utf8_lossy(whole.get(..kept).unwrap_or(whole)).into_owned();
        let dropped = bytes.len() - whole.len();
        Piece { text, next: from + (dropped + kept) as u64, lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn readers_learn_what_they_missed() {
        let mut ring = Ring::new(4);
        ring.push(b"abcdef");
        assert_eq!(ring.read(0, 100), Piece { text: "cdef".into(), next: 6, lost: 2 });
        assert_eq!(ring.read(4, 1), Piece { text: "e".into(), next: 5, lost: 0 });
        assert_eq!(ring.read(99, 1), Piece { text: String::new(), next: 6, lost: 0 });
    }

    proptest! {
        #[test]
        fn reading_on_gives_the_whole_stream(chunks in prop::collection::vec("\\PC{0,9}", 0..20), max in 4usize..9) {
            let mut ring = Ring::new(10_000);
            let (mut at, mut read) = (0, String::new());
            for chunk in &chunks {
                ring.push(chunk.as_bytes());
                loop {
                    let piece = ring.read(at, max);
                    at = piece.next;
                    read.push_str(&piece.text);
                    if piece.text.is_empty() { break }
                }
            }
            prop_assert_eq!(read, chunks.concat());
        }
    }
}
