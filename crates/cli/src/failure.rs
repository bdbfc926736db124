//! How a command fails: exit codes in one table, and one type with code, message, details and hints. What the other
//! crates report becomes that type in [`connect`], [`call`] and [`local`].

pub(crate) mod call;
pub(crate) mod connect;
pub(crate) mod local;
pub(crate) mod tunnel;

use serde_json::{Value, json};
use std::process::ExitCode;

/// The exit codes. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The command failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No gateway answers.
    Unreachable = 3,
    /// The gateway does not let this client in.
    Refused = 4,
    /// Too late.
    Timeout = 5,
    /// The configuration is wrong.
    Config = 6,
    /// The gateway's certificate is not the pinned one.
    Pin = 7,
    /// No tunnel to the gateway.
    Tunnel = 8,
    /// A look found what should be looked at.
    Findings = 9,
    /// The connection was lost in the middle of a call.
    Dropped = 75,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Every exit code and what it means.
pub(crate) const EXITS: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "failed: the gateway said no, or a start was refused (state directory held, port taken)"),
    (Exit::Usage, "the command line is wrong"),
    (Exit::Unreachable, "no gateway can be reached there"),
    (Exit::Refused, "authentication, pairing or permission refused"),
    (Exit::Timeout, "not done within the time given"),
    (Exit::Config, "the configuration is wrong"),
    (Exit::Pin, "the gateway shows another certificate than the pinned one; nothing was sent"),
    (Exit::Tunnel, "no tunnel to the gateway: ssh or its server refused, or nothing listens at the far end"),
    (Exit::Findings, "something was found that should be looked at (`doctor`, `security audit`)"),
    (Exit::Dropped, "the connection was lost in the middle of a call; the same again may work"),
    (Exit::Interrupted, "interrupted (Ctrl-C)"),
];

impl Exit {
    /// The exit code with this number; every number that is not in the table is a plain failure.
    pub(crate) fn from_number(number: i32) -> Exit {
        EXITS.iter().map(|(exit, _)| *exit).find(|e| i32::from(*e as u8) == number).unwrap_or(Exit::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The table as `--help` shows it.
pub(crate) fn table_text() -> String {
    EXITS.iter().map(|(exit, meaning)| format!("  {:>3}  {meaning}\n", *exit as u8)).collect()
}

/// The table as `docs/exit-codes.md` shows it.
#[cfg(test)]
pub(crate) fn table_markdown() -> String {
    let rows: String =
        EXITS.iter().map(|(exit, meaning)| format!("| {} | {meaning} |\n", *exit as u8)).collect();
    format!(
        "# Exit codes\nThe same for every command of `openclaw`. A test keeps this page equal to the program.\n\n\
         | code | meaning |\n|---|---|\n{rows}"
    )
}

/// Why a command failed, and what to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What programs read: `UNREACHABLE`, `AUTH_TOKEN_MISMATCH` …
    pub(crate) code: String,
    /// What people read; empty for a silent end.
    pub(crate) message: String,
    /// More for programs.
    pub(crate) details: Option<Box<Value>>,
    /// The next steps.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    pub(crate) fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { exit, code: code.into(), message: message.into(), details: None, hints: Vec::new() }
    }

    /// A wrong command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }

    /// Something that was named is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "NOT_FOUND", message)
    }

    /// The reader of standard output has gone; that is no error.
    pub(crate) fn reader_gone() -> Self {
        Self::new(Exit::Done, "", "")
    }

    /// With one more next step.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With details for programs.
    #[must_use]
    pub(crate) fn details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// As `--json` prints it.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(details), Some(map)) = (&self.details, error.as_object_mut()) {
            map.insert("details".into(), (**details).clone());
        }
        json!({"ok": false, "error": error, "hints": self.hints})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_exit_code_once() {
        let mut numbers: Vec<u8> = EXITS.iter().map(|(e, _)| *e as u8).collect();
        numbers.dedup();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75, 130]);
    }

    #[test]
    fn the_page_of_exit_codes_is_up_to_date() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exit-codes.md");
        let written = std::fs::read_to_string(page).unwrap();
        assert_eq!(written, table_markdown(), "write the right-hand side to docs/exit-codes.md");
    }

    #[test]
    fn numbers_outside_the_table_are_plain_failures() {
        for (number, exit) in [(0, Exit::Done), (6, Exit::Config), (99, Exit::Failed), (-1, Exit::Failed)] {
            assert_eq!(Exit::from_number(number), exit);
        }
    }

    #[test]
    fn json_has_code_message_details_and_hints() {
        let failure = Failure::new(Exit::Refused, "X", "no").details(json!({"a":1})).hint("do this");
        assert_eq!(
            failure.to_json(),
            json!({"ok":false,"error":{"code":"X","message":"no","details":{"a":1}},"hints":["do this"]})
        );
        assert_eq!(Failure::usage("u").to_json()["error"], json!({"code":"USAGE","message":"u"}));
    }
}
