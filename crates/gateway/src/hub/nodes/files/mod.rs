//! Calls of a node's files. The node looks first and says where the path really leads and which file that is; the policy is asked
//! about the path and about that place; then the call is made for exactly that file, and what comes is held against the policy
//! once more. Every call to a node goes through here, whoever makes it.

mod archive;
pub(crate) mod policy;

use super::{Invoke, Nodes};
use crate::shared::Shared;
use config::{FileCommand, FileTransferConfig};
use policy::{Allowed, Refused, Wish};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a file or an archive where nobody says how many, and at most: more does not fit into a frame.
const DEFAULT_BYTES: u64 = 8 * 1024 * 1024;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What the gateway itself says to the node, and nobody else.
const OURS: [&str; 3] = ["preflightOnly", "expectedCanonicalPath", "expectedBinding"];

/// The command, if it is one about files.
fn file_command(command: &str) -> Option<FileCommand> {
    use FileCommand::{Create, Fetch, FetchDir, List, Stat, Write};
    [Fetch, Stat, List, FetchDir, Write, Create].into_iter().find(|known| known.as_str() == command)
}

impl Nodes {
    /// Calls a command; the answer is its payload as JSON text.
    pub(crate) async fn invoke(&self, shared: &Shared, call: Invoke) -> Result<Option<String>, ErrorShape> {
        let Some(command) = file_command(&call.command) else { return self.send(shared, call).await };
        let node = self.admit(shared, &call)?;
        let name = node.declared.display_name.as_deref();
        let params = match call.params {
            Some(Value::Object(params)) => params,
            None => Map::new(),
            Some(_) => return Err(invalid(command, "INVALID_PARAMS", "params must be an object")),
        };
        if command == FileCommand::Create || params.contains_key("transport") {
            let why = "it takes a stream, which this gateway does not send; file.write and file.fetch go in one piece";
            return Err(invalid(command, "INVALID_PARAMS", why));
        }
        let path = params.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
        if path.is_empty() {
            return Err(invalid(command, "INVALID_PARAMS", "path required"));
        }
        let policy = shared.settings().node_files.clone();
        let wish = Wish { node_id: &call.node_id, name, command, path: &path };
        let allowed = policy::evaluate(&policy, wish).map_err(|r| refusal(wish, &r, false))?;
        let params = prepared(params, command, &allowed)?;
        let gate = Gate { nodes: self, shared, policy: &policy, wish, allowed, key: call.idempotency_key };
        gate.call(params, call.timeout).await
    }
}

/// What of a node's answer the policy is asked about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told<'a> {
    ok: bool,
    path: Option<String>,
    binding: Option<Value>,
    entries: Option<Vec<String>>,
    #[serde(borrow)]
    tar_base64: Option<Cow<'a, str>>,
    sha256: Option<String>,
}

struct Gate<'a> {
    nodes: &'a Nodes,
    shared: &'a Shared,
    policy: &'a FileTransferConfig,
    wish: Wish<'a>,
    allowed: Allowed,
    key: String,
}

