//! `read`: text by lines, images as images.

use crate::text::clip;
use crate::tool::{Outcome, SHORT, spec, within};
use crate::{Host, ToolEnv, args, files};
use agent::tool::{Tool, ToolContext, ToolFuture, ToolOutput};
use base64::Engine;
use llm::ToolSpec;
use model::Part;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// Lines given where no limit is asked for, and at most.
const MAX_LINES: u64 = 2000;
/// Bytes of text given at most: some 12,000 tokens.
const MAX_TEXT: usize = 50_000;
/// What providers take of an image.
pub(crate) const MAX_IMAGE: u64 = 5 * 1024 * 1024;
/// How much of a file is looked at to tell what it is.
const SNIFF: u64 = 8192;

/// The tool.
pub(crate) struct Read {
    spec: ToolSpec,
    workspace: PathBuf,
    host: Arc<dyn Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    path: String,
    #[serde(default)]
    offset: Option<u64>,
    #[serde(default)]
    limit: Option<u64>,
}

impl Read {
    pub(crate) fn new(env: &ToolEnv) -> Self {
        let spec = spec(
            "read",
            "Read a text file or an image (png, jpg, gif, webp). Relative paths start in the workspace.",
            json!({"path": {"type": "string"},
                "offset": {"type": "integer", "description": "first line, from 1"},
                "limit": {"type": "integer", "description": "lines, at most 2000"}}),
            &["path"],
        );
        Self { spec, workspace: env.workspace.clone(), host: env.host.clone() }
    }

    async fn run(&self, arguments: Value) -> Outcome {
        let Args { path, offset, limit } = args::parse("read", arguments)?;
        if path.starts_with("node://") {
            let text = self.host.skill_text(&path);
            let text = text.ok_or_else(|| format!("There is no {path}: its node is not connected, or has no such skill. Files of nodes are read with exec there."))?;
            return Ok(ToolOutput::text(lines_of(&text, offset, limit)));
        }
        let file = files::resolve(&self.workspace, &path)?;
        let checked = file.clone();
        let size = crate::tool::blocking(move || files::regular("read", &checked)).await?.len();
        let start = sniff(&file).await?;
        if let Some(mime) = image_type(&start) {
            return image(&file, size, mime).await;
        }
        if start.contains(&0) {
            let file = file.display();
            return Err(format!(
                "{file} is a binary file of {size} bytes; look at it with exec (file, xxd)."
            ));
        }
        let first = offset.unwrap_or(1).max(1);
        let lines = limit.unwrap_or(MAX_LINES).clamp(1, MAX_LINES);
        let window = window(&file, first, lines).await.map_err(|e| files::io_error("read", &file, &e))?;
        Ok(ToolOutput::text(window.into_text(first)))
    }
}

/// Lines of a text that is at hand.
fn lines_of(text: &str, offset: Option<u64>, limit: Option<u64>) -> String {
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let skipped = size(offset.unwrap_or(1).max(1)) - 1;
    let kept = size(limit.unwrap_or(MAX_LINES).clamp(1, MAX_LINES));
    let lines: Vec<&str> = text.lines().skip(skipped).take(kept).collect();
    clip(&lines.join("\n"), MAX_TEXT)
}

async fn sniff(file: &Path) -> Result<Vec<u8>, String> {
    let read = async {
        let mut start = Vec::new();
        tokio::fs::File::open(file).await?.take(SNIFF).read_to_end(&mut start).await?;
        Ok(start)
    };
    read.await.map_err(|e| files::io_error("read", file, &e))
}

/// The type of an image, by its first bytes: names lie.
pub(crate) fn image_type(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

async fn image(file: &Path, size: u64, mime: &str) -> Outcome {
    let mut bytes = Vec::new();
    let read = async { tokio::fs::File::open(file).await?.take(MAX_IMAGE + 1).read_to_end(&mut bytes).await };
    read.await.map_err(|e| files::io_error("read", file, &e))?;
    if bytes.len() as u64 > MAX_IMAGE {
        let file = file.display();
        return Err(format!("{file} is {size} bytes; images may have {MAX_IMAGE}. Make it smaller first."));
    }
    let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let text = format!("{mime}, {} bytes", bytes.len());
    let content = vec![Part::Text { text }, Part::Image { data, mime_type: mime.to_owned() }];
    Ok(ToolOutput { content, is_error: false, command: None })
}

/// Lines of a file.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    /// Whole lines in `bytes`.
    lines: u64,
    /// Lines passed over before them.
    skipped: u64,
    /// Whether the file goes on.
    more: bool,
}

/// Reads `lines` lines from line `first` on, at most [`MAX_TEXT`] bytes of them. Never holds more than that, however
/// long the file or its lines.
async fn window(file: &Path, first: u64, lines: u64) -> std::io::Result<Window> {
    let mut reader = BufReader::with_capacity(64 * 1024, tokio::fs::File::open(file).await?);
    let mut window = Window::default();
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(window);
        }
        if window.lines >= lines || window.bytes.len() >= MAX_TEXT {
            window.more = true;
            return Ok(window);
        }
        let end = chunk.iter().position(|b| *b == b'\n').map(|i| i + 1);
        let mut taken = end.unwrap_or(chunk.len());
        let skipping = window.skipped + 1 < first;
        if !skipping {
            taken = taken.min(MAX_TEXT - window.bytes.len());
            window.bytes.extend_from_slice(chunk.get(..taken).unwrap_or_default());
        }
        if end == Some(taken) {
            if skipping { window.skipped += 1 } else { window.lines += 1 }
        }
        reader.consume(taken);
    }
}

