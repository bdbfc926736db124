//! `edit`: exact replacements within a file, all or none.

use crate::tool::{Outcome, SHORT, blocking, spec, within};
use crate::{ToolEnv, args, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use llm::ToolSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Larger files are edited with a command.
const MAX_FILE: u64 = 10 * 1024 * 1024;
/// More replacements than this are a new file.
const MAX_EDITS: usize = 200;

/// The tool.
pub(crate) struct Edit {
    spec: ToolSpec,
    workspace: PathBuf,
    lock: files::FileLock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    edits: Vec<Replacement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Replacement {
    old_text: String,
    new_text: String,
}

impl Edit {
    pub(crate) fn new(env: &ToolEnv, lock: files::FileLock) -> Self {
        let text = json!({"type": "string"});
        let spec = spec(
            "edit",
            "Replace text in a file. Each oldText must occur exactly once in the file as it is now; all edits are made or none.",
            json!({"path": text, "edits": {"type": "array", "items": {"type": "object",
                "properties": {"oldText": text, "newText": text}, "required": ["oldText", "newText"]}}}),
            &["path", "edits"],
        );
        Self { spec, workspace: env.workspace.clone(), lock }
    }

    async fn run(&self, arguments: Value) -> Outcome {
        let Args { path, edits } = args::parse("edit", arguments)?;
        if edits.is_empty() || edits.len() > MAX_EDITS {
            return Err(format!("Give 1 to {MAX_EDITS} edits; these are {}.", edits.len()));
        }
        let file = files::resolve(&self.workspace, &path)?;
        let lock = self.lock.clone();
        let count = edits.len();
        blocking(move || lock.with(|| change(&file, &edits))).await?;
        Ok(ToolOutput::text(format!("Made {count} edit{} in {path}.", if count == 1 { "" } else { "s" })))
    }
}

fn change(file: &Path, edits: &[Replacement]) -> Result<(), String> {
    let size = files::regular("edit", file)?.len();
    if size > MAX_FILE {
        let file = file.display();
        return Err(format!("{file} is {size} bytes; edit takes files up to {MAX_FILE}. Use exec."));
    }
    let bytes = std::fs::read(file).map_err(|e| files::io_error("read", file, &e))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("{} is not UTF-8 text; edit it with exec.", file.display()))?;
    let new = apply(&text, edits)?;
    if new == text {
        return Err("The edits change nothing; the file is as it was.".to_owned());
    }
    files::replace(file, new.as_bytes())
}

/// The text with all replacements made; each is looked for in the text as it was.
fn apply(text: &str, edits: &[Replacement]) -> Result<String, String> {
    let mut found = Vec::with_capacity(edits.len());
    for (i, edit) in edits.iter().enumerate() {
        let (range, new) =
            find(text, edit).map_err(|e| format!("Edit {}: {e} Nothing was changed.", i + 1))?;
        found.push((range, new, i + 1));
    }
    found.sort_by_key(|(range, ..)| range.start);
    let mut out = String::with_capacity(text.len());
    let (mut at, mut before) = (0, 0);
    for (range, new, number) in found {
        // `None` where this range begins within the one before it.
        let kept = text.get(at..range.start).ok_or_else(|| {
            format!("Edits {before} and {number} overlap; make them one. Nothing was changed.")
        })?;
        out.push_str(kept);
        out.push_str(&new);
        (at, before) = (range.end, number);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

fn find(text: &str, edit: &Replacement) -> Result<(Range<usize>, String), String> {
    if edit.old_text.is_empty() {
        return Err("oldText is empty; use write for new files.".to_owned());
    }
    match once(text, &edit.old_text) {
        Ok(range) => Ok((range, edit.new_text.clone())),
        // Models write \n where a file has \r\n.
        Err(0) if text.contains("\r\n") && !edit.old_text.contains('\r') => {
            let crlf = |s: &str| s.replace("\r\n", "\n").replace('\n', "\r\n");
            match once(text, &crlf(&edit.old_text)) {
                Ok(range) => Ok((range, crlf(&edit.new_text))),
                Err(n) => Err(not_once(n)),
            }
        }
        Err(n) => Err(not_once(n)),
    }
}

fn not_once(times: usize) -> String {
    match times {
        0 => "oldText matches 0 times; read the file again and copy the text exactly.".to_owned(),
        n => format!("oldText matches {n} times; add lines around it until it is unique."),
    }
}

/// Where `old` is, or how often it is there when that is not once. Overlapping places count.
fn once(text: &str, old: &str) -> Result<Range<usize>, usize> {
    let first = text.find(old).ok_or(0usize)?;
    let step = old.chars().next().map_or(1, char::len_utf8);
    let (mut at, mut count) = (first, 1);
    while let Some(next) = text.get(at + step..).and_then(|rest| rest.find(old)) {
        at += step + next;
        count += 1;
    }
    if count == 1 { Ok(first..first + old.len()) } else { Err(count) }
}

impl Tool for Edit {
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
    use super::*;
    use crate::fakes::Bench;

    fn edits(pairs: &[(&str, &str)]) -> Vec<Replacement> {
        pairs.iter().map(|(o, n)| Replacement { old_text: (*o).into(), new_text: (*n).into() }).collect()
    }

    #[test]
    fn edits_are_looked_for_in_the_text_as_it_was() {
        assert_eq!(apply("a b c", &edits(&[("c", "a"), ("a", "b"), ("b", "")])).unwrap(), "b  a");
        assert_eq!(apply("é\n", &edits(&[("é", "e")])).unwrap(), "e\n");
    }

    #[test]
    fn line_ends_of_the_file_are_kept() {
        assert_eq!(apply("a\r\nb\r\nc", &edits(&[("a\nb", "x\ny")])).unwrap(), "x\r\ny\r\nc");
    }

    #[test]
    fn what_does_not_match_once_is_told_with_its_count() {
        for (text, pairs, says) in [
            ("a", &[("b", "c")][..], "Edit 1: oldText matches 0 times"),
            ("aaa", &[("aa", "c")], "matches 2 times"),
            ("x y x", &[("y", "z"), ("x", "c")], "Edit 2: oldText matches 2 times"),
            ("abc", &[("ab", "1"), ("bc", "2")], "Edits 1 and 2 overlap"),
            ("abc", &[("", "1")], "oldText is empty"),
            ("ééé", &[("é", "e")], "matches 3 times"),
        ] {
            let error = apply(text, &edits(pairs)).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_is_changed_whole_or_not_at_all() {
        let bench = Bench::new();
        let file = bench.workspace().join("f");
        std::fs::write(&file, "one two three").unwrap();
        let two = json!({"path": "f", "edits": [{"oldText": "one", "newText": "1"}, {"oldText": "four", "newText": "4"}]});
        assert!(bench.call("edit", two).await.is_error);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one two three");
        let one = json!({"path": "f", "edits": [{"oldText": "one", "newText": "1"}, {"oldText": "three", "newText": "3"}]});
        assert!(!bench.call("edit", one).await.is_error);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1 two 3");
    }

    #[tokio::test]
    async fn edits_at_the_same_time_do_not_lose_each_other() {
        let bench = Bench::new();
        let file = bench.workspace().join("f");
        let names: Vec<String> = (10..30).map(|i| format!("w{i}")).collect();
        std::fs::write(&file, names.join(" ")).unwrap();
        let tool = bench.tool("edit");
        let mut calls = tokio::task::JoinSet::new();
        for name in names {
            let (tool, context) = (tool.clone(), bench.context());
            let edit = json!({"path": "f", "edits": [{"oldText": name, "newText": "x"}]});
            calls.spawn(async move { tool.call(edit, context).await });
        }
        assert!(calls.join_all().await.iter().all(|out| !out.is_error));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), ["x"; 20].join(" "));
    }

    #[tokio::test]
    async fn what_is_no_text_file_is_refused() {
        let bench = Bench::new();
        std::fs::write(bench.workspace().join("bin"), [0xff, 0xfe, 0]).unwrap();
        for path in ["bin", "missing", "."] {
            let edit = json!({"path": path, "edits": [{"oldText": "a", "newText": "x"}]});
            assert!(bench.call("edit", edit).await.is_error, "{path}");
        }
    }
}
