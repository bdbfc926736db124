//! One call of a file, from the question to the answer.

use super::policy::{self, Allowed, Grounds, Refused, Wish};
use super::{archive, refusal, remember};
use crate::approvals::files::{FileQuestion, Said, ask_about};
use crate::hub::nodes::{By, Invoke, Nodes};
use crate::shared::Shared;
use config::{FileCommand, FileTransferConfig};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What of a node's answer the policy is asked about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told<'a> {
    ok: bool,
    path: Option<String>,
    binding: Option<Value>,
    /// Names of what is to be packed; of `dir.list`, whatever is said of each.
    entries: Option<Vec<Value>>,
    #[serde(borrow)]
    tar_base64: Option<Cow<'a, str>>,
    sha256: Option<String>,
}

impl Told<'_> {
    /// The entries, where they are names.
    fn names(&self) -> Option<Vec<String>> {
        self.entries.as_ref()?.iter().map(|entry| entry.as_str().map(str::to_owned)).collect()
    }
}

pub(super) struct Gate<'a> {
    pub(super) nodes: &'a Nodes,
    pub(super) shared: &'a Arc<Shared>,
    /// As it is now: read anew after every question.
    pub(super) policy: FileTransferConfig,
    pub(super) wish: Wish<'a>,
    pub(super) by: &'a By,
    pub(super) key: &'a str,
}

/// Why the place that was found may be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leave {
    /// A list names it, and must name all that is below it; otherwise it was allowed itself, but for what is denied.
    by_list: bool,
    /// People said so for good.
    always: bool,
}

