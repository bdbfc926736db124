//! What is kept of a stream that may be longer than we can keep: its head and its tail.

use std::collections::VecDeque;

/// Collects bytes: the first half of the limit from the beginning, the other half from the end.
#[derive(Debug)]
pub(crate) struct HeadTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_limit: usize,
    tail_limit: usize,
    cut: u64,
}

impl HeadTail {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let head_limit = limit / 2;
        Self { head: Vec::new(), tail: VecDeque::new(), head_limit, tail_limit: limit - head_limit, cut: 0 }
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = self.head_limit.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.tail_limit);
        self.tail.drain(..over);
        self.cut += over as u64;
    }

    /// Whether anything was left out.
    pub(crate) fn truncated(&self) -> bool {
        self.cut > 0
    }

    /// The text, with a remark where something was left out. Bytes that are not UTF-8 become U+FFFD; a character that
    /// the cut went through is left out whole.
    pub(crate) fn into_text(self) -> String {
        let tail: Vec<u8> = self.tail.into();
        if self.cut == 0 {
            let mut all = self.head;
            all.extend_from_slice(&tail);
            return String::from_utf8_lossy(&all).into_owned();
        }
        let head = without_cut_end(&self.head);
        let tail = without_cut_start(&tail);
        let remark = format!("\n[… {} bytes left out …]\n", self.cut);
        format!("{}{remark}{}", String::from_utf8_lossy(head), String::from_utf8_lossy(tail))
    }
}

/// The bytes without a character at the end that is only begun.
fn without_cut_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(e) if e.error_len().is_none() => bytes.get(..e.valid_up_to()).unwrap_or(bytes),
        _ => bytes,
    }
}

/// The bytes without the rest of a character (at most 3 bytes) at the start.
pub(crate) fn without_cut_start(bytes: &[u8]) -> &[u8] {
    let continuation = bytes.iter().take(3).take_while(|b| **b & 0xC0 == 0x80).count();
    bytes.get(continuation..).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_stream_keeps_both_ends_and_says_what_is_missing() {
        let mut kept = HeadTail::new(10);
        kept.push(b"0123456789");
        assert!(!kept.truncated());
        kept.push(b"abcdefghij");
        assert!(kept.truncated());
        assert_eq!(kept.into_text(), "01234\n[… 10 bytes left out …]\nfghij");
    }

    #[test]
    fn a_character_is_never_shown_in_part() {
        let mut kept = HeadTail::new(6);
        kept.push("ééééé".as_bytes());
        assert_eq!(kept.into_text(), "é\n[… 4 bytes left out …]\né");
    }

    proptest! {
        #[test]
        fn short_streams_are_whole_and_long_ones_bounded(
            chunks in prop::collection::vec("[a-z]{0,9}", 0..20), limit in 0usize..60
        ) {
            let mut kept = HeadTail::new(limit);
            chunks.iter().for_each(|c| kept.push(c.as_bytes()));
            let all = chunks.concat();
            let truncated = kept.truncated();
            prop_assert_eq!(truncated, all.len() > limit);
            let text = kept.into_text();
            if truncated {
                prop_assert!(text.len() <= limit + 60);
                prop_assert!(text.starts_with(&all[..limit / 2]) && text.ends_with(&all[all.len() - (limit - limit / 2)..]));
            } else {
                prop_assert_eq!(text, all);
            }
        }
    }
}
