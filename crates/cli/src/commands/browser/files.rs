//! Files for pages and from pages, and what pages ask.

use super::request::{Ask, Driver, InTab, LONG};
use crate::failure::Failure;
use crate::output::printable;
use crate::view::cell;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of a file, and of all of them.
const MAX_FILE: u64 = 10 * 1024 * 1024;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// What the files of messages are called, which lie beside the gateway.
const MEDIA: &str = "media://";

#[derive(Debug, Args)]
pub(super) struct UploadArgs {
    /// Files of this computer, or media://inbound/NAME for files that came to the gateway with messages
    #[arg(required = true, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    paths: Vec<String>,
    /// Click this element of the last snapshot, which asks for them
    #[arg(long = "ref", id = "clicked", value_name = "REF", conflicts_with_all = ["input_ref", "element"])]
    clicked: Option<String>,
    /// Put them into this field of the last snapshot
    #[arg(long, value_name = "REF", conflicts_with = "element")]
    input_ref: Option<String>,
    /// Put them into the field that this CSS selector fits
    #[arg(long, value_name = "SELECTOR")]
    element: Option<String>,
    #[command(flatten)]
    tab: InTab,
    /// How long the page has to ask for them, where nothing is clicked
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct DownloadArgs {
    /// What is clicked, by its name in the last snapshot
    #[arg(value_name = "REF")]
    element: String,
    /// The file's name; it is kept under the gateway's state directory
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    path: String,
    #[command(flatten)]
    tab: InTab,
    /// The same as --timeout
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct NextArgs {
    /// The file's name; it is kept under the gateway's state directory
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    path: Option<String>,
    #[command(flatten)]
    tab: InTab,
    /// The same as --timeout
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct DialogArgs {
    /// Yes
    #[arg(long, conflicts_with = "dismiss", required_unless_present = "dismiss")]
    accept: bool,
    /// No
    #[arg(long)]
    dismiss: bool,
    /// What is written into the question's field
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "dismiss")]
    prompt: Option<String>,
    /// The question that waits, by its id
    #[arg(long, value_name = "ID")]
    dialog_id: Option<String>,
    #[command(flatten)]
    tab: InTab,
    /// How long the next question may take to come
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
}

pub(super) async fn upload(args: UploadArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let beside = args.paths.iter().filter(|path| path.starts_with(MEDIA)).count();
    let (paths, upload) = match beside {
        0 => (None, Some(read(&args.paths)?)),
        n if n == args.paths.len() => (Some(&args.paths), None),
        _ => {
            return Err(Failure::usage("name files of this computer or of the gateway, not of both at once"));
        }
    };
    let body = json!({"paths": paths, "ref": args.clicked, "inputRef": args.input_ref, "element": args.element,
        "targetId": args.tab.target_id, "timeoutMs": args.timeout_ms});
    let ask = Ask { upload, ..Ask::post("/hooks/file-chooser", body) };
    let waits = args.clicked.is_none() && args.input_ref.is_none() && args.element.is_none();
    driver
        .show(ask, |_| {
            if waits {
                "the next field that asks for files is given them".into()
            } else {
                "the page has the files".into()
            }
        })
        .await
}

/// Reads files of this computer.
fn read(paths: &[String]) -> Result<Value, Failure> {
    let (mut files, mut total) = (Vec::new(), 0);
    for path in paths {
        let cannot = |why: String| Failure::usage(format!("{path} cannot be given to a page: {why}"));
        let size = std::fs::metadata(path).map_err(|e| cannot(e.to_string()))?;
        if !size.is_file() {
            return Err(cannot("it is no file".into()));
        }
        total += size.len();
        if size.len() > MAX_FILE || total > MAX_BYTES {
            return Err(cannot("a file may have 10 MiB, and all of them 16 MiB".into()));
        }
        let bytes = std::fs::read(path).map_err(|e| cannot(e.to_string()))?;
        let name = Path::new(path).file_name().map_or_else(|| "upload".into(), |name| name.to_string_lossy());
        files.push(json!({"name": name, "contentBase64": STANDARD.encode(bytes)}));
    }
    Ok(json!({"envelope": "browser-upload-v1", "files": files}))
}

pub(super) async fn download(args: DownloadArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"ref": args.element, "path": args.path, "targetId": args.tab.target_id});
    came(Ask::post("/download", body), args.timeout_ms, driver).await
}

pub(super) async fn next(args: NextArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"path": args.path, "targetId": args.tab.target_id});
    came(Ask::post("/wait/download", body), args.timeout_ms, driver).await
}

async fn came(ask: Ask<'_>, time: Option<u64>, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask { timeout: time.unwrap_or(LONG), ..ask };
    driver.show(ask, |answer| printable(&cell(answer, "/download/path"))).await
}

pub(super) async fn dialog(args: DialogArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"accept": args.accept, "promptText": args.prompt, "dialogId": args.dialog_id,
        "targetId": args.tab.target_id, "timeoutMs": args.timeout_ms});
    driver
        .show(Ask::post("/hooks/dialog", body), |_| "the question is answered, now or when it comes".into())
        .await
}
