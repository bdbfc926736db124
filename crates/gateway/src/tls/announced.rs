//! Since when the gateway vouches for the pins that it announces, kept over restarts: clients believe nothing that is older than
//! what they have, so that this must not go by whatever clock there was at one start.

use super::TlsError;
use super::files::{TlsFiles, replace};
use model::Pin;
use serde::{Deserialize, Serialize};

/// Clients refuse what is further ahead of their own clock.
const FAR_AHEAD_MS: i64 = 24 * 3600 * 1000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announced {
    issued_at_ms: i64,
    pins: Vec<String>,
}

/// The time of the announcement of these: the one that they had, or a later one than any before.
pub(super) fn since(files: &TlsFiles, pins: &[Pin], now_ms: i64) -> Result<i64, TlsError> {
    let file = files.announced();
    let pins: Vec<String> = pins.iter().map(Pin::to_string).collect();
    // One that cannot be read begins anew, as a first start does.
    let known = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Announced>(&bytes).ok());
    let issued_at_ms = match known {
        // One of the two clocks was wrong, and nobody can say which. What is kept stays for a start that agrees with it.
        Some(known) if known.issued_at_ms > now_ms.saturating_add(FAR_AHEAD_MS) => return Ok(now_ms),
        Some(known) if known.pins == pins => return Ok(known.issued_at_ms),
        Some(known) => now_ms.max(known.issued_at_ms.saturating_add(1)),
        None => now_ms,
    };
    let failed = |source| TlsError::write(&file, source);
    let text = serde_json::to_vec(&Announced { issued_at_ms, pins }).map_err(|error| failed(error.into()))?;
    replace(&file, &text).map_err(failed)?;
    Ok(issued_at_ms)
}
