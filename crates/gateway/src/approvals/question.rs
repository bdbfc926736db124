//! What is asked, as it is kept, and what people in a chat read of it.

use super::shown::{self, visible};
use super::{ALLOW_ALWAYS, ALLOW_ONCE};
use crate::connection::outbound::{ConnHandle, Principal};
use exec::policy::AllowEntry;
use model::{Act, Button, Outbound};
use protocol::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::Duration;
use store::{Approval, Route};

/// Characters of an id that are enough for a person to type.
const SHORT_ID: usize = 8;
/// How the ids of questions about files begin.
pub(super) const PLUGIN: &str = "plugin:";

/// A question to be asked.
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) body: Body,
    pub(crate) timeout: Duration,
    pub(crate) run_id: Option<String>,
    pub(crate) tool_call_id: Option<String>,
    /// What `allow-always` adds to which agent's list.
    pub(crate) grants: Option<(String, Vec<AllowEntry>)>,
    /// What goes out with it.
    pub(crate) tell: Vec<Outbound>,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A command.
    #[default]
    Exec,
    /// A file of a node: OpenClaw has a plugin for these, and its clients know such questions as a plugin's.
    Plugin,
}

impl Kind {
    /// As on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Exec => "exec",
            Kind::Plugin => "plugin",
        }
    }

    /// The event that tells of a question.
    pub(super) fn requested(self) -> &'static str {
        match self {
            Kind::Exec => "exec.approval.requested",
            Kind::Plugin => "plugin.approval.requested",
        }
    }

    /// The event that tells of its end.
    pub(super) fn resolved(self) -> &'static str {
        match self {
            Kind::Exec => "exec.approval.resolved",
            Kind::Plugin => "plugin.approval.resolved",
        }
    }

    /// A new id. Clients know by it which kind it is.
    pub(super) fn new_id(self) -> String {
        match self {
            Kind::Exec => model::new_id(),
            Kind::Plugin => format!("{PLUGIN}{}", model::new_id()),
        }
    }
}

/// An id without what says its kind: the part that people write.
pub(super) fn bare(id: &str) -> &str {
    id.strip_prefix(PLUGIN).unwrap_or(id)
}

/// What is kept of a question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Body {
    /// What it is about.
    pub(crate) kind: Kind,
    /// As clients know it: `command`, `cwd`, `host`, `agentId`, `sessionKey` …
    pub(crate) request: Map<String, Value>,
    /// The decisions that are offered.
    pub(crate) allowed: Vec<String>,
    /// Who asked.
    pub(crate) requester: Requester,
    /// The chat whose message led to it.
    pub(crate) route: Option<(String, String, String)>,
    /// Channel and account whose approvers alone decide in chats; `None`: whoever may write in the session's own.
    pub(crate) approvers: Option<(String, String)>,
    /// The plan that a node runs, for which alone it counts.
    pub(crate) plan: Option<Value>,
    /// The variables with which alone it counts ([`shown::digest`]).
    pub(crate) variables: String,
    /// Nobody is told.
    pub(crate) quiet: bool,
}

/// Who asked. An agent's own question has neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Requester {
    /// The device.
    pub(crate) device_id: Option<String>,
    /// The connection, where there is no device.
    pub(crate) conn_id: Option<String>,
    /// Devices that may decide too.
    pub(crate) reviewers: Vec<String>,
}

impl Requester {
    /// The client behind a connection.
    pub(crate) fn client(conn: &ConnHandle) -> Self {
        let device_id = conn.principal().device_id.clone();
        let conn_id = device_id.is_none().then(|| conn.id().to_owned());
        Self { device_id, conn_id, reviewers: vec![] }
    }

