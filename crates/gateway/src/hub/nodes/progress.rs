//! What a call has given so far. A node numbers its chunks; they are put in order here. Kept is the end of it, for the error
//! that the caller gets where no result comes.

use std::collections::BTreeMap;

/// Bytes that are kept of a call: enough to see what a command was about when it was lost.
const MAX_KEPT: usize = 16 * 1024;
/// Chunks that came before one that they follow on. A node sends one at a time; this is for those that do not.
const MAX_EARLY: usize = 2;

/// The chunks of one call. Bounded, however many come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    next: u64,
    early: BTreeMap<u64, String>,
    kept: String,
    left_out: usize,
}

impl Progress {
    /// Takes a chunk; false where it came before, or too far ahead of the others.
    pub(super) fn take(&mut self, seq: u64, chunk: String) -> bool {
        if seq < self.next || self.early.contains_key(&seq) {
            return false;
        }
        if seq > self.next && self.early.len() >= MAX_EARLY {
            return false;
        }
        self.early.insert(seq, chunk);
        while let Some(chunk) = self.early.remove(&self.next) {
            self.next += 1;
            self.keep(&chunk);
        }
        true
    }

    fn keep(&mut self, chunk: &str) {
        self.kept.push_str(chunk);
        let mut over = self.kept.len().saturating_sub(MAX_KEPT);
        while !self.kept.is_char_boundary(over) {
            over += 1;
        }
        self.kept.drain(..over);
        self.left_out += over;
    }

    /// The end of what came in order, with a remark where there was more; `None` where nothing came.
    pub(super) fn text(&self) -> Option<String> {
        match (self.kept.is_empty(), self.left_out) {
            (true, _) => None,
            (false, 0) => Some(self.kept.clone()),
            (false, n) => Some(format!("[… {n} bytes before this …]\n{}", self.kept)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_in_order_and_each_counts_once() {
        let mut progress = Progress::default();
        assert_eq!(progress.text(), None);
        for (seq, chunk, taken) in [
            (1, "b", true),
            (0, "a", true),
            (0, "x", false),
            (1, "x", false),
            (3, "d", true),
            (3, "x", false),
        ] {
            assert_eq!(progress.take(seq, chunk.into()), taken, "{seq} {chunk}");
        }
        assert_eq!(progress.text().as_deref(), Some("ab"));
        assert!(progress.take(2, "c".into()));
        assert_eq!(progress.text().as_deref(), Some("abcd"));
    }

    #[test]
    fn a_flood_is_bounded_in_every_direction() {
        let mut progress = Progress::default();
        let ahead = (1..10_000u64).filter(|seq| progress.take(seq * 2, "é".repeat(8192))).count();
        assert_eq!(ahead, MAX_EARLY);
        let mut progress = Progress::default();
        for seq in 0..10_000 {
            assert!(progress.take(seq, "é".repeat(999)));
        }
        let text = progress.text().unwrap();
        assert!(
            text.len() < MAX_KEPT + 100 && text.starts_with("[… ") && text.ends_with('é'),
            "{}",
            text.len()
        );
    }
}
