//! What goes out to the chat at the end of a run: the answer in pieces and the files that it names, or one line about what went wrong,
//! where somebody waits for it. An aborted run says nothing.

use super::errors;
use super::reply::{self, Reply, ReplyTo};
use super::turn::{self, Begin};
use crate::chat_commands::usage_line;
use crate::delivery::{files, prefix};
use crate::shared::Shared;
use agent::turn::TurnOutcome;
use channels::Telegram;
use config::{ReplyToMode, StreamingMode};
use model::{Act, FileAs, Outbound, SessionKey, Usage};
use std::sync::Arc;
use store::{Route, RunStatus};
use tools::{Media, sendable};

/// How a run ended: how it stands, its answer, and what went wrong.
pub(super) type End<'a> = (RunStatus, &'a str, Option<&'a str>);

/// What goes out, a draft of the run's included.
pub(super) async fn of(
    shared: &Arc<Shared>,
    key: &SessionKey,
    begun: &Begin,
    end: End<'_>,
    outcome: &TurnOutcome,
) -> Vec<Outbound> {
    let Some(route) = begun.run.route.as_ref() else { return vec![] };
    if is_mute(begun) {
        return super::draft::ended(shared, begun, vec![]).await;
    }
    let is_error = end.2.is_some() && end.0 != RunStatus::Aborted;
    let mut reply = answer(shared, key, begun, end);
    if is_error && !errors::is_told(shared, begun, route, &reply.text) {
        reply = Reply::default();
    }
    let is_quiet = is_error && errors::are_quiet(begun, route);
    let (files, problems) = files(shared, key, begun, &reply).await;
    let under = used(key, begun, &reply, &outcome.usage);
    reply.text = begun.current.settings.as_said(&route.channel, &route.account, &reply.text);
    reply.text = prefix::before(&prefix_of(key, begun, route, outcome), &reply.text);
    let text = [reply.text.as_str(), &problems, &under].map(str::trim_end);
    let text = text.into_iter().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n");
    let texts =
        Telegram::split_within(text.trim_end(), limit(begun, route)).into_iter().map(|text| (text, None));
    let pieces = texts.filter(|(text, _)| !text.trim().is_empty());
    let all = pieces.chain(files.into_iter().map(|file| (String::new(), Some(file))));
    let out = all.enumerate().map(|(i, (text, act))| {
        let reply_to = reply_to(begun, route, reply.reply_to.as_ref(), i);
        Outbound {
            channel: route.channel.clone(),
            account: route.account.clone(),
            to: route.to.clone(),
            text,
            is_html: false,
            quote: quote(begun, route, reply_to.as_deref()),
            reply_to,
            silent: is_quiet,
            act,
        }
    });
    super::draft::ended(shared, begun, out.collect()).await
}

/// Whether somebody has said that nothing goes out to this chat.
pub(super) fn is_mute(begun: &Begin) -> bool {
    begun.run.chosen.sends == Some(false)
}

/// What stands before an answer: it may name the model that answered, else the one that was to.
fn prefix_of(key: &SessionKey, begun: &Begin, route: &Route, outcome: &TurnOutcome) -> String {
    let settings = &begun.current.settings;
    let account = settings.account(&route.channel, &route.account);
    let Some(template) = account.and_then(|account| account.response_prefix.as_deref()) else {
        return String::new();
    };
    let chosen = || begun.run.model_choice.clone().or_else(|| begun.current.models.name_for(key.agent_id()));
    let model = outcome.answered_by().or_else(chosen);
    let identity = settings.agent(key.agent_id()).name.as_deref();
    prefix::of_answer(template, prefix::Names { model: model.as_deref(), identity })
}

/// What an answer says of its own cost, where that is wanted: only what was said in a chat does.
fn used(key: &SessionKey, begun: &Begin, reply: &Reply, usage: &Usage) -> String {
    let wanted = begun.run.chosen.usage.unwrap_or(begun.current.settings.response_usage);
    let is_said = begun.run.directives.is_none() && !reply.text.trim().is_empty();
    let line = is_said.then(|| usage_line(wanted, usage, key)).flatten();
    line.unwrap_or_default()
}

