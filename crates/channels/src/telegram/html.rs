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
