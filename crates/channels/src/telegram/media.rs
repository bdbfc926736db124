//! Fetching what came with messages: images into the message, other files to where they are kept. What cannot be fetched
//! becomes a remark in the text: the message itself is never lost.

use super::Inner;
use super::api::ApiError;
use super::content::bytes as in_words;
use super::types::File;
use crate::kept::Keeping;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Becomes, Coming, Inbound, Part};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// What is not here within this time is named in its message: what comes after it in its chat waits no longer.
const WITHIN: Duration = Duration::from_secs(60);

/// Where Telegram was not reached, it is asked again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What something has become.
enum Fetched {
    Image(Part),
    /// Where the file lies now, and its size in bytes.
    File(PathBuf, u64),
}

/// Fetches what comes with a message. Where there is no room for images, they are named in it.
pub(crate) async fn complete(inner: &Inner, mut inbound: Inbound, has_room: bool) -> Inbound {
    let until = Instant::now() + WITHIN;
    for coming in std::mem::take(&mut inbound.coming) {
        let Coming { label, becomes, .. } = &coming;
        let fetched = timeout_at(until, fetch(inner, &coming, has_room, until)).await;
        match fetched.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(Fetched::Image(image)) => inbound.images.push(image),
            Ok(Fetched::File(path, size)) => {
                let is_sized = matches!(becomes, Becomes::File { is_sized: true, .. });
                let size = if is_sized { String::new() } else { format!(", {}", in_words(size)) };
                inbound.remark(&format!("[{label}{size}: saved as {}]", path.display()));
            }
            Err(why) => inbound.remark(&format!("[{label}: could not be downloaded: {why}]")),
        }
    }
    inbound
}

async fn fetch(inner: &Inner, coming: &Coming, has_room: bool, until: Instant) -> Result<Fetched, String> {
    match &coming.becomes {
        Becomes::Image if !has_room => Err("too many large images came at once".to_owned()),
        Becomes::Image => image(inner, &coming.file_id, until).await.map(Fetched::Image),
        Becomes::File { unique_id, name, .. } => {
            let path = place(inner, &coming.file_id, inner.bounds.file, until).await?;
            let (path, size) = keep(inner, &path, unique_id, name.as_deref()).await?;
            Ok(Fetched::File(path, size))
        }
    }
}

async fn image(inner: &Inner, file_id: &str, until: Instant) -> Result<Part, String> {
    let path = place(inner, file_id, inner.bounds.image, until).await?;
    let bytes = inner.api.download(&path, inner.bounds.image).await?;
    let mime_type = mime_type(&bytes).ok_or("it is no JPEG, PNG, WebP or GIF")?.to_owned();
    Ok(Part::Image { data: STANDARD.encode(bytes), mime_type })
}

/// Where the file lies now, and its size in bytes.
async fn keep(
    inner: &Inner,
    path: &str,
    unique_id: &str,
    name: Option<&str>,
) -> Result<(PathBuf, u64), String> {
    // Voice messages have no name; Telegram's own says what kind of file it is.
    let name = name.or_else(|| path.rsplit('/').next());
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(inner.status.now_ms().unsigned_abs());
    let failed = |e: std::io::Error| format!("it could not be written: {e}");
    let mut keeping = Keeping::begin(&inner.media_dir, unique_id, name, now).await.map_err(failed)?;
    let size = inner.api.download_to(path, inner.bounds.file, &mut keeping).await?;
    Ok((keeping.finish().await.map_err(failed)?, size))
}

/// Where Telegram has a file. It is asked again as soon as it may be, where that is in time.
async fn place(inner: &Inner, file_id: &str, max: u64, until: Instant) -> Result<String, String> {
    let request = json!({ "file_id": file_id });
    let file: File = loop {
        match inner.api.call("getFile", &request).await {
            Ok(file) => break file,
            Err(ApiError::Refused { retry_after: Some(wait), .. }) if Instant::now() + wait < until => {
                tokio::time::sleep(wait).await;
            }
            // At a start the network may come later than the messages that wait for it.
            Err(ApiError::Network { .. }) if Instant::now() + AGAIN_AFTER < until => {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if let Some(size) = file.file_size.filter(|size| *size > max) {
        return Err(format!("it has {size} bytes, the limit is {max} (channels.telegram.mediaMaxMb)"));
    }
    file.file_path.ok_or_else(|| "Telegram does not offer it for download".to_owned())
}

/// By the first bytes: what a file calls itself does not matter.
pub(super) fn mime_type(bytes: &[u8]) -> Option<&'static str> {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice());
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ if webp => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::mime_type;

    #[test]
    fn images_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (b"\xff\xd8\xff\xe0rest".as_slice(), Some("image/jpeg")),
            (b"\x89PNG\r\n", Some("image/png")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(mime_type(bytes), expected, "{bytes:?}");
        }
    }
}
