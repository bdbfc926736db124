//! Sending pictures as one album: as photos where Telegram shows them so, else as documents.

use super::file::{MAX_FILE, is_about_picture, transient};
use super::media::mime_type;
use super::send::{beside, permanent};
use super::tries::{Form, Meaning, in_some_form};
use super::types::Sent;
use super::{Inner, format};
use crate::SendError;
use model::FilePart;
use model::{Outbound, SentFile};
use serde_json::{Value, json};

/// Larger photos are documents.
const MAX_PHOTO: usize = 10 * 1024 * 1024;

/// Sends it and gives Telegram's id of the first of its messages.
pub(super) async fn send(inner: &Inner, out: &Outbound, files: &[SentFile]) -> Result<String, SendError> {
    // They are in memory while they go out: one album or file at a time for each account.
    let _alone = inner.uploads.acquire().await.map_err(|_| transient("the account is closed"))?;
    let gone = |name: &str, e: std::io::Error| permanent(format!("{name} cannot be read any more: {e}"));
    let mut size = 0u64;
    for SentFile { path, name } in files {
        let file = tokio::fs::metadata(path).await.map_err(|e| gone(name, e))?;
        size = size.saturating_add(file.len());
    }
    if size > MAX_FILE {
        return Err(permanent(format!("the album has {size} bytes; Telegram takes {MAX_FILE}")));
    }
    let mut read = Vec::with_capacity(files.len());
    for SentFile { path, name } in files {
        let bytes = tokio::fs::read(path).await.map_err(|e| gone(name, e))?;
        read.push((name.as_str(), bytes));
    }
    let fields: Vec<String> = (0..read.len()).map(|n| format!("file{n}")).collect();
    let parts: Vec<FilePart<'_>> =
        fields.iter().zip(&read).map(|(field, (name, bytes))| FilePart { field, name, bytes }).collect();
    let rendered = format::of(out);
    let photos = read.iter().all(|(_, bytes)| mime_type(bytes).is_some() && bytes.len() <= MAX_PHOTO);
    let call = |form: Form| {
        let is_photo = photos && !form.otherwise;
        let caption = if form.html { &rendered.html } else { &rendered.plain };
        let media: Vec<Value> = fields
            .iter()
            .enumerate()
            .map(|(n, field)| item(is_photo, field, (n == 0).then_some(caption.as_str()), form.html))
            .collect();
        let mut body = form.target.for_message();
        body.insert("media".to_owned(), json!(media));
        body.extend(beside(out, false));
        let parts = parts.as_slice();
        async move { inner.api.upload::<Vec<Sent>>("sendMediaGroup", &body, parts).await }
    };
    let meaning = |description: &str| match photos && is_about_picture(description) {
        true => Meaning::Otherwise,
        false => Meaning::Unknown,
    };
    let sent = in_some_form(inner, &out.to, call, meaning).await?;
    let first = sent.as_ref().and_then(|sent| sent.first());
    Ok(first.map(|sent| sent.message_id.to_string()).unwrap_or_default())
}

/// One picture of it; the text stands under the first.
fn item(is_photo: bool, field: &str, caption: Option<&str>, html: bool) -> Value {
    let kind = if is_photo { "photo" } else { "document" };
    let mut item = json!({ "type": kind, "media": format!("attach://{field}") });
    if let Some(caption) = caption.filter(|caption| !caption.trim().is_empty()) {
        item["caption"] = json!(caption);
        if html {
            item["parse_mode"] = json!("HTML");
        }
    }
    item
}
