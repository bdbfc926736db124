//! What ssh says: its standard error by lines, bounded in length and number, and what the lines tell about its way.

use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A longer line is cut.
const LONGEST_LINE: usize = 1024;
/// Lines that are kept for whoever asks why ssh ended: enough for a long login with its debugging lines.
const KEPT_LINES: usize = 120;

/// The lines of a pipe.
pub(super) struct Lines<R> {
    pipe: Option<R>,
    partial: Vec<u8>,
    kept: VecDeque<String>,
}

/// How far ssh has come, as its debugging lines tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It reached the server, or left that to another program.
    Linked,
    /// It was let in, and the forward stands.
    Listening,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(pipe: R) -> Self {
        Self { pipe: Some(pipe), partial: Vec::new(), kept: VecDeque::new() }
    }

    /// The next whole lines; waits for ever once the pipe has ended. Giving this up loses nothing.
    pub(super) async fn next(&mut self) -> Vec<String> {
        loop {
            match self.read().await {
                Some(lines) if lines.is_empty() => {}
                Some(lines) => return lines,
                None => std::future::pending().await,
            }
        }
    }

    /// Reads to the end of the pipe.
    pub(super) async fn finish(&mut self) {
        while self.read().await.is_some() {}
    }

    /// The lines that one reading completes; nothing at the end.
    async fn read(&mut self) -> Option<Vec<String>> {
        let mut buffer = [0; 2048];
        match self.pipe.as_mut()?.read(&mut buffer).await {
            Ok(count @ 1..) => Some(self.take(buffer.get(..count).unwrap_or_default())),
            Ok(0) | Err(_) => {
                self.pipe = None;
                None
            }
        }
    }

    /// Keeps none of the lines so far.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }

    /// The lines that were kept, the oldest first.
    pub(super) fn kept(&self) -> Vec<String> {
        self.kept.iter().cloned().collect()
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let text = String::from_utf8_lossy(&self.partial);
                    let line: String = text.chars().filter(|c| !c.is_control() || *c == '\t').collect();
                    self.partial.clear();
                    if self.kept.len() == KEPT_LINES {
                        self.kept.pop_front();
                    }
                    self.kept.push_back(line.clone());
                    lines.push(line);
                }
                _ if self.partial.len() < LONGEST_LINE => self.partial.push(*byte),
                _ => {}
            }
        }
        lines
    }
}

/// What a line tells about ssh's way, if anything.
pub(super) fn progress(line: &str) -> Option<Progress> {
    let text = line.strip_prefix("debug1: ")?;
    if text.starts_with("Connection established") || text.starts_with("Executing proxy command") {
        return Some(Progress::Linked);
    }
    // Said after the login, when the forwards were set up.
    text.starts_with("Entering interactive session").then_some(Progress::Listening)
}

/// Whether a line is for people, and not about how ssh works.
pub(super) fn is_said(line: &str) -> bool {
    let debug = [
        "debug1: ",
        "debug2: ",
        "debug3: ",
        "OpenSSH_",
        "Authenticated ",
        "Transferred: ",
        "Bytes per second: ",
    ];
    !line.trim().is_empty() && !debug.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_long_ones_are_cut() {
        let (mut writer, reader) = tokio::io::duplex(64 * 1024);
        let mut lines = Lines::new(reader);
        let long = "x".repeat(5_000);
        let text = b"debug1: Connection established.\r\nhal";
        tokio::io::AsyncWriteExt::write_all(&mut writer, text).await.unwrap();
        assert_eq!(lines.next().await, ["debug1: Connection established."]);
        let rest = format!("f\n{long}\n");
        tokio::io::AsyncWriteExt::write_all(&mut writer, rest.as_bytes()).await.unwrap();
        drop(writer);
        let mut got = Vec::new();
        while got.len() < 2 {
            got.extend(lines.next().await);
        }
        assert_eq!((got[0].as_str(), got[1].len()), ("half", LONGEST_LINE));
        assert_eq!(lines.kept().len(), 3);
    }

    #[test]
    fn only_so_many_lines_are_kept() {
        let mut lines = Lines::new(tokio::io::empty());
        for n in 0..1000 {
            lines.take(format!("{n}\n").as_bytes());
        }
        assert_eq!(lines.kept().len(), KEPT_LINES);
        assert_eq!(lines.kept().last().unwrap(), "999");
    }

    #[test]
    fn progress_is_read_from_debugging_lines_alone() {
        for (line, told) in [
            ("debug1: Connection established.", Some(Progress::Linked)),
            ("debug1: Executing proxy command: exec ssh -W x:22 jump", Some(Progress::Linked)),
            ("debug1: Entering interactive session.", Some(Progress::Listening)),
            ("Connection established.", None),
            ("me@host: Permission denied (publickey).", None),
        ] {
            assert_eq!(progress(line), told, "{line}");
            assert_eq!(is_said(line), !line.starts_with("debug1"), "{line}");
        }
    }
}
