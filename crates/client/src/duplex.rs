//! Calls to a node that are spoken with while they run: binary messages in both directions, in pieces that the call's own frames
//! carry as text (`payloadJSON` of `node.invoke.input`, `chunk` of `node.invoke.progress`). The node says when it is ready; before
//! that it is sent nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Bytes of a piece: as base64 in JSON it fits into what a chunk may have.
const PIECE: usize = 8192;
/// Bytes of a message.
pub const MAX_MESSAGE: usize = 1024 * 1024;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Frame {
    Ready { v: u8 },
    Data { v: u8, message: u64, index: u64, last: bool, data: String },
}

/// The frame by which a node says that it is ready.
pub fn ready() -> String {
    r#"{"v":1,"kind":"ready"}"#.to_owned()
}

/// The frames of the `number`th message, from 0 on. An empty one is one frame.
pub fn frames(number: u64, message: &[u8]) -> impl Iterator<Item = String> {
    let pieces = message.len().div_ceil(PIECE).max(1);
    (0..pieces).map(move |index| {
        let from = index * PIECE;
        let piece = message.get(from..message.len().min(from + PIECE)).unwrap_or_default();
        let last = index + 1 == pieces;
        let data = STANDARD.encode(piece);
        format!(r#"{{"v":1,"kind":"data","message":{number},"index":{index},"last":{last},"data":"{data}"}}"#)
    })
}

/// What a frame brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// The other side is ready.
    Ready,
    /// A part of a message.
    Part,
    /// A message, with this its last part.
    Message(Vec<u8>),
}

/// What has come from the other side, put together. At most one message of [`MAX_MESSAGE`] bytes is held.
#[derive(Debug, Default)]
pub struct Incoming {
    is_ready: bool,
    message: u64,
    index: u64,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Takes a frame.
    ///
    /// # Errors
    /// It is none, it is not the next one, or its message is too large; nothing more is to be taken then.
    pub fn take(&mut self, frame: &str) -> Result<Came, String> {
        let frame: Frame =
            serde_json::from_str(frame).map_err(|e| format!("it is no frame of a stream: {e}"))?;
        match frame {
            Frame::Ready { v: 1 } if !self.is_ready && self.message == 0 && self.index == 0 => {
                self.is_ready = true;
                Ok(Came::Ready)
            }
            Frame::Ready { v: 1 } => Err("it says again or too late that it is ready".into()),
            Frame::Data { v: 1, message, index, last, data } => {
                if (message, index) != (self.message, self.index) {
                    let (at, of) = (self.index, self.message);
                    return Err(format!(
                        "piece {index} of message {message} came in the place of {at} of {of}"
                    ));
                }
                self.piece(&data, last)
            }
            Frame::Ready { v } | Frame::Data { v, .. } => {
                Err(format!("version {v} of the stream is not known"))
            }
        }
    }

    fn piece(&mut self, data: &str, last: bool) -> Result<Came, String> {
        let bytes = STANDARD.decode(data).map_err(|e| format!("a piece is no base64: {e}"))?;
        let is_whole = bytes.len() == PIECE || (last && (!bytes.is_empty() || self.index == 0));
        if bytes.len() > PIECE || !is_whole {
            return Err(format!("a piece of {} bytes came where one has {PIECE}", bytes.len()));
        }
        if self.bytes.len() + bytes.len() > MAX_MESSAGE {
            return Err(format!("a message may have {MAX_MESSAGE} bytes"));
        }
        self.bytes.extend(bytes);
        if !last {
            self.index += 1;
            return Ok(Came::Part);
        }
        (self.message, self.index) = (self.message + 1, 0);
        Ok(Came::Message(std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(message: u64, index: u64, last: bool, bytes: &[u8]) -> String {
        let data = STANDARD.encode(bytes);
        serde_json::to_string(&Frame::Data { v: 1, message, index, last, data }).unwrap()
    }

    #[test]
    fn a_frame_is_as_openclaw_writes_it() {
        assert_eq!(ready(), serde_json::to_string(&Frame::Ready { v: 1 }).map(|f| reordered(&f)).unwrap());
        let frame: Vec<String> = frames(3, b"hi").collect();
        assert_eq!(frame, [r#"{"v":1,"kind":"data","message":3,"index":0,"last":true,"data":"aGk="}"#]);
    }

    /// The tag comes first with serde, and second there.
    fn reordered(frame: &str) -> String {
        frame.replace(r#""kind":"ready","v":1"#, r#""v":1,"kind":"ready""#)
    }

    #[test]
    fn what_is_not_the_next_piece_is_refused() {
        let full = vec![0; PIECE];
        for (first, then) in [
            (data(0, 1, true, b"x"), None),
            (data(1, 0, true, b"x"), None),
            (data(0, 0, false, b"x"), None),
            (data(0, 0, false, &full), Some(data(0, 1, true, b""))),
            (data(0, 0, false, &full), Some(data(0, 0, true, b"x"))),
            (data(0, 0, true, &vec![0; PIECE + 1]), None),
            (ready(), Some(ready())),
            (data(0, 0, true, b"x"), Some(ready())),
            (r#"{"v":2,"kind":"ready"}"#.into(), None),
            (r#"{"v":1,"kind":"ready","more":1}"#.into(), None),
            ("{}".into(), None),
        ] {
            let mut incoming = Incoming::default();
            let came = incoming.take(&first);
            let last = then.as_ref().map_or(came, |then| incoming.take(then));
            assert!(last.is_err(), "{first:.80} {then:?}");
        }
        let mut incoming = Incoming::default();
        let large = vec![0; MAX_MESSAGE + 1];
        let mut pieces = frames(0, &large);
        assert!(pieces.any(|frame| incoming.take(&frame).is_err()), "a message has an end");
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(messages in proptest::collection::vec(0usize..40_000, 0..6)) {
            let mut incoming = Incoming::default();
            prop_assert_eq!(incoming.take(&ready()), Ok(Came::Ready));
            for (number, size) in messages.into_iter().enumerate() {
                let message: Vec<u8> = (0..size).map(|n| n as u8).collect();
                let mut out = None;
                for frame in frames(number as u64, &message) {
                    prop_assert!(frame.len() <= 16_384);
                    match incoming.take(&frame).unwrap() {
                        Came::Message(whole) => out = Some(whole),
                        Came::Part => prop_assert!(out.is_none()),
                        Came::Ready => prop_assert!(false),
                    }
                }
                prop_assert_eq!(out, Some(message));
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,200}") {
            let _ = Incoming::default().take(&text);
        }
    }
}
