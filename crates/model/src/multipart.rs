//! The body of an HTTP call that brings a file: `multipart/form-data` (RFC 7578).

use serde_json::{Map, Value};

/// A file in a call.
#[derive(Debug, Clone, Copy)]
pub struct FilePart<'a> {
    /// The field that it is.
    pub field: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// The content type and the body. Fields that are no text are JSON, as Telegram's Bot API has them.
pub fn multipart(fields: &Map<String, Value>, parts: &[FilePart<'_>]) -> (String, Vec<u8>) {
    let size: usize = parts.iter().map(|part| part.bytes.len()).sum();
    let boundary = boundary(size as u64);
    let mut out = Vec::with_capacity(size + 1024 * (parts.len() + 1));
    for (key, value) in fields {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{key}\"\r\n\r\n{text}\r\n");
        out.extend_from_slice(head.as_bytes());
    }
    for FilePart { field, name, bytes } in parts {
        // As browsers escape it: nothing in a name ends the line or the quotes.
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), out)
}

/// One that nobody can have foreseen, and no file therefore holds.
fn boundary(size: u64) -> String {
    let number = || getrandom::u64().unwrap_or(size);
    format!("openclaw-{:016x}{:016x}", number(), number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_line() {
        let fields = Map::from_iter([("chat_id".to_owned(), Value::from(7))]);
        let (content_type, body) =
            multipart(&fields, &[FilePart { field: "document", name: "a\"\r\nX: y", bytes: b"bytes" }]);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"document\"; filename=\"a%22%0D%0AX: y\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nbytes\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
