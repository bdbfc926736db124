//! A secret as the configuration keeps it: as it is, or as the name of the variable that holds it.

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
