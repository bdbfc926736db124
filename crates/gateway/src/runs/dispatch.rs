//! From an inbound row to a session: who may speak, which session hears it, and in which way it queues.

use super::{Claim, Work, acks, edits, history, joined, reactions};
use crate::chat_commands::{self, Decider, Parsed, Speaker};
use crate::delivery::channels::{MovedGroups, TELEGRAM, renamed};
use crate::delivery::{albums, arriving, batches};
use crate::settings::Settings;
use crate::shared::Shared;
use agent::queue::{QueueMode, Submission, Submitted};
use channels::policy::{Access, decide, is_named, names_group, new_pairing_code, pairing_reply};
use config::{DmScope, GroupScope};
use model::{Act, ChatEvent, ChatKind, Inbound, Outbound, SessionKey};
use std::collections::HashSet;
use std::sync::Arc;
use store::{ChannelOffer, InboundRow, Route};

/// The channel name of messages that came by RPC.
pub(crate) const RPC: &str = "rpc";

/// What became of a row.
pub(crate) enum Dispatched {
    /// It is a session's business now, was closed, or is somebody else's.
    Taken,
    /// The session's queue is full. The row is open, and nobody else takes it while the claim is held.
    Full(Arc<Claim>),
}

/// Takes rows that are open, in order. Rows that somebody has taken already are passed over. Once a session is full, its
/// later rows wait too, even if there is room meanwhile: nothing overtakes, but for commands, which are not for its turns. What
/// follows in its chat on an album that is not whole, on a text that may go on, or on a file that is not here, waits with it.
pub(crate) async fn rows(shared: &Arc<Shared>, mut rows: Vec<InboundRow>) -> Result<(), store::StoreError> {
    for row in &mut rows {
        row.inbound.addressed |= is_called(shared, &row.inbound);
    }
    let mut full = shared.inbox.full_sessions();
    let not_here = arriving::not_here(shared, &rows).await?;
    let (rows, not_whole) = albums::gathered(shared, rows, &not_here).await?;
    let mut held = not_here;
    held.extend(not_whole);
    let (rows, growing) = batches::gathered(shared, rows, &held).await?;
    held.extend(growing);
    let mut waiting = HashSet::new();
    for row in rows {
        let key = session_of(shared, &row.inbound);
        let chat = (row.inbound.account.clone(), row.inbound.chat.id.clone());
        if held.contains(&row.id) {
            waiting.insert(chat);
            continue;
        }
        if (full.contains(&key) || waiting.contains(&chat)) && command_of(&row.inbound).is_none() {
            continue;
        }
        if let Dispatched::Full(claim) = one(shared, row).await? {
            shared.inbox.park(key.clone(), claim);
            full.insert(key);
        }
    }
    Ok(())
}

/// Whether words of a group mean its agent, as those of its configuration do.
fn is_called(shared: &Shared, inbound: &Inbound) -> bool {
    let is_for_others = inbound.addressed || inbound.chat.kind != ChatKind::Group || !is_said(inbound);
    let text = inbound.said.as_ref().unwrap_or(&inbound.text);
    let agent = || session_of(shared, inbound).agent_id().to_owned();
    !is_for_others && shared.settings().mentions.speaks_to(&agent(), text)
}

/// Takes one row. Dropping this future gives the row back.
pub(crate) async fn one(shared: &Arc<Shared>, row: InboundRow) -> Result<Dispatched, store::StoreError> {
    let Some(claim) = shared.runs.claim(shared, row.id) else { return Ok(Dispatched::Taken) };
    // Between the list that the row stands in and the claim, a turn may have taken it in: it would be answered twice.
    if !shared.store.is_open_inbound(row.id).await? {
        return Ok(Dispatched::Taken);
    }
    let submitted = if row.inbound.channel == RPC {
        Some(submit(shared, row, claim.clone()))
    } else {
        from_channel(shared, row, claim.clone()).await?
    };
    Ok(if submitted == Some(Submitted::Refused) { Dispatched::Full(claim) } else { Dispatched::Taken })
}

/// Whether the sender of a message may speak; `None` where its channel does not work.
pub(crate) async fn access(shared: &Shared, inbound: &Inbound) -> Result<Option<Access>, store::StoreError> {
    let settings = shared.settings();
    let Some(policy) = settings.access_policy(&inbound.channel, &inbound.account) else { return Ok(None) };
    if !shared.channels.has_account(&inbound.channel, &inbound.account) {
        return Ok(None);
    }
    let paired = shared.store.channel_allowed(&inbound.channel, &inbound.account, &inbound.sender.id).await?;
    let known_as = shared.channels.moved_groups().known_as(&inbound.chat.id);
    let decided = if known_as == inbound.chat.id || names_group(policy, &inbound.chat.id) {
        decide(policy, inbound, paired)
    } else {
        // A group that has moved is still the one that is configured.
        let mut known = inbound.clone();
        known.chat.id = known_as;
        decide(policy, &known, paired)
    };
    activated(shared, inbound, decided).await.map(Some)
}

