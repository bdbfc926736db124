//! Writing Telegram's HTML: what the reader sees and what is sent are kept side by side.

/// A message in the making.
#[derive(Debug, Default)]
pub(super) struct Writer {
    html: String,
    plain: String,
    /// Line breaks that come before the next text, if one comes.
    breaks: usize,
    /// Nothing stands yet in this container, so no line breaks either.
    fresh: bool,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { fresh: true, ..Self::default() }
    }

    /// Asks for at least `count` line breaks before what follows.
    pub(super) fn want_breaks(&mut self, count: usize) {
        if !self.fresh {
            self.breaks = self.breaks.max(count);
        }
    }

    /// What follows is the start of a container: no line breaks before it.
    pub(super) fn begin(&mut self) {
        self.fresh = true;
    }

    /// Adds text as it is to be read.
    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.flush();
        self.fresh = false;
        self.plain.push_str(text);
        escape(text, &mut self.html);
    }

    /// Opens a tag, line breaks before it.
    pub(super) fn open(&mut self, tag: &str) {
        self.flush();
        self.html.push('<');
        self.html.push_str(tag);
        self.html.push('>');
    }

    /// Opens a link.
    pub(super) fn open_link(&mut self, url: &str) {
        self.flush();
        self.html.push_str("<a href=\"");
        escape(url, &mut self.html);
        self.html.push_str("\">");
    }

    /// Closes a tag.
    pub(super) fn close(&mut self, tag: &str) {
        self.html.push_str("</");
        self.html.push_str(tag);
        self.html.push('>');
    }

    /// How much text there is, to see whether some was added.
    pub(super) fn mark(&self) -> usize {
        self.plain.len()
    }

    /// The text that was added since `mark`.
    pub(super) fn since(&self, mark: usize) -> &str {
        self.plain.get(mark..).unwrap_or_default()
    }

    /// The HTML, and the text that a reader sees of it.
    pub(super) fn finish(self) -> (String, String) {
        (self.html, self.plain)
    }

    fn flush(&mut self) {
        for _ in 0..std::mem::take(&mut self.breaks) {
            self.html.push('\n');
            self.plain.push('\n');
        }
    }
}

/// Escapes what HTML would read as markup.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
}

/// What a reader sees of HTML: tags are left out, entities are what they stand for.
pub(super) fn visible(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, from)) = rest.find(['<', '&']).and_then(|at| rest.split_at_checked(at)) {
        text.push_str(before);
        let tag = from.strip_prefix('<').and_then(|tag| Some((None, tag.split_once('>')?.1)));
        let entity =
            || from.split_once(';').and_then(|(name, behind)| Some((Some(character(name)?), behind)));
        // What is neither stands for itself.
        let itself = || (from.chars().next(), from.get(1..).unwrap_or_default());
        let (made, behind) = tag.or_else(entity).unwrap_or_else(itself);
        text.extend(made);
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// What an entity, without its semicolon, stands for.
fn character(entity: &str) -> Option<char> {
    match entity.strip_prefix('&')? {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        other => {
            let number = other.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn tags_are_not_seen_and_entities_are_what_they_stand_for() {
        for (html, seen) in [
            ("plain", "plain"),
            ("<b>bold</b> <a href=\"https://x.org?a=1&amp;b=2\">a link</a>", "bold a link"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("&quot;&#39;&#x27;", "\"''"),
            ("a & b; &nope; 1 < 2", "a & b; &nope; 1 < 2"),
        ] {
            assert_eq!(visible(html), seen, "{html}");
        }
    }
}
