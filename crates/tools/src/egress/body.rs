//! Reading an answer: text alone, and not too much of it.

use super::{EgressError, target};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url};

/// Bytes read of an answer.
const MAX_BODY: usize = 2_000_000;

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// What the server calls it, `text/plain` where it says nothing.
    pub content_type: String,
    /// The text.
    pub body: String,
    /// Whether there was more than 2 MB.
    pub truncated: bool,
}

impl Fetched {
    /// Whether the body is HTML.
    pub fn is_html(&self) -> bool {
        matches!(essence(&self.content_type).as_str(), "text/html" | "application/xhtml+xml")
    }
}

/// Reads the body. The inner error is the client's own, for the caller to explain.
pub(super) async fn read(
    mut response: Response,
    url: &Url,
) -> Result<Fetched, Result<EgressError, reqwest::Error>> {
    let named =
        response.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let content_type = named.unwrap_or_else(|| "text/plain".to_owned());
    let not_text = || EgressError::NotText {
        url: target::shown(url.as_str()),
        content_type: crate::text::head(&content_type, 100).to_owned(),
    };
    if !is_text(&essence(&content_type)) {
        return Err(Ok(not_text()));
    }
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await.map_err(Err)? {
        let room = MAX_BODY - bytes.len();
        bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            truncated = true;
            break;
        }
    }
    // Names lie; no text has NUL bytes in it, save UTF-16, which hardly anyone serves.
    if bytes.contains(&0) {
        return Err(Ok(not_text()));
    }
    let body = decode(&bytes, &content_type);
    Ok(Fetched { url: url.to_string(), status, content_type, body, truncated })
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// What it is called, by its address.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Reads a file. The inner error is the client's own, for the caller to explain.
pub(super) async fn read_file(
    mut response: Response,
    url: &Url,
    max: u64,
) -> Result<FetchedFile, Result<EgressError, reqwest::Error>> {
    let shown = || target::shown(url.as_str());
    let status = response.status();
    if !status.is_success() {
        return Err(Ok(EgressError::Status { url: shown(), status: status.as_u16() }));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Err)? {
        if bytes.len() as u64 + chunk.len() as u64 > max {
            return Err(Ok(EgressError::TooLarge { url: shown(), max }));
        }
        bytes.extend_from_slice(&chunk);
    }
    let named = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    Ok(FetchedFile { name: file_name(url, &essence(named)), bytes })
}

/// The last part of the path; with an end that says what it is, where it has none.
fn file_name(url: &Url, content_type: &str) -> String {
    let last = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let name = if last.is_empty() { "file" } else { last };
    let end = match content_type {
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        "video/mp4" => ".mp4",
        "audio/mpeg" => ".mp3",
        "audio/ogg" => ".ogg",
        "application/pdf" => ".pdf",
        _ => "",
    };
    if name.contains('.') { name.to_owned() } else { format!("{name}{end}") }
}

/// A content type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_text(essence: &str) -> bool {
    const APPLICATIONS: &[&str] = &[
        "json",
        "xml",
        "javascript",
        "x-javascript",
        "ecmascript",
        "yaml",
        "x-yaml",
        "toml",
        "x-ndjson",
        "sql",
    ];
    match essence.split_once('/') {
        Some(("text", _)) => true,
        Some(("application", kind)) => {
            APPLICATIONS.contains(&kind) || kind.ends_with("+json") || kind.ends_with("+xml")
        }
        Some(("image", "svg+xml")) => true,
        _ => false,
    }
}

/// The text in the charset that is named: Latin-1 and its kin, or UTF-8 for all others.
fn decode(bytes: &[u8], content_type: &str) -> String {
    let lower = content_type.to_ascii_lowercase();
    let charset = lower.split("charset=").nth(1).unwrap_or_default().trim_matches(['"', '\'', ' ']);
    let latin = ["iso-8859-1", "iso-8859-15", "latin1", "windows-1252", "us-ascii"];
    if latin.iter().any(|l| charset.starts_with(l)) && std::str::from_utf8(bytes).is_err() {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_the_rest() {
        for (content_type, text) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/Plain", true),
            ("application/json", true),
            ("application/ld+json;x", true),
            ("application/rss+xml", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("application/octet-stream", false),
            ("application/pdf", false),
            ("", false),
            ("video/mp4", false),
            ("text", false),
        ] {
            assert_eq!(is_text(&essence(content_type)), text, "{content_type}");
        }
    }

    #[test]
    fn a_file_is_called_as_its_address_says() {
        for (url, content_type, name) in [
            ("https://x.org/a/photo.jpg?size=1", "image/png", "photo.jpg"),
            ("https://x.org/photo", "image/png", "photo.png"),
            ("https://x.org/", "application/pdf", "file.pdf"),
            ("https://x.org/thing", "application/x-unknown", "thing"),
        ] {
            assert_eq!(file_name(&Url::parse(url).unwrap(), content_type), name);
        }
    }

    #[test]
    fn latin_letters_are_read_where_they_are_named() {
        assert_eq!(decode(b"caf\xe9", "text/plain; charset=ISO-8859-1"), "café");
        assert_eq!(decode("café".as_bytes(), "text/plain; charset=\"windows-1252\""), "café");
        assert_eq!(decode(b"caf\xe9", "text/plain"), "caf\u{fffd}");
    }
}
