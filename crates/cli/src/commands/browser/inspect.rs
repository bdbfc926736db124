//! What is on a page, and what the page has told.

use super::request::{Ask, Driver, InTab};
use crate::failure::{Exit, Failure};
use crate::output::printable;
use crate::view::{cell, flag, list, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct OfTab {
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Lines.
    Ai,
    /// A list of nodes.
    Aria,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Short.
    Efficient,
}

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    #[command(flatten)]
    tab: InTab,
    /// Lines, or a list of nodes
    #[arg(long, value_name = "FORMAT", default_value = "ai")]
    format: Format,
    /// At most so many nodes, of the list
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// The same as --efficient
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// Short: what can be acted on, not deep
    #[arg(long)]
    efficient: bool,
    /// What can be acted on alone
    #[arg(long)]
    interactive: bool,
    /// Without what only holds other things together
    #[arg(long)]
    compact: bool,
    /// Not deeper than so many levels
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Of the first element that this CSS selector fits
    #[arg(long, value_name = "SELECTOR", value_parser = NonEmptyStringValueParser::new())]
    selector: Option<String>,
    /// Of the frame that the first element shows which this CSS selector fits
    #[arg(long, value_name = "SELECTOR", value_parser = NonEmptyStringValueParser::new())]
    frame: Option<String>,
    /// With a picture, the names drawn over the elements
    #[arg(long)]
    labels: bool,
    /// With the addresses of links below it
    #[arg(long)]
    urls: bool,
    /// Into this file of this computer
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Picture {
    /// Without a loss.
    Png,
    /// Smaller.
    Jpeg,
}

#[derive(Debug, Args)]
pub(super) struct ScreenshotArgs {
    /// The tab: its label, its place such as t1, or the browser's own name for it; the one used last unless it is said
    #[arg(value_name = "TAB", value_parser = NonEmptyStringValueParser::new())]
    tab: Option<String>,
    /// All of the page, not only what is seen
    #[arg(long, conflicts_with_all = ["element", "of"])]
    full_page: bool,
    /// With the names that the last snapshot gave, drawn over the elements
    #[arg(long)]
    labels: bool,
    /// Of this element of the last snapshot
    #[arg(long = "ref", id = "of", value_name = "REF", conflicts_with = "element")]
    of: Option<String>,
    /// Of the first element that this CSS selector fits
    #[arg(long, value_name = "SELECTOR")]
    element: Option<String>,
    /// What kind of picture
    #[arg(long, value_name = "TYPE", default_value = "png")]
    r#type: Picture,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    /// Errors alone.
    Error,
    /// And warnings.
    Warn,
    /// And what is told.
    Info,
}

#[derive(Debug, Args)]
pub(super) struct ConsoleArgs {
    #[command(flatten)]
    tab: InTab,
    /// From this level on
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
}

#[derive(Debug, Args)]
pub(super) struct ErrorsArgs {
    #[command(flatten)]
    tab: InTab,
    /// Forget them afterwards
    #[arg(long)]
    clear: bool,
}

#[derive(Debug, Args)]
pub(super) struct RequestsArgs {
    #[command(flatten)]
    tab: InTab,
    /// Those whose address or kind has these characters
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Forget all afterwards
    #[arg(long)]
    clear: bool,
}

#[derive(Debug, Args)]
pub(super) struct BodyArgs {
    /// The address, a part of it, or a pattern such as **/api
    #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pattern: String,
    #[command(flatten)]
    tab: InTab,
    /// The same as --timeout
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
    /// Print at most so many characters
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_chars: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    /// Begin; one trace at a time
    Start(TraceStartArgs),
    /// End, and keep the trace for the performance tools of Chromium, or ui.perfetto.dev; prints where on the gateway's host
    Stop(TraceStopArgs),
}

#[derive(Debug, Args)]
struct TraceStartArgs {
    #[command(flatten)]
    tab: InTab,
    /// Without pictures of the page
    #[arg(long)]
    no_screenshots: bool,
    #[arg(long, hide = true)]
    no_snapshots: bool,
    #[arg(long, hide = true)]
    sources: bool,
}

#[derive(Debug, Args)]
struct TraceStopArgs {
    #[command(flatten)]
    tab: InTab,
    /// The file's name [default: trace.json.gz]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    out: Option<String>,
}

pub(super) async fn trace(args: TraceArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    match args.command {
        TraceCommand::Start(args) => {
            // What is recorded has neither the page's text nor its code.
            let body = json!({"targetId": args.tab.target_id, "screenshots": !args.no_screenshots,
                "snapshots": !args.no_snapshots, "sources": args.sources});
            driver.show(Ask::post("/trace/start", body), |_| "a trace is recorded".to_owned()).await
        }
        TraceCommand::Stop(args) => {
            let body = json!({"targetId": args.tab.target_id, "path": args.out});
            driver.show(Ask::post("/trace/stop", body), |answer| printable(&cell(answer, "/path"))).await
        }
    }
}

pub(super) async fn snapshot(args: SnapshotArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let aria = matches!(args.format, Format::Aria);
    let mode = (args.efficient || args.mode.is_some()).then_some("efficient");
    let yes = |flag: bool| flag.then_some(true);
    let query = json!({"format": if aria { "aria" } else { "ai" }, "targetId": args.tab.target_id, "limit": args.limit,
        "interactive": yes(args.interactive), "compact": yes(args.compact), "depth": args.depth, "selector": args.selector,
        "urls": yes(args.urls), "mode": mode, "frame": args.frame, "labels": yes(args.labels)});
    let answer = driver.ask(Ask::get("/snapshot", query)).await?;
    let shown = || {
        if aria {
            return nodes(&answer);
        }
        let picture = text(&answer, "/imagePath").map(|path| format!("\n{path}")).unwrap_or_default();
        printable(&format!("{}{picture}", text(&answer, "/snapshot").unwrap_or_default()))
    };
    let Some(file) = args.out else {
        return driver.ctx.out.show(&answer, shown);
    };
    std::fs::write(&file, format!("{}\n", shown().trim_end())).map_err(|e| {
        Failure::new(Exit::Failed, "OUTPUT", format!("{} cannot be written: {e}", file.display()))
    })?;
    driver.ctx.out.show(&json!({"ok": true, "out": file}), || file.display().to_string())
}

fn nodes(answer: &Value) -> String {
    let line = |node: &Value| {
        let depth = node["depth"].as_u64().unwrap_or_default().min(20) as usize;
        let said = |name: &str, before: &str| {
            let text = node[name].as_str().filter(|text| !text.is_empty());
            text.map(|text| format!("{before}{text:?}")).unwrap_or_default()
        };
        let (name, value) = (said("name", " "), said("value", " = "));
        format!("{}- {}{name}{value} [ref={}]", "  ".repeat(depth), cell(node, "/role"), cell(node, "/ref"))
    };
    printable(&list(answer, "/nodes").iter().map(line).collect::<Vec<_>>().join("\n"))
}

pub(super) async fn screenshot(args: ScreenshotArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let kind = match args.r#type {
        Picture::Png => "png",
        Picture::Jpeg => "jpeg",
    };
    let mut body = json!({"targetId": args.tab, "fullPage": args.full_page, "ref": args.of, "element": args.element, "type": kind});
    if args.labels {
        body["labels"] = json!(true);
    }
    driver.show(Ask::post("/screenshot", body), |answer| printable(&cell(answer, "/path"))).await
}

