//! `openclaw cron`: what the agent does at set times.

mod add;
mod alert;
mod edit;
mod flags;
mod run;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::link::{Link, one_call};
use crate::output::{Table, ago, printable, span};
use crate::view::{cell, flag, list, number, text};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `cron` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct CronArgs {
    #[command(subcommand)]
    command: CronCommand,
}

#[derive(Debug, Subcommand)]
enum CronCommand {
    /// Whether jobs run, how many there are, and when the next is due
    Status(PlainArgs),
    /// The jobs
    List(ListArgs),
    /// Add a job
    #[command(visible_alias = "create")]
    Add(Box<add::AddArgs>),
    /// All about one job
    #[command(visible_alias = "show")]
    Get(JobArgs),
    /// Change parts of a job
    Edit(Box<edit::EditArgs>),
    /// Let a job run at its times
    Enable(JobArgs),
    /// Keep a job, and do not run it
    Disable(JobArgs),
    /// Run a job now
    Run(run::RunArgs),
    /// What became of a job's runs, or of all jobs'
    Runs(RunsArgs),
    /// Remove a job
    #[command(visible_aliases = ["remove", "delete"])]
    Rm(JobArgs),
}

#[derive(Debug, Args)]
struct PlainArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Those that are disabled, too
    #[arg(long)]
    all: bool,
    /// Only those of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

#[derive(Debug, Args)]
struct JobArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The job, as `openclaw cron list` shows it
    #[arg(value_name = "JOB_ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

#[derive(Debug, Args)]
struct RunsArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Only those of this job [default: of all jobs]
    #[arg(value_name = "JOB_ID", value_parser = NonEmptyStringValueParser::new())]
    job: Option<String>,
    /// The same as a flag
    #[arg(long, value_name = "JOB_ID", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "job")]
    id: Option<String>,
    /// Only this run
    #[arg(long, value_name = "RUN_ID", value_parser = NonEmptyStringValueParser::new())]
    run_id: Option<String>,
    /// Only those that ended so
    #[arg(long, value_name = "STATUS", value_parser = ["all", "ok", "error", "skipped"])]
    status: Option<String>,
    /// Only those whose answer came so far
    #[arg(long, value_name = "STATUS", value_parser = ["delivered", "not-delivered", "unknown", "not-requested"])]
    delivery_status: Option<String>,
    /// Only those with this text in what they said, or in their error
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// The oldest first (asc) or the newest first (desc)
    #[arg(long, value_name = "ORDER", value_parser = ["asc", "desc"], default_value = "desc")]
    sort: String,
    /// Leave out the first so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u32,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
}

/// Asks or changes.
///
/// # Errors
/// The gateway cannot be reached or refuses, or there is no such job.
pub(crate) async fn run(args: CronArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        CronCommand::Status(args) => {
            let payload = one_call(ctx, &args.connect, "cron.status", json!({})).await?;
            ctx.out.show(&payload, || status(ctx, &payload))
        }
        CronCommand::List(args) => {
            let mut params = json!({"includeDisabled": args.all});
            if let Some(agent) = args.agent {
                params["agentId"] = agent.into();
            }
            let payload = one_call(ctx, &args.connect, "cron.list", params).await?;
            ctx.out.show(&payload, || jobs(ctx, &payload))
        }
        CronCommand::Add(args) => add::run(*args, ctx).await,
        CronCommand::Edit(args) => edit::run(*args, ctx).await,
        CronCommand::Get(args) => {
            let payload = named(&args, ctx).await?;
            ctx.out.show(&payload, || about(ctx, &payload))
        }
        CronCommand::Enable(args) => enable(args, true, ctx).await,
        CronCommand::Disable(args) => enable(args, false, ctx).await,
        CronCommand::Run(args) => run::run(args, ctx).await,
        CronCommand::Runs(args) => {
            let payload = one_call(ctx, &args.connect, "cron.runs", args.params()).await?;
            ctx.out.show(&payload, || runs(ctx, &payload))
        }
        CronCommand::Rm(args) => remove(args, ctx).await,
    }
}