    /// Whether it was an agent of this gateway, in a session of its own.
    pub(crate) fn is_agent(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this connection may see the question and decide about it: administrators everything, others with
    /// `operator.approvals` what the agent asked, what they asked themselves, and what they were named for.
    pub(crate) fn may_see(&self, principal: &Principal, conn_id: &str) -> bool {
        if principal.may(Scope::Admin) {
            return true;
        }
        if !principal.may(Scope::Approvals) {
            return false;
        }
        let device = principal.device_id.as_ref();
        if device.is_some_and(|d| self.reviewers.contains(d)) {
            return true;
        }
        match (&self.device_id, &self.conn_id) {
            (Some(asked), _) => device == Some(asked),
            (None, Some(asked)) => asked == conn_id,
            (None, None) => self.reviewers.is_empty(),
        }
    }
}

impl Body {
    /// As it was kept. What this program cannot read of an older one offers no decision but `deny`.
    pub(crate) fn of(approval: &Approval) -> Self {
        serde_json::from_value(approval.body.clone()).unwrap_or_default()
    }

    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// A text of the request.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.request.get(name).and_then(Value::as_str)
    }

    /// The session whose work it is about.
    pub(crate) fn session_key(&self) -> Option<&str> {
        self.text("sessionKey")
    }
}

/// Puts what people are to see into a request: the command and its variables, all of them. False: it is more than people can
/// be expected to read.
pub(crate) fn show(
    request: &mut Map<String, Value>,
    command: &str,
    warning: Option<&str>,
    env: &[(String, String)],
) -> bool {
    let warnings = [warning.map(visible), shown::variables(env)];
    let warnings: Vec<String> = warnings.into_iter().flatten().collect();
    let (command, warning) = (visible(command), warnings.join("\n"));
    if command.chars().count() + warning.chars().count() > shown::MAX_SHOWN {
        return false;
    }
    request.insert("command".into(), command.into());
    request.insert("warningText".into(), if warning.is_empty() { Value::Null } else { warning.into() });
    request.insert("envKeys".into(), shown::names(env).into());
    true
}

/// A message to where a question was asked.
fn to_route(route: &(String, String, String), text: String) -> Outbound {
    let (channel, account, to) = route.clone();
    Outbound { channel, account, to, text, act: None, ..Outbound::default() }
}

/// What a chat reads that is asked: all of it, in as many messages as that takes, with buttons under the last where the chat may
/// have some.
pub(crate) fn prompt(
    id: &str,
    body: &Body,
    timeout: Duration,
    route: &(String, String, String),
    buttons: bool,
) -> Vec<Outbound> {
    let what = match body.kind {
        Kind::Exec => about_command(body),
        Kind::Plugin => {
            let what = fenced(body.text("description").unwrap_or_default());
            format!("🔐 I would like to use a file of a node:\n{what}\n")
        }
    };
    let (id, minutes) = (bare(id), timeout.as_secs().div_ceil(60));
    let short: String = id.chars().take(SHORT_ID).collect();
    let decisions = body.allowed.join("|");
    let text = format!("{what}Answer within {minutes} min: `/approve {short} {decisions}`");
    let pieces = channels::Telegram::split(&text).into_iter().map(|piece| to_route(route, piece));
    let mut pieces: Vec<Outbound> = pieces.collect();
    if let Some(last) = pieces.last_mut().filter(|_| buttons) {
        last.act = Some(Act::Ask { rows: vec![body.allowed.iter().map(|d| button(id, d)).collect()] });
    }
    pieces
}

/// Which command, where, and what is to be known of it.
fn about_command(body: &Body) -> String {
    let command = fenced(body.text("command").unwrap_or_default());
    let place = match (body.text("host"), body.text("nodeId")) {
        (Some("node"), Some(node)) => format!("on node {}", node.chars().take(12).collect::<String>()),
        _ => "on the gateway".to_owned(),
    };
    let cwd = body.text("cwd").map(|c| format!(" in {}", visible(c))).unwrap_or_default();
    let warning = body.text("warningText").map(|w| format!("{}\n", fenced(w))).unwrap_or_default();
    format!("🔐 I would like to run this {place}{cwd}:\n{command}\n{warning}")
}

