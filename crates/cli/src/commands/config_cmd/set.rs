//! `openclaw config set`, `unset` and `patch`: changing the configuration file.

use super::batch;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use config::{Base, Change, EditError, Edited, Editor, PathStep, ReloadKind};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Largest patch that is read.
const MAX_PATCH: u64 = 4 * 1024 * 1024;

/// How a change is made.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Say what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Change the file only if it is still the one with this hash (openclaw config file --json shows it)
    #[arg(long, value_name = "HASH")]
    base_hash: Option<String>,
}

/// Which value, and what it becomes.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The key, such as agents.defaults.model.primary
    #[arg(value_name = "PATH", required_unless_present_any = ["batch_json", "batch_file"])]
    path: Option<String>,
    /// The value: JSON5 where it is that, such as 5000, true or [1, 2], else text
    #[arg(
        value_name = "VALUE",
        allow_hyphen_values = true,
        required_unless_present_any = ["ref_id", "batch_json", "batch_file"],
        conflicts_with = "ref_id"
    )]
    value: Option<String>,
    /// Take the value as text, whatever it looks like
    #[arg(long)]
    text: bool,
    /// Take the value as JSON, and refuse it where it is none
    #[arg(long, conflicts_with = "text")]
    strict_json: bool,
    /// Merge an object into what is there, instead of replacing it
    #[arg(long)]
    merge: bool,
    /// Instead of a value: what holds the secret, such as the name of a variable
    #[arg(long, value_name = "ID", requires = "ref_source")]
    ref_id: Option<String>,
    /// Where that is
    #[arg(long, value_name = "SOURCE", value_parser = ["env", "file", "exec"], requires = "ref_id")]
    ref_source: Option<String>,
    /// Which of the secrets.providers there [default: default]
    #[arg(long, value_name = "NAME", requires = "ref_id")]
    ref_provider: Option<String>,
    /// Change it only if this is what stands there now, as JSON
    #[arg(long, value_name = "JSON", conflicts_with_all = ["expect_current_absent", "base_hash"])]
    expect_current_json: Option<String>,
    /// Change it only if nothing stands there now
    #[arg(long, conflicts_with = "base_hash")]
    expect_current_absent: bool,
    #[command(flatten)]
    batch: batch::BatchArgs,
    // Here a value takes the place of what is there unless --merge is given, and no program is run.
    #[arg(long, hide = true, conflicts_with = "merge")]
    replace: bool,
    #[arg(long, hide = true)]
    allow_exec: bool,
    #[command(flatten)]
    how: How,
}

/// Which value goes.
#[derive(Debug, Args)]
pub(super) struct UnsetArgs {
    /// The key, such as agents.defaults.model.primary
    #[arg(value_name = "PATH")]
    path: String,
    #[command(flatten)]
    how: How,
}

