//! How a secret of the command line gets into the configuration.

use super::flags::SecretMode;
use crate::context::Context;
use crate::failure::Failure;
use crate::kept_secret::Kept;
use model::{ExposeSecret, SecretString};

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
