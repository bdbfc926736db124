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

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let channel = match p.channel.filter(|c| !c.is_empty()) {
        Some(channel) => channel,
        None => match shared.channels.names().as_slice() {
            [only] => (*only).to_owned(),
            _ => {
                return Err(ErrorShape::invalid(
                    "invalid send params: must have required property 'channel'",
                ));
            }
        },
    };
    let to = outbox::chat_id(&channel, &p.to);
    let to = match p.thread_id.filter(|t| !t.is_empty()) {
        Some(thread) => format!("{to}:topic:{thread}"),
        None => to,
    };
    let account = p.account_id.filter(|a| !a.is_empty()).unwrap_or_else(|| DEFAULT_ACCOUNT.into());
    let out = Outbound { channel: channel.clone(), account, to, text: p.message, reply_to: p.reply_to_id };
    let key = format!("send:{}:{}", call.conn.principal().key_owner(), p.idempotency_key);
    let message_id = outbox::send(shared, out, &key).await?;
    Ok(json!({"runId": p.idempotency_key, "messageId": message_id, "channel": channel}).into())
}
