//! What a message carries besides text: an image to fetch, or something that is told to the agent in a remark in square
//! brackets, so that nothing is dropped without a word.

use super::types::{FileInfo, Location, Media, PhotoSize, Sticker};
use model::{Becomes, Coming};

/// Names and titles come from strangers; more of them than this is not worth reading.
const MAX_NAME: usize = 100;

/// What a message carries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The image.
    pub(crate) image: Option<Coming>,
    /// The file that is no image, or none that can be shown.
    pub(crate) file: Option<Coming>,
    /// The remark, brackets and all.
    pub(crate) remark: Option<String>,
}

/// The largest that is fetched, in bytes: of what the model is shown, and of everything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) image: u64,
    pub(crate) file: u64,
}

/// Looks at everything that is not text. Nothing of it: a text alone, or a service message.
pub(crate) fn read(media: &Media, bounds: Bounds) -> Content {
    if !media.photo.is_empty() {
        return photo(&media.photo, bounds.image);
    }
    if let Some(content) = media.sticker.as_ref().and_then(|sticker| picture(sticker, bounds.image)) {
        return content;
    }
    // An animation comes with a document that is the same file; it is named first, therefore.
    let animation = media.animation.is_none();
    if let Some(document) = media.document.as_ref().filter(|d| animation && is_image(d))
        && document.file_size.is_none_or(|size| size <= bounds.image)
    {
        return Content { image: Some(image(&document.file_id, "image")), ..Content::default() };
    }
    if let Some((what, info)) = attached(media) {
        return file(what, info, bounds.file);
    }
    let remark = said(media).or_else(|| other(media).map(|what| format!("[{what}: not supported yet]")));
    Content { remark, ..Content::default() }
}

fn image(file_id: &str, label: &str) -> Coming {
    Coming { file_id: file_id.to_owned(), label: label.to_owned(), becomes: Becomes::Image }
}

fn is_image(file: &FileInfo) -> bool {
    matches!(file.mime_type.as_deref(), Some("image/jpeg" | "image/png" | "image/webp" | "image/gif"))
}

/// The largest size that is within the limit; sizes that do not tell are tried.
fn photo(sizes: &[PhotoSize], max_bytes: u64) -> Content {
    let fits = |size: &&PhotoSize| size.file_size.is_none_or(|n| n <= max_bytes);
    match sizes.iter().filter(fits).max_by_key(|size| size.width.saturating_mul(size.height)) {
        Some(size) => Content { image: Some(image(&size.file_id, "photo")), ..Content::default() },
        None => {
            let smallest = sizes.iter().filter_map(|s| s.file_size).min().unwrap_or(0);
            too_large(&format!("photo, {}", bytes(smallest)), max_bytes)
        }
    }
}

/// A sticker that stands still is an image; others are told by their emoji.
fn picture(sticker: &Sticker, max_bytes: u64) -> Option<Content> {
    let file_id = sticker.file_id.as_ref().filter(|_| !sticker.is_animated && !sticker.is_video)?;
    if sticker.file_size.is_some_and(|size| size > max_bytes) {
        return None;
    }
    let image = Some(image(file_id, "sticker"));
    Some(Content { image, remark: Some(named(sticker)), ..Content::default() })
}

fn named(sticker: &Sticker) -> String {
    let emoji = sticker.emoji.as_deref().map(clean).filter(|emoji| !emoji.is_empty());
    emoji.map_or_else(|| "[sticker]".to_owned(), |emoji| format!("[sticker {emoji}]"))
}

/// `label` says what it is and how large.
fn too_large(label: &str, max_bytes: u64) -> Content {
    let max = bytes(max_bytes);
    let remark = format!("[{label}: larger than the limit of {max} (channels.telegram.mediaMaxMb)]");
    Content { remark: Some(remark), ..Content::default() }
}

/// The file that a message comes with, and what it is.
fn attached(media: &Media) -> Option<(&'static str, &FileInfo)> {
    let kinds = [
        ("animation", &media.animation),
        ("voice message", &media.voice),
        ("audio", &media.audio),
        ("video", &media.video),
        ("video message", &media.video_note),
        ("document", &media.document),
    ];
    kinds.into_iter().find_map(|(what, info)| Some((what, info.as_ref()?)))
}

