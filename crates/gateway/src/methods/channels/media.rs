//! Files that an operator sends: paths on this host as far as agents may send them, addresses, or the bytes themselves.

use crate::delivery::files::Source;
use crate::methods::Call;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::FileAs;
use protocol::ErrorShape;
use std::path::{Path, PathBuf};
use tools::Media;

/// Files of one message.
const MAX_FILES: usize = 20;

/// What goes with a message.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// Paths, addresses and `data:` URLs.
    pub(super) named: Vec<String>,
    /// Base64, and what the file is called.
    pub(super) bytes: Option<(String, String)>,
    pub(super) seen_as: FileAs,
}

impl Attached {
    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.bytes.is_none()
    }

    /// Where the files come from.
    ///
    /// # Errors
    /// What cannot be sent and why.
    pub(super) async fn sources(self, call: &Call) -> Result<Vec<Source>, ErrorShape> {
        let refused = |problem: String| ErrorShape::invalid(format!("{problem}; nothing was sent"));
        if !self.is_empty() && call.conn.principal().over_funnel {
            return Err(refused("no files are sent over Funnel".into()));
        }
        if self.named.len() > MAX_FILES {
            return Err(refused(format!("at most {MAX_FILES} files go with a message")));
        }
        let mut sources = Vec::new();
        if let Some((base64, name)) = self.bytes {
            sources.push(Source::Bytes(decoded(&base64).map_err(refused)?, name));
        }
        let settings = call.shared.settings();
        let mut roots: Vec<PathBuf> = settings.agents.iter().map(|agent| agent.workspace.clone()).collect();
        roots.push(call.shared.paths.state_dir.join("media"));
        for name in self.named {
            let roots = roots.clone();
            let read = move || source(&name, &roots);
            let read = tokio::task::spawn_blocking(read).await.unwrap_or_else(|e| Err(e.to_string()));
            sources.push(read.map_err(refused)?);
        }
        Ok(sources)
    }
}

fn source(name: &str, roots: &[PathBuf]) -> Result<Source, String> {
    if name.starts_with("https://") || name.starts_with("http://") {
        return Ok(Source::Media(Media::Url(name.to_owned())));
    }
    if let Some(data) = name.strip_prefix("data:") {
        let (head, base64) = data.split_once(";base64,").ok_or("a data: URL without base64 is not read")?;
        let called = head.split(';').find_map(|part| part.strip_prefix("name="));
        let name = called.map_or_else(|| "file".to_owned(), |name| name.replace(['/', '\\'], "_"));
        return Ok(Source::Bytes(decoded(base64)?, name));
    }
    let path = Path::new(name.strip_prefix("file://").unwrap_or(name));
    if !path.is_absolute() {
        return Err(format!("{name:?} is no whole path on the gateway's host, and no http or https address"));
    }
    let whole = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
    // A workspace that is not there yet holds nothing.
    let is_below = |root: &PathBuf| root.canonicalize().is_ok_and(|root| whole.starts_with(root));
    if !roots.iter().any(is_below) {
        let roots: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
        let roots = roots.join(", ");
        return Err(format!(
            "{} is not below {roots}: from elsewhere on its host the gateway sends no files",
            whole.display()
        ));
    }
    Ok(Source::Media(Media::File(whole)))
}

fn decoded(base64: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(base64.trim()).map_err(|e| format!("the file is no base64: {e}"))
}