/// A job by its id; or by its name, whatever the letters' case, where it is the only one of that name.
async fn named(args: &JobArgs, ctx: &Context) -> Result<Value, Failure> {
    let link = Link::dial_for(ctx, &args.connect, "cron.get").await?;
    let missing = match link.call("cron.get", json!({"id": args.id})).await {
        Err(failure) if failure.details.as_ref().is_some_and(|d| d["code"] == "CRON_JOB_NOT_FOUND") => {
            failure
        }
        other => {
            link.leave().await;
            return other;
        }
    };
    let query = json!({"includeDisabled": true, "query": args.id, "limit": 200});
    let listed = link.call("cron.list", query).await?;
    link.leave().await;
    let is_it = |job: &&Value| {
        let names = ["/name", "/displayName"].map(|name| text(job, name));
        names.iter().flatten().any(|name| name.trim().to_lowercase() == args.id.trim().to_lowercase())
    };
    let found: Vec<&Value> = list(&listed, "/jobs").iter().filter(is_it).collect();
    match found.as_slice() {
        [] => Err(missing),
        [job] => Ok((*job).clone()),
        several => {
            let ids: Vec<String> = several.iter().map(|job| cell(job, "/id")).collect();
            Err(Failure::usage(format!("{} jobs are called {}: {}", ids.len(), args.id, ids.join(", ")))
                .hint("name one by its id: openclaw cron get ID"))
        }
    }
}

impl RunsArgs {
    fn params(&self) -> Value {
        let mut params = flags::texts([
            ("id", if self.job.is_some() { &self.job } else { &self.id }),
            ("runId", &self.run_id),
            ("status", &self.status),
            ("deliveryStatus", &self.delivery_status),
            ("query", &self.query),
        ]);
        if !params.contains_key("id") {
            params.insert("scope".into(), "all".into());
        }
        params.insert("sortDir".into(), self.sort.as_str().into());
        params.insert("offset".into(), self.offset.into());
        params.insert("limit".into(), self.limit.into());
        params.into()
    }
}

async fn enable(args: JobArgs, enabled: bool, ctx: &Context) -> Result<(), Failure> {
    let params = json!({"id": args.id, "patch": {"enabled": enabled}});
    let payload = one_call(ctx, &args.connect, "cron.update", params).await?;
    let state = if enabled { "runs at its times" } else { "is kept and does not run" };
    ctx.out.show(&payload, || printable(&format!("{} {state}", args.id)))
}

async fn remove(args: JobArgs, ctx: &Context) -> Result<(), Failure> {
    let payload = one_call(ctx, &args.connect, "cron.remove", json!({"id": args.id})).await?;
    if flag(&payload, "/removed") {
        return ctx.out.show(&payload, || printable(&format!("removed {}", args.id)));
    }
    Err(Failure::not_found(format!("there is no job {}", args.id))
        .hint("see which there are: openclaw cron list --all"))
}

fn status(ctx: &Context, payload: &Value) -> String {
    let next = number(payload, "/nextWakeAtMs").map_or("never".into(), |at| ahead(ctx, at));
    let state = if flag(payload, "/enabled") { "on" } else { "off" };
    format!("jobs    {state}, {}\nnext    {next}", cell(payload, "/jobs"))
}

fn jobs(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["JOB", "NAME", "WHEN", "NEXT", "LAST", "SESSION"]);
    for job in list(payload, "/jobs") {
        let next = number(job, "/state/nextRunAtMs").or(number(job, "/nextRunAtMs"));
        let enabled = job.get("enabled") != Some(&Value::Bool(false));
        table.row([
            cell(job, "/id"),
            text(job, "/displayName").map_or_else(|| cell(job, "/name"), str::to_owned),
            when(job),
            if enabled { next.map_or("-".into(), |at| ahead(ctx, at)) } else { "disabled".into() },
            cell(job, "/state/lastRunStatus"),
            cell(job, "/sessionTarget"),
        ]);
    }
    table.render(&ctx.out, "no jobs; add one: openclaw cron add --name NAME --every 1h --message TEXT")
}