/// What `/activation` made of a group: whether all that is said there is for the agent goes before the configuration.
async fn activated(shared: &Shared, inbound: &Inbound, decided: Access) -> Result<Access, store::StoreError> {
    let is_heard = matches!(decided, Access::Allow | Access::Overhear);
    if inbound.chat.kind != ChatKind::Group || inbound.addressed || !is_heard {
        return Ok(decided);
    }
    let chosen = shared.store.chosen(&session_of(shared, inbound)).await?;
    Ok(match chosen.hears_all {
        Some(true) => Access::Allow,
        Some(false) => Access::Overhear,
        None => decided,
    })
}

/// As [`access`], where it counts whether words that were only spoken call the agent.
pub(crate) async fn access_when_called(
    shared: &Shared,
    inbound: &Inbound,
) -> Result<Option<Access>, store::StoreError> {
    let mut seen = inbound.clone();
    seen.addressed |= is_called(shared, &seen);
    access(shared, &seen).await
}

/// What is configured for a chat: a group, a direct chat, or a topic of either.
pub(crate) fn group_of(
    moved: &MovedGroups,
    settings: &Settings,
    channel: &str,
    account: &str,
    chat_id: &str,
) -> Option<config::GroupConfig> {
    let account = settings.account(channel, account)?;
    // Groups have negative ids, or names.
    if chat_id.starts_with(|c: char| c.is_ascii_digit()) {
        return account.direct(chat_id);
    }
    let known_as = moved.known_as(chat_id);
    let is_named = names_group(account.access(), chat_id);
    account.group(if is_named { chat_id } else { &known_as }).cloned()
}

/// `None`: not for a session, now or ever.
async fn from_channel(
    shared: &Arc<Shared>,
    row: InboundRow,
    claim: Arc<Claim>,
) -> Result<Option<Submitted>, store::StoreError> {
    let inbound = &row.inbound;
    if !is_said(inbound) {
        return beside(shared, &row, &claim).await.map(|()| None);
    }
    let access = access(shared, inbound).await?;
    // Who decides about commands does so wherever they are asked, whether or not they are heard there.
    if let Some(command) = command_of(inbound).filter(Parsed::is_decision)
        && access.is_some()
        && is_approver(shared, inbound)
    {
        answer_command(shared, &row, &command).await?;
        return Ok(None);
    }
    // A command needs no mention of those who are let in by name.
    let access = match access {
        Some(Access::Overhear)
            if own_command_of(shared, inbound).is_some() && is_known(shared, inbound).await? =>
        {
            Some(Access::Allow)
        }
        access => access,
    };
    match access {
        Some(Access::Allow) => match own_command_of(shared, &row.inbound) {
            Some(command) if command.is_slow() => answer_later(shared, row, claim),
            Some(command) => answer_command(shared, &row, &command).await?,
            // Heard only since a moment ago: the end of the claim has it looked at again, and its files fetched.
            None if !row.inbound.coming.is_empty() => {}
            None => {
                if let Some(sticker) = row.inbound.sticker.clone() {
                    shared.store.note_sticker(&row.inbound.account, sticker).await?;
                }
                let row = history::with(shared, row).await?;
                let taken = row.inbound.clone();
                let submitted = submit(shared, row, claim);
                if submitted != Submitted::Refused {
                    acks::show(shared, &session_of(shared, &taken), &taken);
                }
                return Ok(Some(submitted));
            }
        },
        Some(Access::Overhear) => shared.store.close_overheard(row.id).await?,
        Some(Access::NeedsPairing) => offer_pairing(shared, &row).await?,
        Some(Access::Ignore(reason)) => ignore(shared, &row, reason).await?,
        None => leave(shared, &row, claim),
    }
    Ok(None)
}

/// Whether the sender is one of those who decide about commands on this account.
fn is_approver(shared: &Shared, inbound: &Inbound) -> bool {
    let settings = shared.settings();
    let account = settings.account(&inbound.channel, &inbound.account);
    account.is_some_and(|account| account.approvers().contains(&inbound.sender.id))
}

