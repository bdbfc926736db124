//! How long texts become messages.

use super::MAX_TEXT;
use super::chunk;
use super::format::{render, units};
use proptest::prelude::*;
use testkit::fake_telegram::visible_text;
use unicode_segmentation::UnicodeSegmentation;

fn split(text: &str) -> Vec<String> {
    chunk::split(text, MAX_TEXT)
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn seen(pieces: &[String]) -> String {
    pieces.iter().map(|p| without_space(&render(p).plain)).collect()
}

fn check_sizes(pieces: &[String]) {
    for piece in pieces {
        let rendered = render(piece);
        let visible = visible_text(&rendered.html).unwrap();
        assert!(units(&visible) <= MAX_TEXT, "{} units", units(&visible));
        assert!(!visible.trim().is_empty(), "{piece:?} shows nothing");
    }
}

#[test]
fn a_short_text_stays_as_it_is() {
    for text in ["hi", "a\n\nb", "```\nx\n```", "- a\n  - b"] {
        assert_eq!(split(text), [text.trim()], "{text:?}");
    }
    assert_eq!(split("\n  - a\n    - b\n"), ["- a\n  - b"]);
    assert!(split("").is_empty() && split(" \n\t ").is_empty());
}

#[test]
fn a_limit_is_about_what_is_seen() {
    let link = format!("[word](https://x.org/{})", "a".repeat(5000));
    assert_eq!(split(&link), std::slice::from_ref(&link));
    let exact = "é".repeat(4096);
    assert_eq!(split(&exact).len(), 1);
    assert_eq!(split(&format!("{exact}é")).len(), 2);
    assert_eq!(split(&"😀".repeat(2049)).iter().map(|p| units(p)).collect::<Vec<_>>(), [4096, 2]);
}

#[test]
fn cuts_are_made_at_the_best_place_in_reach() {
    let sentence = "Some words that say little. ";
    let paragraph = sentence.repeat(100).trim().to_owned();
    let two = format!("{paragraph}\n\n{paragraph}");
    assert_eq!(split(&two), [paragraph.clone(), paragraph.clone()]);

    let lines = format!("{paragraph}\n{paragraph}");
    assert_eq!(split(&lines), [paragraph.clone(), paragraph]);

    let long = sentence.repeat(200);
    assert!(split(&long).iter().all(|p| p.ends_with('.')));

    let words = "word ".repeat(2000);
    assert!(split(&words).iter().all(|p| p.starts_with("word") && p.ends_with("word")));
}

#[test]
fn markup_is_not_torn_where_there_is_another_place() {
    let text = format!("{} **{}** end", "word ".repeat(800), "bold ".repeat(40).trim());
    let pieces = split(&text);
    assert_eq!(pieces.len(), 2);
    assert!(pieces[1].starts_with("**bold"), "{}", pieces[1]);
}

#[test]
fn code_is_closed_and_opened_again() {
    let code: String = (0..600).map(|i| format!("    line {i};\n")).collect();
    let text = format!("Look:\n\n```rust\n{code}```\n\nThat was it.");
    let pieces = split(&text);
    assert!(pieces.len() > 1);
    check_sizes(&pieces);
    assert!(pieces[0].starts_with("Look:\n\n```rust\n") && pieces[0].ends_with("\n```"));
    assert!(pieces[1].starts_with("```rust\n    line "), "{}", &pieces[1][..40]);
    assert!(pieces.last().unwrap().ends_with("```\n\nThat was it."));
    assert_eq!(seen(&pieces), without_space(&render(&text).plain));
    for piece in &pieces {
        assert_eq!(render(piece).html.matches("<pre>").count(), 1);
    }
}

#[test]
fn code_within_a_list_stays_code_when_it_is_cut() {
    let code: String = (0..600).map(|i| format!("        line {i}\n")).collect();
    let text = format!("- one\n  - two\n\n    ````sh\n{code}    ````\n\n    after\n- three");
    let pieces = split(&text);
    check_sizes(&pieces);
    assert!(pieces.len() > 1 && pieces[1].starts_with("````sh\n    line "), "{}", pieces[1]);
    let last = render(pieces.last().unwrap()).html;
    assert!(last.ends_with("</pre>\n\nafter\n\n• three"), "{last}");
    assert_eq!(seen(&pieces), without_space(&render(&text).plain));
}

#[test]
fn code_that_shows_fences_gets_a_longer_one() {
    let code: String = (0..300).map(|i| format!("x ``` {i} ````` y\n")).collect();
    let pieces = split(&format!("~~~\n{code}~~~\n"));
    check_sizes(&pieces);
    assert!(pieces.iter().all(|p| render(p).html.starts_with("<pre>") && render(p).html.ends_with("</pre>")));
}

#[test]
fn a_table_that_is_cut_repeats_its_head() {
    let rows: String = (0..400).map(|i| format!("| row {i} | value {i} |\n")).collect();
    let text = format!("| name | value |\n|---|---|\n{rows}");
    let pieces = split(&text);
    check_sizes(&pieces);
    assert!(pieces.len() > 1);
    for piece in &pieces {
        assert!(piece.starts_with("| name | value |\n|---|---|\n| row"), "{}", &piece[..60]);
        assert!(render(piece).html.starts_with("<pre>name"));
    }
}

#[test]
fn a_nested_list_that_is_cut_stays_a_list() {
    let items: String =
        (0..200).map(|i| format!("- item {i}\n    - inner {i}\n        - innermost {i}\n")).collect();
    let pieces = split(&items);
    assert!(pieces.len() > 1);
    check_sizes(&pieces);
    assert!(pieces.iter().all(|p| !render(p).html.contains("<pre>")));
}

#[test]
fn hostile_texts_end_in_pieces_too() {
    let rough = [
        format!("e{}", "\u{301}".repeat(20_000)),
        "`".repeat(20_000),
        format!("```{}\nx\n```", "i".repeat(9_000)),
        format!("```\n{}\n{}\n```", "`".repeat(5000), "~".repeat(5000)),
        format!("{}a", ">".repeat(3_000)),
        "|".repeat(9_000),
        format!("|{}\n|{}\n|{}\n", "a|".repeat(900), "-|".repeat(900), "b|".repeat(900)),
        "- ".repeat(5_000),
        "[".repeat(9_000),
        "**".repeat(5_000),
        format!("[x]({})", "y".repeat(40_000)),
        "\u{200d}".repeat(9_000),
        "a\u{a0}".repeat(9_000),
    ];
    for text in rough {
        let pieces = split(&text);
        for piece in &pieces {
            let rendered = render(piece);
            assert!(units(&rendered.plain) <= MAX_TEXT && visible_text(&rendered.html).is_ok());
        }
        assert!(!pieces.is_empty());
    }
}

fn document() -> impl Strategy<Value = String> {
    let words = || proptest::collection::vec("[a-zé漢]{1,12}|😀|👩‍👩‍👧", 1..300).prop_map(|w| w.join(" "));
    let block = prop_oneof![
        words(),
        words().prop_map(|w| w.replace(' ', ". ")),
        words().prop_map(|w| format!("```rust\n{}\n```", w.replace(' ', "\n"))),
        words().prop_map(|w| format!("~~~\n{w}\n~~~")),
        words().prop_map(|w| format!("- {}", w.replace(' ', "\n- "))),
        words().prop_map(|w| format!("> {}", w.replace(' ', "\n> "))),
        "[a-z]{1,20}".prop_map(|w| format!("# {w}")),
    ];
    proptest::collection::vec(block, 1..12).prop_map(|blocks| blocks.join("\n\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pieces_fit_and_show_together_what_the_whole_shows(text in document()) {
        let pieces = split(&text);
        check_sizes(&pieces);
        prop_assert_eq!(seen(&pieces), without_space(&render(&text).plain));
    }

    #[test]
    fn plain_text_is_put_together_again_from_its_pieces(words in proptest::collection::vec("[a-z]{1,30}|👩‍👩‍👧|e\u{301}", 1..1000),
        separator in prop_oneof![Just(""), Just(" "), Just("\n"), Just(". "), Just("\n\n")]) {
        let text = words.join(separator);
        let pieces = split(&text);
        prop_assert_eq!(without_space(&pieces.concat()), without_space(&text));
        let together: Vec<&str> = pieces.iter().flat_map(|p| p.graphemes(true)).filter(|g| !g.trim().is_empty()).collect();
        let whole: Vec<&str> = text.graphemes(true).filter(|g| !g.trim().is_empty()).collect();
        prop_assert_eq!(together, whole);
    }

    #[test]
    fn any_text_ends_in_pieces_that_fit(text in "[ab `~*_>|\\-\n😀]{0,400}", times in 1..40usize) {
        for piece in split(&text.repeat(times)) {
            let rendered = render(&piece);
            prop_assert!(units(&rendered.plain) <= MAX_TEXT);
            prop_assert!(visible_text(&rendered.html).is_ok());
        }
    }
}
