//! Fetching images. What cannot be fetched becomes a remark in the text: the message itself is never lost.

use super::Inner;
use super::content::ImageRef;
use super::types::File;
use super::update::Draft;
use crate::Inbox;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Inbound, Part};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A batch's images together may delay the batch by this much and no more.
const BATCH: Duration = Duration::from_secs(60);

/// Bytes that the images of a batch may have together.
const BATCH_BYTES: usize = 24 * 1024 * 1024;

/// Completes the messages of a batch, in order. Files of those who are not let in are not fetched.
pub(crate) async fn complete(inner: &Inner, inbox: &dyn Inbox, drafts: Vec<Draft>) -> Vec<Inbound> {
    let until = Instant::now() + BATCH;
    let mut bytes = 0usize;
    let mut batch = Vec::with_capacity(drafts.len());
    for mut draft in drafts {
        if let Some(image) = draft.image.take()
            && inbox.admits(&draft.inbound).await
        {
            let fetched = match bytes {
                BATCH_BYTES.. => Ok(Err("too many large images came at once".to_owned())),
                _ => timeout_at(until, fetch(inner, &image)).await,
            };
            match fetched.unwrap_or_else(|_| Err("it took too long".to_owned())) {
                Ok((part, size)) => {
                    bytes += size;
                    draft.inbound.images.push(part);
                }
                Err(why) => draft.remark(&format!("[{}: could not be downloaded: {why}]", image.label)),
            }
        }
        batch.push(draft.inbound);
    }
    batch
}

/// The image and its size in bytes.
async fn fetch(inner: &Inner, image: &ImageRef) -> Result<(Part, usize), String> {
    let max = inner.media_max_bytes;
    let request = json!({ "file_id": image.file_id });
    let file: File = inner.api.call("getFile", &request).await.map_err(|e| e.to_string())?;
    if let Some(size) = file.file_size.filter(|size| *size > max) {
        return Err(format!("it has {size} bytes, the limit is {max} (channels.telegram.mediaMaxMb)"));
    }
    let path = file.file_path.ok_or("Telegram does not offer it for download")?;
    let bytes = inner.api.download(&path, max).await?;
    let mime_type = mime_type(&bytes).ok_or("it is no JPEG, PNG, WebP or GIF")?.to_owned();
    let size = bytes.len();
    Ok((Part::Image { data: STANDARD.encode(bytes), mime_type }, size))
}

/// By the first bytes: what a file calls itself does not matter.
fn mime_type(bytes: &[u8]) -> Option<&'static str> {
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
