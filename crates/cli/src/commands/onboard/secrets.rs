//! How a secret of the command line gets into the configuration: as it is, or as the name of the variable that holds it.

use super::flags::SecretMode;
use crate::context::Context;
use crate::failure::Failure;
use model::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// What is written where a secret is expected.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The secret.
    Plain(SecretString),
    /// The name of the variable that holds it.
    Variable(String),
}

impl Kept {
    /// As the configuration has it.
    pub(crate) fn value(&self) -> Value {
        match self {
            Kept::Plain(secret) => secret.expose_secret().into(),
            Kept::Variable(name) => json!({"source": "env", "provider": "default", "id": name}),
        }
    }

    /// The name of a variable that has something in it.
    ///
    /// # Errors
    /// It has not.
    pub(crate) fn variable(ctx: &Context, name: &str) -> Result<Self, Failure> {
        match ctx.env.get_filled(name) {
            Some(_) => Ok(Kept::Variable(name.to_owned())),
            None => Err(Failure::usage(format!("the variable {name} is not set"))
                .hint(format!("set it, or put {name}=… into {}", ctx.paths.env_file().display()))),
        }
    }
}

/// What becomes of a secret that was given by `flag`; with mode `ref` the variable must hold just that. `None` where neither
/// was given.
///
/// # Errors
/// By reference, and the variable is not set or holds another; or it is empty.
pub(super) fn kept(
    ctx: &Context,
    mode: Option<SecretMode>,
    given: Option<&SecretString>,
    flag: &str,
    variable: &str,
) -> Result<Option<Kept>, Failure> {
    let Some(given) = given else {
        return match mode {
            Some(SecretMode::Ref) => Kept::variable(ctx, variable).map(Some),
            _ => Ok(None),
        };
    };
    if given.expose_secret().trim().is_empty() {
        return Err(Failure::usage(format!("{flag} is empty")));
    }
    if mode != Some(SecretMode::Ref) {
        return Ok(Some(Kept::Plain(given.clone())));
    }
    let kept = Kept::variable(ctx, variable)?;
    if ctx.env.get_filled(variable) != Some(given.expose_secret()) {
        return Err(Failure::usage(format!(
            "{flag} and the variable {variable} differ, and --secret-input-mode ref keeps the variable's name alone; give one of them"
        )));
    }
    Ok(Some(kept))
}
