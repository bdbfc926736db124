//! Fetching what came with messages: images into the message, other files to where they are kept. What cannot be fetched
//! becomes a remark in the text: the message itself is never lost.

use super::api::ApiError;
use super::content::bytes as in_words;
use super::types::File;
use super::{Inner, local};
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

/// What breaks off is begun again after this time, then after twice as much, and so on.
const PAUSE: Duration = Duration::from_secs(1);

/// So often something is begun: a line that breaks off each time would carry the same bytes for nothing.
const TRIES: usize = 5;

/// What something has become.
enum Fetched {
    Image(Part),
    /// Where the file lies now, and its size in bytes.
    File(PathBuf, u64),
}

/// A file that can be heard, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type, such as `audio/ogg`.
    pub media_type: String,
}

/// Fetches what comes with a message, and gives what of it can be heard. Where there is no room for images, they are named in it.
pub(crate) async fn complete(inner: &Inner, mut inbound: Inbound, has_room: bool) -> (Inbound, Vec<Sound>) {
    let until = Instant::now() + WITHIN;
    let mut sounds = Vec::new();
    for coming in std::mem::take(&mut inbound.coming) {
        let Coming { label, becomes, .. } = &coming;
        let fetched = timeout_at(until, fetch(inner, &coming, has_room, until)).await;
        match fetched.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(Fetched::Image(image)) => inbound.images.push(image),
            Ok(Fetched::File(path, bytes)) => {
                let is_sized = matches!(becomes, Becomes::File { is_sized: true, .. });
                let size = if is_sized { String::new() } else { format!(", {}", in_words(bytes)) };
                inbound.remark(&format!("[{label}{size}: saved as {}]", path.display()));
                sounds.extend(heard(becomes, path, bytes));
            }
            Err(why) => inbound.remark(&format!("[{label}: could not be downloaded: {why}]")),
        }
    }
    (inbound, sounds)
}

fn heard(becomes: &Becomes, path: PathBuf, size: u64) -> Option<Sound> {
    let Becomes::File { sound: Some(media_type), .. } = becomes else { return None };
    Some(Sound { path, size, media_type: media_type.clone() })
}

/// Why something did not come.
pub(super) struct Missed {
    pub(super) why: String,
    /// Whether it may come when it is asked for again.
    pub(super) is_passing: bool,
}

impl Missed {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_passing: true }
    }
}

impl From<String> for Missed {
    fn from(why: String) -> Self {
        Self { why, is_passing: false }
    }
}

/// Where a file is, and its size in bytes where that is told.
struct Found {
    path: String,
    size: Option<u64>,
}

async fn fetch(inner: &Inner, coming: &Coming, has_room: bool, until: Instant) -> Result<Fetched, String> {
    if coming.becomes == Becomes::Image && !has_room {
        return Err("too many large images came at once".to_owned());
    }
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match once(inner, coming, until).await {
            Err(missed) if missed.is_passing && Instant::now() + pause < until => {
                tracing::debug!(account = inner.account, why = missed.why, "a file is asked for again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            ended => return ended.map_err(|missed| missed.why),
        }
    }
    once(inner, coming, until).await.map_err(|missed| missed.why)
}

/// Asks for it once.
async fn once(inner: &Inner, coming: &Coming, until: Instant) -> Result<Fetched, Missed> {
    match &coming.becomes {
        Becomes::Image => image(inner, &coming.file_id, until).await.map(Fetched::Image),
        Becomes::File { unique_id, name, .. } => {
            let found = place(inner, &coming.file_id, inner.bounds.file, until).await?;
            let (path, size) = keep(inner, &found, unique_id, name.as_deref()).await?;
            Ok(Fetched::File(path, size))
        }
    }
}

async fn image(inner: &Inner, file_id: &str, until: Instant) -> Result<Part, Missed> {
    let found = place(inner, file_id, inner.bounds.image, until).await?;
    let bytes = match local::is_local(&found.path) {
        true => local::read(&inner.local_roots, &found.path, inner.bounds.image).await?,
        false => inner.api.download(&found.path, inner.bounds.image).await?,
    };
    whole(&found, bytes.len() as u64)?;
    let mime_type = mime_type(&bytes).ok_or_else(|| "it is no JPEG, PNG, WebP or GIF".to_owned())?.to_owned();
    Ok(Part::Image { data: STANDARD.encode(bytes), mime_type })
}

/// Where the file lies now, and its size in bytes.
async fn keep(
    inner: &Inner,
    found: &Found,
    unique_id: &str,
    name: Option<&str>,
) -> Result<(PathBuf, u64), Missed> {
    // Voice messages have no name; Telegram's own says what kind of file it is.
    let name = name.or_else(|| found.path.rsplit('/').next());
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(inner.status.now_ms().unsigned_abs());
    let failed = |e: std::io::Error| Missed::from(format!("it could not be written: {e}"));
    let mut keeping = Keeping::begin(&inner.media_dir, unique_id, name, now).await.map_err(failed)?;
    let size = match local::is_local(&found.path) {
        true => local::copy(&inner.local_roots, &found.path, inner.bounds.file, &mut keeping).await?,
        false => inner.api.download_to(&found.path, inner.bounds.file, &mut keeping).await?,
    };
    whole(found, size)?;
    Ok((keeping.finish().await.map_err(failed)?, size))
}

/// A body without a length may end anywhere.
fn whole(found: &Found, size: u64) -> Result<(), Missed> {
    match found.size.filter(|told| size < *told) {
        Some(told) => Err(Missed::passing(format!("only {size} of {told} bytes came"))),
        None => Ok(()),
    }
}

/// Where Telegram has a file. It is asked again as soon as it may be, where that is in time.
async fn place(inner: &Inner, file_id: &str, max: u64, until: Instant) -> Result<Found, Missed> {
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
            Err(error) => return Err(Missed { is_passing: error.is_of_server(), why: error.to_string() }),
        }
    };
    if let Some(size) = file.file_size.filter(|size| *size > max) {
        let why = format!("it has {size} bytes, the limit is {max} (channels.telegram.mediaMaxMb)");
        return Err(Missed::from(why));
    }
    let path = file.file_path.ok_or_else(|| "Telegram does not offer it for download".to_owned())?;
    Ok(Found { path, size: file.file_size })
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
