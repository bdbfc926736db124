//! What a message carries besides text: an image to fetch, or something that is told to the agent in a remark in square
//! brackets, so that nothing is dropped without a word.

use super::types::{FileInfo, Location, Media, PhotoSize};

/// Names and titles come from strangers; more of them than this is not worth reading.
const MAX_NAME: usize = 100;

/// An image that can be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ImageRef {
    /// For `getFile`.
    pub(crate) file_id: String,
    /// What to call it in a remark when it cannot be had.
    pub(crate) label: &'static str,
}

/// What a message carries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The image.
    pub(crate) image: Option<ImageRef>,
    /// The remark, brackets and all.
    pub(crate) remark: Option<String>,
}

/// Looks at everything that is not text. Nothing of it: a text alone, or a service message.
pub(crate) fn read(media: &Media, max_bytes: u64) -> Content {
    if !media.photo.is_empty() {
        return photo(&media.photo, max_bytes);
    }
    // An animation comes with a document that is the same file; it is named first, therefore.
    let animation = media.animation.is_none();
    if let Some(document) = media.document.as_ref().filter(|d| animation && is_image(d)) {
        return fetch(&document.file_id, document.file_size, "image", max_bytes);
    }
    Content { image: None, remark: remark(media) }
}

fn is_image(file: &FileInfo) -> bool {
    matches!(file.mime_type.as_deref(), Some("image/jpeg" | "image/png" | "image/webp" | "image/gif"))
}

/// The largest size that is within the limit; sizes that do not tell are tried.
fn photo(sizes: &[PhotoSize], max_bytes: u64) -> Content {
    let fits = |size: &&PhotoSize| size.file_size.is_none_or(|n| n <= max_bytes);
    match sizes.iter().filter(fits).max_by_key(|size| size.width.saturating_mul(size.height)) {
        Some(size) => fetch(&size.file_id, size.file_size, "photo", max_bytes),
        None => too_large("photo", sizes.iter().filter_map(|s| s.file_size).min().unwrap_or(0), max_bytes),
    }
}

fn fetch(file_id: &str, size: Option<u64>, label: &'static str, max_bytes: u64) -> Content {
    match size {
        Some(size) if size > max_bytes => too_large(label, size, max_bytes),
        _ => Content { image: Some(ImageRef { file_id: file_id.to_owned(), label }), remark: None },
    }
}

fn too_large(label: &str, size: u64, max_bytes: u64) -> Content {
    let (size, max) = (bytes(size), bytes(max_bytes));
    let remark = format!("[{label}, {size}: larger than the limit of {max} (channels.telegram.mediaMaxMb)]");
    Content { image: None, remark: Some(remark) }
}

fn remark(media: &Media) -> Option<String> {
    let file =
        |what: &str, info: &Option<FileInfo>| info.as_ref().map(|info| unsupported(&describe(what, info)));
    file("animation", &media.animation)
        .or_else(|| file("voice message", &media.voice))
        .or_else(|| file("audio", &media.audio))
        .or_else(|| file("video", &media.video))
        .or_else(|| file("video message", &media.video_note))
        .or_else(|| file("document", &media.document))
        .or_else(|| said(media))
        .or_else(|| other(media).map(unsupported))
}

fn unsupported(what: &str) -> String {
    format!("[{what}: not supported yet]")
}

fn describe(what: &str, info: &FileInfo) -> String {
    let name = info.file_name.as_deref().map(clean).filter(|n| !n.is_empty());
    let length = info.duration.map(|s| format!("{s} s"));
    let size = info.file_size.filter(|_| info.duration.is_none()).map(bytes);
    let mut text = name.map_or_else(|| what.to_owned(), |name| format!("{what} {name}"));
    for detail in [length, size].into_iter().flatten() {
        text.push_str(", ");
        text.push_str(&detail);
    }
    text
}