/// What happened in a chat without anything being said: it is no turn, and is told with the next one.
async fn beside(shared: &Arc<Shared>, row: &InboundRow, claim: &Arc<Claim>) -> Result<(), store::StoreError> {
    let inbound = &row.inbound;
    match &inbound.event {
        Some(ChatEvent::Moved { to }) => {
            // The platform itself says so, whoever may speak there.
            tracing::info!(channel = %inbound.channel, from = %inbound.chat.id, to, "a group goes on under another id");
            shared.channels.moved(&shared.store, row.id, &inbound.chat.id, to).await?;
            renamed::rename(shared, &inbound.account, &inbound.chat.id, to);
        }
        Some(ChatEvent::Joined) if may_speak(shared, row, inbound, claim).await? => {
            joined::introduce(shared, row, claim).await?;
        }
        Some(ChatEvent::Edited { .. }) if may_speak(shared, row, inbound, claim).await? => {
            edits::note(shared, row).await?;
        }
        Some(ChatEvent::Reacted { .. }) => match reactions::placed(shared, row).await? {
            // The rules of its topic are those of a message there.
            Some(placed) if may_speak(shared, row, &placed.inbound, claim).await? => {
                reactions::note(shared, row.id, &placed).await?;
            }
            Some(_) => {}
            None => ignore(shared, row, "nobody knows the topic of the message that was reacted to").await?,
        },
        Some(ChatEvent::Edited { .. } | ChatEvent::Pressed { .. } | ChatEvent::Joined) | None => {}
    }
    Ok(())
}

/// Whether somebody may speak where something happened that is no message; `seen` is where. Otherwise the row is ended, or left
/// until its channel works.
async fn may_speak(
    shared: &Shared,
    row: &InboundRow,
    seen: &Inbound,
    claim: &Arc<Claim>,
) -> Result<bool, store::StoreError> {
    match access(shared, seen).await? {
        Some(Access::Allow | Access::Overhear) => return Ok(true),
        // A code is for whoever says something.
        Some(Access::NeedsPairing) => ignore(shared, row, "the sender is not known").await?,
        Some(Access::Ignore(reason)) => ignore(shared, row, reason).await?,
        None => leave(shared, row, claim.clone()),
    }
    Ok(false)
}

async fn ignore(shared: &Shared, row: &InboundRow, reason: &str) -> Result<(), store::StoreError> {
    let Inbound { channel, sender, .. } = &row.inbound;
    tracing::info!(%channel, sender = %sender.id, reason, "message ignored");
    shared.store.close_inbound(vec![row.id], reason, vec![]).await.map(|_| ())
}

/// Perhaps its token is missing just now: the message waits for a start that has the channel.
fn leave(shared: &Shared, row: &InboundRow, claim: Arc<Claim>) {
    tracing::warn!(channel = %row.inbound.channel, row = row.id, "a message waits: its channel does not work");
    shared.inbox.leave(claim);
}

/// Whether something was said, by word or by button.
fn is_said(inbound: &Inbound) -> bool {
    matches!(inbound.event, None | Some(ChatEvent::Pressed { .. }))
}

/// The command that a message of a channel is. What is passed on is the word of somebody else, and none.
fn command_of(inbound: &Inbound) -> Option<Parsed<'_>> {
    let may_be =
        inbound.channel != RPC && !inbound.forwarded && inbound.images.is_empty() && is_said(inbound);
    // What was only spoken stands beside remarks alone.
    let spoken = inbound.said.as_deref().filter(|_| inbound.text.starts_with('['));
    may_be.then(|| chat_commands::parse(spoken.unwrap_or(&inbound.text))).flatten()
}

/// As [`command_of`], but for what OpenClaw alone has where the configuration gives the agent a command of that name.
fn own_command_of<'a>(shared: &Shared, inbound: &'a Inbound) -> Option<Parsed<'a>> {
    let is_custom = |name: &str| {
        let settings = shared.settings();
        let account = settings.account(&inbound.channel, &inbound.account);
        account.is_some_and(|account| account.custom_commands.iter().any(|custom| custom == name))
    };
    command_of(inbound).filter(|command| command.missing().is_none_or(|name| !is_custom(name)))
}

/// Whether the sender is let in by name, and not with everybody.
async fn is_known(shared: &Shared, inbound: &Inbound) -> Result<bool, store::StoreError> {
    let Inbound { channel, account, sender, .. } = inbound;
    let paired = shared.store.channel_allowed(channel, account, &sender.id).await?;
    let settings = shared.settings();
    Ok(settings.access_policy(channel, account).is_some_and(|policy| is_named(policy, inbound, paired)))
}

