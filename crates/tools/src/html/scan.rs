//! Finding tags. Each character is looked at a bounded number of times, whatever the page.

/// What stands at a `<`.
pub(super) enum Markup<'a> {
    /// A tag.
    Tag(Tag<'a>),
    /// A comment or declaration.
    Nothing { length: usize },
    /// No markup after all.
    Text { length: usize },
}

/// An opening or closing tag.
pub(super) struct Tag<'a> {
    /// In lower case.
    pub(super) name: String,
    pub(super) closes: bool,
    /// Its bytes, angle brackets included.
    pub(super) length: usize,
    attributes: &'a str,
}

/// Reads what stands at the beginning, which is a `<` or the end.
pub(super) fn markup(html: &str) -> Markup<'_> {
    if html.starts_with("<!--") {
        return Markup::Nothing { length: html.find("-->").map_or(html.len(), |at| at + 3) };
    }
    if html.starts_with("<!") || html.starts_with("<?") {
        return Markup::Nothing { length: html.find('>').map_or(html.len(), |at| at + 1) };
    }
    let closes = html.starts_with("</");
    let start = if closes { 2 } else { 1 };
    let inside = html.get(start..).unwrap_or_default();
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Markup::Text { length: html.len().min(1) };
    }
    // Where nothing ends a tag any more, the rest is text, and nobody looks for tags in it again.
    let Some(end) = tag_end(inside) else { return Markup::Text { length: html.len() } };
    let body = inside.get(..end).unwrap_or_default();
    let name_end = body.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(body.len());
    let (name, attributes) = body.split_at(name_end);
    Markup::Tag(Tag { name: name.to_ascii_lowercase(), closes, length: start + end + 1, attributes })
}

/// Where the `>` of a tag is. One within quotes does not count, unless the quotes never end: then no later tag can have
/// such quotes, which keeps the work in bounds.
fn tag_end(inside: &str) -> Option<usize> {
    let mut quote = None;
    let mut previous = b' ';
    for (at, byte) in inside.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return Some(at),
            // Quotes count behind an equals sign only: `<p don't>` is a tag.
            None if (byte == b'"' || byte == b'\'') && previous == b'=' => quote = Some(byte),
            None => {}
        }
        if !byte.is_ascii_whitespace() {
            previous = byte;
        }
    }
    inside.find('>')
}

impl<'a> Tag<'a> {
    /// Whether all up to the closing tag is not for reading, or no markup.
    pub(super) fn is_raw(&self) -> bool {
        matches!(
            self.name.as_str(),
            "script"
                | "style"
                | "template"
                | "svg"
                | "math"
                | "iframe"
                | "object"
                | "canvas"
                | "title"
                | "textarea"
        ) && !self.attributes.ends_with('/')
    }

    /// The value of an attribute, as it is written.
    pub(super) fn attribute(&self, wanted: &str) -> Option<&'a str> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let name_end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
            let (name, after) = rest.split_at(name_end);
            let Some(after) = after.trim_start().strip_prefix('=') else {
                rest = after;
                continue;
            };
            let (value, after) = value(after.trim_start(), name.is_empty());
            if name.eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// A value at the beginning, and what follows it. Always takes at least the sign before it, so reading goes on.
fn value(text: &str, nameless: bool) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote).filter(|_| !nameless) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// What stands within a raw element that begins here, and how long it is with its closing tag. Without one it takes
/// all that is left.
pub(super) fn raw<'a>(html: &'a str, tag: &Tag<'_>) -> (&'a str, usize) {
    let inside = html.get(tag.length..).unwrap_or_default();
    let Some(end) = find_close(inside, &tag.name) else { return (inside, html.len()) };
    let (content, close) = inside.split_at(end);
    let close = close.find('>').map_or(close.len(), |at| at + 1);
    (content, tag.length + end + close)
}

/// Where `</name` is, in any letter case.
fn find_close(html: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = html.get(from..)?.find("</").map(|at| at + from) {
        let after = at + 2;
        if html.get(after..after + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name)) {
            return Some(at);
        }
        from = after;
    }
    None
}