/// What is complete in words.
fn said(media: &Media) -> Option<String> {
    let place = |at: &Location| format!("{:.5}, {:.5}", at.latitude, at.longitude);
    if let Some(venue) = &media.venue {
        let (title, address) = (clean(&venue.title), clean(&venue.address));
        return Some(format!("[venue {title}, {address}: {}]", place(&venue.location)));
    }
    if let Some(location) = &media.location {
        return Some(format!("[location: {}]", place(location)));
    }
    if let Some(contact) = &media.contact {
        let name = format!("{} {}", contact.first_name, contact.last_name.as_deref().unwrap_or_default());
        return Some(format!("[contact {}: {}]", clean(&name), clean(&contact.phone_number)));
    }
    if let Some(dice) = &media.dice {
        return Some(format!("[{}: {}]", clean(&dice.emoji), dice.value));
    }
    let sticker = media.sticker.as_ref()?;
    Some(
        sticker
            .emoji
            .as_deref()
            .map_or_else(|| "[sticker]".to_owned(), |e| format!("[sticker {}]", clean(e))),
    )
}

fn other(media: &Media) -> Option<&'static str> {
    let kinds = [
        (media.story.is_some(), "story"),
        (media.paid_media.is_some(), "paid media"),
        (media.game.is_some(), "game"),
        (media.invoice.is_some(), "invoice"),
        (media.checklist.is_some(), "checklist"),
        (media.poll.is_some(), "poll"),
    ];
    kinds.into_iter().find_map(|(there, what)| there.then_some(what))
}

/// Keeps what a stranger wrote from looking like more than a part of the remark.
fn clean(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() || matches!(c, '[' | ']') { ' ' } else { c });
    let plain: String = plain.take(MAX_NAME).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} bytes"),
        1_000..=999_999 => format!("{} kB", n / 1_000),
        _ => format!("{}.{} MB", n / 1_000_000, n % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn content(json: Value) -> Content {
        read(&serde_json::from_value(json).unwrap(), 1_000_000)
    }

    #[test]
    fn what_cannot_be_shown_is_told() {
        for (media, expected) in [
            (
                json!({ "voice": { "file_id": "v", "duration": 12, "file_size": 9 } }),
                "[voice message, 12 s: not supported yet]",
            ),
            (
                json!({ "document": { "file_id": "d", "file_name": "a]b\n.pdf", "file_size": 12_345 } }),
                "[document a b .pdf, 12 kB: not supported yet]",
            ),
            (
                json!({ "animation": { "file_id": "a" }, "document": { "file_id": "a", "mime_type": "image/gif" } }),
                "[animation: not supported yet]",
            ),
            (json!({ "sticker": { "emoji": "😀" } }), "[sticker 😀]"),
            (
                json!({ "location": { "latitude": 52.1, "longitude": 13.2 } }),
                "[location: 52.10000, 13.20000]",
            ),
            (json!({ "poll": { "question": "?" } }), "[poll: not supported yet]"),
            (
                json!({ "photo": [{ "file_id": "p", "file_size": 2_500_000 }] }),
                "[photo, 2.5 MB: larger than the limit of 1.0 MB (channels.telegram.mediaMaxMb)]",
            ),
        ] {
            assert_eq!(content(media.clone()).remark.as_deref(), Some(expected), "{media}");
        }
    }

    #[test]
    fn the_largest_photo_within_the_limit_is_taken() {
        let sizes = json!({ "photo": [
            { "file_id": "s", "width": 90, "height": 90, "file_size": 1_000 },
            { "file_id": "m", "width": 320, "height": 320, "file_size": 20_000 },
            { "file_id": "l", "width": 1280, "height": 1280, "file_size": 3_000_000 },
        ] });
        assert_eq!(content(sizes).image.map(|i| i.file_id).as_deref(), Some("m"));
        let file = json!({ "document": { "file_id": "d", "mime_type": "image/png", "file_size": 5 } });
        assert_eq!(content(file).image, Some(ImageRef { file_id: "d".into(), label: "image" }));
    }

    #[test]
    fn a_service_message_carries_nothing() {
        assert_eq!(content(json!({ "new_chat_members": [] })), Content::default());
    }
}
