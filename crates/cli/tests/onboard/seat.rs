//! Somebody at a terminal: questions are waited for and answered.

use crate::support::Home;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The program at a terminal of its own.
pub(crate) struct Seat {
    child: std::process::Child,
    pub(crate) keys: std::sync::Arc<pty_process::blocking::Pty>,
    shown: Receiver<Vec<u8>>,
    /// All that has been shown.
    pub(crate) screen: String,
    read: usize,
}

impl Seat {
    pub(crate) fn take(home: &Home, args: &[&str]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_openclaw"))
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .current_dir(home.path())
            .spawn(pts)
            .unwrap();
        let keys = std::sync::Arc::new(pty);
        let (screen, shown) = channel();
        let from = std::sync::Arc::clone(&keys);
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            // A terminal whose last user is gone gives an error instead of an end.
            while let Ok(count @ 1..) = (&*from).read(&mut bytes) {
                if screen.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys, shown, screen: String::new(), read: 0 }
    }

    /// Waits for a text that was not waited for before.
    pub(crate) fn sees(&mut self, text: &str) {
        loop {
            if let Some(at) = self.screen[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            match self.shown.recv_timeout(Duration::from_secs(60)) {
                Ok(bytes) => self.screen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} did not come: {}", self.screen),
            }
        }
    }

    /// Waits for a question and answers it.
    pub(crate) fn answers(&mut self, question: &str, answer: &str) {
        self.sees(question);
        self.sees(": ");
        (&*self.keys).write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    /// Waits for the end; gives the exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        while let Ok(bytes) = self.shown.recv_timeout(Duration::from_secs(60)) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
