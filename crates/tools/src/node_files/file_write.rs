//! `file_write`: a file onto a node.

use super::{NodeFiles, digest, size, spec_of};
use crate::args;
use crate::tool::{Outcome, blocking, finish};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};

/// The tool.
pub(super) struct FileWrite {
    spec: ToolSpec,
    files: NodeFiles,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Args {
    node: String,
    path: String,
    #[serde(default)]
    content_base64: Option<String>,
    #[serde(default)]
    source_media_id: Option<String>,
    /// Known, and of no use to a node.
    #[serde(default, rename = "mimeType")]
    _mime_type: Option<String>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    create_parents: bool,
}

impl FileWrite {
    pub(super) fn new(files: NodeFiles) -> Self {
        let spec = spec_of(
            "file_write",
            "Write a file on a paired node, whole or not at all: contentBase64, or sourceMediaId of a file that file_fetch has kept. The operator says which paths may be written.",
            json!({
                "contentBase64": {"type": "string", "description": "at most 16 MiB"},
                "sourceMediaId": {"type": "string"},
                "overwrite": {"type": "boolean", "description": "replace a file that is there"},
                "createParents": {"type": "boolean", "description": "make missing directories"},
            }),
        );
        Self { spec, files }
    }

    async fn run(&self, arguments: Value, context: &ToolContext) -> Outcome {
        let args: Args = args::parse("file_write", arguments)?;
        let kept = self.files.kept.clone();
        let (inline, id) = (args.content_base64, args.source_media_id);
        let bytes = blocking(move || match (inline, id) {
            (_, Some(id)) => kept.read(id.trim()),
            (Some(text), None) => STANDARD
                .decode(text.trim())
                .map_err(|e| format!("contentBase64 is no base64: {e}. Nothing was written.")),
            (None, None) => Err("contentBase64 or sourceMediaId is missing. Nothing was written.".to_owned()),
        })
        .await?;
        if bytes.len() as u64 > super::kept::MAX_FILE {
            return Err(format!(
                "{} are more than a node takes at once (16 MiB). Nothing was written.",
                size(bytes.len() as u64)
            ));
        }
        let params = json!({"path": args.path, "contentBase64": STANDARD.encode(&bytes), "overwrite": args.overwrite,
            "createParents": args.create_parents, "expectedSha256": digest(&bytes)});
        let (answer, node) = self.files.call(&args.node, "file.write", params, context).await?;
        let path = answer["path"].as_str().unwrap_or(&args.path);
        let over = if answer["overwritten"] == true { ", in place of the one that was there" } else { "" };
        let length = size(bytes.len() as u64);
        Ok(ToolOutput::text(format!("Wrote {path} on {node} ({length}, sha256 {}){over}", digest(&bytes))))
    }
}

impl Tool for FileWrite {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn has_effects(&self, _: &Value) -> bool {
        true
    }

    /// Its deadline is the call's own.
    fn call<'a>(&'a self, arguments: Value, context: ToolContext) -> ToolFuture<'a> {
        Box::pin(async move { finish(self.run(arguments, &context).await) })
    }
}