pub(super) async fn pdf(args: OfTab, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask::post("/pdf", json!({"targetId": args.tab.target_id}));
    driver.show(ask, |answer| printable(&cell(answer, "/path"))).await
}

pub(super) async fn console(args: ConsoleArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let level = args.level.map(|level| match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
    });
    let ask = Ask::get("/console", json!({"level": level, "targetId": args.tab.target_id}));
    driver
        .show(ask, |answer| {
            let line = |message: &Value| {
                format!(
                    "{}  {}  {}",
                    cell(message, "/timestamp"),
                    cell(message, "/type"),
                    cell(message, "/text")
                )
            };
            lines(answer, "/messages", line, "nothing is on the console")
        })
        .await
}

pub(super) async fn errors(args: ErrorsArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let clear = args.clear.then_some(true);
    let ask = Ask::get("/errors", json!({"clear": clear, "targetId": args.tab.target_id}));
    driver
        .show(ask, |answer| {
            let line = |error: &Value| {
                let name = text(error, "/name").map(|name| format!("{name}: ")).unwrap_or_default();
                format!("{}  {name}{}", cell(error, "/timestamp"), cell(error, "/message"))
            };
            lines(answer, "/errors", line, "no errors")
        })
        .await
}

pub(super) async fn requests(args: RequestsArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let clear = args.clear.then_some(true);
    let query = json!({"filter": args.filter, "clear": clear, "targetId": args.tab.target_id});
    driver
        .show(Ask::get("/requests", query), |answer| {
            let line = |request: &Value| {
                let failed = text(request, "/failureText").map(|why| format!(" ({why})")).unwrap_or_default();
                format!(
                    "{}  {} {} {}{failed}",
                    cell(request, "/timestamp"),
                    cell(request, "/method"),
                    cell(request, "/status"),
                    cell(request, "/url")
                )
            };
            lines(answer, "/requests", line, "no requests")
        })
        .await
}

fn lines(answer: &Value, pointer: &str, line: impl Fn(&Value) -> String, none: &str) -> String {
    let all: Vec<String> = list(answer, pointer).iter().map(line).collect();
    if all.is_empty() { none.to_owned() } else { printable(&all.join("\n")) }
}

pub(super) async fn body(args: BodyArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"url": args.pattern, "targetId": args.tab.target_id, "maxChars": args.max_chars});
    let ask = Ask::post("/response/body", body);
    let timeout = args.timeout_ms.unwrap_or(ask.timeout);
    let answer = driver.ask(Ask { timeout, ..ask }).await?;
    driver.ctx.out.show(&answer, || printable(text(&answer, "/response/body").unwrap_or_default()))?;
    if flag(&answer, "/response/truncated") && !driver.ctx.out.json {
        driver.ctx.out.remark("there is more of it; --max-chars N prints more");
    }
    Ok(())
}