/// A press says what a person would write.
fn button(id: &str, decision: &str) -> Button {
    let label = match decision {
        ALLOW_ONCE => "✅ Allow once",
        ALLOW_ALWAYS => "♾️ Allow always",
        _ => "❌ Deny",
    };
    Button { label: label.to_owned(), says: format!("/approve {id} {decision}"), opens: None, style: None }
}

/// Within a fence that the text cannot close.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// What that chat reads where the gateway was restarted meanwhile.
pub(crate) fn news_of_restart(approval: &Approval) -> Option<Outbound> {
    let body = Body::of(approval);
    let id: String = bare(&approval.id).chars().take(SHORT_ID).collect();
    let nothing = match body.kind {
        Kind::Exec => "The command was not run.",
        Kind::Plugin => "Nothing was done.",
    };
    let text = format!("🔐 Approval {id} has ended: the gateway was restarted meanwhile. {nothing}");
    body.route.as_ref().map(|route| to_route(route, text))
}

/// Where the chat is that a run answers.
pub(crate) fn route_of(route: Option<Route>) -> Option<(String, String, String)> {
    route.map(|r| (r.channel, r.account, r.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_may_see_a_question() {
        let nobody = Requester::default();
        let device = Requester { device_id: Some("d".into()), ..Requester::default() };
        let conn = Requester { conn_id: Some("c".into()), ..Requester::default() };
        let named = Requester { reviewers: vec!["d".into()], ..Requester::default() };
        let may = |requester: &Requester, scopes: &[&str], device: Option<&str>, conn: &str| {
            let mut principal = Principal::of_test("operator", scopes);
            principal.device_id = device.map(str::to_owned);
            requester.may_see(&principal, conn)
        };
        const APPROVALS: &[&str] = &["operator.approvals"];
        for (requester, device, conn, sees) in [
            (&nobody, None, "x", true),
            (&device, Some("d"), "x", true),
            (&device, Some("e"), "x", false),
            (&device, None, "x", false),
            (&conn, None, "c", true),
            (&conn, Some("d"), "x", false),
            (&named, Some("d"), "x", true),
            (&named, Some("e"), "x", false),
        ] {
            assert_eq!(may(requester, APPROVALS, device, conn), sees, "{requester:?} {device:?} {conn}");
            assert!(may(requester, &["operator.admin"], None, "x"));
            assert!(!may(requester, &["operator.write"], device, conn));
        }
    }

    #[test]
    fn a_command_cannot_break_out_of_its_frame() {
        let mut body = Body { allowed: vec!["deny".into()], ..Body::default() };
        let chat = ("telegram".into(), "default".into(), "1".into());
        body.request = json!({"command": "a\n````\nrun", "cwd": "/w"}).as_object().cloned().unwrap();
        let text = prompt("0123456789", &body, Duration::from_secs(90), &chat, false).remove(0).text;
        assert!(text.contains("\n`````\na\n````\nrun\n`````\n"), "{text}");
        assert!(text.ends_with("within 2 min: `/approve 01234567 deny`"), "{text}");
    }

    #[test]
    fn people_see_all_of_a_command_and_its_variables() {
        let mut body = Body { allowed: vec!["deny".into()], ..Body::default() };
        let chat = ("telegram".into(), "default".into(), "1".into());
        let env = vec![("MODE".to_owned(), "wipe `now`".to_owned())];
        let command = format!("{}; rm -rf /", "true && ".repeat(1400));
        assert!(show(&mut body.request, &command, Some("beware"), &env));
        let told: Vec<String> = prompt("0123456789", &body, Duration::from_secs(90), &chat, false)
            .into_iter()
            .map(|m| m.text)
            .collect();
        assert!(told.len() > 1);
        let told = told.join("\n");
        assert_eq!(told.matches("true").count(), 1400);
        for part in ["; rm -rf /", "beware", "MODE=\"wipe \\`now\\`\""] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!show(&mut body.request, &"x".repeat(16_001), None, &[]));
        assert!(!show(&mut body.request, "ls", None, &[("A".to_owned(), "x".repeat(16_001))]));
    }
}