impl Gate<'_> {
    /// Looks, and makes the call for what was seen. What the node refuses is its answer.
    async fn call(
        &self,
        params: Map<String, Value>,
        timeout: Duration,
    ) -> Result<Option<String>, ErrorShape> {
        let begun = Instant::now();
        let looked = self.send("look", self.looking(&params), timeout).await?;
        let told = read(&looked)?;
        if !told.ok {
            return Ok(Some(looked));
        }
        let place = told.path.as_deref().unwrap_or_default();
        self.check(place, false)?;
        let kind = if self.wish.writes() { "write" } else { "existing" };
        let Some(binding) = told.binding.as_ref().filter(|binding| binding["kind"] == kind) else {
            return Err(self.refused(
                "FILESYSTEM_IDENTITY_MISSING",
                "the node did not say which file it saw; update it",
            ));
        };
        self.check_tree(place, told.entries.as_deref(), false)?;
        let mut params = params;
        params.insert("expectedCanonicalPath".into(), json!(place));
        params.insert("expectedBinding".into(), binding.clone());
        let left = timeout.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let answer = self.send("", params, left).await?;
        self.check_answer(&answer, place).await?;
        Ok(Some(answer))
    }

    /// The same call, only to look. What is to be written stays here until it is known where to.
    fn looking(&self, params: &Map<String, Value>) -> Map<String, Value> {
        let kept =
            |(name, _): &(&String, &Value)| !matches!(name.as_str(), "contentBase64" | "expectedSha256");
        let mut looking: Map<String, Value> =
            params.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect();
        if params.contains_key("contentBase64") {
            looking.insert("contentBase64".into(), json!(""));
        }
        looking.insert("preflightOnly".into(), json!(true));
        if let Some(canonical) = &self.allowed.canonical {
            looking.insert("expectedCanonicalPath".into(), json!(canonical));
        }
        looking
    }

    async fn send(
        &self,
        what: &str,
        params: Map<String, Value>,
        timeout: Duration,
    ) -> Result<String, ErrorShape> {
        let call = Invoke {
            node_id: self.wish.node_id.to_owned(),
            command: self.wish.command.as_str().to_owned(),
            params: Some(Value::Object(params)),
            timeout,
            idempotency_key: if what.is_empty() { self.key.clone() } else { format!("{}:{what}", self.key) },
        };
        let answer = self.nodes.send(self.shared, call).await?;
        answer.ok_or_else(|| self.refused("UNREADABLE", "the node answered with nothing"))
    }

    /// Asks the policy about the place that the path leads to.
    fn check(&self, place: &str, dispatched: bool) -> Result<(), ErrorShape> {
        let wish = Wish { path: place, ..self.wish };
        let done = match &self.allowed.canonical {
            Some(granted) if granted != place => {
                let reason = format!("it leads to {place:?}, and was allowed for {granted:?}");
                Err(Refused { code: "CANONICAL_PATH_CHANGED", reason })
            }
            Some(_) => policy::constraints(self.policy, wish),
            None => policy::evaluate(self.policy, wish).map(drop).map_err(|refused| Refused {
                code: if place == self.wish.path { refused.code } else { "SYMLINK_TARGET_DENIED" },
                reason: format!("it leads to {place:?}: {}", refused.reason),
            }),
        };
        done.map_err(|refused| refusal(self.wish, &refused, dispatched))
    }

    /// Asks the policy about everything in a tree, the directories on the way too.
    fn check_tree(&self, root: &str, entries: Option<&[String]>, dispatched: bool) -> Result<(), ErrorShape> {
        if self.wish.command != FileCommand::FetchDir {
            return Ok(());
        }
        let refused = |code, reason: String| refusal(self.wish, &Refused { code, reason }, dispatched);
        let Some(entries) = entries else {
            return Err(refused(
                "ARCHIVE_ENTRIES_MISSING",
                "the node did not say what is in it; update it".into(),
            ));
        };
        let paths = archive::all_paths(entries).map_err(|reason| refused("ARCHIVE_ENTRY_INVALID", reason))?;
        for within in paths {
            let place = archive::join(root, &within);
            let wish = Wish { path: &place, ..self.wish };
            let asked = match self.allowed.canonical {
                Some(_) => policy::constraints(self.policy, wish),
                None => policy::evaluate(self.policy, wish).map(drop),
            };
            asked.map_err(|r| refused("PATH_POLICY_DENIED", format!("{place:?} is in it: {}", r.reason)))?;
        }
        Ok(())
    }

    /// What came is what was seen, or nothing of it goes on.
    async fn check_answer(&self, answer: &str, place: &str) -> Result<(), ErrorShape> {
        let told = read(answer)?;
        if !told.ok {
            return Ok(());
        }
        if told.path.as_deref() != Some(place) {
            let reason = "the node did it with another file than it had seen".to_owned();
            return Err(refusal(self.wish, &Refused { code: "CANONICAL_PATH_CHANGED", reason }, true));
        }
        if self.wish.command != FileCommand::FetchDir {
            return Ok(());
        }
        let (packed, sha256) = (told.tar_base64.unwrap_or_default().into_owned(), told.sha256);
        let entries = tokio::task::spawn_blocking(move || archive::entries(&packed, sha256.as_deref())).await;
        let entries = entries.map_err(|e| ErrorShape::unavailable(e.to_string()))?;
        let entries =
            entries.map_err(|(code, reason)| refusal(self.wish, &Refused { code, reason }, true))?;
        self.check_tree(place, Some(&entries), true)
    }

    fn refused(&self, code: &'static str, reason: &str) -> ErrorShape {
        refusal(self.wish, &Refused { code, reason: reason.to_owned() }, false)
    }
}

/// The parameters as the node gets them: without what only the gateway says, links followed only where the policy follows them, and
/// no more bytes than it allows.
fn prepared(
    mut params: Map<String, Value>,
    command: FileCommand,
    allowed: &Allowed,
) -> Result<Map<String, Value>, ErrorShape> {
    OURS.iter().for_each(|name| drop(params.remove(*name)));
    let follow = allowed.follow_symlinks && params.get("followSymlinks") != Some(&json!(false));
    params.insert("followSymlinks".into(), json!(follow));
    if matches!(command, FileCommand::Fetch | FileCommand::FetchDir) {
        let asked = match params.get("maxBytes") {
            None | Some(Value::Null) => DEFAULT_BYTES,
            Some(value) => value
                .as_u64()
                .filter(|n| *n > 0)
                .ok_or_else(|| invalid(command, "INVALID_PARAMS", "maxBytes must be a positive integer"))?,
        };
        let most = asked.min(MAX_BYTES).min(allowed.max_bytes.unwrap_or(u64::MAX));
        params.insert("maxBytes".into(), json!(most));
    }
    Ok(params)
}

fn read(answer: &str) -> Result<Told<'_>, ErrorShape> {
    serde_json::from_str(answer).map_err(|e| {
        ErrorShape::unavailable(format!("the node's answer cannot be read: {e}; update the node"))
    })
}

fn invalid(command: FileCommand, code: &'static str, why: &str) -> ErrorShape {
    ErrorShape::invalid(format!("{} {code}: {why}", command.as_str()))
        .with_details(json!({"code": code, "command": command.as_str(), "nodeCommandDispatched": false}))
}

/// `dispatched`: the node has done it; nothing of what it gave goes on.
fn refusal(wish: Wish<'_>, refused: &Refused, dispatched: bool) -> ErrorShape {
    let Refused { code, reason } = refused;
    let (command, node) = (wish.command.as_str(), wish.name.unwrap_or(wish.node_id));
    tracing::warn!(command, node, path = wish.path, code, reason, "a file of a node was refused");
    ErrorShape::invalid(format!("{command} {code}: {} on {node}: {reason}", wish.path)).with_details(json!({
        "code": code, "command": command, "path": wish.path, "rule": reason, "nodeCommandDispatched": dispatched,
    }))
}