/// Answers a command that takes its time, beside what comes meanwhile. Its row stays open until then: after a crash it is done again.
fn answer_later(shared: &Arc<Shared>, row: InboundRow, claim: Arc<Claim>) {
    let (shared, lifecycle) = (shared.clone(), shared.lifecycle.clone());
    let soft = lifecycle.soft().clone();
    lifecycle.spawn(async move {
        let _held = claim;
        let Some(command) = own_command_of(&shared, &row.inbound) else { return };
        let answered = tokio::select! {
            () = soft.cancelled() => return,
            answered = answer_command(&shared, &row, &command) => answered,
        };
        if let Err(error) = answered {
            tracing::error!(row = row.id, %error, "a command waits to be answered");
        }
    });
}

/// Answers a command at once. Its answer and the end of the row are one commit: a crash before it does the command again,
/// which does no harm.
async fn answer_command(
    shared: &Arc<Shared>,
    row: &InboundRow,
    command: &Parsed<'_>,
) -> Result<(), store::StoreError> {
    let inbound = &row.inbound;
    let Inbound { channel, account, sender, .. } = inbound;
    let paired = shared.store.channel_allowed(channel, account, &sender.id).await?;
    let settings = shared.settings();
    let named =
        settings.access_policy(channel, account).is_some_and(|policy| is_named(policy, inbound, paired));
    let approver_of = is_approver(shared, inbound).then(|| (channel.clone(), account.clone()));
    let decides = named || approver_of.is_some();
    let has_approvers = settings.account(channel, account).is_some_and(|a| !a.approvers().is_empty());
    let settles = approver_of.is_some() || (named && !has_approvers);
    let speaker = Speaker {
        key: session_of(shared, inbound),
        decides: decides.then(|| Decider {
            resolver: ("channel".to_owned(), format!("{channel}:{account}")),
            client: None,
            of_session: named,
            approver_of,
        }),
        may_reset: true,
        // The agent says what a button stands for: pressing one is not the owner's own word.
        is_owner: inbound.event.is_none()
            && settings.account(channel, account).is_some_and(|account| account.owners.contains(&sender.id)),
        inbound: Some(inbound),
        after: Some(row.id.saturating_sub(1)),
    };
    let text = match chat_commands::run(shared, &speaker, command).await {
        Ok(text) => text,
        Err(error) => format!("⚠️ {}", error.message),
    };
    let reply = |text, act| Outbound {
        channel: channel.clone(),
        account: account.clone(),
        to: inbound.chat.id.clone(),
        text,
        act,
        ..Outbound::default()
    };
    let mut pieces: Vec<Outbound> =
        channels::Telegram::split(&text).into_iter().map(|text| reply(text, None)).collect();
    if let Some(ChatEvent::Pressed { message_id, .. }) = &inbound.event
        && settles
    {
        // What the buttons were for is over. Those of others, who may not decide, stay.
        pieces.push(reply(String::new(), Some(Act::Settle { message_id: message_id.clone() })));
    }
    shared.store.close_inbound(vec![row.id], "command", pieces).await?;
    shared.outbox.wake();
    Ok(())
}

/// Answers a stranger with a code, once: a second message within the hour gets no second answer. Code, answer and the
/// end of the row are one commit, so that a crash cannot leave somebody with a code that nobody told them.
async fn offer_pairing(shared: &Shared, row: &InboundRow) -> Result<(), store::StoreError> {
    let Inbound { channel, account, chat, sender, .. } = &row.inbound;
    let mut random = [0u8; 8];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "no random bytes for a pairing code; the sender gets no answer");
        return shared.store.close_inbound(vec![row.id], "no pairing code", vec![]).await.map(|_| ());
    }
    let code = new_pairing_code(random);
    let reply = Outbound {
        channel: channel.clone(),
        account: account.clone(),
        to: chat.id.clone(),
        text: pairing_reply(&code, &sender.id, channel),
        act: None,
        ..Outbound::default()
    };
    let offer = ChannelOffer {
        row_id: row.id,
        sender_id: sender.id.clone(),
        name: sender.username.clone().or_else(|| sender.name.clone()),
        code,
        reply,
    };
    if let Some(request) = shared.store.offer_channel(offer).await? {
        tracing::info!(%channel, sender = %sender.id,
            "a stranger asks to be let in; approve with: openclaw pairing approve {channel} {}", request.code);
        shared.outbox.wake();
    }
    Ok(())
}