/// All about a job.
fn about(ctx: &Context, job: &Value) -> String {
    let next = number(job, "/state/nextRunAtMs").map_or("-".into(), |at| ahead(ctx, at));
    let last = match text(job, "/state/lastRunStatus") {
        Some(status) => format!("{status}, {}", ago(ctx.now_ms(), number(job, "/state/lastRunAtMs"))),
        None => "-".into(),
    };
    let says = text(job, "/payload/message").or_else(|| text(job, "/payload/text")).unwrap_or("-");
    let to = match text(job, "/delivery/mode") {
        Some("none") | None => "nowhere".into(),
        Some(_) => format!("{} {}", cell(job, "/delivery/channel"), cell(job, "/delivery/to")),
    };
    let rows = [
        ("job", cell(job, "/id")),
        ("name", cell(job, "/name")),
        ("for", cell(job, "/description")),
        ("when", when(job)),
        ("next", if job["enabled"] == false { "disabled".into() } else { next }),
        ("last", last),
        ("agent", cell(job, "/agentId")),
        ("session", cell(job, "/sessionTarget")),
        ("model", cell(job, "/payload/model")),
        ("asks", says.to_owned()),
        ("answer", to),
        ("made", ago(ctx.now_ms(), number(job, "/createdAtMs"))),
    ];
    let said = rows.iter().filter(|(_, value)| value != "-");
    let lines: Vec<String> = said.map(|(name, value)| format!("{name:<9}{}", printable(value))).collect();
    lines.join("\n")
}

/// A schedule in a few words.
fn when(job: &Value) -> String {
    match text(job, "/schedule/kind") {
        Some("at") => format!("at {}", cell(job, "/schedule/at")),
        Some("every") => {
            number(job, "/schedule/everyMs").map_or("-".into(), |ms| format!("every {}", span(ms)))
        }
        Some("cron") => match text(job, "/schedule/tz") {
            Some(zone) => format!("{} ({zone})", cell(job, "/schedule/expr")),
            None => cell(job, "/schedule/expr"),
        },
        Some(other) => other.to_owned(),
        None => "-".into(),
    }
}

fn ahead(ctx: &Context, at_ms: i64) -> String {
    let left = at_ms.saturating_sub(ctx.now_ms());
    if left <= 0 { "now".into() } else { format!("in {}", span(left)) }
}

fn runs(ctx: &Context, payload: &Value) -> String {
    let mut table = Table::new(&["ENDED", "JOB", "STATUS", "TOOK", "WHAT"]);
    for entry in list(payload, "/entries") {
        table.row([
            ago(ctx.now_ms(), number(entry, "/ts")),
            cell(entry, "/jobId"),
            cell(entry, "/status"),
            number(entry, "/durationMs").map_or("-".into(), span),
            text(entry, "/error").map_or_else(|| cell(entry, "/summary"), str::to_owned),
        ]);
    }
    table.render(&ctx.out, "no runs yet; run a job now: openclaw cron run JOB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_reads_as_a_few_words() {
        for (schedule, words) in [
            (json!({"kind": "every", "everyMs": 3_600_000}), "every 1h"),
            (json!({"kind": "cron", "expr": "0 8 * * *", "tz": "Europe/Rome"}), "0 8 * * * (Europe/Rome)"),
            (json!({"kind": "cron", "expr": "0 8 * * *"}), "0 8 * * *"),
            (json!({"kind": "at", "at": "2026-12-01T08:00:00Z"}), "at 2026-12-01T08:00:00Z"),
            (json!({"kind": "stream"}), "stream"),
            (Value::Null, "-"),
        ] {
            assert_eq!(when(&json!({"schedule": schedule})), words);
        }
    }
}
