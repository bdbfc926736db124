//! Fetching what came with messages: images into the message, other files to where they are kept. What cannot be fetched
//! becomes a remark in the text: the message itself is never lost.

use super::Inner;
use super::content::{FileRef, ImageRef, bytes as in_words};
use super::types::File;
use super::update::Draft;
use crate::Inbox;
use crate::kept::Keeping;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Inbound, Part};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// Bytes that the images of a batch may have together: they are in memory and in the store.
const BATCH_BYTES: usize = 24 * 1024 * 1024;

/// Completes the messages of a batch, in order, until about `until`: a file that is not here by then is named in its message.
/// Files of those who are not let in are not fetched.
pub(crate) async fn complete(
    inner: &Inner,
    inbox: &dyn Inbox,
    drafts: Vec<Draft>,
    until: Instant,
) -> Vec<Inbound> {
    let mut bytes = 0usize;
    let mut batch = Vec::with_capacity(drafts.len());
    for mut draft in drafts {
        let (image, file) = (draft.image.take(), draft.file.take());
        // Who it is could not be found out in time: there is no time for the file either, which is said.
        if (image.is_some() || file.is_some())
            && timeout_at(until, inbox.admits(&draft.inbound)).await.unwrap_or(true)
        {
            if let Some(image) = image {
                add_image(inner, &mut draft, &image, &mut bytes, until).await;
            }
            if let Some(file) = file {
                add_file(inner, &mut draft, &file, until).await;
            }
        }
        batch.push(draft.inbound);
    }
    batch
}

async fn add_image(inner: &Inner, draft: &mut Draft, image: &ImageRef, bytes: &mut usize, until: Instant) {
    let fetched = match bytes {
        BATCH_BYTES.. => Err("too many large images came at once".to_owned()),
        _ => in_time(until, fetch(inner, image)).await,
    };
    match fetched {
        Ok((part, size)) => {
            *bytes += size;
            draft.inbound.images.push(part);
        }
        Err(why) => draft.remark(&format!("[{}: could not be downloaded: {why}]", image.label)),
    }
}

async fn add_file(inner: &Inner, draft: &mut Draft, file: &FileRef, until: Instant) {
    match in_time(until, keep(inner, file)).await {
        Ok((path, size)) => {
            let size = if file.is_sized { String::new() } else { format!(", {}", in_words(size)) };
            draft.remark(&format!("[{}{size}: saved as {}]", file.label, path.display()));
        }
        Err(why) => draft.remark(&format!("[{}: could not be downloaded: {why}]", file.label)),
    }
}

async fn in_time<T>(until: Instant, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout_at(until, work).await.unwrap_or_else(|_| Err("it took too long".to_owned()))
}

/// The image and its size in bytes.
async fn fetch(inner: &Inner, image: &ImageRef) -> Result<(Part, usize), String> {
    let path = place(inner, &image.file_id, inner.bounds.image).await?;
    let bytes = inner.api.download(&path, inner.bounds.image).await?;
    let mime_type = mime_type(&bytes).ok_or("it is no JPEG, PNG, WebP or GIF")?.to_owned();
    let size = bytes.len();
    Ok((Part::Image { data: STANDARD.encode(bytes), mime_type }, size))
}

/// Where the file lies now, and its size in bytes.
async fn keep(inner: &Inner, file: &FileRef) -> Result<(PathBuf, u64), String> {
    let path = place(inner, &file.file_id, inner.bounds.file).await?;
    // Voice messages have no name; Telegram's own says what kind of file it is.
    let name = file.name.as_deref().or_else(|| path.rsplit('/').next());
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(inner.status.now_ms().unsigned_abs());
    let failed = |e: std::io::Error| format!("it could not be written: {e}");
    let mut keeping = Keeping::begin(&inner.media_dir, &file.unique_id, name, now).await.map_err(failed)?;
    let size = inner.api.download_to(&path, inner.bounds.file, &mut keeping).await?;
    Ok((keeping.finish().await.map_err(failed)?, size))
}

/// Where Telegram has a file.
async fn place(inner: &Inner, file_id: &str, max: u64) -> Result<String, String> {
    let request = json!({ "file_id": file_id });
    let file: File = inner.api.call("getFile", &request).await.map_err(|e| e.to_string())?;
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
