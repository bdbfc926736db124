//! `system.which`: where programs are.

use crate::host::Host;
use crate::invoke::Failure;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Names that one request may have: each is looked up in every directory of the PATH.
const MAX_BINS: usize = 256;

#[derive(Deserialize)]
pub(super) struct Params {
    bins: Vec<String>,
}

/// `{bins: [name]}` → `{bins: {name: path}}`; what is not there is left out.
pub(super) fn which(host: &Host, params: &Params) -> Result<Value, Failure> {
    if params.bins.len() > MAX_BINS {
        return Err(Failure::invalid(format!(
            "invalid system.which params: at /bins: {} names, at most {MAX_BINS} at once",
            params.bins.len()
        )));
    }
    let mut found = Map::new();
    for bin in &params.bins {
        if let Some(path) = exec::which(bin.trim(), &host.path) {
            found.insert(bin.clone(), path.to_string_lossy().into());
        }
    }
    Ok(json!({"bins": found}))
}
