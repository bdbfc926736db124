//! `send`: a message to a chat, without the agent. Durable before it is answered; the same key sends once.

use crate::delivery::channels::DEFAULT_ACCOUNT;
use crate::delivery::outbox;
use crate::methods::{Answer, Call};
use model::Outbound;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    to: String,
    #[serde(default)]
    message: String,
    channel: Option<String>,
    account_id: Option<String>,
    reply_to_id: Option<String>,
    thread_id: Option<String>,
    idempotency_key: String,
}

/// A message to a chat.
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) to: String,
    pub(super) message: String,
    pub(super) account_id: Option<String>,
    pub(super) reply_to_id: Option<String>,
    pub(super) thread_id: Option<String>,
    pub(super) idempotency_key: String,
}

/// Where it went, and what it is there.
pub(super) struct Sent {
    pub(super) channel: String,
    pub(super) chat: String,
    pub(super) message_id: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let channel = match p.channel.filter(|c| !c.is_empty()) {
        Some(channel) => channel,
        None => match call.shared.channels.names().as_slice() {
            [only] => (*only).to_owned(),
            _ => {
                return Err(ErrorShape::invalid(
                    "invalid send params: must have required property 'channel'",
                ));
            }
        },
    };
    let run_id = p.idempotency_key.clone();
    let message = Message {
        channel,
        to: p.to,
        message: p.message,
        account_id: p.account_id,
        reply_to_id: p.reply_to_id,
        thread_id: p.thread_id,
        idempotency_key: p.idempotency_key,
    };
    let sent = send(&call, message).await?;
    Ok(json!({"runId": run_id, "messageId": sent.message_id, "channel": sent.channel}).into())
}

/// Sends it, once for each key of the same caller.
///
/// # Errors
/// The channel is unknown, the platform refused for good, or the store failed.
pub(super) async fn send(call: &Call, m: Message) -> Result<Sent, ErrorShape> {
    let chat = outbox::chat_id(&m.channel, &m.to);
    let to = match m.thread_id.filter(|t| !t.is_empty()) {
        Some(thread) => format!("{chat}:topic:{thread}"),
        None => chat.clone(),
    };
    let account = m.account_id.filter(|a| !a.is_empty()).unwrap_or_else(|| DEFAULT_ACCOUNT.into());
    let out = Outbound { channel: m.channel.clone(), account, to, text: m.message, reply_to: m.reply_to_id };
    let key = format!("send:{}:{}", call.conn.principal().key_owner(), m.idempotency_key);
    let message_id = outbox::send(&call.shared, out, &key).await?;
    Ok(Sent { channel: m.channel, chat, message_id })
}
