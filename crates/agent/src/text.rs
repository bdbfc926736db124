//! Cutting text that is too long for what it is meant for.

use model::Part;

/// The text in at most `max_chars` characters (and a remark where that leaves no room for one): where it is longer,
/// the middle is left out and a remark says how much. The start carries the headings, the end the result or the error.
pub(crate) fn cut_middle(text: &str, max_chars: usize) -> String {
    // Bytes are never fewer than characters: the common case needs no counting.
    if text.len() <= max_chars {
        return text.to_owned();
    }
    let chars = text.chars().count();
    if chars <= max_chars {
        return text.to_owned();
    }
    let mut room = max_chars.saturating_sub(remark(chars).chars().count());
    if room < max_chars / 4 {
        room = max_chars;
    }
    let head = room * 2 / 3;
    let tail = room - head;
    let start = text.get(..byte_at(text, head)).unwrap_or_default();
    let end = text.get(byte_at(text, chars - tail)..).unwrap_or_default();
    format!("{start}{}{end}", remark(chars - room))
}

fn remark(left_out: usize) -> String {
    format!("\n[… {left_out} characters left out here …]\n")
}

/// Where the `n`th character begins; the end of the text where there are fewer.
fn byte_at(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(i, _)| i)
}

/// Cuts the text of a tool's result to `max_chars` in all; images stay as they are.
pub(crate) fn fit_parts(parts: &mut [Part], max_chars: usize) {
    let mut room = max_chars;
    for part in parts {
        if let Part::Text { text } = part {
            if text.len() > room {
                *text = cut_middle(text, room);
            }
            room = room.saturating_sub(text.chars().count());
        }
    }
}

/// The first `max_chars` characters, with a remark where there were more.
pub(crate) fn cut_end(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((at, _)) => {
            format!("{}\n[… cut after {max_chars} characters …]", text.get(..at).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_goes_and_both_ends_stay() {
        let long = format!("start{}end", "é".repeat(10_000));
        let cut = cut_middle(&long, 1_000);
        assert!(cut.starts_with("start") && cut.ends_with("end"));
        assert!(cut.contains("characters left out here"));
        assert!(cut.chars().count() <= 1_000);
        assert_eq!(cut_middle("short", 1_000), "short");
        assert_eq!(cut_middle("ééé", 3), "ééé");
    }

    #[test]
    fn the_end_goes_with_a_remark() {
        assert_eq!(cut_end("äöü", 3), "äöü");
        assert_eq!(cut_end("äöü", 2), "äö\n[… cut after 2 characters …]");
    }

    #[test]
    fn parts_share_one_limit() {
        let text = |n: usize| Part::Text { text: "x".repeat(n) };
        let mut parts =
            vec![text(900), text(900), Part::Image { data: "aaaa".into(), mime_type: "image/png".into() }];
        fit_parts(&mut parts, 1_000);
        let sizes: Vec<usize> =
            parts.iter().map(|p| if let Part::Text { text } = p { text.len() } else { 0 }).collect();
        assert!(matches!(sizes[..], [900, n, 0] if n < 200), "{sizes:?}");
    }

    proptest! {
        #[test]
        fn cutting_never_panics_and_keeps_the_bound(text in "\\PC{0,400}", max in 0usize..500) {
            let cut = cut_middle(&text, max);
            prop_assert!(cut.chars().count() <= max.max(text.chars().count().min(max)) + 60);
        }
    }
}
