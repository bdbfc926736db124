//! The browser itself, and its tabs.

use super::request::{Ask, Driver};
use crate::failure::{Exit, Failure};
use crate::output::{Table, printable};
use crate::view::{cell, flag, list, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Take a snapshot of the page that is open, too
    #[arg(long)]
    deep: bool,
}

#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// Without a window, this time
    #[arg(long)]
    headless: bool,
}

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// The address
    #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    address: String,
    /// A name of your own for the tab
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    label: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct OneTab {
    /// The tab: its label, its place such as t1, or the browser's own name for it
    #[arg(value_name = "TAB", value_parser = NonEmptyStringValueParser::new())]
    tab: String,
}

#[derive(Debug, Args)]
pub(super) struct MaybeTab {
    /// The tab: its label, its place such as t1, or the browser's own name for it; the one used last unless it is said
    #[arg(value_name = "TAB", value_parser = NonEmptyStringValueParser::new())]
    tab: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TabArgs {
    #[command(subcommand)]
    command: Option<TabCommand>,
}

#[derive(Debug, Subcommand)]
enum TabCommand {
    /// Open an empty tab
    New(NewArgs),
    /// Give a tab a name of your own
    Label(LabelArgs),
    /// Bring the tab at this place to the front
    Select(PlaceArgs),
    /// Close the tab at this place, or the first
    Close(MaybePlaceArgs),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// A name of your own for it
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    label: Option<String>,
}

#[derive(Debug, Args)]
struct LabelArgs {
    /// The tab
    #[arg(value_name = "TAB", value_parser = NonEmptyStringValueParser::new())]
    tab: String,
    /// Its name from now on
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    label: String,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Its place in the list, from 1
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    index: u32,
}

#[derive(Debug, Args)]
struct MaybePlaceArgs {
    /// Its place in the list, from 1
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    index: Option<u32>,
}

pub(super) async fn status(driver: &Driver<'_>) -> Result<(), Failure> {
    driver.show(Ask::get("/", Value::Null), shown).await
}

fn shown(status: &Value) -> String {
    let lines = [
        ("profile", cell(status, "/profile")),
        ("running", cell(status, "/running")),
        ("program", cell(status, "/executablePath")),
        ("headless", format!("{} ({})", cell(status, "/headless"), cell(status, "/headlessSource"))),
        ("sandbox", if flag(status, "/noSandbox") { "off".into() } else { "on".into() }),
        ("data", cell(status, "/userDataDir")),
    ];
    lines.iter().map(|(name, value)| format!("{name:<9} {}\n", printable(value))).collect()
}

pub(super) async fn doctor(args: DoctorArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let mut report = driver.ask(Ask::get("/doctor", Value::Null)).await?;
    if args.deep && flag(&report, "/status/running") {
        let seen = driver.ask(Ask::get("/snapshot", json!({"format": "aria", "limit": 25}))).await;
        let (state, summary) = match &seen {
            Ok(seen) if !list(seen, "/nodes").is_empty() => ("pass", "a page can be read".to_owned()),
            Ok(_) => ("fail", "the page is empty".to_owned()),
            Err(failure) => ("fail", failure.message.clone()),
        };
        let check =
            json!({"id": "live-snapshot", "label": "Live snapshot", "status": state, "summary": summary});
        if let Some(checks) = report["checks"].as_array_mut() {
            checks.push(check);
        }
        report["ok"] = json!(flag(&report, "/ok") && state == "pass");
    }
    driver.ctx.out.show(&report, || {
        let line = |check: &Value| {
            let hint = text(check, "/fixHint").map(|hint| format!("; {hint}")).unwrap_or_default();
            printable(&format!(
                "{:<5}{}: {}{hint}",
                cell(check, "/status"),
                cell(check, "/label"),
                cell(check, "/summary")
            ))
        };
        list(&report, "/checks").iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if flag(&report, "/ok") {
        return Ok(());
    }
    Err(Failure::new(Exit::Findings, "", ""))
}

pub(super) async fn start(args: StartArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let headless = args.headless.then(|| json!(true));
    let ask = Ask { query: json!({"headless": headless}), ..Ask::post("/start", json!({})) };
    driver.ask(ask.patient()).await?;
    status_line(driver).await
}

pub(super) async fn stop(driver: &Driver<'_>) -> Result<(), Failure> {
    driver.ask(Ask::post("/stop", json!({}))).await?;
    status_line(driver).await
}

async fn status_line(driver: &Driver<'_>) -> Result<(), Failure> {
    driver
        .show(Ask::get("/", Value::Null), |status| {
            let how = if flag(status, "/running") { "runs" } else { "does not run" };
            format!("the browser {how} ({})", printable(&cell(status, "/profile")))
        })
        .await
}

pub(super) async fn profiles(driver: &Driver<'_>) -> Result<(), Failure> {
    driver
        .show(Ask::get("/profiles", Value::Null), |answer| {
            let mut table = Table::new(&["PROFILE", "DRIVER", "RUNNING", "TABS"]);
            for profile in list(answer, "/profiles") {
                let cells = ["/name", "/driver", "/running", "/tabCount"];
                table.row(cells.map(|pointer| cell(profile, pointer)));
            }
            table.render(&driver.ctx.out, "no profiles")
        })
        .await
}

pub(super) async fn tabs(driver: &Driver<'_>) -> Result<(), Failure> {
    driver.show(Ask::get("/tabs", Value::Null), |answer| table(driver, answer)).await
}

fn table(driver: &Driver<'_>, answer: &Value) -> String {
    let mut table = Table::new(&["N", "TAB", "TITLE", "URL"]);
    for (n, tab) in list(answer, "/tabs").iter().enumerate() {
        table.row([
            (n + 1).to_string(),
            cell(tab, "/suggestedTargetId"),
            cell(tab, "/title"),
            match text(tab, "/urlUnavailableReason") {
                Some(reason) => format!("({reason})"),
                None => cell(tab, "/url"),
            },
        ]);
    }
    let open = driver.ctx.command("browser open URL");
    table.render(&driver.ctx.out, &format!("no tabs; {open} opens one"))
}

pub(super) async fn tab(args: TabArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let act = |body: Value| Ask::post("/tabs/action", body);
    match args.command {
        None => driver.show(act(json!({"action": "list"})), |answer| table(driver, answer)).await,
        Some(TabCommand::New(new)) => {
            let ask = act(json!({"action": "new", "label": new.label}));
            driver.show(ask, |answer| format!("opened {}", called(&answer["tab"]))).await
        }
        Some(TabCommand::Label(one)) => {
            let ask = act(json!({"action": "label", "targetId": one.tab, "label": one.label}));
            driver.show(ask, |answer| format!("the tab is called {} now", called(&answer["tab"]))).await
        }
        Some(TabCommand::Select(place)) => {
            let ask = act(json!({"action": "select", "index": place.index - 1}));
            driver.show(ask, |_| format!("tab {} is in front", place.index)).await
        }
        Some(TabCommand::Close(place)) => {
            let ask = act(json!({"action": "close", "index": place.index.map(|index| index - 1)}));
            driver.show(ask, |_| "closed the tab".into()).await
        }
    }
}

fn called(tab: &Value) -> String {
    printable(&cell(tab, "/suggestedTargetId"))
}

pub(super) async fn open(args: OpenArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask::post("/tabs/open", json!({"url": args.address, "label": args.label}));
    driver
        .show(ask, |tab| {
            let title = text(tab, "/title").filter(|title| !title.is_empty()).unwrap_or("(untitled)");
            printable(&format!(
                "opened {} as {}: {title}",
                cell(tab, "/url"),
                cell(tab, "/suggestedTargetId")
            ))
        })
        .await
}

pub(super) async fn focus(args: OneTab, driver: &Driver<'_>) -> Result<(), Failure> {
    let ask = Ask::post("/tabs/focus", json!({"targetId": args.tab}));
    driver.show(ask, |_| format!("{} is in front", args.tab)).await
}

pub(super) async fn close(args: MaybeTab, driver: &Driver<'_>) -> Result<(), Failure> {
    let path;
    let ask = match &args.tab {
        None => Ask::post("/act", json!({"kind": "close"})),
        Some(tab) if tab.contains('/') => return Err(Failure::usage(format!("{tab:?} is no tab's name"))),
        Some(tab) => {
            path = format!("/tabs/{tab}");
            Ask { method: "DELETE", body: Value::Null, ..Ask::post(&path, Value::Null) }
        }
    };
    driver.show(ask, |_| "closed the tab".into()).await
}
