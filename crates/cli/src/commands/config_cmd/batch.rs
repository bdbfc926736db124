//! `openclaw config set --batch-json` and `--batch-file`: several values at once, all or none.

use super::set::steps;
use crate::failure::Failure;
use clap::Args;
use config::Change;
use serde_json::Value;
use std::path::PathBuf;

/// Largest list of values that is read.
const MAX_BATCH: u64 = 8 * 1024 * 1024;

/// Where the values are.
#[derive(Debug, Args)]
pub(super) struct BatchArgs {
    /// Several values at once, all or none: [{"path": "gateway.port", "value": 5000}, …]; "ref" instead of "value" names what holds a secret
    #[arg(long, value_name = "JSON", conflicts_with_all = ["path", "value", "ref_id", "batch_file", "expect_current_json", "expect_current_absent"])]
    batch_json: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "value", "ref_id", "expect_current_json", "expect_current_absent"])]
    batch_file: Option<PathBuf>,
}

impl BatchArgs {
    /// The changes that are meant, in their order; `None` where no list is given.
    ///
    /// # Errors
    /// It cannot be read, is no list of values, or has none.
    pub(super) fn read(&self) -> Result<Option<Vec<Change>>, Failure> {
        let (text, place) = match (&self.batch_json, &self.batch_file) {
            (Some(text), _) => (text.clone(), "--batch-json".to_owned()),
            (None, Some(file)) => crate::input::read(Some(file), MAX_BATCH)?,
            (None, None) => return Ok(None),
        };
        let wrong = |what: String| Failure::usage(format!("{place}: {what}; nothing was changed"));
        let Some(Value::Array(items)) = config::read_value(&text) else {
            return Err(wrong(
                "it is no list; write it like [{\"path\": \"gateway.port\", \"value\": 5000}]".to_owned(),
            ));
        };
        if items.is_empty() {
            return Err(wrong("it is an empty list".to_owned()));
        }
        let one = |(n, item): (usize, &Value)| {
            change(item).map_err(|what| wrong(format!("item {}: {what}", n + 1)))
        };
        items.iter().enumerate().map(one).collect::<Result<_, _>>().map(Some)
    }
}

fn change(item: &Value) -> Result<Change, String> {
    let item = item.as_object().ok_or("it is no object")?;
    let path = item.get("path").and_then(Value::as_str).ok_or("it has no \"path\"")?;
    let given: Vec<&String> = item.keys().filter(|key| *key != "path").collect();
    let value = match given.as_slice() {
        [key] if matches!(key.as_str(), "value" | "ref" | "provider") => item.get(key.as_str()),
        _ => None,
    };
    let value = value.ok_or("it needs one of \"value\", \"ref\" and \"provider\" beside its \"path\"")?;
    let steps = steps(path).map_err(|failure| failure.message)?;
    Ok(Change::Set { steps, value: value.clone() })
}
