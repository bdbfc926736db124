//! Sending in the form that Telegram takes: it says where a group has gone, and what it cannot show as it is meant.

use super::Inner;
use super::api::ApiError;
use super::send::{failure, permanent, target};
use super::target::Target;
use crate::SendError;

/// The first try, and one for each of what may have to be changed: the chat's id, the markup, and one thing more.
const TRIES: usize = 4;

/// How a message goes out.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) target: Target,
    /// With markup; else as plain text.
    pub(super) html: bool,
    /// In the other way that this kind of message knows: a file as a document.
    pub(super) otherwise: bool,
}

/// What a refusal means for a kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// There is nothing left to do.
    Done,
    /// It goes in the other way.
    Otherwise,
    /// Nothing that this kind knows of.
    Unknown,
}

/// Calls until Telegram takes it; `None`: it says that there is nothing left to do.
///
/// # Errors
/// Telegram refuses it in every form, or cannot be reached.
pub(super) async fn in_some_form<T, F>(
    inner: &Inner,
    to: &str,
    call: impl Fn(Form) -> F + Send,
    meaning: impl Fn(&str) -> Meaning + Send,
) -> Result<Option<T>, SendError>
where
    F: Future<Output = Result<T, ApiError>> + Send,
{
    let mut form = Form { target: target(to)?, html: true, otherwise: false };
    for _ in 0..TRIES {
        let error = match call(form.clone()).await {
            Ok(made) => {
                inner.status.sent();
                return Ok(Some(made));
            }
            Err(error) => error,
        };
        match &error {
            ApiError::Refused { migrate_to: Some(id), .. } => form.target = form.target.moved_to(*id),
            ApiError::Refused { code: 400, description, .. } => match meaning(description) {
                Meaning::Done => return Ok(None),
                Meaning::Otherwise if !form.otherwise => form.otherwise = true,
                _ if form.html && is_about_markup(description) => {
                    let account = &inner.account;
                    tracing::warn!(account, description, "Telegram cannot parse a message's markup");
                    form.html = false;
                }
                _ => return Err(failure(inner, to, &error)),
            },
            _ => return Err(failure(inner, to, &error)),
        }
    }
    Err(permanent(format!("Telegram refused the message to chat {to} in every form")))
}

fn is_about_markup(description: &str) -> bool {
    let description = description.to_lowercase();
    ["can't parse entities", "unsupported start tag", "can't find end"]
        .iter()
        .any(|s| description.contains(s))
}
