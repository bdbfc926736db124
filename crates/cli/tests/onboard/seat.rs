//! Somebody at a terminal: questions are waited for and answered.

#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Each test file uses its share of these.

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
    /// Runs the program there.
    pub(crate) fn take(home: &Home, args: &[&str]) -> Self {
        Self::run(&home.command(args))
    }

    /// Runs there what is described; whatever else the test has in its environment stays away.
    pub(crate) fn run(command: &std::process::Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        let mut same = pty_process::blocking::Command::new(command.get_program());
        same = same.args(command.get_args()).env_clear();
        same = same.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            same = same.current_dir(dir);
        }
        let child = same.spawn(pts).unwrap();
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
        self.sees_question(question);
        self.types(answer);
    }

    /// Waits for a question, to its end.
    pub(crate) fn sees_question(&mut self, question: &str) {
        self.sees(question);
        self.sees(": ");
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        (&*self.keys).write_all(format!("{line}\n").as_bytes()).unwrap();
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
