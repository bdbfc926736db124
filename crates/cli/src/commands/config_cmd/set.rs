//! `openclaw config set` and `unset`: one value of the configuration file.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use config::{EditError, Loaded};
use serde_json::{Value, json};

/// Which value, and what it becomes.
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The key, such as agents.defaults.model.primary
    #[arg(value_name = "PATH")]
    path: String,
    /// The value: JSON5 where it is that, such as 5000, true or [1, 2], else text
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// Take the value as text, whatever it looks like
    #[arg(long)]
    text: bool,
}

/// Sets the value and says what is left to do. The value itself is not repeated: it may be a secret.
pub(super) fn run(args: &SetArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = config::set(&ctx.paths, &ctx.env, &names(&args.path)?, &value_of(args))?;
    say(ctx, &loaded, &args.path, "is set")
}

/// Takes the value out and says what is left to do.
pub(super) fn unset(path: &str, ctx: &Context) -> Result<(), Failure> {
    let loaded = config::unset(&ctx.paths, &ctx.env, &names(path)?)?;
    say(ctx, &loaded, path, "is no longer set")
}

fn names(path: &str) -> Result<Vec<String>, Failure> {
    let steps = config::path_steps(path).map_err(Failure::usage)?;
    if steps.is_empty() {
        return Err(Failure::usage("the path is empty; write it like gateway.auth.mode".to_owned()));
    }
    Ok(steps.iter().map(|step| step.name().to_owned()).collect())
}

fn say(ctx: &Context, loaded: &Loaded, path: &str, what: &str) -> Result<(), Failure> {
    let file = loaded.file.display().to_string();
    let about: Vec<_> = loaded.warnings.iter().filter(|w| w.path.starts_with(path)).cloned().collect();
    let warnings = super::issues(&about);
    let report = json!({"ok": true, "path": file, "key": path, "restartNeeded": true, "warnings": warnings});
    ctx.out.show(&report, || {
        let mut lines: Vec<String> = about.iter().map(|w| format!("{}: {w}", super::word(w.level))).collect();
        lines
            .push(format!("{path} {what} in {file}; a running gateway takes it up when it is started again"));
        lines.join("\n")
    })
}

fn value_of(args: &SetArgs) -> Value {
    let as_text = || Value::String(args.value.clone());
    if args.text { as_text() } else { config::read_value(&args.value).unwrap_or_else(as_text) }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Failure {
        match error {
            EditError::Config(error) => Failure::from(error).hint("nothing was changed"),
            EditError::Place { .. } => Failure::new(Exit::Usage, "CONFIG_PATH", error.to_string()),
            EditError::Write { .. } => Failure::new(Exit::Failed, "CONFIG_WRITE", error.to_string()),
        }
    }
}
