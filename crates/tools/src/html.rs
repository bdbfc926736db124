//! HTML to text, for reading: headings, lists and links stay visible, scripts and styles go. Forgiving and bounded, not
//! faithful.

mod entities;
mod scan;

use entities::push_decoded;
use reqwest::Url;
use scan::{Markup, Tag};

/// Text made at most: links are written out in full, so a page could grow.
const MAX_TEXT: usize = 1_000_000;

/// A page as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// What its head calls it.
    pub(crate) title: Option<String>,
    /// Its text.
    pub(crate) text: String,
}

/// Reads a page. Links are taken relative to `base`.
pub(crate) fn to_text(html: &str, base: &str) -> Page {
    let mut writer = Writer { base: Url::parse(base).ok(), ..Writer::default() };
    let mut title = None;
    let mut rest = html;
    while !rest.is_empty() && writer.out.len() < MAX_TEXT {
        let at = rest.find('<').unwrap_or(rest.len());
        let (text, markup) = rest.split_at(at);
        writer.text(text);
        let length = match scan::markup(markup) {
            Markup::Tag(tag) if !tag.closes && tag.is_raw() => {
                let (inside, length) = scan::raw(markup, &tag);
                if tag.name == "title" && title.is_none() {
                    title = Some(plain(inside));
                }
                length
            }
            Markup::Tag(tag) => {
                writer.tag(&tag);
                tag.length
            }
            Markup::Nothing { length } => length,
            Markup::Text { length } => {
                writer.text(markup.get(..length).unwrap_or_default());
                length
            }
        };
        rest = markup.get(length..).unwrap_or_default();
    }
    writer.close_link();
    Page { title: title.filter(|t| !t.is_empty()), text: writer.out.trim().to_owned() }
}

/// Text with its entities read and its white space made plain.
fn plain(html: &str) -> String {
    let mut decoded = String::new();
    push_decoded(&mut decoded, html);
    decoded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What has been written so far, and what the next text depends on.
#[derive(Default)]
struct Writer {
    out: String,
    base: Option<Url>,
    /// How many `<pre>` are open.
    pre: usize,
    /// White space that is owed before the next text.
    space: bool,
    /// Where the text of the open link begins, and where it leads.
    link: Option<(usize, String)>,
}

impl Writer {
    fn text(&mut self, html: &str) {
        if html.is_empty() {
            return;
        }
        let mut decoded = String::with_capacity(html.len());
        push_decoded(&mut decoded, html);
        if self.pre > 0 {
            self.pay_space();
            self.out.push_str(&decoded);
            return;
        }
        self.space |= decoded.starts_with(char::is_whitespace);
        for word in decoded.split_whitespace() {
            self.pay_space();
            self.out.push_str(word);
            self.space = true;
        }
        if !decoded.is_empty() {
            self.space &= decoded.ends_with(char::is_whitespace);
        }
    }

    fn pay_space(&mut self) {
        let link_begins = self.link.as_ref().is_some_and(|(start, _)| *start == self.out.len());
        if self.space && !link_begins && !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
        self.space = false;
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        match (tag.name.as_str(), tag.closes) {
            ("br", _) => self.line(1),
            ("hr", _) => self.mark(2, "---\n"),
            ("pre", closes) => {
                self.line(2);
                self.pre = if closes { self.pre.saturating_sub(1) } else { self.pre + 1 };
            }
            ("li", false) => self.mark(1, "- "),
            ("td" | "th", false) if !self.out.is_empty() && !self.out.ends_with('\n') => self.push(" | "),
            ("a", false) => self.open_link(tag),
            ("a", true) => self.close_link(),
            ("img", false) => {
                if let Some(alt) = tag.attribute("alt").map(plain).filter(|alt| !alt.is_empty()) {
                    self.space = true;
                    self.pay_space();
                    self.out.push_str(&format!("[image: {alt}]"));
                    self.space = true;
                }
            }
            (name, closes) => match (heading(name), block(name)) {
                (Some(level), _) if !closes => self.mark(2, &format!("{} ", "#".repeat(level))),
                (Some(_), _) => self.line(2),
                (_, 0) => {}
                (_, lines) => self.line(lines),
            },
        }
    }

    /// Begins a line of its own and writes the mark.
    fn mark(&mut self, lines: usize, mark: &str) {
        self.line(lines);
        self.out.push_str(mark);
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.space = false;
    }

    /// Ends the line; with `lines` 2 an empty one follows. Never more than that.
    fn line(&mut self, lines: usize) {
        self.space = false;
        if self.pre == 0 {
            let kept = self.out.trim_end_matches(' ').len();
            // A list's dash without text yet stays.
            if !self.out.ends_with("- ") {
                self.out.truncate(kept);
            }
        }
        if self.out.is_empty() || self.out.ends_with("- ") {
            return;
        }
        let have = self.out.bytes().rev().take(2).take_while(|b| *b == b'\n').count();
        for _ in have..lines {
            self.out.push('\n');
        }
    }

    fn open_link(&mut self, tag: &Tag<'_>) {
        self.close_link();
        let Some(href) = tag.attribute("href").map(plain).filter(|h| !h.is_empty() && !h.starts_with('#'))
        else {
            return;
        };
        let url = match &self.base {
            Some(base) => base.join(&href).ok(),
            None => Url::parse(&href).ok(),
        };
        if let Some(url) = url.filter(|u| matches!(u.scheme(), "http" | "https")) {
            self.pay_space();
            self.out.push('[');
            self.link = Some((self.out.len(), url.into()));
        }
    }

    fn close_link(&mut self) {
        let Some((start, url)) = self.link.take() else { return };
        match self.out.get(start..) {
            Some(text) if !text.trim().is_empty() => {
                self.out.truncate(self.out.trim_end().len());
                self.out.push_str(&format!("]({url})"));
            }
            // A link without text says nothing; only its bracket goes.
            Some(_) => self.out.truncate(start.saturating_sub(1)),
            None => {}
        }
    }
}

fn heading(name: &str) -> Option<usize> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(usize::from(level - b'0')),
        _ => None,
    }
}

/// How many line ends an element has around it.
fn block(name: &str) -> usize {
    match name {
        "p" | "ul" | "ol" | "dl" | "table" | "blockquote" | "figure" | "section" | "article" | "main"
        | "header" | "footer" | "nav" | "aside" | "form" | "fieldset" | "details" => 2,
        "div" | "li" | "tr" | "dt" | "dd" | "address" | "caption" | "figcaption" | "option" | "summary"
        | "body" | "head" | "html" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
