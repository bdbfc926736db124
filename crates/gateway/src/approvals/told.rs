//! Who is told of a question in chats, who of them decides, and what they read once it has ended.

use super::ALLOW_ALWAYS;
use super::question::{Body, Kind};
use crate::delivery::channels::TELEGRAM;
use crate::settings::Settings;
use channels::Telegram;
use config::ApprovalTarget;
use model::Outbound;
use store::{Approval, ApprovalStatus};

/// Channel, account and chat.
pub(super) type Chat = (String, String, String);

/// Where a question is asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The chats.
    pub(super) chats: Vec<Chat>,
    /// Channel and account whose approvers alone decide there; `None`: whoever may write in the chat.
    pub(super) approvers: Option<(String, String)>,
}

/// Where a question is asked: of the approvers of its chat's account where there are some, else in the chat itself. `default_account`
/// is the one whose approvers are asked about what comes from no chat.
pub(super) fn of(
    settings: &Settings,
    default_account: &str,
    route: Option<&Chat>,
    (agent_id, session_key): (&str, &str),
) -> Told {
    let chats: Vec<Chat> = route.cloned().into_iter().collect();
    let (channel, account) =
        route.map_or((TELEGRAM, default_account), |(channel, account, _)| (channel, account));
    let of_account = settings.account(channel, account).filter(|of| {
        let agents = of.approvals.agents.as_ref();
        let sessions = of.approvals.sessions.as_ref();
        !of.approvers().is_empty()
            && agents.is_none_or(|agents| agents.iter().any(|agent| agent == agent_id))
            && sessions.is_none_or(|parts| parts.iter().any(|part| session_key.contains(part.as_str())))
    });
    let Some(of_account) = of_account else { return Told { chats, approvers: None } };
    let direct = || {
        let people = of_account.approvers().iter().filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
        people.map(|id| (channel.to_owned(), account.to_owned(), id.clone()))
    };
    let mut all = match of_account.approvals.target {
        ApprovalTarget::Channel if !chats.is_empty() => chats,
        ApprovalTarget::Dm | ApprovalTarget::Channel => direct().collect(),
        ApprovalTarget::Both => chats.into_iter().chain(direct()).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    all.retain(|chat| seen.insert(chat.clone()));
    Told { chats: all, approvers: Some((channel.to_owned(), account.to_owned())) }
}

/// What takes the place of a message that asked: the command, and what became of it.
pub(super) fn outcome(approval: &Approval, asked: &Outbound) -> String {
    let always = approval.decision.as_deref() == Some(ALLOW_ALWAYS);
    let is_command = Body::of(approval).kind == Kind::Exec;
    let line = match approval.status {
        ApprovalStatus::Allowed if always && !is_command => "✅ Allowed, from now on for this path.",
        ApprovalStatus::Allowed if always => "✅ Allowed, from now on in that directory.",
        ApprovalStatus::Allowed => "✅ Allowed once.",
        ApprovalStatus::Denied => "❌ Denied.",
        ApprovalStatus::Expired => "⌛ Nobody decided in time.",
        ApprovalStatus::Cancelled | ApprovalStatus::Pending if !is_command => {
            "🚫 It is not wanted any more; nothing was done."
        }
        ApprovalStatus::Cancelled | ApprovalStatus::Pending => {
            "🚫 It is not wanted any more; it was not run."
        }
    };
    // Its last line says how to answer.
    let head = asked.text.rsplit_once('\n').map_or("", |(head, _)| head).trim_end();
    let whole = format!("{head}\n{line}");
    if head.is_empty() || Telegram::split(&whole).len() != 1 { line.to_owned() } else { whole }
}
