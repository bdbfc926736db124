//! From an inbound row to a session: who may speak, which session hears it, and in which way it queues.

use super::Work;
use crate::shared::Shared;
use agent::queue::{QueueMode, Submission, Submitted};
use channels::policy::{Access, decide, new_pairing_code, pairing_reply};
use config::{DmScope, GroupScope};
use model::{ChatKind, Inbound, Outbound, SessionKey};
use std::collections::HashSet;
use std::sync::Arc;
use store::{InboundRow, Route};

/// The channel name of messages that came by RPC.
pub(crate) const RPC: &str = "rpc";

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dispatched {
    /// It is a session's business now, or was closed.
    Taken,
    /// The session's queue is full; the row stays open.
    Full,
}

/// Takes rows that are open, in order. Rows that somebody has taken already are passed over. Once a session is full, its
/// later rows wait too, even if there is room meanwhile: nothing overtakes.
pub(crate) async fn rows(shared: &Arc<Shared>, rows: Vec<InboundRow>) -> Result<(), store::StoreError> {
    let mut full: HashSet<SessionKey> = HashSet::new();
    for row in rows {
        let key = session_of(shared, &row.inbound);
        if !full.contains(&key) && one(shared, row).await? == Dispatched::Full {
            full.insert(key);
        }
    }
    Ok(())
}

/// Takes one row.
pub(crate) async fn one(shared: &Arc<Shared>, row: InboundRow) -> Result<Dispatched, store::StoreError> {
    let id = row.id;
    if !shared.runs.claim(id) {
        return Ok(Dispatched::Taken);
    }
    let outcome = still_open(shared, row).await;
    if !matches!(outcome, Ok(Some(_))) {
        // Closed, full or failed: nobody holds it any more.
        shared.runs.release(id);
    }
    outcome.map(|submitted| match submitted {
        Some(Submitted::Refused) => {
            shared.runs.release(id);
            Dispatched::Full
        }
        _ => Dispatched::Taken,
    })
}

/// Takes a claimed row. Between the list that it stands in and the claim, a turn may have taken it in and given the
/// claim back: it would be answered twice.
async fn still_open(shared: &Arc<Shared>, row: InboundRow) -> Result<Option<Submitted>, store::StoreError> {
    if !shared.store.is_open_inbound(row.id).await? {
        return Ok(None);
    }
    if row.inbound.channel == RPC { Ok(submit(shared, row)) } else { from_channel(shared, row).await }
}

/// `None`: closed without a turn.
async fn from_channel(shared: &Arc<Shared>, row: InboundRow) -> Result<Option<Submitted>, store::StoreError> {
    let inbound = &row.inbound;
    let Some(policy) = shared.channels.policy(&inbound.channel) else {
        shared.store.close_inbound(vec![row.id], "channel is no longer configured", vec![]).await?;
        return Ok(None);
    };
    let paired = shared.store.channel_allowed(&inbound.channel, &inbound.account, &inbound.sender.id).await?;
    match decide(policy, inbound, paired) {
        Access::Allow => Ok(submit(shared, row)),
        Access::Ignore(reason) => {
            tracing::info!(channel = %inbound.channel, sender = %inbound.sender.id, reason, "message ignored");
            shared.store.close_inbound(vec![row.id], reason, vec![]).await?;
            Ok(None)
        }
        Access::NeedsPairing => {
            offer_pairing(shared, &row).await?;
            Ok(None)
        }
    }
}

