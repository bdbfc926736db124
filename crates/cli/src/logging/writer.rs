//! The thread that writes the log file, and the bounded queue before it.

use super::civil;
use super::files::Files;
use crate::failure::{Exit, Failure};
use model::SharedClock;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that may wait for the disk. A busy gateway logs some hundred a second: this is a stall of several seconds,
/// and some MiB at most.
const QUEUE: usize = 4096;
/// Lines longer than this are cut: one line must not fill a file.
const LONGEST_LINE: usize = 64 * 1024;
/// How long the end waits for what is still to be written.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Where lines are put in; never blocks.
#[derive(Clone)]
pub(super) struct Sink {
    lines: SyncSender<Option<String>>,
    dropped: Arc<AtomicU64>,
}

impl Sink {
    /// Puts a line in. Where the queue is full it is dropped and counted; the next line that gets through says how many.
    pub(super) fn send(&self, line: String) {
        match self.lines.try_send(Some(line)) {
            // After the end nobody reads the file of this run any more.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The owner of the thread. Dropping it ends the thread after what waits is written.
pub(super) struct Writer {
    lines: SyncSender<Option<String>>,
    finished: Receiver<()>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(files: Files, clock: SharedClock) -> Result<(Self, Sink), Failure> {
        let (lines, queue) = sync_channel(QUEUE);
        let (done, finished) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = Sink { lines: lines.clone(), dropped: dropped.clone() };
        let thread = std::thread::Builder::new().name("log".into());
        thread
            .spawn(move || {
                write_all(files, &queue, &dropped, &clock);
                // Nobody waits where the program ends without asking.
                let _ = done.try_send(());
            })
            .map_err(|e| {
                Failure::new(Exit::Failed, "LOGGING", format!("cannot start the log's thread: {e}"))
            })?;
        Ok((Self { lines, finished }, sink))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Both fail only where the thread has ended or the disk stands still; the end must not wait for either.
        let _ = self.lines.try_send(None);
        let _ = self.finished.recv_timeout(FINISH_WITHIN);
    }
}

fn write_all(mut files: Files, queue: &Receiver<Option<String>>, dropped: &AtomicU64, clock: &SharedClock) {
    let mut complained = false;
    while let Ok(Some(line)) = queue.recv() {
        let now = clock.now_ms();
        let lost = dropped.swap(0, Ordering::Relaxed);
        let remark = (lost > 0).then(|| remark(lost, now));
        for line in remark.iter().chain([&line]) {
            match files.write(cut(line), now) {
                Ok(()) => complained = false,
                Err(error) if !complained => {
                    complained = true;
                    // Not through the log: that is what does not work.
                    eprintln!(
                        "openclaw: cannot write the log file: {error}; lines are lost until it works again"
                    );
                }
                Err(_) => {}
            }
        }
    }
}

fn remark(lost: u64, now_ms: i64) -> String {
    json!({"time": civil::time(now_ms), "level": "WARN", "target": "log",
        "message": "lines were dropped: the disk was too slow", "dropped": lost})
    .to_string()
}

fn cut(line: &str) -> &str {
    let mut end = line.len().min(LONGEST_LINE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use model::ManualClock;

    #[test]
    fn what_was_put_in_is_in_the_file_after_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (files, path) = Files::open(Place::Dir(dir.path().to_owned()), 0).unwrap();
        let (writer, sink) = Writer::start(files, Arc::new(ManualClock::at(0))).unwrap();
        for i in 0..100 {
            sink.send(format!("line {i}"));
        }
        drop(writer);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(text.ends_with("line 99\n"));
        sink.send("after the end".into());
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (lines, _unread) = sync_channel(1);
        let sink = Sink { lines, dropped: Arc::default() };
        for _ in 0..3 {
            sink.send("x".into());
        }
        assert_eq!(sink.dropped.load(Ordering::Relaxed), 2);
        assert!(remark(2, 0).contains("\"dropped\":2"));
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        let line = format!("a{}", "é".repeat(LONGEST_LINE));
        assert_eq!(cut(&line).len(), LONGEST_LINE - 1);
        assert_eq!(cut("short"), "short");
    }
}
