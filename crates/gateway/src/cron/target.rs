//! Where the answer of a job goes.

use super::origin_of;
use crate::delivery::outbox::chat_id;
use crate::shared::Shared;
use model::cron::{Delivery, DeliveryMode, Job};
use serde_json::{Value, json};
use store::StoreError;

/// Channel, account and chat.
pub(crate) type Target = (String, String, String);

/// Where a job's answer goes; `None` where it asks for no delivery. The inner error says why it can go nowhere.
pub(crate) async fn of(shared: &Shared, job: &Job) -> Result<Option<Result<Target, String>>, StoreError> {
    let Some(delivery) = job.delivery.as_ref().filter(|d| d.mode == DeliveryMode::Announce) else {
        return Ok(None);
    };
    resolve(shared, job, delivery).await.map(Some)
}

async fn resolve(
    shared: &Shared,
    job: &Job,
    delivery: &Delivery,
) -> Result<Result<Target, String>, StoreError> {
    let thread = delivery.thread_id.as_ref().map(thread_text).filter(|t| !t.is_empty());
    let channel = delivery.channel.as_deref().filter(|c| *c != "last");
    if let Some(to) = delivery.to.as_deref() {
        return Ok(explicit(shared, channel, to, delivery.account_id.as_deref(), thread.as_deref()));
    }
    if let Some(name) = channel {
        let account = delivery.account_id.clone().unwrap_or_else(|| shared.channels.default_account());
        return Ok(match shared.settings().default_to(name, &account) {
            Ok(to) => explicit(shared, channel, &to, Some(&account), thread.as_deref()),
            Err(why) => Err(format!("the delivery names a channel and no chat; set delivery.to ({why})")),
        });
    }
    // The last word of somebody else's conversation is no address: only the session that the job belongs to is one. The agent's main
    // session is none either: whoever wrote there last may be somebody else by then. OpenClaw refuses that by name.
    let session = match origin_of(job) {
        Some(key) => shared.store.session(&key).await?,
        None => None,
    };
    Ok(match session.and_then(|s| s.route) {
        Some(route) => Ok((route.channel, route.account, route.to)),
        None => Err(
            "the job belongs to no conversation with a chat behind it; set delivery.channel and delivery.to"
                .into(),
        ),
    })
}

/// A chat by name.
///
/// # Errors
/// Which part is missing or unknown.
pub(crate) fn explicit(
    shared: &Shared,
    channel: Option<&str>,
    to: &str,
    account: Option<&str>,
    thread: Option<&str>,
) -> Result<Target, String> {
    let names = shared.channels.names();
    let prefix = to.split(':').next().filter(|p| names.contains(p));
    let channel = match (channel, prefix, names.as_slice()) {
        (Some(channel), Some(prefix), _) if channel != prefix => {
            return Err(format!(
                "delivery.channel is {channel} and delivery.to is one of {prefix}; name one of them"
            ));
        }
        (Some(channel), _, _) | (None, Some(channel), _) => channel,
        (None, None, [only]) => only,
        (None, None, _) => return Err("set delivery.channel: there is not exactly one channel".into()),
    };
    if !shared.channels.has(channel) {
        let there_are = if names.is_empty() { "none".into() } else { names.join(", ") };
        return Err(format!("no channel {channel:?} is configured; there are: {there_are}"));
    }
    let chat = chat_id(channel, to);
    let chat = thread.map_or_else(|| chat.clone(), |thread| format!("{chat}:topic:{thread}"));
    Ok((channel.to_owned(), account.map_or_else(|| shared.channels.default_account(), str::to_owned), chat))
}

fn thread_text(thread: &Value) -> String {
    thread.as_str().map_or_else(|| thread.to_string(), |text| text.trim().to_owned())
}

/// One line for lists, and one more for those who look closer.
pub(crate) async fn preview(shared: &Shared, job: &Job) -> Result<Value, StoreError> {
    let Some(resolved) = of(shared, job).await? else {
        return Ok(json!({"label": "not requested", "detail": "not requested"}));
    };
    let named = |part: &Option<String>| part.clone().unwrap_or_else(|| "last".into());
    let asked = job.delivery.as_ref().map(|d| match &d.to {
        Some(to) => format!("{}:{to}", named(&d.channel)),
        None => named(&d.channel),
    });
    let label = format!("announce -> {}", asked.unwrap_or_else(|| "last".into()));
    let detail = match resolved {
        Ok((channel, account, to)) => format!("{channel}:{to} (account {account})"),
        Err(why) => format!("no route, will not be delivered: {why}"),
    };
    Ok(json!({"label": label, "detail": detail}))
}
