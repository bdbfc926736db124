//! `write`: a whole file.

use crate::tool::{Outcome, SHORT, blocking, spec, within};
use crate::{ToolEnv, args, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The tool.
pub(crate) struct Write {
    spec: ToolSpec,
    workspace: PathBuf,
    lock: files::FileLock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    content: String,
}

impl Write {
    pub(crate) fn new(env: &ToolEnv, lock: files::FileLock) -> Self {
        let spec = spec(
            "write",
            "Create or replace a file; makes parent directories.",
            json!({"path": {"type": "string"}, "content": {"type": "string"}}),
            &["path", "content"],
        );
        Self { spec, workspace: env.workspace.clone(), lock }
    }

    async fn run(&self, arguments: Value) -> Outcome {
        let Args { path, content } = args::parse("write", arguments)?;
        let file = files::resolve(&self.workspace, &path)?;
        let lock = self.lock.clone();
        let length = content.len();
        blocking(move || lock.with(|| files::replace(&file, content.as_bytes()))).await?;
        Ok(ToolOutput::text(format!("Wrote {length} bytes to {path}.")))
    }
}

impl Tool for Write {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        true
    }

    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        within(SHORT, context.cancel, self.run(arguments))
    }
}

#[cfg(test)]
mod tests {
    use crate::fakes::Bench;
    use serde_json::json;

    #[tokio::test]
    async fn a_file_is_made_with_its_directories_and_replaced() {
        let bench = Bench::new();
        for content in ["one", "two"] {
            let out = bench.call("write", json!({"path": "a/b/c.txt", "content": content})).await;
            assert!(!out.is_error, "{out:?}");
            assert_eq!(std::fs::read_to_string(bench.workspace().join("a/b/c.txt")).unwrap(), content);
        }
    }

    #[tokio::test]
    async fn wrong_arguments_are_told_and_nothing_is_done() {
        let bench = Bench::new();
        for arguments in [json!("x"), json!({"path": "f"}), json!({"path": "f", "content": "x", "mode": 1})] {
            let out = bench.call("write", arguments).await;
            assert!(out.is_error, "{out:?}");
        }
        assert!(!bench.workspace().join("f").exists());
    }
}
