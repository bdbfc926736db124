//! `dir_fetch`: a directory of a node with all below it, kept beside the gateway.

use super::archive::read_archive;
use super::kept::{make_dir, problem, write_new};
use super::{MAX_LISTING, NodeFiles, marked, size, spec_of};
use crate::args;
use crate::tool::{Outcome, blocking, finish};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// The tool.
pub(super) struct DirFetch {
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
    tar_base64: String,
    sha256: String,
}

impl DirFetch {
    pub(super) fn new(files: NodeFiles) -> Self {
        let spec = spec_of(
            "dir_fetch",
            "Get a directory with everything below it from a paired node: at most 16 MiB packed and 5000 files and directories, and all of it or nothing. It is kept beside the gateway under rootDir. The operator says which paths may be read.",
            json!({"maxBytes": {"type": "integer", "minimum": 1, "description": "packed; 8 MiB by default, 16 MiB at most"}}),
        );
        Self { spec, files }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let Args { node, path, max_bytes } = args::parse("dir_fetch", arguments)?;
        let mut params = json!({"path": path});
        if let Some(most) = max_bytes {
            params["maxBytes"] = json!(most.clamp(1, super::kept::MAX_FILE));
        }
        let (answer, node) = self.files.call(&node, "dir.fetch", params, context).await?;
        let fetched = Fetched::deserialize(&answer).map_err(|e| {
            format!("Node {node} sent a directory that cannot be read ({e}); update the node.")
        })?;
        let kept = self.files.kept.clone();
        blocking(move || {
            let packed = super::checked(&fetched.tar_base64, &fetched.sha256)?;
            let named = Path::new(&fetched.path).file_name().map(|name| name.to_string_lossy().into_owned());
            let mut files = Vec::new();
            let root = kept.save_dir(&named.unwrap_or_default(), |dir| unpack(&packed, dir, &mut files))?;
            Ok(ToolOutput::text(told(&fetched.path, &node, &root, &files)))
        })
        .await
    }
}

/// Unpacks all of it into a directory that is empty; the names have been looked at, and nothing there is a link.
fn unpack(packed: &[u8], dir: &Path, files: &mut Vec<(String, u64)>) -> Result<(), String> {
    let unpacked = read_archive(packed, |path, content| {
        let to = dir.join(path);
        let Some(content) = content else { return make_dir(&to) };
        make_dir(to.parent().unwrap_or(dir))?;
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        files.push((path.to_owned(), bytes.len() as u64));
        write_new(&to, &bytes)
    });
    unpacked.map_err(|e| problem(dir, &io::Error::other(e)))
}

fn told(path: &str, node: &str, root: &Path, files: &[(String, u64)]) -> String {
    let (mut lines, mut shown) = (String::new(), 0);
    for (name, size) in files {
        let line = json!({"relPath": name, "size": size}).to_string();
        if lines.len() + line.len() > MAX_LISTING {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        shown += 1;
    }
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    let about = format!(
        "Fetched {path} from {node}: {} files ({}).\nrootDir: {}{}",
        files.len(),
        size(total),
        root.display(),
        if shown < files.len() { "\nNot all names are shown; ls shows them." } else { "" }
    );
    marked(&about, lines.trim_end())
}

impl Tool for DirFetch {
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
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value, json};
    use std::path::Path;

    fn fetched(files: &[(&str, &str)]) -> Value {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let packed = archive.into_inner().unwrap().finish().unwrap();
        json!({"ok": true, "path": "/srv/site", "tarBase64": STANDARD.encode(&packed), "sha256": super::super::digest(&packed)})
    }

    #[tokio::test]
    async fn a_directory_is_kept_whole_or_not_at_all() {
        let bench = Bench::with_nodes(vec![files_node()]);
        bench.host.answer(Ok(fetched(&[("a.txt", "one"), ("deep/er/b", "two")])));
        let said = text(&bench.call("dir_fetch", json!({"node": "aa", "path": "/srv/site"})).await);
        assert!(said.starts_with("Fetched /srv/site from Desk: 2 files (6 bytes)."), "{said}");
        let root = said.split("rootDir: ").nth(1).and_then(|s| s.lines().next()).unwrap();
        assert_eq!(std::fs::read_to_string(Path::new(root).join("deep/er/b")).unwrap(), "two");
        let kept = Path::new(root).parent().unwrap().to_owned();
        // The second file has the name of the first, as a directory.
        bench.host.answer(Ok(fetched(&[("a", "one"), ("a/b", "two")])));
        let out = bench.call("dir_fetch", json!({"node": "aa", "path": "/srv/site"})).await;
        assert!(out.is_error, "{out:?}");
        // The first is as old as the bench's clock wants it, and made room.
        assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 0, "nothing of it is left");
    }
}
