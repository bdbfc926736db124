//! What a person does with a page.

use super::request::{Ask, Driver, InTab};
use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::printable;
use crate::view::{cell, flag, list, text};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Bytes of a list of actions or fields.
const MAX_INPUT: u64 = 1_000_000;
/// The longest side of a window.
const MAX_SIDE: i64 = 8192;

#[derive(Debug, Args)]
pub(super) struct NavigateArgs {
    /// The address
    #[arg(value_name = "URL")]
    address: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Button {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// The middle one.
    Middle,
}

impl Button {
    fn name(self) -> &'static str {
        match self {
            Button::Left => "left",
            Button::Right => "right",
            Button::Middle => "middle",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ClickArgs {
    /// The element's name in the last snapshot, such as e12
    #[arg(value_name = "REF")]
    element: String,
    #[command(flatten)]
    tab: InTab,
    /// Twice
    #[arg(long)]
    double: bool,
    /// Which button of the mouse
    #[arg(long, value_name = "BUTTON")]
    button: Option<Button>,
    /// Keys that are held: Alt, Control, Meta, Shift
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    modifiers: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct CoordsArgs {
    /// From the left edge of the page's window, in its pixels
    #[arg(value_parser = place)]
    x: f64,
    /// From the upper edge
    #[arg(value_parser = place)]
    y: f64,
    #[command(flatten)]
    tab: InTab,
    /// Twice
    #[arg(long)]
    double: bool,
    /// Which button of the mouse
    #[arg(long, value_name = "BUTTON")]
    button: Option<Button>,
    /// How long it is held, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=5000))]
    delay_ms: Option<u64>,
}

fn place(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n >= 0.0)
        .ok_or_else(|| "is no number from 0".to_owned())
}

#[derive(Debug, Args)]
pub(super) struct TypeArgs {
    /// The field's name in the last snapshot
    #[arg(value_name = "REF")]
    element: String,
    /// What takes the place of what is in it
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// Press Enter after it
    #[arg(long)]
    submit: bool,
    /// Key by key
    #[arg(long)]
    slowly: bool,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct PressArgs {
    /// The key: Enter, Escape, a, Control+Shift+T
    #[arg(allow_hyphen_values = true)]
    key: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct RefArgs {
    /// The element's name in the last snapshot
    #[arg(value_name = "REF")]
    element: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct DragArgs {
    /// What is dragged, by its name in the last snapshot
    #[arg(value_name = "START")]
    start: String,
    /// Onto what
    #[arg(value_name = "END")]
    end: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct SelectArgs {
    /// The list's name in the last snapshot
    #[arg(value_name = "REF")]
    element: String,
    /// The options, by value or by what they are called
    #[arg(required = true, value_name = "OPTION")]
    values: Vec<String>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct FillArgs {
    /// The fields: [{"ref": "e1", "value": "Ada"}, {"ref": "e2", "type": "checkbox", "value": true}]
    #[arg(
        long,
        value_name = "JSON",
        conflicts_with = "fields_file",
        required_unless_present = "fields_file"
    )]
    fields: Option<String>,
    /// A file that has them
    #[arg(long, value_name = "FILE")]
    fields_file: Option<PathBuf>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LoadState {
    /// All of it has come.
    Load,
    /// There is a document.
    #[value(name = "domcontentloaded")]
    DomContentLoaded,
    /// No request is under way.
    #[value(name = "networkidle")]
    NetworkIdle,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Until something on the page fits this CSS selector
    selector: Option<String>,
    /// For so many milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=60_000))]
    time: Option<u64>,
    /// Until this text is on the page
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Until this text is not on the page any more
    #[arg(long, value_name = "TEXT")]
    text_gone: Option<String>,
    /// Until the page has loaded so far
    #[arg(long, value_name = "STATE")]
    load: Option<LoadState>,
    /// Until this code gives something true
    #[arg(long, value_name = "CODE")]
    r#fn: Option<String>,
    /// The same as --timeout
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct EvaluateArgs {
    /// A function, an expression, or statements with a return
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    r#fn: String,
    /// The element that the function is called with
    #[arg(long, value_name = "REF")]
    r#ref: Option<String>,
    /// The same as --timeout
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000))]
    timeout_ms: Option<u64>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct BatchArgs {
    /// The actions: [{"kind": "click", "ref": "e1"}, {"kind": "press", "key": "Enter"}]
    #[arg(
        long,
        value_name = "JSON",
        conflicts_with = "actions_file",
        required_unless_present = "actions_file"
    )]
    actions: Option<String>,
    /// A file that has them, - for standard input
    #[arg(long, value_name = "FILE")]
    actions_file: Option<PathBuf>,
    /// Go on after one that failed
    #[arg(long)]
    r#continue: bool,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct ResizeArgs {
    /// In pixels of the page
    #[arg(value_parser = clap::value_parser!(i64).range(1..=MAX_SIDE))]
    pub(super) width: i64,
    /// In pixels of the page
    #[arg(value_parser = clap::value_parser!(i64).range(1..=MAX_SIDE))]
    pub(super) height: i64,
    #[command(flatten)]
    pub(super) tab: InTab,
}

pub(super) async fn navigate(args: NavigateArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask::post("/navigate", json!({"url": args.address, "targetId": args.tab.target_id}));
    driver
        .show(ask, |answer| match text(answer, "/download/path") {
            Some(path) => printable(&format!("it is a file: {path}")),
            None => printable(&format!("at {}", cell(answer, "/url"))),
        })
        .await
}

pub(super) async fn click(args: ClickArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let modifiers = (!args.modifiers.is_empty()).then_some(args.modifiers);
    let body = json!({"kind": "click", "ref": args.element, "targetId": args.tab.target_id, "doubleClick": args.double,
        "button": args.button.map(Button::name), "modifiers": modifiers});
    act(driver, body, None, "clicked").await
}

pub(super) async fn click_coords(args: CoordsArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"kind": "clickCoords", "x": args.x, "y": args.y, "targetId": args.tab.target_id,
        "doubleClick": args.double, "button": args.button.map(Button::name), "delayMs": args.delay_ms});
    act(driver, body, None, "clicked").await
}

pub(super) async fn write(args: TypeArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body = json!({"kind": "type", "ref": args.element, "text": args.text, "submit": args.submit,
        "slowly": args.slowly, "targetId": args.tab.target_id});
    act(driver, body, None, "written").await
}

pub(super) async fn press(args: PressArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    act(driver, json!({"kind": "press", "key": args.key, "targetId": args.tab.target_id}), None, "pressed")
        .await
}

/// `hover` and `scrollintoview`.
pub(super) async fn on_ref(kind: &str, args: RefArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let did = if kind == "hover" { "the mouse is over it" } else { "it is seen" };
    act(driver, json!({"kind": kind, "ref": args.element, "targetId": args.tab.target_id}), None, did).await
}

pub(super) async fn drag(args: DragArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body =
        json!({"kind": "drag", "startRef": args.start, "endRef": args.end, "targetId": args.tab.target_id});
    act(driver, body, None, "dragged").await
}

pub(super) async fn select(args: SelectArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body =
        json!({"kind": "select", "ref": args.element, "values": args.values, "targetId": args.tab.target_id});
    act(driver, body, None, "chosen").await
}

pub(super) async fn fill(args: FillArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let fields = objects("fields", args.fields, args.fields_file)?;
    act(driver, json!({"kind": "fill", "fields": fields, "targetId": args.tab.target_id}), None, "filled in")
        .await
}

pub(super) async fn wait(args: WaitArgs, url: Option<String>, driver: &Driver<'_>) -> Result<(), Failure> {
    let load = args.load.map(|load| match load {
        LoadState::Load => "load",
        LoadState::DomContentLoaded => "domcontentloaded",
        LoadState::NetworkIdle => "networkidle",
    });
    let body = json!({"kind": "wait", "timeMs": args.time, "text": args.text, "textGone": args.text_gone,
        "selector": args.selector, "url": url, "loadState": load, "fn": args.r#fn, "targetId": args.tab.target_id});
    act(driver, body, args.timeout_ms, "it is so").await
}

pub(super) async fn evaluate(args: EvaluateArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body =
        json!({"kind": "evaluate", "fn": args.r#fn, "ref": args.r#ref, "targetId": args.tab.target_id});
    let ask = with_time(Ask::post("/act", body), args.timeout_ms);
    driver.show(ask, |answer| format!("{:#}", answer.get("result").unwrap_or(&Value::Null))).await
}

pub(super) async fn batch(args: BatchArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let actions = objects("actions", args.actions, args.actions_file)?;
    let stop = args.r#continue.then_some(false);
    let body =
        json!({"kind": "batch", "actions": actions, "stopOnError": stop, "targetId": args.tab.target_id});
    let answer = driver.ask(Ask::post("/act", body).patient()).await?;
    driver.ctx.out.show(&answer, || told_batch(&answer))?;
    let failed = list(&answer, "/results").iter().any(|result| !flag(result, "/ok"));
    if failed { Err(Failure::new(Exit::Failed, "", "")) } else { Ok(()) }
}

fn told_batch(answer: &Value) -> String {
    if flag(answer, "/blockedByDialog") {
        return blocked(answer);
    }
    let mut lines: Vec<String> = Vec::new();
    for (n, result) in list(answer, "/results").iter().enumerate() {
        let said = text(result, "/error").map_or_else(|| "done".to_owned(), |why| format!("failed: {why}"));
        lines.push(format!("{}. {said}", n + 1));
    }
    if let Some(aborted) = answer.get("aborted") {
        let what =
            if text(aborted, "/reason") == Some("closed") { "was closed" } else { "has become another one" };
        lines.push(format!(
            "after {} the page {what}; {} not done: take a new snapshot",
            cell(aborted, "/afterAction"),
            cell(aborted, "/skipped")
        ));
    }
    printable(&lines.join("\n"))
}

pub(super) async fn resize(args: ResizeArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let body =
        json!({"kind": "resize", "width": args.width, "height": args.height, "targetId": args.tab.target_id});
    act(driver, body, None, &format!("{}x{}", args.width, args.height)).await
}

pub(super) async fn highlight(args: RefArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask::post("/highlight", json!({"ref": args.element, "targetId": args.tab.target_id}));
    driver.show(ask, |_| "it is marked".into()).await
}

/// Does something, and says that it is done, or what stands in its way.
async fn act(driver: &Driver<'_>, body: Value, time: Option<u64>, did: &str) -> Result<(), Failure> {
    let ask = with_time(Ask::post("/act", body), time);
    driver
        .show(ask, |answer| {
            if flag(answer, "/blockedByDialog") {
                return blocked(answer);
            }
            let files = list(answer, "/downloads").iter().filter_map(|file| text(file, "/path"));
            let lines = [did.to_owned()].into_iter().chain(files.map(|path| format!("a file came: {path}")));
            printable(&lines.collect::<Vec<_>>().join("\n"))
        })
        .await
}

fn with_time(ask: Ask<'_>, time: Option<u64>) -> Ask<'_> {
    Ask { timeout: time.unwrap_or(ask.timeout), ..ask }
}

/// The page asks something.
fn blocked(answer: &Value) -> String {
    let question = &answer["browserState"]["dialogs"]["pending"][0];
    printable(&format!(
        "the page asks ({}, {}): {}\nanswer it: openclaw browser dialog --accept or --dismiss",
        cell(question, "/id"),
        cell(question, "/type"),
        cell(question, "/message")
    ))
}

/// A list of objects, of the command line or of a file.
fn objects(what: &str, here: Option<String>, file: Option<PathBuf>) -> Result<Value, Failure> {
    let text = match (here, file) {
        (Some(text), _) => text,
        (None, Some(file)) if file.as_os_str() == "-" => input::read(None, MAX_INPUT)?.0,
        (None, file) => input::read(file.as_deref(), MAX_INPUT)?.0,
    };
    let read: Result<Value, _> = serde_json::from_str(&text);
    match read {
        Ok(Value::Array(list)) if !list.is_empty() => Ok(Value::Array(list)),
        Ok(_) => Err(Failure::usage(format!("{what} must be a JSON array with at least one entry"))),
        Err(error) => Err(Failure::usage(format!("{what} are no JSON: {error}"))),
    }
}
