//! Telegram's HTML, read as strictly as Telegram reads it.

/// The tags that Telegram knows.
const TAGS: [&str; 15] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "tg-spoiler",
    "a",
    "code",
    "pre",
    "blockquote",
];

/// What a reader sees of `html`.
///
/// # Errors
/// A tag that Telegram does not know, one that is not closed, or one that is closed in the wrong order.
pub fn visible_text(html: &str) -> Result<String, String> {
    let mut out = String::with_capacity(html.len());
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => rest = tag(rest, html.len() - rest.len(), &mut open)?,
            '&' => rest = entity(rest, &mut out),
            _ => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    match open.last() {
        Some(name) => Err(format!("Can't find end tag corresponding to start tag \"{name}\"")),
        None => Ok(out),
    }
}

/// Reads the tag at the start of `rest` and gives what follows it.
fn tag<'a>(rest: &'a str, at: usize, open: &mut Vec<String>) -> Result<&'a str, String> {
    let (inside, after) = rest
        .strip_prefix('<')
        .and_then(|r| r.split_once('>'))
        .ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
    if let Some(name) = inside.strip_prefix('/') {
        let expected = open.pop().ok_or_else(|| format!("Unexpected end tag at byte offset {at}"))?;
        if expected != name.trim() {
            return Err(format!(
                "Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""
            ));
        }
        return Ok(after);
    }
    let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
    if !TAGS.contains(&name) {
        return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
    }
    if !attributes_fit(name, attributes) {
        return Err(format!("Unsupported attributes of tag \"{name}\" at byte offset {at}"));
    }
    open.push(name.to_owned());
    Ok(after)
}

fn attributes_fit(name: &str, attributes: &str) -> bool {
    let value = |prefix: &str| {
        let inner = attributes.strip_prefix(prefix).and_then(|a| a.strip_suffix('"'));
        inner.is_some_and(|v| !v.contains(['"', '<', '>']))
    };
    match name {
        "a" => value("href=\""),
        "span" => attributes == "class=\"tg-spoiler\"",
        "code" => attributes.is_empty() || value("class=\"language-"),
        "blockquote" => attributes.is_empty() || attributes == "expandable",
        _ => attributes.is_empty(),
    }
}

/// Reads the entity at the start of `rest`; one that is not known stands for itself.
fn entity<'a>(rest: &'a str, out: &mut String) -> &'a str {
    for (name, c) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')] {
        if let Some(after) = rest.strip_prefix(name) {
            out.push(c);
            return after;
        }
    }
    out.push('&');
    rest.get(1..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::visible_text;

    #[test]
    fn a_reader_sees_text_without_markup() {
        for (html, plain) in [
            ("a &lt;b&gt; &amp; &copy;", "a <b> & &copy;"),
            ("<b>x <i>y</i></b>", "x y"),
            ("<pre><code class=\"language-rust\">fn\n</code></pre>", "fn\n"),
            ("<a href=\"https://x.org/?a=1&amp;b\">link</a> > 3", "link > 3"),
        ] {
            assert_eq!(visible_text(html).as_deref(), Ok(plain), "{html}");
        }
    }

    #[test]
    fn what_telegram_refuses_is_refused() {
        for html in ["<b>x", "x</b>", "<b><i>x</b></i>", "<p>x</p>", "1 < 2", "<b class=\"x\">y</b>", "<br/>"]
        {
            assert!(visible_text(html).is_err(), "{html}");
        }
    }
}
