//! Sending a file: a photo, a film or a piece of music as such where Telegram shows it so, everything else as a document.

use super::media::mime_type;
use super::send::{beside, permanent};
use super::tries::{Form, Meaning, in_some_form};
use super::types::Sent;
use super::{Inner, format};
use crate::{SendError, SendErrorKind};
use model::FilePart;
use model::{FileAs, Outbound, SentFile};
use serde_json::json;

/// The largest file that a bot may send, in bytes.
pub const MAX_FILE: u64 = 50 * 1024 * 1024;
/// Larger photos are documents.
const MAX_PHOTO: usize = 10 * 1024 * 1024;
/// The longest text under a file, in UTF-16 units of visible text.
pub const MAX_CAPTION: usize = 1024;

/// How Telegram shows a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Photo,
    Animation,
    Video,
    Audio,
    Document,
    Voice,
    VideoNote,
}

impl Shown {
    /// As it is meant to be seen, where it is such a file.
    fn meant(name: &str, bytes: &[u8], seen_as: FileAs) -> Self {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        match (seen_as, end.as_deref()) {
            (FileAs::Document, _) => Self::Document,
            (FileAs::Voice, Some("ogg" | "oga" | "opus" | "mp3" | "m4a")) => Self::Voice,
            (FileAs::VideoNote, Some("mp4")) => Self::VideoNote,
            _ => Self::of(name, bytes),
        }
    }

    fn of(name: &str, bytes: &[u8]) -> Self {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        match (mime_type(bytes), end.as_deref()) {
            (Some("image/gif"), _) => Self::Animation,
            (Some(_), _) if bytes.len() <= MAX_PHOTO => Self::Photo,
            (None, Some("mp4")) => Self::Video,
            (None, Some("mp3" | "m4a")) => Self::Audio,
            _ => Self::Document,
        }
    }

    /// The method, and the field that holds the file.
    fn call(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("sendPhoto", "photo"),
            Self::Animation => ("sendAnimation", "animation"),
            Self::Video => ("sendVideo", "video"),
            Self::Audio => ("sendAudio", "audio"),
            Self::Document => ("sendDocument", "document"),
            Self::Voice => ("sendVoice", "voice"),
            Self::VideoNote => ("sendVideoNote", "video_note"),
        }
    }
}

/// Sends it and gives Telegram's id of the message.
pub(super) async fn send(
    inner: &Inner,
    out: &Outbound,
    SentFile { path, name }: &SentFile,
    seen_as: FileAs,
) -> Result<String, SendError> {
    // It is in memory while it goes out: one at a time for each account.
    let _alone = inner.uploads.acquire().await.map_err(|_| transient("the account is closed"))?;
    let bytes = match tokio::fs::read(path).await {
        Ok(bytes) if bytes.len() as u64 <= MAX_FILE => bytes,
        Ok(bytes) => {
            return Err(permanent(format!("{name} has {} bytes; Telegram takes {MAX_FILE}", bytes.len())));
        }
        Err(error) => return Err(permanent(format!("{name} cannot be read any more: {error}"))),
    };
    let (rendered, first) = (format::of(out), Shown::meant(name, &bytes, seen_as));
    let call = |form: Form| {
        let mut fields = form.target.for_message();
        if !out.text.trim().is_empty() {
            fields.insert(
                "caption".to_owned(),
                json!(if form.html { &rendered.html } else { &rendered.plain }),
            );
            if form.html {
                fields.insert("parse_mode".to_owned(), json!("HTML"));
            }
        }
        fields.extend(beside(out, false));
        let (method, field) = if form.otherwise { Shown::Document } else { first }.call();
        let bytes = bytes.as_slice();
        async move { inner.api.upload::<Sent>(method, &fields, &[FilePart { field, name, bytes }]).await }
    };
    // Dimensions, formats: what it does not show as such it takes as a document.
    let meaning = |description: &str| match first != Shown::Document && is_about_picture(description) {
        true => Meaning::Otherwise,
        false => Meaning::Unknown,
    };
    let sent = in_some_form(inner, &out.to, call, meaning).await?;
    Ok(sent.map(|sent| sent.message_id.to_string()).unwrap_or_default())
}

pub(super) fn is_about_picture(description: &str) -> bool {
    ["PHOTO_", "IMAGE_PROCESS_FAILED", "VIDEO_", "VOICE_", "failed to get HTTP URL content"]
        .iter()
        .any(|word| description.contains(word))
}

pub(super) fn transient(message: &str) -> SendError {
    SendError { kind: SendErrorKind::Transient, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[test]
    fn a_file_is_shown_as_what_it_is() {
        for (name, bytes, expected) in [
            ("a.png", b"\x89PNG".as_slice(), Shown::Photo),
            ("a.txt", b"\x89PNG", Shown::Photo),
            ("a.png", b"no picture", Shown::Document),
            ("a.gif", b"GIF89a", Shown::Animation),
            ("a.MP4", b"..ftyp", Shown::Video),
            ("a.mp3", b"ID3", Shown::Audio),
            ("a.pdf", b"%PDF", Shown::Document),
            ("noname", b"", Shown::Document),
        ] {
            assert_eq!(Shown::of(name, bytes), expected, "{name}");
        }
        let mut large = vec![0; super::MAX_PHOTO + 1];
        large[..4].copy_from_slice(b"\x89PNG");
        assert_eq!(Shown::of("a.png", &large), Shown::Document);
    }
}
