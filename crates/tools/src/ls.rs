//! `ls`: what a directory holds.

use crate::tool::{Outcome, SHORT, blocking, spec, within};
use crate::{ToolEnv, args, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Entries shown.
const MAX_ENTRIES: usize = 500;
/// Entries counted: a directory may be endless.
const MAX_COUNTED: usize = 100_000;

/// The tool.
pub(crate) struct Ls {
    spec: ToolSpec,
    workspace: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    path: Option<String>,
}

impl Ls {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "ls",
            "List a directory (default: the workspace), with sizes; directories end in /.",
            json!({"path": {"type": "string"}}),
            &[],
        );
        Self { spec, workspace: env.workspace.clone() }
    }

    async fn run(&self, arguments: Value) -> Outcome {
        let Args { path } = args::parse("ls", arguments)?;
        let dir = files::resolve(&self.workspace, path.as_deref().unwrap_or("."))?;
        Ok(ToolOutput::text(blocking(move || list(&dir)).await?))
    }
}

fn list(dir: &Path) -> Result<String, String> {
    let entries = std::fs::read_dir(dir).map_err(|e| files::io_error("list", dir, &e))?;
    let mut names = Vec::new();
    for entry in entries.take(MAX_COUNTED) {
        let entry = entry.map_err(|e| files::io_error("list", dir, &e))?;
        names.push(entry.file_name());
    }
    names.sort();
    let mut out = String::new();
    for name in names.iter().take(MAX_ENTRIES) {
        out.push_str(&line(&dir.join(name), &name.to_string_lossy()));
        out.push('\n');
    }
    if names.is_empty() {
        out.push_str("[the directory is empty]");
    } else if names.len() > MAX_ENTRIES {
        let left = names.len() - MAX_ENTRIES;
        let more = if names.len() == MAX_COUNTED { " or more" } else { "" };
        out.push_str(&format!("[{left}{more} entries left out; narrow it with exec]"));
    }
    Ok(out)
}

/// One entry; what vanished meanwhile is shown by its name alone.
fn line(path: &Path, name: &str) -> String {
    match std::fs::symlink_metadata(path) {
        Ok(m) if m.is_dir() => format!("{name}/"),
        Ok(m) if m.is_symlink() => match std::fs::read_link(path) {
            Ok(target) => format!("{name} -> {}", target.display()),
            Err(_) => format!("{name} -> ?"),
        },
        Ok(m) if m.is_file() => format!("{name} ({} bytes)", m.len()),
        _ => name.to_owned(),
    }
}

impl Tool for Ls {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        false
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(SHORT, context.cancel, self.run(arguments))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, text};
    use serde_json::json;

    #[tokio::test]
    async fn entries_are_listed_in_order_with_their_kind() {
        let bench = Bench::new();
        let dir = bench.workspace();
        assert_eq!(text(&bench.call("ls", json!({})).await), "[the directory is empty]");
        std::fs::create_dir(dir.join("b")).unwrap();
        std::fs::write(dir.join("a"), "12345").unwrap();
        std::os::unix::fs::symlink("a", dir.join("c")).unwrap();
        assert_eq!(text(&bench.call("ls", json!({})).await), "a (5 bytes)\nb/\nc -> a\n");
        assert!(bench.call("ls", json!({"path": "a"})).await.is_error);
        assert!(bench.call("ls", json!({"path": "nowhere"})).await.is_error);
    }

    #[tokio::test]
    async fn long_lists_are_cut() {
        let bench = Bench::new();
        for i in 0..510 {
            std::fs::write(bench.workspace().join(format!("{i}")), "").unwrap();
        }
        let out = text(&bench.call("ls", json!({"path": "."})).await);
        assert_eq!(out.lines().count(), 501);
        assert!(out.ends_with("[10 entries left out; narrow it with exec]"));
    }
}
