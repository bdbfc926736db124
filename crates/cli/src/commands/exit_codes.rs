//! `openclaw exit-codes`, also reached as `openclaw help exit-codes`: the table of exit codes.

use crate::context::Context;
use crate::failure::{EXITS, Failure, table_text};
use clap::Args;
use serde_json::{Value, json};

/// Nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct ExitCodesArgs {}

/// Prints the table.
///
/// # Errors
/// Standard output cannot be written to.
pub(crate) fn run(ctx: &Context) -> Result<(), Failure> {
    let codes: Vec<Value> =
        EXITS.iter().map(|(exit, meaning)| json!({"code": *exit as u8, "meaning": meaning})).collect();
    ctx.out.show(&json!({"exitCodes": codes}), table_text)
}