/// Answers a stranger with a code, once: a second message within the hour gets no second answer.
async fn offer_pairing(shared: &Shared, row: &InboundRow) -> Result<(), store::StoreError> {
    let Inbound { channel, account, chat, sender, .. } = &row.inbound;
    let mut random = [0u8; 8];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "no random bytes for a pairing code; the sender gets no answer");
        return shared.store.close_inbound(vec![row.id], "no pairing code", vec![]).await.map(|_| ());
    }
    let code = new_pairing_code(random);
    let name = sender.username.as_deref().or(sender.name.as_deref());
    let request = shared.store.channel_request(channel, account, &sender.id, name, &code).await?;
    let replies = match &request {
        Some((request, true)) => {
            tracing::info!(%channel, sender = %sender.id,
                "a stranger asks to be let in; approve with: openclaw pairing approve {channel} {}", request.code);
            let text = pairing_reply(&request.code, &sender.id, channel);
            let (channel, account, to) = (channel.clone(), account.clone(), chat.id.clone());
            vec![Outbound { channel, account, to, text, reply_to: None }]
        }
        // Asked before, or too many ask already.
        Some((_, false)) | None => vec![],
    };
    shared.store.close_inbound(vec![row.id], "pairing required", replies).await?;
    shared.outbox.wake();
    Ok(())
}

fn submit(shared: &Arc<Shared>, row: InboundRow) -> Option<Submitted> {
    let (key, mode) = (session_of(shared, &row.inbound), queue_mode(shared, &row.inbound));
    let route = (row.inbound.channel != RPC)
        .then(|| format!("{}:{}:{}", row.inbound.channel, row.inbound.account, row.inbound.chat.id));
    let submission =
        Submission { run_id: run_id(&row.inbound), route, payload: Work::Message(Box::new(row)) };
    Some(shared.runs.submit(shared, &key, submission, mode))
}

/// The run that answers a message: the idempotency key of an RPC, or what the platform calls the message. The same
/// message always gives the same run, so that it cannot be begun twice.
pub(crate) fn run_id(inbound: &Inbound) -> String {
    if inbound.channel == RPC {
        inbound.message_id.clone()
    } else {
        format!("{}:{}:{}:{}", inbound.channel, inbound.account, inbound.chat.id, inbound.message_id)
    }
}

/// The session that hears a message: direct messages share the main session and each group has its own, unless
/// `session.dmScope` or `session.groupScope` say otherwise.
pub(crate) fn session_of(shared: &Shared, inbound: &Inbound) -> SessionKey {
    let settings = &shared.settings;
    let agent = &settings.default_agent;
    let Inbound { channel, account, chat, sender, .. } = inbound;
    if channel == RPC {
        return SessionKey::parse(&chat.id).unwrap_or_else(|_| SessionKey::main(agent));
    }
    match (chat.kind, settings.dm_scope, settings.group_scope) {
        (ChatKind::Group, _, GroupScope::PerGroup) => SessionKey::group(agent, channel, &chat.id),
        (ChatKind::Group, _, GroupScope::Main) | (ChatKind::Direct, DmScope::Main, _) => {
            SessionKey::main(agent)
        }
        (ChatKind::Direct, DmScope::PerPeer, _) => SessionKey::direct(agent, None, &sender.id),
        (ChatKind::Direct, DmScope::PerChannelPeer, _) => {
            SessionKey::direct(agent, Some(channel), &sender.id)
        }
        (ChatKind::Direct, DmScope::PerAccountChannelPeer, _) => {
            SessionKey::direct(agent, Some(&format!("{channel}:{account}")), &sender.id)
        }
    }
}

fn queue_mode(shared: &Shared, inbound: &Inbound) -> QueueMode {
    inbound
        .directives
        .as_ref()
        .and_then(|d| d.queue_mode.as_deref()?.parse().ok())
        .unwrap_or_else(|| shared.settings.queue_mode_for(&inbound.channel))
}

/// Where the answer to a message goes; an RPC is answered by its response, and elsewhere only where it asks for that.
pub(crate) fn route_of(inbound: &Inbound) -> Option<Route> {
    if inbound.channel != RPC {
        // In a group it should be seen what is being answered.
        let reply_to = (inbound.chat.kind == ChatKind::Group).then(|| inbound.message_id.clone());
        let (channel, account) = (inbound.channel.clone(), inbound.account.clone());
        return Some(Route { channel, account, to: inbound.chat.id.clone(), reply_to });
    }
    let (channel, account, to) = inbound.directives.as_ref()?.deliver_to.clone()?;
    Some(Route { channel, account, to, reply_to: None })
}
