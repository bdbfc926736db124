//! `openclaw config set`: one value of the configuration file.

use super::path;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Args;
use config::EditError;
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
    let steps: Vec<String> =
        path::steps(&args.path).map_err(Failure::usage)?.iter().map(|step| step.name().to_owned()).collect();
    if steps.is_empty() {
        return Err(Failure::usage("the path is empty; write it like gateway.auth.mode".to_owned()));
    }
    let loaded = config::set(&ctx.paths, &ctx.env, &steps, &value_of(args))?;
    let file = loaded.file.display().to_string();
    let about: Vec<_> = loaded.warnings.iter().filter(|w| w.path.starts_with(&args.path)).cloned().collect();
    let report = json!({"ok": true, "path": file, "key": args.path, "warnings": super::issues(&about)});
    ctx.out.show(&report, || {
        let mut lines: Vec<String> = about.iter().map(|w| format!("{}: {w}", super::word(w.level))).collect();
        lines.push(format!(
            "{} is set in {file}; a running gateway takes it up when it is started again",
            args.path
        ));
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
