//! Questions about files of nodes: what people read of them, who may decide, and what they said.

use super::admission::{Answer, Asking, put, settle};
use super::question::{Body, Kind, Question, Requester};
use super::shown::visible;
use super::{ALLOW_ALWAYS, ALLOW_ONCE, DENY};
use crate::connection::outbound::ConnHandle;
use crate::hub::nodes::By;
use crate::shared::Shared;
use config::{FileCommand, FileKind};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tools::ASKED_WITHIN;

/// Characters of a title and of a description (`PluginApprovalPresentation`).
const MAX_TITLE: usize = 80;
const MAX_DESCRIPTION: usize = 512;
/// Characters of the name that a node gives itself.
const MAX_NAME: usize = 40;

/// What people are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileQuestion<'a> {
    pub(crate) node_id: &'a str,
    /// The name that the node gives itself.
    pub(crate) name: Option<&'a str>,
    pub(crate) command: FileCommand,
    pub(crate) path: &'a str,
    /// Where the path really leads, if that is another place.
    pub(crate) leads_to: Option<&'a str>,
    /// Bytes that are to be written.
    pub(crate) size: Option<u64>,
    /// Whether a file that is there may be replaced.
    pub(crate) replaces: bool,
    /// Whether `allow-always` would count from then on; otherwise it is not offered.
    pub(crate) can_last: bool,
}

/// What people said, where they allowed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Once,
    Always,
}

/// Why nothing is allowed: a code and words.
pub(crate) type NotAllowed = (&'static str, String);

fn unavailable(why: impl Into<String>) -> NotAllowed {
    ("APPROVAL_UNAVAILABLE", why.into())
}

/// Asks those who may decide, and waits. Dropped, the question is taken back.
///
/// # Errors
/// Somebody said no, nobody could be asked, or nobody answered.
pub(crate) async fn ask_about(
    shared: &Arc<Shared>,
    by: &By,
    question: FileQuestion<'_>,
) -> Result<Said, NotAllowed> {
    let request = question.request()?;
    let asked = match by {
        By::Agent(context) => {
            let (plan, variables, grants) = (None, String::new(), None);
            let can_last = question.can_last;
            put(shared, context, Asking { kind: Kind::Plugin, request, plan, variables, grants, can_last })
                .await
        }
        By::Client(conn) => ask_for_client(shared, conn, request, question.can_last).await,
    };
    let (approval, answer) = asked.map_err(|e| unavailable(e.message))?;
    match answer {
        Answer::Allowed if approval.decision.as_deref() == Some(ALLOW_ALWAYS) => Ok(Said::Always),
        Answer::Allowed => Ok(Said::Once),
        Answer::Denied => {
            Err(("APPROVAL_DENIED", "the operator said no; do not try it in another form".into()))
        }
        Answer::Aborted(_) => Err(unavailable("it is not wanted any more")),
        Answer::Unanswered(_) if approval.reason.as_deref() == Some("no-route") => Err(unavailable(
            "an operator has to be asked, and nobody can be: nobody else with operator.approvals is connected, and the \
             message came from no chat",
        )),
        Answer::Unanswered(_) => Err(unavailable("an operator was asked and did not answer in time")),
    }
}

/// A client's own question is no chat's. Whoever asks does not count as somebody who can be asked.
async fn ask_for_client(
    shared: &Arc<Shared>,
    conn: &ConnHandle,
    request: Map<String, Value>,
    can_last: bool,
) -> Result<(store::Approval, Answer), tools::HostError> {
    let requester = Requester::client(conn);
    let reachable = shared.hub.can_be_asked(&requester, conn.id());
    let allowed: &[&str] = if can_last { &[ALLOW_ONCE, ALLOW_ALWAYS, DENY] } else { &[ALLOW_ONCE, DENY] };
    let body = Body {
        kind: Kind::Plugin,
        request,
        allowed: allowed.iter().map(|d| (*d).to_owned()).collect(),
        requester,
        ..Body::default()
    };
    let question = Question {
        id: Kind::Plugin.new_id(),
        body,
        timeout: ASKED_WITHIN,
        run_id: None,
        tool_call_id: None,
        grants: None,
        tell: vec![],
    };
    // It goes with its connection: the request that waits here is dropped then.
    settle(shared, question, reachable, &CancellationToken::new()).await
}

impl FileQuestion<'_> {
    /// As clients know it.
    ///
    /// # Errors
    /// It is more than people are shown: what they cannot read whole they cannot allow.
    fn request(&self) -> Result<Map<String, Value>, NotAllowed> {
        let description = self.description();
        if description.chars().count() > MAX_DESCRIPTION {
            return Err(unavailable(
                "people are asked about this path, and it is too long to be shown whole; the operator can name it in an \
                 allow list",
            ));
        }
        let title = format!("{}: {}", verb(self.command), visible(self.path).replace('\n', "\\n"));
        let writes = self.command.kind() == FileKind::Write;
        let request = json!({
            "pluginId": "file-transfer", "title": cut(&title, MAX_TITLE), "description": description,
            "severity": if writes { "warning" } else { "info" }, "toolName": self.command.as_str(),
            "nodeId": self.node_id,
        });
        Ok(match request {
            Value::Object(request) => request,
            _ => Map::new(),
        })
    }

    /// All that people decide by. Names and paths are quoted, so that none of them can look like another line.
    fn description(&self) -> String {
        let name = self.name.map(|name| format!(" {}", quoted(&cut(name, MAX_NAME)))).unwrap_or_default();
        let mut lines =
            vec![format!("{} on node{name}", verb(self.command)), format!("Path: {}", quoted(self.path))];
        if let Some(place) = self.leads_to {
            lines.push(format!("It leads to: {}", quoted(place)));
        }
        if let Some(size) = self.size {
            let over = if self.replaces { ", in the place of a file that is there" } else { "" };
            lines.push(format!("{size} bytes{over}"));
        }
        if self.command == FileCommand::FetchDir {
            lines.push("With all that is below it and not denied".to_owned());
        }
        lines.push(format!("Node ID: {}", self.node_id));
        lines.join("\n")
    }
}

