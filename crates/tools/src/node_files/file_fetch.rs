//! `file_fetch`: a file of a node, kept beside the gateway.

use super::kept::MAX_FILE;
use super::{NodeFiles, marked, size, spec_of};
use crate::args;
use crate::tool::{Outcome, blocking, finish};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use model::Part;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of a text that the model reads at once.
const MAX_TEXT: usize = 8192;
/// The kinds of images that providers take, and the largest.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The tool.
pub(super) struct FileFetch {
    spec: ToolSpec,
    files: NodeFiles,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Args {
    node: String,
    path: String,
    #[serde(default)]
    max_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fetched {
    path: String,
    size: u64,
    mime_type: String,
    base64: String,
    sha256: String,
}

impl FileFetch {
    pub(super) fn new(files: NodeFiles) -> Self {
        let spec = spec_of(
            "file_fetch",
            "Get a file from a paired node. It is kept beside the gateway: localPath for other tools, mediaId for file_write. Images are shown, small texts too. The operator says which paths may be read.",
            json!({"maxBytes": {"type": "integer", "minimum": 1, "description": "8 MiB by default, 16 MiB at most"}}),
        );
        Self { spec, files }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let Args { node, path, max_bytes } = args::parse("file_fetch", arguments)?;
        let mut params = json!({"path": path});
        if let Some(most) = max_bytes {
            params["maxBytes"] = json!(most.clamp(1, MAX_FILE));
        }
        let (answer, node) = self.files.call(&node, "file.fetch", params, context).await?;
        let fetched = Fetched::deserialize(&answer)
            .map_err(|e| format!("Node {node} sent a file that cannot be read ({e}); update the node."))?;
        let kept = self.files.kept.clone();
        blocking(move || {
            let bytes = super::checked(&fetched.base64, &fetched.sha256)?;
            let named = Path::new(&fetched.path).file_name().map(|name| name.to_string_lossy().into_owned());
            let (id, local) = kept.save(&named.unwrap_or_default(), &bytes)?;
            Ok(told(&fetched, &node, &bytes, &format!("saved at {}\nmediaId: {id}", local.display())))
        })
        .await
    }
}

fn told(fetched: &Fetched, node: &str, bytes: &[u8], saved: &str) -> ToolOutput {
    let Fetched { path, size: length, mime_type, sha256, base64 } = fetched;
    let about =
        format!("Fetched {path} from {node} ({}, {mime_type}, sha256 {sha256}), {saved}", size(*length));
    let is_text = mime_type.starts_with("text/")
        || matches!(mime_type.as_str(), "application/json" | "application/xml" | "application/yaml");
    let text = std::str::from_utf8(bytes).ok().filter(|text| is_text && text.len() <= MAX_TEXT);
    let text = text.map_or_else(|| about.clone(), |text| marked(&about, text));
    let mut content = vec![Part::Text { text }];
    if IMAGES.contains(&mime_type.as_str()) && bytes.len() as u64 <= crate::read::MAX_IMAGE {
        content.push(Part::Image { data: base64.clone(), mime_type: mime_type.clone() });
    }
    ToolOutput { content, is_error: false, command: None }
}

impl Tool for FileFetch {
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
    use crate::fakes::{Bench, files_node, node, text};
    use model::Part;
    use serde_json::{Value, json};

    fn fetched(mime: &str, base64: &str, sha256: &str) -> Value {
        json!({"ok": true, "path": "/srv/a b.txt", "size": 5, "mimeType": mime, "base64": base64, "sha256": sha256})
    }

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[tokio::test]
    async fn a_file_is_kept_shown_where_it_is_small_and_written_to_another_place() {
        let bench = Bench::with_nodes(vec![files_node()]);
        bench.host.answer(Ok(fetched("text/plain", "aGVsbG8=", HELLO)));
        let out = bench.call("file_fetch", json!({"node": "desk", "path": "/srv/a b.txt"})).await;
        let said = text(&out);
        assert!(!out.is_error && said.contains("\nhello\n") && said.contains("untrusted data"), "{said}");
        let local = said.split("saved at ").nth(1).and_then(|s| s.lines().next()).unwrap();
        assert_eq!(std::fs::read_to_string(local).unwrap(), "hello");
        let id = said.split("mediaId: ").nth(1).and_then(|s| s.lines().next()).unwrap();
        assert!(id.starts_with("a_b---") && id.ends_with(".txt"), "{id}");

        bench.host.answer(Ok(
            json!({"ok": true, "path": "/srv/copy", "size": 5, "sha256": HELLO, "overwritten": false}),
        ));
        let write = json!({"node": "aa", "path": "/srv/copy", "sourceMediaId": id, "createParents": true});
        let out = bench.call("file_write", write).await;
        assert!(text(&out).starts_with("Wrote /srv/copy on Desk (5 bytes"), "{out:?}");
        let call = &bench.host.calls()[1];
        assert_eq!(
            call.params,
            json!({"path": "/srv/copy", "contentBase64": "aGVsbG8=", "overwrite": false,
            "createParents": true, "expectedSha256": HELLO})
        );
    }

    #[tokio::test]
    async fn an_image_is_seen_and_what_does_not_fit_its_digest_is_not_kept() {
        let bench = Bench::with_nodes(vec![files_node()]);
        bench.host.answer(Ok(fetched("image/png", "aGVsbG8=", HELLO)));
        let out = bench.call("file_fetch", json!({"node": "aa", "path": "/srv/x"})).await;
        assert!(
            out.content.iter().any(|part| matches!(part, Part::Image { data, .. } if data == "aGVsbG8=")),
            "{out:?}"
        );
        for (base64, sha256, says) in [("aGVsbG8=", "00", "sha256"), ("x", HELLO, "base64")] {
            bench.host.answer(Ok(fetched("text/plain", base64, sha256)));
            let out = bench.call("file_fetch", json!({"node": "aa", "path": "/srv/x"})).await;
            assert!(out.is_error && text(&out).contains(says), "{out:?}");
        }
        bench.host.answer(Ok(json!({"ok": false, "code": "NOT_FOUND", "message": "no such file"})));
        let out = bench.call("file_fetch", json!({"node": "aa", "path": "/srv/x"})).await;
        assert!(out.is_error && text(&out).contains("NOT_FOUND: no such file"), "{out:?}");
    }

    #[tokio::test]
    async fn a_node_without_the_command_and_an_id_that_is_none_are_told() {
        let bench = Bench::with_nodes(vec![node("aa", Some("Desk"))]);
        let out = bench.call("file_fetch", json!({"node": "aa", "path": "/srv/x"})).await;
        assert!(out.is_error && text(&out).contains("gateway.nodes.commands.allow"), "{out:?}");
        for id in ["../secret", "none", ".hidden", ""] {
            let write = json!({"node": "aa", "path": "/srv/x", "sourceMediaId": id});
            let out = bench.call("file_write", write).await;
            assert!(out.is_error && text(&out).contains("no kept file"), "{id}: {out:?}");
        }
        assert!(bench.host.calls().is_empty());
    }
}
