use super::*;
use proptest::prelude::*;

fn text(html: &str) -> String {
    to_text(html, "https://e.com/a/b").text
}

#[test]
fn pages_read_like_text() {
    for (html, expected) in [
        ("plain  text\n here", "plain text here"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<h1>Top</h1>text<h3 class=x>Sub</h3>", "# Top\n\ntext\n\n### Sub"),
        ("<ul><li>a</li><li><p>b</p></li></ul>c", "- a\n- b\n\nc"),
        ("<b>bold</b>, <i>italic</i>!", "bold, italic!"),
        ("a <b> b </b> c", "a b c"),
        ("a [ b ] &shy;c", "a [ b ] c"),
        ("<table><tr><th>a<th>b<tr><td>c</td><td>d</td></table>", "a | b\nc | d"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("a<hr>b", "a\n\n---\nb"),
        ("<img alt='a cat' src=x>x<img src=y>", "[image: a cat] x"),
        ("1 < 2 && 3 > 2 <3", "1 < 2 && 3 > 2 <3"),
        ("&lt;b&gt; &amp;amp; &#65;&#x42; &nope; &eacute; &copy;", "<b> &amp; AB &nope; é ©"),
        ("a<!-- <p>hidden --> b<!DOCTYPE html>", "a b"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn links_stay_and_lead_somewhere() {
    for (html, expected) in [
        ("see <a href=\"../c?d=1&amp;e\">this <b>page</b></a>.", "see [this page](https://e.com/c?d=1&e)."),
        ("<a href=http://x.org/>x</a> <a href='#top'>up</a>", "[x](http://x.org/) up"),
        ("<a href='javascript:x()'>run</a> <a name=n>n</a>", "run n"),
        ("a <a href=/empty> </a> b", "a b"),
        ("<a href=/1>one<a href=/2>two", "[one](https://e.com/1)[two](https://e.com/2)"),
        ("<A title='a > b' HREF = '/q'>q</A>", "[q](https://e.com/q)"),
    ] {
        assert_eq!(text(html), expected, "{html}");
    }
}

#[test]
fn scripts_styles_and_the_like_are_gone() {
    for html in [
        "a<script>if (1 < 2) document.write('<p>x</p>')</script>b",
        "a<STYLE type=x>p { color: red }</Style >b",
        "a<script>x</scripty></script>b",
        "a<svg><text>x</text></svg>b",
        "a<template><p>x</p></template>b",
        "a<textarea><p>x</textarea>b",
    ] {
        assert_eq!(text(html), "ab", "{html}");
    }
    assert_eq!(text("a<script>never closed <p>x</p>"), "a");
}

#[test]
fn the_title_is_apart() {
    let page =
        to_text("<html><head><title>A &amp;\n B</title></head><body>x<svg><title>no</title></svg>", "");
    assert_eq!(page, Page { title: Some("A & B".into()), text: "x".into() });
    assert_eq!(to_text("<title> </title>", "").title, None);
}

#[test]
fn hostile_pages_take_no_time_to_speak_of() {
    // Each of these would take minutes if the work grew with the square of the length.
    for piece in [
        "<",
        "<a",
        "<a href=\"",
        "<a href='x",
        "<!--",
        "</",
        "<script>",
        "<a href=x>",
        "&",
        "<p x=\"><p y='>",
        "<li>",
    ] {
        let html = piece.repeat(500_000 / piece.len());
        assert!(text(&html).len() <= MAX_TEXT + 500_000, "{piece}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(html in "([<>/&;a-z\"'= \n!-]|<p>|<a href=|<script>|</script>|<pre>|<li>|&#x|é){0,80}") {
        let page = to_text(&html, "https://e.com/");
        prop_assert!(page.text.len() <= 40 * html.len() + 40);
    }

    #[test]
    fn scripts_never_show(inside in "[a-z <>&]{0,40}") {
        let page = text(&format!("<p>a</p><script>SECRET{inside}</script><p>b</p>"));
        prop_assert_eq!(page, "a\n\nb");
    }
}
