//! What may be done on a channel beside answering, as `channels.telegram.actions` says.

use crate::settings::Settings;
use model::{Act, Topic};
use tools::PresentedIn;

/// Why something may not be done; `None` where it may. Without an act, a text is sent.
pub(crate) fn refusal(
    settings: &Settings,
    channel: &str,
    account: &str,
    act: Option<&Act>,
) -> Option<String> {
    let actions = &settings.account(channel, account)?.actions;
    let needed: &[&str] = match act {
        None | Some(Act::File { .. } | Act::Album { .. } | Act::Ask { .. } | Act::Place(_)) => {
            &["sendMessage"]
        }
        Some(Act::Poll { .. }) => &["sendMessage", "poll"],
        Some(Act::Sticker { .. }) => &["sticker"],
        Some(Act::React { .. }) => &["reactions"],
        Some(Act::Edit { .. }) => &["editMessage"],
        Some(Act::Delete { .. }) => &["deleteMessage"],
        Some(Act::Topic(Topic { id: None, .. })) => &["createForumTopic"],
        Some(Act::Topic(_)) => &["editForumTopic"],
        Some(
            Act::Pin { .. }
            | Act::Unpin { .. }
            | Act::Settle { .. }
            | Act::EndDraft { .. }
            | Act::Replace { .. },
        ) => &[],
    };
    let denied = needed.iter().find(|action| !actions.allows(action))?;
    let next = if *denied == "sticker" { "set it to true to send stickers" } else { "it is set to false" };
    Some(format!("channels.{channel}.actions.{denied} does not let that be done ({next}); nothing was done"))
}

/// What a chat takes of what stands beside a text.
pub(crate) fn presented_in(settings: &Settings, channel: &str, account: &str, to: &str) -> PresentedIn {
    // Telegram's people have positive ids, its groups negative ones.
    let is_direct = to.starts_with(|c: char| c.is_ascii_digit());
    PresentedIn { has_buttons: settings.has_buttons(channel, account, to), is_direct }
}