/// How much of an answer a message holds, in UTF-16 units of visible text: as much as the platform takes, where the account does not say
/// less.
pub(super) fn limit(begun: &Begin, route: &Route) -> usize {
    let Some(account) = begun.current.settings.account(&route.channel, &route.account) else {
        return usize::MAX;
    };
    let of_block = Some(&account.streaming).filter(|how| how.mode == StreamingMode::Block);
    account.text_limit.min(of_block.map_or(usize::MAX, |how| how.max_chars))
}

/// What is to be said.
fn answer(shared: &Arc<Shared>, key: &SessionKey, begun: &Begin, (status, raw, error): End<'_>) -> Reply {
    let directives = begun.run.directives.as_ref();
    let said = |text: String| Reply { text, ..Reply::default() };
    match (status, error) {
        (RunStatus::Aborted, _) => Reply::default(),
        (_, Some(_)) if directives.is_some_and(|d| d.unattended) => Reply::default(),
        _ if directives.is_some_and(|d| d.heartbeat) && crate::heartbeat::is_ack(raw) => Reply::default(),
        (_, Some(error)) => said(format!("⚠️ {error}")),
        // Who may send files by a tool may do so in an answer.
        _ => reply::read(raw, has_tool(shared, key, begun, tools::MESSAGE)),
    }
}

fn has_tool(shared: &Arc<Shared>, key: &SessionKey, begun: &Begin, name: &str) -> bool {
    turn::tools_of(shared, key, begun).iter().any(|tool| tool.spec().name == name)
}

/// What sends the files of an answer, and what is said of those that cannot be sent.
async fn files(shared: &Arc<Shared>, key: &SessionKey, begun: &Begin, reply: &Reply) -> (Vec<Act>, String) {
    let seen_as = if reply.as_voice { FileAs::Voice } else { FileAs::Itself };
    let can_fetch = || has_tool(shared, key, begun, tools::WEB_FETCH);
    let (mut kept, mut problems) = (Vec::new(), String::new());
    let workspace = begun.current.settings.agent(key.agent_id()).workspace.clone();
    let mut places = crate::shared::sendable_media(&shared.paths.state_dir);
    places.insert(0, workspace);
    for (n, name) in reply.media.iter().enumerate() {
        let (named, places) = (name.clone(), places.clone());
        let looked = tokio::task::spawn_blocking(move || sendable(&places, &named)).await;
        let media = match looked.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Media::Url(_)) if !can_fetch() => Err(format!("{name} is not sent: nothing is fetched here.")),
            looked => looked,
        };
        let copy = match media {
            Ok(media) => {
                let source = vec![files::Source::Media(media)];
                files::keep(shared, source, &format!("{}:media:{n}", begun.run.run_id)).await
            }
            Err(problem) => Err(problem),
        };
        match copy {
            Ok(copy) => kept.extend(copy),
            Err(problem) => problems.push_str(&format!("⚠️ {problem}\n")),
        }
    }
    (files::acts(kept, seen_as).await, problems)
}

/// What message `i` of an answer is shown as a reply to: what it says itself, and as the account wants it.
pub(super) fn reply_to(begun: &Begin, route: &Route, said: Option<&ReplyTo>, i: usize) -> Option<String> {
    match said {
        Some(ReplyTo::Message(id)) if i == 0 => return Some(id.clone()),
        Some(ReplyTo::Current) if i == 0 => return route.reply_to.clone(),
        _ => {}
    }
    let account = begun.current.settings.account(&route.channel, &route.account);
    let shows = match account.and_then(|account| account.reply_to) {
        Some(ReplyToMode::Off) => false,
        Some(ReplyToMode::First | ReplyToMode::Batched) => i == 0,
        Some(ReplyToMode::All) => true,
        // In a group it should be seen what is being answered.
        None => i == 0 && route.to.starts_with('-'),
    };
    route.reply_to.clone().filter(|_| shows)
}

/// What a reply quotes of the message that it is shown to answer, where the account wants replies: its words.
pub(super) fn quote(begun: &Begin, route: &Route, reply_to: Option<&str>) -> Option<String> {
    let account = begun.current.settings.account(&route.channel, &route.account)?;
    let wants =
        matches!(account.reply_to, Some(ReplyToMode::First | ReplyToMode::All | ReplyToMode::Batched));
    let first = begun.first.as_ref().filter(|first| wants && first.event.is_none())?;
    let said = first.said.as_ref().unwrap_or(&first.text);
    (reply_to? == first.message_id).then(|| said.clone()).filter(|said| !said.trim().is_empty())
}
