//! What a file is, as a media type: by its first bytes, else by the end of its name, else by whether it reads as text.

use std::path::Path;

/// Bytes that are looked at to tell text from the rest.
const SAMPLE: usize = 8192;

/// First bytes, and what they mean.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
];

/// Ends of names, and what they mean.
const ENDS: &[(&str, &str)] = &[
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("tar", "application/x-tar"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("heic", "image/heic"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
];

/// By the end of the name alone.
pub(super) fn of_name(name: &Path) -> &'static str {
    let end = name.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
    let known = ENDS.iter().find(|(known, _)| end.as_deref() == Some(*known));
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

/// By all that there is to see.
pub(super) fn of_file(name: &Path, bytes: &[u8]) -> &'static str {
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(begin, _)| bytes.starts_with(begin)) {
        return kind;
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    match of_name(name) {
        "application/octet-stream" if is_text(bytes) => "text/plain",
        kind => kind,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let controls = sample.iter().filter(|b| **b < 32 && !matches!(b, b'\t' | b'\n' | b'\r')).count();
    let is_utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        // The sample may end within a character.
        Err(e) => e.error_len().is_none() && sample.len() < bytes.len(),
    };
    is_utf8 && !sample.contains(&0) && controls * 100 <= sample.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say_then_its_name_then_how_it_reads() {
        let cut = format!("{}é", "a".repeat(SAMPLE - 1));
        for (name, bytes, kind) in [
            ("x.txt", &b"\x89PNG\r\n\x1a\n"[..], "image/png"),
            ("x", b"RIFF0000WEBPVP8 ", "image/webp"),
            ("x.JSON", b"{}", "application/json"),
            ("Makefile", b"all:\n\ttrue\n", "text/plain"),
            ("x", b"", "text/plain"),
            ("x", cut.as_bytes(), "text/plain"),
            ("x", b"a\0b", "application/octet-stream"),
            ("x", b"\xff\xfe", "application/octet-stream"),
            ("x", b"\x01\x02\x03", "application/octet-stream"),
        ] {
            assert_eq!(of_file(Path::new(name), bytes), kind, "{name} {bytes:?}");
        }
    }
}
