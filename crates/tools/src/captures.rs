//! Pictures, films and sound in what a node answers (`camera.snap`, `camera.clip`, `screen.record`, `screen.snapshot`, `photos.latest` …):
//! objects with `base64` and `format` or `mimeType`. A model reads no base64: each is kept beside the gateway, its place stands in the
//! answer instead, and pictures are shown.

use crate::node_files::kept::Kept;
use crate::read::{MAX_IMAGE, image_type};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Part;
use serde_json::{Map, Value, json};

/// Pictures that a model sees of an answer; the rest are kept all the same.
const MAX_SHOWN: usize = 4;
/// Files of an answer that are kept: more than any command of a phone gives.
const MAX_KEPT: usize = 32;
/// Objects within objects that are looked into.
const MAX_DEPTH: usize = 4;
/// What a file's name ends with, and what it is.
const KINDS: [(&str, &str); 11] = [
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("m4a", "audio/mp4"),
    ("wav", "audio/wav"),
];

/// Takes what was captured out of an answer to `command`, and gives what a model is shown of it.
///
/// # Errors
/// It cannot be kept; for the model. What is no base64 is said in its place.
pub(crate) fn keep(command: &str, answer: &mut Value, kept: &Kept) -> Result<Vec<Part>, String> {
    let mut taken = Taken { name: command.replace('.', "-"), kept, count: 0, shown: Vec::new() };
    taken.walk(answer, 0)?;
    Ok(taken.shown)
}

struct Taken<'a> {
    name: String,
    kept: &'a Kept,
    count: usize,
    shown: Vec<Part>,
}

impl Taken<'_> {
    fn walk(&mut self, value: &mut Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.walk(item, depth + 1)),
            Value::Object(object) => {
                self.take(object)?;
                object.values_mut().try_for_each(|value| self.walk(value, depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, object: &mut Map<String, Value>) -> Result<(), String> {
        let Some(ending) = ending(object) else { return Ok(()) };
        let Some(Value::String(base64)) = object.remove("base64") else { return Ok(()) };
        self.count += 1;
        if self.count > MAX_KEPT {
            object.insert("leftOut".into(), json!(format!("more than {MAX_KEPT} files")));
            return Ok(());
        }
        let base64 = base64.trim();
        let Ok(bytes) = STANDARD.decode(base64) else {
            object.insert("leftOut".into(), json!("what the node sent is no base64"));
            return Ok(());
        };
        let (_, path) = self.kept.save(&format!("{}.{ending}", self.name), &bytes)?;
        object.insert("localPath".into(), json!(path.to_string_lossy()));
        object.insert("bytes".into(), json!(bytes.len()));
        // By its first bytes: a provider would refuse every later turn for a picture that is none.
        if let Some(mime_type) = image_type(&bytes)
            && self.shown.len() < MAX_SHOWN
            && bytes.len() as u64 <= MAX_IMAGE
        {
            self.shown.push(Part::Image { data: base64.to_owned(), mime_type: mime_type.to_owned() });
        }
        Ok(())
    }
}

/// What the name of the file ends with that an object holds.
fn ending(object: &Map<String, Value>) -> Option<&'static str> {
    object.get("base64")?.as_str()?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_ascii_lowercase);
    let (format, mime) = (text("format"), text("mimeType"));
    let found = KINDS
        .into_iter()
        .find(|(ending, is)| format.as_deref() == Some(*ending) || mime.as_deref() == Some(*is));
    Some(found.map_or("bin", |(ending, _)| ending))
}

#[cfg(test)]
mod tests {
    use crate::fakes::{Bench, node, text};
    use model::Part;
    use serde_json::{Value, json};

    /// How a JPEG begins.
    const JPEG: &str = "/9j/4AAQSkZJRg==";

    async fn answered(command: &str, answer: Value) -> agent::tool::ToolOutput {
        let mut phone = node("aa", Some("Phone"));
        phone.commands.push(command.into());
        let bench = Bench::with_nodes(vec![phone]);
        bench.host.answer(Ok(answer));
        let out = bench.call("nodes", json!({"action": "invoke", "command": command})).await;
        // As long as the bench is there. Its clock is ahead of the files, so that each takes the one before away as an old one.
        if let Some((_, rest)) = text(&out).rsplit_once("\"localPath\":\"") {
            let path = rest.split('"').next().unwrap();
            assert!(std::fs::metadata(path).is_ok_and(|kept| kept.len() > 0), "{path}");
        }
        out
    }

    #[tokio::test]
    async fn a_photo_is_seen_and_kept_and_its_base64_is_not_read() {
        let out =
            answered("camera.snap", json!({"format": "jpg", "base64": JPEG, "width": 640, "height": 480}))
                .await;
        let said = text(&out);
        assert!(said.contains("\"width\":640") && said.contains("/camera-snap---"), "{said}");
        assert!(said.contains(".jpg\"") && !said.contains(JPEG), "{said}");
        assert_eq!(out.content[1], Part::Image { data: JPEG.into(), mime_type: "image/jpeg".into() });
    }

    #[tokio::test]
    async fn a_film_is_kept_and_not_shown_and_of_many_photos_some_are_shown() {
        let clip =
            answered("camera.clip", json!({"format": "mp4", "base64": "AAAA", "durationMs": 3000})).await;
        assert!(clip.content.len() == 1 && text(&clip).contains(".mp4\""), "{clip:?}");

        let photo = json!({"format": "jpeg", "base64": JPEG, "createdAt": "2026-11-28T20:00:00Z"});
        let photos = answered("photos.latest", json!({"photos": vec![photo; 6]})).await;
        let pictures = photos.content.iter().filter(|part| matches!(part, Part::Image { .. })).count();
        assert_eq!((pictures, text(&photos).matches("localPath").count()), (super::MAX_SHOWN, 6));
    }

    #[tokio::test]
    async fn what_is_not_what_it_is_called_is_not_shown_and_other_answers_stay_as_they_are() {
        let broken = answered("camera.snap", json!({"format": "jpg", "base64": "%%%"})).await;
        assert!(broken.content.len() == 1 && text(&broken).contains("no base64"), "{broken:?}");
        let named = answered("camera.snap", json!({"format": "jpg", "base64": "AAAA"})).await;
        assert!(named.content.len() == 1 && text(&named).contains("localPath"), "{named:?}");
        let place = answered("location.get", json!({"lat": 48.2, "base64": 7})).await;
        assert_eq!(text(&place), r#"{"lat":48.2,"base64":7}"#);
    }
}
