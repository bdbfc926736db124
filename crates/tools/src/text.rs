//! Cutting text to what a model should read.

/// The first `max` bytes at most, ending with a whole character.
pub(crate) fn head(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// The text, or its beginning with a remark where it is longer than `max` bytes.
pub(crate) fn clip(text: &str, max: usize) -> String {
    let kept = head(text, max);
    if kept.len() == text.len() {
        return text.to_owned();
    }
    format!("{kept}\n[… {} bytes left out …]", text.len() - kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_goes_between_characters_and_is_told() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("aéb", 2), "a\n[… 3 bytes left out …]");
        assert_eq!(head("é", 1), "");
    }
}