impl Gate<'_> {
    /// Asks where that is to be, looks, and makes the call for what was seen. What the node refuses is its answer.
    pub(super) async fn call(
        mut self,
        allowed: Allowed,
        mut params: Map<String, Value>,
        timeout: Duration,
    ) -> Result<Option<String>, ErrorShape> {
        let said = match allowed.grounds {
            Grounds::Asked => Some(self.ask(&allowed, None, &params).await?),
            Grounds::Named | Grounds::Granted(_) => None,
        };
        let begun = Instant::now();
        let looked = self.send("look", looking(&params), timeout).await?;
        let left = timeout.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let told = read(&looked)?;
        if !told.ok {
            return Ok(Some(looked));
        }
        let place = told.path.as_deref().unwrap_or_default();
        let kind = if self.wish.writes() { "write" } else { "existing" };
        let Some(binding) = told.binding.as_ref().filter(|binding| binding["kind"] == kind) else {
            return Err(self.refused(
                "FILESYSTEM_IDENTITY_MISSING",
                "the node did not say which file it saw; update it",
            ));
        };
        let leave = self.leave(&allowed, said, place, &params).await?;
        self.check_tree(leave, place, told.names().as_deref(), false)?;
        params.insert("expectedCanonicalPath".into(), json!(place));
        params.insert("expectedBinding".into(), binding.clone());
        let answer = self.send("", params, left).await?;
        if !self.check_answer(leave, &answer, place).await? || !leave.always {
            return Ok(Some(answer));
        }
        Ok(Some(remember::remember(self.shared, self.wish, &allowed.selector, place, answer).await))
    }

    /// Whether the place that the path leads to may be touched; asks people about it where it is not the one that was allowed.
    async fn leave(
        &mut self,
        allowed: &Allowed,
        said: Option<Said>,
        place: &str,
        params: &Map<String, Value>,
    ) -> Result<Leave, ErrorShape> {
        let wish = Wish { path: place, ..self.wish };
        let denied = |refused: Refused| Refused {
            code: if place == self.wish.path { refused.code } else { "SYMLINK_TARGET_DENIED" },
            reason: format!("it leads to {place:?}: {}", refused.reason),
        };
        policy::constraints(&self.policy, wish).map_err(|r| refusal(self.wish, &denied(r), false))?;
        let is_allowed = match &allowed.grounds {
            Grounds::Granted(granted) => granted == place,
            Grounds::Asked => self.wish.path == place,
            Grounds::Named => match policy::evaluate(&self.policy, wish) {
                Ok(Allowed { grounds: Grounds::Named, .. }) => {
                    return Ok(Leave { by_list: true, always: false });
                }
                Ok(Allowed { grounds: Grounds::Granted(granted), .. }) => granted == place,
                // A path that a list names may have been allowed to lead elsewhere.
                Ok(Allowed { grounds: Grounds::Asked, .. }) => {
                    policy::granted(&self.policy, self.wish) == Some(place)
                }
                Err(refused) => return Err(refusal(self.wish, &denied(refused), false)),
            },
        };
        if is_allowed {
            return Ok(Leave { by_list: false, always: said == Some(Said::Always) });
        }
        if !allowed.asks && said.is_none() {
            let reason = format!("it leads to {place:?}, and was allowed for another place");
            return Err(refusal(self.wish, &Refused { code: "CANONICAL_PATH_CHANGED", reason }, false));
        }
        let said = self.ask(allowed, Some(place), params).await?;
        Ok(Leave { by_list: false, always: said == Said::Always })
    }

    /// Asks people, and then the policy once more: it may have changed while they thought.
    async fn ask(
        &mut self,
        allowed: &Allowed,
        leads_to: Option<&str>,
        params: &Map<String, Value>,
    ) -> Result<Said, ErrorShape> {
        let Wish { node_id, name, command, path } = self.wish;
        let question = FileQuestion {
            node_id,
            name,
            command,
            path,
            leads_to,
            size: params.get("contentBase64").and_then(Value::as_str).map(decoded_len),
            replaces: params.get("overwrite") == Some(&json!(true)),
            can_last: allowed.can_last,
        };
        let said = ask_about(self.shared, self.by, question).await;
        let said = said.map_err(|(code, reason)| refusal(self.wish, &Refused { code, reason }, false))?;
        self.policy = self.shared.settings().node_files.clone();
        for path in [Some(path), leads_to].into_iter().flatten() {
            let wish = Wish { path, ..self.wish };
            policy::constraints(&self.policy, wish).map_err(|r| refusal(self.wish, &r, false))?;
        }
        Ok(said)
    }

    async fn send(
        &self,
        what: &str,
        params: Map<String, Value>,
        timeout: Duration,
    ) -> Result<String, ErrorShape> {
        let key = if what.is_empty() { self.key.to_owned() } else { format!("{}:{what}", self.key) };
        let call = Invoke {
            by: self.by.clone(),
            node_id: self.wish.node_id.to_owned(),
            command: self.wish.command.as_str().to_owned(),
            params: Some(Value::Object(params)),
            timeout,
            idempotency_key: key,
        };
        let answer = self.nodes.send(self.shared, call).await?;
        answer.ok_or_else(|| self.refused("UNREADABLE", "the node answered with nothing"))
    }

    /// Asks the policy about everything in a tree, the directories on the way too.
    fn check_tree(
        &self,
        leave: Leave,
        root: &str,
        entries: Option<&[String]>,
        dispatched: bool,
    ) -> Result<(), ErrorShape> {
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
            let asked = match leave.by_list {
                true => policy::named(&self.policy, wish),
                false => policy::constraints(&self.policy, wish),
            };
            asked.map_err(|r| refused("PATH_POLICY_DENIED", format!("{place:?} is in it: {}", r.reason)))?;
        }
        Ok(())
    }

    /// What came is what was seen, or nothing of it goes on. False: the node says that it did not do it.
    async fn check_answer(&self, leave: Leave, answer: &str, place: &str) -> Result<bool, ErrorShape> {
        let told = read(answer)?;
        if !told.ok {
            return Ok(false);
        }
        if told.path.as_deref() != Some(place) {
            let reason = "the node did it with another file than it had seen".to_owned();
            return Err(refusal(self.wish, &Refused { code: "CANONICAL_PATH_CHANGED", reason }, true));
        }
        if self.wish.command != FileCommand::FetchDir {
            return Ok(true);
        }
        let (packed, sha256) = (told.tar_base64.unwrap_or_default().into_owned(), told.sha256);
        let entries = tokio::task::spawn_blocking(move || archive::entries(&packed, sha256.as_deref())).await;
        let entries = entries.map_err(|e| ErrorShape::unavailable(e.to_string()))?;
        let entries =
            entries.map_err(|(code, reason)| refusal(self.wish, &Refused { code, reason }, true))?;
        self.check_tree(leave, place, Some(&entries), true)?;
        Ok(true)
    }

    fn refused(&self, code: &'static str, reason: &str) -> ErrorShape {
        refusal(self.wish, &Refused { code, reason: reason.to_owned() }, false)
    }
}

/// The same call, only to look. What is to be written stays here until it is known where to.
fn looking(params: &Map<String, Value>) -> Map<String, Value> {
    let kept = |(name, _): &(&String, &Value)| !matches!(name.as_str(), "contentBase64" | "expectedSha256");
    let mut looking: Map<String, Value> =
        params.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect();
    if params.contains_key("contentBase64") {
        looking.insert("contentBase64".into(), json!(""));
    }
    looking.insert("preflightOnly".into(), json!(true));
    looking
}

/// Bytes that a base64 text stands for.
fn decoded_len(text: &str) -> u64 {
    let text = text.trim_end_matches('=');
    text.len() as u64 * 3 / 4
}

fn read(answer: &str) -> Result<Told<'_>, ErrorShape> {
    serde_json::from_str(answer).map_err(|e| {
        ErrorShape::unavailable(format!("the node's answer cannot be read: {e}; update the node"))
    })
}
