//! Server-sent events: bytes in at any cut, events out. Follows the WHATWG rules for line ends, comments and fields;
//! `id` and `retry` are read over, since nothing that comes so can be resumed here.

/// One event. Events without data are not reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; empty where there was none.
    pub name: String,
    /// The `data` lines, joined by line breaks.
    pub data: String,
}

/// A line, or the data of one event, became longer than [`MAX_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Bytes of a line, and of an event's data. Whole tool arguments may come in one line, files included; more than this is no answer.
pub const MAX_LINE: usize = 8 << 20;

/// The decoder's state between two pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    /// The last byte was CR: an LF now belongs to it.
    after_cr: bool,
    started: bool,
    saw_sse: bool,
    name: String,
    data: Option<String>,
}

impl Decoder {
    /// Takes the next bytes and appends the events that are complete with them.
    ///
    /// # Errors
    /// A line or an event is longer than 8 MiB; the stream is of no use then.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Event>) -> Result<(), TooLong> {
        while let Some(at) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            let (head, tail) = bytes.split_at(at);
            let end = tail.first().copied();
            bytes = tail.get(1..).unwrap_or_default();
            let lf_of_crlf = end == Some(b'\n') && self.after_cr && head.is_empty();
            self.after_cr = end == Some(b'\r');
            if !lf_of_crlf {
                self.extend(head)?;
                self.end_line(out)?;
            }
        }
        if !bytes.is_empty() {
            self.after_cr = false;
            self.extend(bytes)?;
        }
        Ok(())
    }

    /// Whether anything so far looked like server-sent events (a comment or a known field).
    pub fn saw_sse(&self) -> bool {
        self.saw_sse
    }

    /// The bytes of a line that has not ended.
    pub fn rest(&self) -> &[u8] {
        &self.line
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > MAX_LINE {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Event>) -> Result<(), TooLong> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let line = if self.started { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.started = true;
        let result = self.take_line(line, out);
        // The buffer is used again, unless one long line has blown it up.
        if bytes.capacity() <= 64 << 10 {
            self.line = bytes;
            self.line.clear();
        }
        result
    }

    fn take_line(&mut self, line: &str, out: &mut Vec<Event>) -> Result<(), TooLong> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            if let Some(data) = self.data.take() {
                out.push(Event { name, data });
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) if data.len() + value.len() >= MAX_LINE => return Err(TooLong),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "event" => value.clone_into(&mut self.name),
            "" | "id" | "retry" => {}
            _ => return Ok(()),
        }
        self.saw_sse = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<Event> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece, &mut out).unwrap();
        }
        out
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into() }
    }

    #[test]
    fn fields_comments_line_ends_and_the_byte_order_mark_are_read_as_the_standard_says() {
        let cases: &[(&str, Vec<Event>)] = &[
            ("data: a\n\n", vec![event("", "a")]),
            ("data:a\r\n\r\n", vec![event("", "a")]),
            ("data: a\r\rdata: b\r\r", vec![event("", "a"), event("", "b")]),
            ("data: a\ndata:  b\ndata\n\n", vec![event("", "a\n b\n")]),
            ("event: x\ndata: a\n\ndata: b\n\n", vec![event("x", "a"), event("", "b")]),
            (": hello\n\nevent: only\n\ndata: a\n\n", vec![event("", "a")]),
            ("\u{feff}data: a\n\n", vec![event("", "a")]),
            ("id: 1\nretry: 5\ndata: {\"a\":\"b: c\"}\n\n", vec![event("", "{\"a\":\"b: c\"}")]),
            ("data: unfinished\n", vec![]),
            ("nonsense\n\n", vec![]),
        ];
        for (text, want) in cases {
            assert_eq!(&decode(&[text.as_bytes()]), want, "{text:?}");
            for cut in 0..=text.len() {
                let (a, b) = text.as_bytes().split_at(cut);
                assert_eq!(&decode(&[a, b]), want, "{text:?} cut at {cut}");
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(&decode(&bytes), want, "{text:?} byte by byte");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let piece = vec![b'x'; 1 << 20];
        let results: Vec<_> = (0..9).map(|_| decoder.push(&piece, &mut out)).collect();
        assert_eq!(results.first(), Some(&Ok(())));
        assert_eq!(results.last(), Some(&Err(TooLong)));
    }

    #[test]
    fn an_event_of_too_many_data_lines_is_refused() {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let line = format!("data: {}\n", "x".repeat(1 << 20));
        assert!((0..9).any(|_| decoder.push(line.as_bytes(), &mut out) == Err(TooLong)));
    }

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_gives_the_same_events(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), Just(b'a'), Just(b't'), any::<u8>()
            ], 0..200),
            cut in 0usize..200,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(decode(&[&bytes[..cut], &bytes[cut..]]), decode(&[&bytes]));
        }
    }
}
