//! The menu of commands that people see when they write a slash.

use super::Inner;
use super::api::ApiError;
use super::backoff::Backoff;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Telegram's bounds: commands, characters of a name and of a description.
const MOST: usize = 100;
const NAME: usize = 32;
const DESCRIPTION: usize = 256;

/// What Telegram takes of it: valid names, each once, the first hundred.
fn fitting(commands: &[(String, String)]) -> Vec<Value> {
    let mut seen: Vec<&str> = Vec::new();
    let mut menu = Vec::new();
    for (name, description) in commands {
        let is_valid = |name: &str| {
            (1..=NAME).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if menu.len() == MOST || !is_valid(name) || description.trim().is_empty() || seen.contains(&&**name) {
            continue;
        }
        seen.push(name);
        let description: String = description.trim().chars().take(DESCRIPTION).collect();
        menu.push(json!({ "command": name, "description": description }));
    }
    menu
}

/// Whether the menu that is configured is shown.
#[derive(Default)]
pub(crate) struct Menu {
    /// Nothing is left to be done.
    is_done: bool,
    /// Not to be tried again before.
    not_before: Option<Instant>,
    backoff: Backoff,
}

impl Menu {
    /// Shows it, unless it is shown or was tried a moment ago. A failure costs people the menu and nothing else: it is in the log, and
    /// where that may help it is tried again, no sooner than Telegram asks.
    pub(crate) async fn show(&mut self, inner: &Inner) {
        let Some(commands) = &inner.commands else { return };
        if self.is_done || self.not_before.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let menu = fitting(commands);
        let (method, body) = match menu.is_empty() {
            true => ("deleteMyCommands", json!({})),
            false => ("setMyCommands", json!({ "commands": menu })),
        };
        let Err(error) = inner.api.call::<bool>(method, &body).await else {
            self.is_done = true;
            return;
        };
        tracing::warn!(account = inner.account, %error, "Telegram's menu of commands is as it was");
        self.is_done = matches!(error, ApiError::Refused { code: 400..=428 | 430..=499, .. });
        self.not_before = Some(Instant::now() + self.backoff.next_after(error.retry_after()));
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn what_telegram_would_refuse_is_left_out() {
        let own = |(name, description): (&str, &str)| (name.to_owned(), description.to_owned());
        let commands: Vec<_> =
            [("status", "s"), ("Status", "s"), ("status", "again"), ("a-b", "s"), ("x", " "), ("", "s")]
                .into_iter()
                .map(own)
                .collect();
        assert_eq!(fitting(&commands), [serde_json::json!({ "command": "status", "description": "s" })]);
        let many: Vec<_> = (0..150).map(|n| (format!("c{n}"), "d".repeat(300))).collect();
        let menu = fitting(&many);
        assert_eq!((menu.len(), menu[0]["description"].as_str().map(str::len)), (100, Some(256)));
    }
}
