//! `terminal.upload`: a file for a shell on the gateway's host, for whoever looks at that shell. It is kept for a day, and nothing is
//! typed: the client puts the path where it is wanted.

use super::shells::check_enabled;
use crate::methods::{Answer, Call};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Bytes of a file.
const MAX_FILE: usize = 16 * 1024 * 1024;
/// A disk that takes longer does not answer.
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    session_id: String,
    name: String,
    content_base64: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    check_enabled(&call)?;
    if !call.shared.terminals.is_viewed_by(call.conn.id(), &p.session_id) {
        return Err(ErrorShape::invalid(format!("unknown terminal session {:?}", p.session_id)));
    }
    let too_large = || ErrorShape::invalid(format!("terminal.upload: a file may have {MAX_FILE} bytes"));
    if p.content_base64.len() / 4 * 3 > MAX_FILE + 3 {
        return Err(too_large());
    }
    let bytes = STANDARD
        .decode(&p.content_base64)
        .map_err(|e| ErrorShape::invalid(format!("invalid terminal.upload base64 content: {e}")))?;
    if bytes.len() > MAX_FILE {
        return Err(too_large());
    }
    let (root, now_ms) = (call.shared.paths.state_dir.join("terminal-uploads"), call.shared.clock.now_ms());
    let (size, name) = (bytes.len(), p.name);
    let kept =
        tokio::task::spawn_blocking(move || exec::keep_upload(&root, (&name, &bytes), now_ms, || true));
    let kept = tokio::time::timeout(WITHIN, kept).await;
    let kept = kept
        .map_err(|_| ErrorShape::unavailable("the disk does not answer; look whether the file is there"))?;
    let path = kept
        .map_err(|e| ErrorShape::unavailable(e.to_string()))?
        .map_err(|e| ErrorShape::unavailable(e.to_string()))?;
    let path = path.to_str().ok_or_else(|| ErrorShape::unavailable("the path of the upload is no UTF-8"))?;
    tracing::info!(terminal = %p.session_id, conn = call.conn.id(), path, size, "a file was uploaded for a terminal");
    Ok(json!({"path": path, "size": size}).into())
}