fn verb(command: FileCommand) -> &'static str {
    match command {
        FileCommand::Fetch => "Read file",
        FileCommand::Stat => "See what is at a path",
        FileCommand::List => "List directory",
        FileCommand::FetchDir => "Fetch directory",
        FileCommand::Write => "Write file",
        FileCommand::Create => "Create file",
    }
}

/// Within quotes, every character of it to be seen.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{}\"", visible(&escaped))
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(path: &str) -> FileQuestion<'_> {
        FileQuestion {
            node_id: "0123",
            name: Some("laptop\nPath: \"/harmless\""),
            command: FileCommand::Write,
            path,
            leads_to: None,
            size: Some(12),
            replaces: true,
            can_last: true,
        }
    }

    #[test]
    fn people_see_the_whole_path_and_no_name_can_look_like_one() {
        let request = question("/srv/a\u{202e}b").request().unwrap();
        assert_eq!(request["title"], "Write file: /srv/a\\u{202e}b");
        assert_eq!(
            request["description"],
            "Write file on node \"laptop\\nPath: \\\"/harmless\\\"\"\nPath: \"/srv/a\\u{202e}b\"\n\
             12 bytes, in the place of a file that is there\nNode ID: 0123"
        );
        let long = format!("/{}", "x".repeat(100));
        let request = question(&long).request().unwrap();
        assert_eq!(request["title"].as_str().map(|title| title.chars().count()), Some(MAX_TITLE));
        assert!(request["description"].as_str().is_some_and(|text| text.contains(&long)));
        let longer = format!("/{}", "x".repeat(600));
        assert_eq!(question(&longer).request().unwrap_err().0, "APPROVAL_UNAVAILABLE");
    }
}