impl Window {
    fn into_text(self, first: u64) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        if text.is_empty() {
            return match (first, self.skipped) {
                (1, _) => "[the file is empty]".to_owned(),
                (_, lines) => format!("[the file has only {lines} whole lines]"),
            };
        }
        if !self.more {
            return text.into_owned();
        }
        let next = first + self.lines;
        if self.lines == 0 {
            return format!(
                "{text}\n[line {first} is longer than {MAX_TEXT} bytes; read the rest with exec]"
            );
        }
        if self.bytes.ends_with(b"\n") {
            return format!("{text}[more follows; read on with offset {next}]");
        }
        // The last line was cut: it is given whole next time.
        let whole = text.rfind('\n').map_or(0, |i| i + 1);
        format!(
            "{}[more follows; read on with offset {next}]",
            clip(text.get(..whole).unwrap_or(&text), MAX_TEXT)
        )
    }
}

impl Tool for Read {
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
    use super::*;
    use crate::fakes::{Bench, text};

    #[tokio::test]
    async fn lines_are_read_from_an_offset() {
        let bench = Bench::new();
        std::fs::write(bench.workspace().join("f"), "1\n2\n3\n4").unwrap();
        std::fs::write(bench.workspace().join("empty"), "").unwrap();
        for (arguments, expected) in [
            (json!({"path": "f"}), "1\n2\n3\n4"),
            (json!({"path": "f", "offset": 2, "limit": 2}), "2\n3\n[more follows; read on with offset 4]"),
            (json!({"path": "f", "offset": 4}), "4"),
            (json!({"path": "f", "offset": 9}), "[the file has only 3 whole lines]"),
            (json!({"path": "empty"}), "[the file is empty]"),
        ] {
            let out = bench.call("read", arguments.clone()).await;
            assert_eq!((text(&out), out.is_error), (expected.to_owned(), false), "{arguments}");
        }
    }

    #[tokio::test]
    async fn long_files_are_bounded_and_can_be_read_on_without_a_gap() {
        let bench = Bench::new();
        let whole: String = (0..30_000).map(|i| format!("line {i}\n")).collect();
        std::fs::write(bench.workspace().join("f"), &whole).unwrap();
        let (mut all, mut offset) = (String::new(), 1);
        loop {
            let out = text(&bench.call("read", json!({"path": "f", "offset": offset})).await);
            assert!(out.len() < MAX_TEXT + 100);
            let Some((part, rest)) = out.rsplit_once("[more follows; read on with offset ") else {
                all.push_str(&out);
                break;
            };
            all.push_str(part);
            offset = rest.trim_end_matches(']').parse().unwrap();
        }
        assert_eq!(all, whole);
        std::fs::write(bench.workspace().join("long"), "x".repeat(200_000)).unwrap();
        let out = text(&bench.call("read", json!({"path": "long"})).await);
        assert!(out.len() < MAX_TEXT + 200 && out.contains("line 1 is longer"));
    }

    #[tokio::test]
    async fn an_image_is_given_as_one_whatever_its_name() {
        let bench = Bench::new();
        let png = b"\x89PNG\r\n\x1a\nrest";
        std::fs::write(bench.workspace().join("picture.txt"), png).unwrap();
        let out = bench.call("read", json!({"path": "picture.txt"})).await;
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        assert_eq!(out.content.get(1), Some(&Part::Image { data, mime_type: "image/png".into() }));
        let mut big = png.to_vec();
        big.resize(6 * 1024 * 1024, 0);
        std::fs::write(bench.workspace().join("big.png"), big).unwrap();
        assert!(bench.call("read", json!({"path": "big.png"})).await.is_error);
    }

    #[tokio::test]
    async fn a_skill_of_a_node_is_read_by_its_location_and_nothing_else_of_a_node_is() {
        let bench = Bench::new();
        let read = |path: &str, offset: u64| json!({"path": path, "offset": offset, "limit": 1});
        let skill = "node://aa/skills/pdf/SKILL.md";
        assert_eq!(text(&bench.call("read", read(skill, 2)).await), "two");
        let gone = bench.call("read", read("node://aa/etc/passwd", 1)).await;
        assert!(gone.is_error && text(&gone).contains("no such skill"), "{gone:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        let bench = Bench::new();
        std::fs::write(bench.workspace().join("bin"), b"a\0b").unwrap();
        for (path, says) in [
            ("missing", "No such file"),
            (".", "directory"),
            ("/dev/zero", "not a regular file"),
            ("bin", "binary file of 3 bytes"),
            ("", "not a path"),
        ] {
            let out = bench.call("read", json!({"path": path})).await;
            assert!(out.is_error && text(&out).contains(says), "{path}: {out:?}");
        }
    }
}
