//! Bytes that come as base64.

use super::MAX_FILE;
use super::problem::Problem;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// With or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes, at most [`MAX_FILE`].
pub(super) fn decode(text: Option<&str>) -> Result<Vec<u8>, Problem> {
    let wrong = |why: &str| Problem::new("INVALID_BASE64", why);
    let text = text.ok_or_else(|| wrong("contentBase64 is required"))?;
    let size = text.len() as u64 / 4 * 3;
    // Two characters less may be padding.
    if size > MAX_FILE + 3 {
        return Err(too_large(size));
    }
    let url_safe = text.contains(['-', '_']).then(|| text.replace('-', "+").replace('_', "/"));
    let bytes = LENIENT.decode(url_safe.as_deref().unwrap_or(text));
    let bytes = bytes.map_err(|e| wrong(&format!("contentBase64 is not valid base64: {e}")))?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

fn too_large(size: u64) -> Problem {
    Problem::new("FILE_TOO_LARGE", format!("the content has {size} bytes, and a file may have {MAX_FILE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_and_everything_else_is_refused() {
        for text in ["+/8=", "-_8=", "+/8", "-_8"] {
            assert_eq!(decode(Some(text)).as_deref(), Ok(&[0xfb, 0xff][..]), "{text}");
        }
        assert_eq!(decode(Some("")).as_deref(), Ok(&[][..]));
        for text in ["a", "+/9=", "ab cd", "é===", "=", "ab=c"] {
            assert_eq!(decode(Some(text)).unwrap_err().code, "INVALID_BASE64", "{text}");
        }
        assert_eq!(decode(None).unwrap_err().code, "INVALID_BASE64");
    }
}
