//! `openclaw config`: the configuration file of this host, read and changed without a gateway. Secrets are never shown.

mod batch;
mod set;

pub(crate) use set::{told, when};

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::{Args, Subcommand};
use config::{ConfigError, Diagnostic, Level, Loaded};
use serde_json::{Value, json};

/// `config` and its subcommands.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show a value, or the whole file
    Get {
        /// The key, such as gateway.auth.mode or models.providers.local.models.0.id
        #[arg(value_name = "PATH")]
        path: Option<String>,
    },
    /// Set one value; comments and all other keys stay as they are
    Set(set::SetArgs),
    /// Take one value out of the file; what has a default has it again
    Unset(set::UnsetArgs),
    /// Merge a patch: objects key by key, null takes away, anything else replaces
    Patch(set::PatchArgs),
    /// Say everything that is wrong with the file, with line and column
    Validate,
    /// What the file may say, as a JSON Schema, or what is known of one key
    Schema {
        /// The key, such as gateway.auth; without one, the whole
        #[arg(value_name = "PATH")]
        path: Option<String>,
    },
    /// Where the file is
    File,
}

/// Reads, or sets, and prints.
///
/// # Errors
/// The file cannot be read or holds something wrong (exit code 6), or has no such value.
pub(crate) fn run(args: ConfigArgs, ctx: &Context) -> Result<(), Failure> {
    match args.command {
        ConfigCommand::Get { path } => get(path.as_deref(), ctx),
        ConfigCommand::Set(args) => set::run(&args, ctx),
        ConfigCommand::Unset(args) => set::unset(&args, ctx),
        ConfigCommand::Patch(args) => set::patch(&args, ctx),
        ConfigCommand::Validate => validate(ctx),
        ConfigCommand::Schema { path } => schema(path.as_deref(), ctx),
        ConfigCommand::File => {
            let file = ctx.paths.config_file.display().to_string();
            let hash = config::file_hash(&ctx.paths.config_file);
            let exists = ctx.paths.config_file.exists();
            ctx.out.show(&json!({"path": file, "exists": exists, "hash": hash}), || file.clone())
        }
    }
}

fn get(path: Option<&str>, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let shown = config::redact(&loaded.source);
    let steps = config::path_steps(path.unwrap_or_default()).map_err(Failure::usage)?;
    let Some(value) = config::find(&shown, &steps) else {
        let place = ctx.paths.config_file.display();
        return Err(Failure::not_found(format!("{} is not set in {place}", path.unwrap_or_default()))
            .hint("see all that is set: openclaw config get"));
    };
    ctx.out.show(value, || match value {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    })
}

fn schema(path: Option<&str>, ctx: &Context) -> Result<(), Failure> {
    let Some(path) = path else {
        let whole = config::schema();
        return ctx.out.show(&whole, || format!("{whole:#}"));
    };
    let Some(found) = config::lookup(path) else {
        return Err(
            Failure::not_found(format!("no config has {path}")).hint("see all keys: openclaw config schema")
        );
    };
    let below: Vec<&str> = found.children.iter().map(|child| child.key.as_str()).collect();
    let known = json!({
        "path": path, "schema": found.schema, "reload": found.reload.as_str(), "sensitive": found.sensitive,
        "children": below,
    });
    ctx.out.show(&known, || format!("{known:#}"))
}

fn validate(ctx: &Context) -> Result<(), Failure> {
    let file = ctx.paths.config_file.display().to_string();
    match config::load(&ctx.paths, &ctx.env) {
        Ok(loaded) => valid(ctx, &file, &loaded),
        Err(ConfigError::Invalid(all)) => {
            let errors = all.iter().filter(|d| d.level == Level::Error).count();
            let report = json!({"valid": false, "path": file, "issues": issues(&all)});
            Err(Failure::from(ConfigError::Invalid(all))
                .details(report)
                .hint(format!("{errors} to put right")))
        }
        Err(other) => Err(other.into()),
    }
}

fn valid(ctx: &Context, file: &str, loaded: &Loaded) -> Result<(), Failure> {
    let report =
        json!({"valid": true, "path": file, "exists": loaded.exists, "warnings": issues(&loaded.warnings)});
    ctx.out.show(&report, || {
        let mut lines: Vec<String> =
            loaded.warnings.iter().map(|d| format!("{}: {d}", word(d.level))).collect();
        lines.push(match (loaded.exists, loaded.warnings.len()) {
            (false, _) => format!("{file} does not exist; everything has its default"),
            (true, 0) => format!("{file} is valid"),
            (true, n) => format!("{file} is valid, with {n} {}", if n == 1 { "remark" } else { "remarks" }),
        });
        lines.join("\n")
    })
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn issues(all: &[Diagnostic]) -> Vec<Value> {
    let one = |d: &Diagnostic| json!({"level": word(d.level), "path": d.path, "file": d.file.display().to_string(), "line": d.line, "column": d.column, "message": d.message});
    all.iter().map(one).collect()
}

impl From<config::ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let exit = match &error {
            ConfigError::ProfileName(_) | ConfigError::ProfileClash(_) => Exit::Usage,
            _ => Exit::Config,
        };
        let failure = Failure::new(exit, "CONFIG_INVALID", error.to_string());
        match &error {
            ConfigError::Syntax { .. } => failure.hint("the file is JSON5: check the line above, too"),
            ConfigError::Invalid(_) => failure.hint("put it right, then check: openclaw config validate"),
            _ => failure,
        }
    }
}
