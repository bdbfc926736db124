//! `dir_list`: what is in a directory of a node.

use super::{MAX_LISTING, NodeFiles, marked, spec_of};
use crate::args;
use crate::tool::{Outcome, finish};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};

/// The tool.
pub(super) struct DirList {
    spec: ToolSpec,
    files: NodeFiles,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Args {
    node: String,
    path: String,
    #[serde(default)]
    page_token: Option<String>,
    #[serde(default)]
    max_entries: Option<u64>,
}

impl DirList {
    pub(super) fn new(files: NodeFiles) -> Self {
        let spec = spec_of(
            "dir_list",
            "List a directory of a paired node. Where there is more, the text ends with a pageToken for the next call. The operator says which paths may be read.",
            json!({"pageToken": {"type": "string"}, "maxEntries": {"type": "integer", "minimum": 1, "maximum": 5000}}),
        );
        Self { spec, files }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let Args { node, path, page_token, max_entries } = args::parse("dir_list", arguments)?;
        let begin: u64 = match page_token.as_deref().map(str::trim).filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => token.parse().map_err(|_| format!("{token:?} is no pageToken of dir_list."))?,
        };
        let mut params = json!({"path": path, "pageToken": begin.to_string()});
        if let Some(most) = max_entries {
            params["maxEntries"] = json!(most.clamp(1, 5000));
        }
        let (answer, node) = self.files.call(&node, "dir.list", params, context).await?;
        Ok(ToolOutput::text(told(&answer, &node, begin)))
    }
}

/// As many entries as the model reads at once, and where the next begin.
fn told(answer: &Value, node: &str, begin: u64) -> String {
    let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut lines, mut shown) = (String::new(), 0u64);
    for entry in entries {
        let entry =
            json!({"name": entry["name"], "isDir": entry["isDir"], "size": entry["size"]}).to_string();
        if lines.len() + entry.len() > MAX_LISTING {
            break;
        }
        lines.push_str(&entry);
        lines.push('\n');
        shown += 1;
    }
    let all = shown == entries.len() as u64;
    let next = match all {
        true => answer["nextPageToken"].as_str().map(str::to_owned),
        false => Some((begin + shown).to_string()),
    };
    let next = next.map_or_else(String::new, |token| format!("\nThere is more: pageToken {token:?}"));
    let path = answer["path"].as_str().unwrap_or("?");
    let about = format!("{path} on {node}: {shown} entries{}", if all { "" } else { " (as many as fit)" });
    format!("{}{next}", marked(&about, lines.trim_end()))
}

impl Tool for DirList {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        false
    }

    /// Its deadline is the call's own.
    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        Box::pin(async move { finish(self.run(arguments, &context).await) })
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, files_node, text};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn as_much_is_shown_as_fits_and_the_next_page_begins_there() {
        let bench = Bench::with_nodes(vec![files_node()]);
        let entry =
            |n: usize| json!({"name": format!("{n:0100}"), "isDir": false, "size": n, "path": "/srv/x"});
        let many: Vec<Value> = (0..200).map(entry).collect();
        bench.host.answer(Ok(
            json!({"ok": true, "path": "/srv", "entries": many, "nextPageToken": "210", "truncated": true}),
        ));
        let said =
            text(&bench.call("dir_list", json!({"node": "aa", "path": "/srv", "pageToken": "10"})).await);
        assert!(said.len() < 9000 && said.contains("untrusted data"), "{}", said.len());
        let shown = said.matches("\"isDir\"").count();
        assert!(said.ends_with(&format!("pageToken \"{}\"", 10 + shown)), "{}", &said[said.len() - 60..]);
        bench.host.answer(Ok(json!({"ok": true, "path": "/srv", "entries": [], "truncated": false})));
        let said = text(&bench.call("dir_list", json!({"node": "aa", "path": "/srv"})).await);
        assert!(said.starts_with("/srv on Desk: 0 entries") && !said.contains("pageToken"), "{said}");
        let out = bench.call("dir_list", json!({"node": "aa", "path": "/srv", "pageToken": "x"})).await;
        assert!(out.is_error && bench.host.calls().len() == 2, "{out:?}");
    }
}