pub(super) fn submit(shared: &Arc<Shared>, row: InboundRow, claim: Arc<Claim>) -> Submitted {
    let (key, mode) = (session_of(shared, &row.inbound), queue_mode(shared, &row.inbound));
    let route = (row.inbound.channel != RPC)
        .then(|| format!("{}:{}:{}", row.inbound.channel, row.inbound.account, row.inbound.chat.id));
    let submission = Submission {
        run_id: run_id(&row),
        route,
        payload: Work::Message { row: Box::new(row), _claim: claim },
    };
    shared.runs.submit(shared, &key, submission, mode)
}

/// The run that answers a message: the idempotency key of an RPC, or the message's row. The same message always gives
/// the same run, so that it cannot be begun twice.
pub(crate) fn run_id(row: &InboundRow) -> String {
    if row.inbound.channel == RPC {
        row.inbound.message_id.clone()
    } else {
        format!("{}-{}", row.inbound.channel, row.id)
    }
}

/// The session that hears a message: direct messages share the main session and each group has its own, unless
/// `session.dmScope` or `session.groupScope` say otherwise.
pub(crate) fn session_of(shared: &Shared, inbound: &Inbound) -> SessionKey {
    session_in(&shared.settings(), &shared.channels.moved_groups(), inbound)
}

/// Tells which messages of platforms will be heard in a session, as things stand now: not those that wait for their channel to
/// work, nor commands and what is only told beside the next message.
pub(crate) fn is_for(shared: &Shared, key: &SessionKey) -> impl Fn(&Inbound) -> bool + Send + 'static {
    let (settings, working, key) = (shared.settings(), shared.channels.accounts(), key.clone());
    let moved = shared.channels.moved_groups();
    move |inbound| {
        inbound.channel == TELEGRAM
            && working.contains(&inbound.account)
            && is_said(inbound)
            && command_of(inbound).is_none()
            && session_in(&settings, &moved, inbound) == key
    }
}

fn session_in(settings: &Settings, moved: &MovedGroups, inbound: &Inbound) -> SessionKey {
    let agent = &settings.default_agent;
    let Inbound { channel, account, chat, sender, .. } = inbound;
    if channel == RPC {
        return SessionKey::parse(&chat.id).unwrap_or_else(|_| SessionKey::main(agent));
    }
    let group = group_of(moved, settings, channel, account, &chat.id);
    let of_topic = group.and_then(|group| group.agent_id).filter(|agent| settings.has_agent(agent));
    let is_group = chat.kind == ChatKind::Group;
    let known_as = moved.known_as(&chat.id);
    let binding = settings.binding((channel, account), is_group, &[&chat.id, &known_as]);
    let bound = binding.map(|binding| &binding.agent_id);
    let agent = of_topic.as_ref().or(bound).unwrap_or(agent);
    let dm_scope = binding.and_then(|binding| binding.dm_scope).unwrap_or(settings.dm_scope);
    let group_scope = binding.and_then(|binding| binding.group_scope).unwrap_or(settings.group_scope);
    let session = match (chat.kind, dm_scope, group_scope) {
        (ChatKind::Group, _, GroupScope::PerGroup) => SessionKey::group(agent, channel, &known_as),
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
    };
    match chat.id.split_once(":topic:").filter(|_| chat.kind == ChatKind::Direct) {
        Some((chat, topic)) => session.thread(&format!("{chat}:{topic}")),
        None => session,
    }
}

/// Whether the tools of a chat are not the same for all who speak there: then nobody speaks in another's turn.
fn differs_by_sender(shared: &Shared, inbound: &Inbound) -> bool {
    let Inbound { channel, account, chat, .. } = inbound;
    let of_chat = group_of(&shared.channels.moved_groups(), &shared.settings(), channel, account, &chat.id);
    of_chat.is_some_and(|of_chat| of_chat.tools.differ_by_sender())
}

fn queue_mode(shared: &Shared, inbound: &Inbound) -> QueueMode {
    if differs_by_sender(shared, inbound) {
        return QueueMode::FollowUp;
    }
    inbound
        .directives
        .as_ref()
        .and_then(|d| d.queue_mode.as_deref()?.parse().ok())
        .unwrap_or_else(|| shared.settings().queue_mode_for(&inbound.channel))
}

/// Where the answer to a message goes; an RPC is answered by its response, and elsewhere only where it asks for that.
pub(crate) fn route_of(inbound: &Inbound) -> Option<Route> {
    if inbound.channel != RPC {
        let reply_to = Some(inbound.platform_message().to_owned());
        let (channel, account) = (inbound.channel.clone(), inbound.account.clone());
        return Some(Route { channel, account, to: inbound.chat.id.clone(), reply_to });
    }
    let (channel, account, to) = inbound.directives.as_ref()?.deliver_to.clone()?;
    Some(Route { channel, account, to, reply_to: None })
}