fn file(what: &str, info: &FileInfo, max_bytes: u64) -> Content {
    let label = describe(what, info);
    if info.file_size.is_some_and(|size| size > max_bytes) {
        return too_large(&label, max_bytes);
    }
    let unique_id = if info.file_unique_id.is_empty() { &info.file_id } else { &info.file_unique_id };
    let becomes = Becomes::File {
        unique_id: unique_id.clone(),
        name: info.file_name.clone(),
        is_sized: info.file_size.is_some(),
        sound: sound(what, info),
    };
    let file = Coming { file_id: info.file_id.clone(), label, becomes };
    Content { file: Some(file), ..Content::default() }
}

/// The media type of what can be heard.
fn sound(what: &str, info: &FileInfo) -> Option<String> {
    let told = info.mime_type.as_deref().map(str::to_ascii_lowercase);
    let by_kind = match what {
        // Telegram's own are OGG.
        "voice message" => Some("audio/ogg"),
        "audio" => Some("audio/mpeg"),
        _ => None,
    };
    told.filter(|told| is_sound(told)).or(by_kind.map(str::to_owned))
}

/// Whether a sender's word for a type is one, and nothing that a shell or a header would read otherwise.
fn is_sound(told: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
    told.strip_prefix("audio/")
        .is_some_and(|kind| (1..=64).contains(&kind.len()) && kind.chars().all(is_plain))
}

fn describe(what: &str, info: &FileInfo) -> String {
    let name = info.file_name.as_deref().map(clean).filter(|n| !n.is_empty());
    let length = info.duration.map(|s| format!("{s} s"));
    let size = info.file_size.map(bytes);
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
    media.sticker.as_ref().map(named)
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
pub(super) fn clean(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() || matches!(c, '[' | ']') { ' ' } else { c });
    let plain: String = plain.take(MAX_NAME).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn bytes(n: u64) -> String {
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
        read(&serde_json::from_value(json).unwrap(), Bounds { image: 1_000_000, file: 5_000_000 })
    }

    #[test]
    fn what_cannot_be_shown_is_told() {
        for (media, expected) in [
            (json!({ "sticker": { "emoji": "😀" } }), "[sticker 😀]"),
            (json!({ "sticker": { "file_id": "s", "is_animated": true, "emoji": "😀" } }), "[sticker 😀]"),
            (
                json!({ "location": { "latitude": 52.1, "longitude": 13.2 } }),
                "[location: 52.10000, 13.20000]",
            ),
            (json!({ "poll": { "question": "?" } }), "[poll: not supported yet]"),
            (
                json!({ "photo": [{ "file_id": "p", "file_size": 2_500_000 }] }),
                "[photo, 2.5 MB: larger than the limit of 1.0 MB (channels.telegram.mediaMaxMb)]",
            ),
            (
                json!({ "voice": { "file_id": "v", "duration": 1200, "file_size": 50_000_000 } }),
                "[voice message, 1200 s, 50.0 MB: larger than the limit of 5.0 MB (channels.telegram.mediaMaxMb)]",
            ),
        ] {
            let content = content(media.clone());
            assert_eq!(content.remark.as_deref(), Some(expected), "{media}");
            assert!(content.image.is_none() && content.file.is_none(), "{media}");
        }
    }

    #[test]
    fn files_are_named_by_what_they_are() {
        for (media, expected) in [
            (json!({ "voice": { "file_id": "v", "duration": 12 } }), "voice message, 12 s"),
            (
                json!({ "document": { "file_id": "d", "file_name": "a]b\n.pdf", "file_size": 12_345 } }),
                "document a b .pdf, 12 kB",
            ),
            (
                json!({ "animation": { "file_id": "a" }, "document": { "file_id": "a", "mime_type": "image/gif" } }),
                "animation",
            ),
            // An image that is too large to be shown is a file.
            (
                json!({ "document": { "file_id": "d", "mime_type": "image/png", "file_size": 2_000_000 } }),
                "document, 2.0 MB",
            ),
        ] {
            let file = content(media.clone()).file.map(|file| file.label);
            assert_eq!(file.as_deref(), Some(expected), "{media}");
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
        assert_eq!(content(file).image, Some(image("d", "image")));
        let still = content(json!({ "sticker": { "file_id": "s", "emoji": "😀" } }));
        let image = still.image.map(|i| i.label);
        assert_eq!((image.as_deref(), still.remark.as_deref()), (Some("sticker"), Some("[sticker 😀]")));
    }

    #[test]
    fn a_service_message_carries_nothing() {
        assert_eq!(content(json!({ "new_chat_members": [] })), Content::default());
    }
}
