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
pub(super) async fn which(host: &Host, params: Params) -> Result<Value, Failure> {
    if params.bins.len() > MAX_BINS {
        return Err(Failure::invalid(format!(
            "invalid system.which params: at /bins: {} names, at most {MAX_BINS} at once",
            params.bins.len()
        )));
    }
    let path = host.path.clone();
    // A directory of the PATH may be on a network file system that takes its time.
    let look = move || -> Map<String, Value> {
        let find = |bin: String| {
            let found = exec::which(bin.trim(), &path)?;
            Some((bin, found.to_string_lossy().into()))
        };
        params.bins.into_iter().filter_map(find).collect()
    };
    let found = tokio::task::spawn_blocking(look).await;
    let found =
        found.map_err(|e| Failure::unavailable(format!("the programs could not be looked up: {e}")))?;
    Ok(json!({"bins": found}))
}