/// What is merged.
#[derive(Debug, Args)]
pub(super) struct PatchArgs {
    /// The file with the patch, in JSON5
    #[arg(long, value_name = "FILE", required_unless_present = "stdin")]
    file: Option<PathBuf>,
    /// Read the patch from standard input
    #[arg(long, conflicts_with = "file")]
    stdin: bool,
    /// Replace what is at this path as a whole; for lists that are to lose items. Can be repeated
    #[arg(long, value_name = "PATH")]
    replace_path: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// Sets the value and says what is left to do. The value itself is not repeated: it may be a secret.
pub(super) fn run(args: &SetArgs, ctx: &Context) -> Result<(), Failure> {
    if let Some(changes) = args.batch.read()? {
        let edited = edit(ctx, &args.how, Change::All(changes))?;
        return told(ctx, &edited, args.how.dry_run, "");
    }
    let path = args.path.as_deref().unwrap_or_default();
    let steps = steps(path)?;
    let value = value_of(args)?;
    let expected = expected(args, &steps, ctx)?;
    let how = How { base_hash: expected.or_else(|| args.how.base_hash.clone()), ..args.how };
    let change = if args.merge && value.is_object() {
        let nested = steps
            .iter()
            .rev()
            .fold(value, |inner, step| Value::Object(Map::from_iter([(step.name().to_owned(), inner)])));
        Change::Merge { patch: nested, replace: Vec::new() }
    } else {
        Change::Set { steps, value }
    };
    let edited = edit(ctx, &how, change)?;
    told(ctx, &edited, how.dry_run, path)
}

/// The hash of the file in which the expected value stands; `None` where nothing is expected.
fn expected(args: &SetArgs, steps: &[PathStep], ctx: &Context) -> Result<Option<String>, Failure> {
    if args.expect_current_json.is_none() && !args.expect_current_absent {
        return Ok(None);
    }
    let wanted: Option<Value> =
        args.expect_current_json.as_deref().map(serde_json::from_str).transpose().map_err(|e| {
            Failure::usage(format!("--expect-current-json is no JSON: {e}; text needs quotes of its own"))
        })?;
    let loaded = ctx.load()?;
    if config::find(&loaded.source, steps) == wanted.as_ref() {
        return Ok(Some(loaded.hash));
    }
    let path = args.path.as_deref().unwrap_or_default();
    // Neither value is repeated: it may be a secret.
    Err(Failure::new(
        Exit::Failed,
        "CONFIG_CONFLICT",
        format!("{path} is not what was expected; nothing was changed"),
    )
    .hint(format!("see what it is: openclaw config get {path}")))
}

/// Takes the value out and says what is left to do.
pub(super) fn unset(args: &UnsetArgs, ctx: &Context) -> Result<(), Failure> {
    let edited = edit(ctx, &args.how, Change::Unset { steps: steps(&args.path)? })?;
    told(ctx, &edited, args.how.dry_run, &args.path)
}

/// Merges a patch and says what is left to do.
pub(super) fn patch(args: &PatchArgs, ctx: &Context) -> Result<(), Failure> {
    let (text, place) = crate::input::read(args.file.as_deref(), MAX_PATCH)?;
    let patch = config::edit::read_object(&text)
        .map_err(|e| Failure::usage(format!("the patch from {place} cannot be used: {e}")))?;
    let edited = edit(ctx, &args.how, Change::Merge { patch, replace: args.replace_path.clone() })?;
    told(ctx, &edited, args.how.dry_run, "")
}

pub(super) fn steps(path: &str) -> Result<Vec<PathStep>, Failure> {
    let steps = config::path_steps(path).map_err(Failure::usage)?;
    if steps.is_empty() {
        return Err(Failure::usage("the path is empty; write it like gateway.auth.mode".to_owned()));
    }
    Ok(steps)
}

fn edit(ctx: &Context, how: &How, change: Change) -> Result<Edited, Failure> {
    let plain = |sha: &str| sha.to_owned();
    let base = how.base_hash.as_deref().map(|given| Base { given, name: &plain });
    Ok(Editor { paths: &ctx.paths, env: &ctx.env, base, dry_run: how.dry_run }.apply(change)?)
}

/// Says what changed, and when a running gateway goes by it; remarks on what stands below `path`.
///
/// # Errors
/// Standard output cannot be written to.
pub(crate) fn told(ctx: &Context, edited: &Edited, dry_run: bool, path: &str) -> Result<(), Failure> {
    let file = edited.loaded.file.display().to_string();
    let about: Vec<_> = edited.loaded.warnings.iter().filter(|w| w.path.starts_with(path)).cloned().collect();
    let (live, restart) = kinds(ctx, edited);
    let report = json!({
        "ok": true, "path": file, "hash": edited.loaded.hash, "dryRun": dry_run, "changedPaths": edited.changed,
        "live": live, "restartNeeded": !restart.is_empty(), "restart": restart, "warnings": super::issues(&about),
    });
    ctx.out.show(&report, || {
        let mut lines: Vec<String> = about.iter().map(|w| format!("{}: {w}", super::word(w.level))).collect();
        let changed = edited.changed.join(", ");
        lines.push(match (edited.changed.is_empty(), dry_run) {
            (true, _) => format!("no change: {file} says that already"),
            (false, true) => format!("would change in {file}: {changed}"),
            (false, false) => format!("changed in {file}: {changed}"),
        });
        if !edited.changed.is_empty() && !dry_run {
            lines.push(taken_up(&live, &restart));
        }
        lines.join("\n")
    })
}

/// When a running gateway goes by what changed.
pub(crate) fn when(ctx: &Context, edited: &Edited) -> String {
    let (live, restart) = kinds(ctx, edited);
    taken_up(&live, &restart)
}

/// What a running gateway takes up by itself, and what with its next start.
fn kinds<'a>(ctx: &Context, edited: &'a Edited) -> (Vec<&'a str>, Vec<&'a str>) {
    let config = &edited.loaded.config;
    let off = config.gateway.reload == config::ReloadMode::Off;
    let (mut live, mut restart) = (Vec::new(), Vec::new());
    for path in &edited.changed {
        match config.reload_kind(path, &ctx.env) {
            ReloadKind::Restart => restart.push(path.as_str()),
            // Everything waits for the next start.
            ReloadKind::Hot if off => restart.push(path.as_str()),
            ReloadKind::Hot => live.push(path.as_str()),
            ReloadKind::None => {}
        }
    }
    (live, restart)
}

fn taken_up(live: &[&str], restart: &[&str]) -> String {
    // A secret that cannot be had, say, is for the gateway to find out.
    let itself = "by itself, unless its log says why not";
    match (live, restart) {
        ([], []) => "a running gateway does not go by it".to_owned(),
        (_, []) => format!("a running gateway takes it up {itself}"),
        ([], _) => "a running gateway takes it up when it is started again".to_owned(),
        _ => format!(
            "a running gateway takes up {} {itself}, and {} when it is started again",
            live.join(", "),
            restart.join(", ")
        ),
    }
}

fn value_of(args: &SetArgs) -> Result<Value, Failure> {
    if let Some(id) = &args.ref_id {
        return Ok(
            json!({"source": args.ref_source, "provider": args.ref_provider.as_deref().unwrap_or("default"), "id": id}),
        );
    }
    let value = args.value.as_deref().unwrap_or_default();
    let as_text = || Value::String(value.to_owned());
    if args.strict_json {
        return serde_json::from_str(value)
            .map_err(|e| Failure::usage(format!("the value is no JSON: {e}; text needs quotes of its own")));
    }
    Ok(if args.text { as_text() } else { config::read_value(value).unwrap_or_else(as_text) })
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Failure {
        let failed = |exit, code| Failure::new(exit, code, error.to_string());
        match &error {
            EditError::Config(problem) => Failure::from(problem.clone()).hint("nothing was changed"),
            EditError::Place { .. } => failed(Exit::Usage, "CONFIG_PATH"),
            EditError::Included { .. } => failed(Exit::Usage, "CONFIG_INCLUDED"),
            EditError::Conflict { given, now, .. } => failed(Exit::Failed, "CONFIG_CONFLICT")
                .details(json!({"baseHash": given, "hash": now}))
                .hint("nothing was changed"),
            EditError::ReadOnly { .. } => failed(Exit::Failed, "CONFIG_READONLY"),
            EditError::Write { .. } => failed(Exit::Failed, "CONFIG_WRITE"),
        }
    }
}
