//! What Markdown looks like on Telegram.

use super::format::render;
use proptest::prelude::*;
use testkit::fake_telegram::visible_text;

#[test]
fn markdown_becomes_the_tags_that_telegram_knows() {
    for (markdown, html) in [
        ("**bold** *it* ~~no~~ `x<y`", "<b>bold</b> <i>it</i> <s>no</s> <code>x&lt;y</code>"),
        ("a & b < c > \"d\"", "a &amp; b &lt; c &gt; &quot;d&quot;"),
        ("# Head\ntext", "<b>Head</b>\n\ntext"),
        ("# a **b** c", "<b>a b c</b>"),
        ("one\ntwo\n\nthree", "one\ntwo\n\nthree"),
        ("```rust\nfn f<T>() {}\n```", "<pre><code class=\"language-rust\">fn f&lt;T&gt;() {}</code></pre>"),
        ("```\"><b>\nx\n```", "<pre>x</pre>"),
        ("    indented\n", "<pre>indented</pre>"),
        ("say:\n- a\n- b\n  - c\n\nend", "say:\n\n• a\n• b\n   • c\n\nend"),
        ("3. x\n4. y", "3. x\n4. y"),
        ("- [x] done\n- [ ] open", "• [x] done\n• [ ] open"),
        ("> quoted\n> > twice\n\nend", "<blockquote>quoted\n\ntwice</blockquote>\n\nend"),
        ("[t](https://x.org/?a=1&b=\"2\")", "<a href=\"https://x.org/?a=1&amp;b=&quot;2&quot;\">t</a>"),
        ("[t](javascript:alert)", "t (javascript:alert)"),
        ("[t](./file.md)", "t (./file.md)"),
        ("[](https://x.org)", "<a href=\"https://x.org\">https://x.org</a>"),
        ("<https://x.org>", "<a href=\"https://x.org\">https://x.org</a>"),
        ("<me@x.org>", "me@x.org"),
        ("![alt](https://x.org/i.png)", "<a href=\"https://x.org/i.png\">alt</a>"),
        ("[![alt](https://x.org/i.png)](https://y.org)", "<a href=\"https://y.org\">alt</a>"),
        ("a<br>b <script>x</script>", "a\nb &lt;script&gt;x&lt;/script&gt;"),
        ("<div>\nx\n</div>\n\nend", "&lt;div&gt;\nx\n&lt;/div&gt;\n\nend"),
        ("a\n\n---\n\nb", "a\n\n──────────\n\nb"),
        (
            "| a | b |\n|---|---|\n| **1** | [2](https://x) |",
            "<pre>a | b\n--+--------------\n1 | 2 (https://x)</pre>",
        ),
        ("[a]: https://x.org", "[a]: https://x.org"),
        ("- a\n\n  ```\n  code\n  ```\n- b", "• a\n<pre>code</pre>\n• b"),
        ("", ""),
    ] {
        let rendered = render(markdown);
        assert_eq!(rendered.html, html, "{markdown}");
        assert_eq!(visible_text(html).as_ref(), Ok(&rendered.plain), "{markdown}");
    }
}

/// Text in which anything that means something in Markdown is likely.
fn noise() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zé漢😀]{1,8}",
        "[*_~`#>|<&\\[\\]()!\"\\-+=:\\\\]{1,4}",
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("    ".to_owned()),
        Just("```\n".to_owned()),
        Just("| a | b |\n|---|---|\n| c |\n".to_owned()),
        Just("\n- ".to_owned()),
        Just("\n> ".to_owned()),
        Just("[x](https://y.org)".to_owned()),
        Just("<b>".to_owned()),
        " ",
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn html_is_always_such_that_telegram_takes_it(markdown in noise()) {
        let rendered = render(&markdown);
        prop_assert_eq!(visible_text(&rendered.html), Ok(rendered.plain));
    }

    #[test]
    fn what_is_not_blank_shows_something(markdown in noise()) {
        prop_assert_eq!(render(&markdown).plain.trim().is_empty() && !markdown.trim().is_empty()
            && markdown.contains(char::is_alphanumeric), false);
    }

    #[test]
    fn words_are_kept_in_their_order(words in proptest::collection::vec("[a-zé漢]{1,9}", 0..40), seps in
        proptest::collection::vec(prop_oneof![Just(" "), Just("\n"), Just("\n\n"), Just(" **"), Just("** "), Just("\n# "),
            Just("\n- "), Just("\n> "), Just(" `"), Just("\n```\n"), Just(" <"), Just("> "), Just(" & ")], 40)) {
        let markdown: String = words.iter().zip(&seps).flat_map(|(w, s)| [w.as_str(), s]).collect();
        let plain = render(&markdown).plain;
        let mut rest = plain.as_str();
        for word in &words {
            let at = rest.find(word.as_str());
            // The word behind a fence is its language, which is not shown.
            if markdown.contains("```") && at.is_none() { continue; }
            prop_assert!(at.is_some(), "{word} is missing in {plain:?} of {markdown:?}");
            rest = &rest[at.unwrap_or(0) + word.len()..];
        }
    }
}
