//! Methods about chat platforms: how they are, who may speak, sending, and what else can be done with messages.

mod action;
mod acts;
pub(crate) mod dead_letters;
mod media;
pub(crate) mod pairing;
mod running;
mod send;
mod status;

use super::{Call, Handler, handlers};
use protocol::ErrorShape;

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "channels.status" => status::handle,
    "channels.pairing.list" => pairing::list,
    "channels.pairing.approve" => pairing::approve,
    "channels.deadLetters.list" => dead_letters::list,
    "channels.deadLetters.resubmit" => dead_letters::resubmit,
    "channels.deadLetters.drop" => dead_letters::drop,
    "message.action" => action::handle,
    "channels.start" => running::start,
    "channels.stop" => running::stop,
    "send" => send::handle,
    "poll" => acts::poll,
};

/// The channel that is named, or the one that there is.
///
/// # Errors
/// None is named, and there is not one alone.
fn only_channel(call: &Call, named: Option<String>, method: &str) -> Result<String, ErrorShape> {
    if let Some(channel) = named.filter(|channel| !channel.is_empty()) {
        return Ok(channel);
    }
    match call.shared.channels.names().as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => {
            let problem = format!("invalid {method} params: must have required property 'channel'");
            Err(ErrorShape::invalid(problem))
        }
    }
}
