//! Markdown to the HTML that Telegram reads: the few tags it knows, everything else as text.

use super::html::{Writer, visible};
use super::table;
use model::Outbound;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A message as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// For `parse_mode` HTML.
    pub(crate) html: String,
    /// What a reader sees, and what Telegram counts.
    pub(crate) plain: String,
}

/// Length as Telegram counts: UTF-16 units.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The Markdown that is understood.
pub(crate) fn options() -> Options {
    Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS
}

/// A message as its text is meant.
pub(crate) fn of(out: &Outbound) -> Rendered {
    match out.is_html {
        true => Rendered { html: out.text.clone(), plain: visible(&out.text) },
        false => render(&out.text),
    }
}

/// Renders a message. Text that would show nothing as Markdown (link definitions alone) is shown as it stands.
pub(crate) fn render(markdown: &str) -> Rendered {
    let mut renderer = Renderer::new();
    for event in Parser::new_ext(markdown, options()) {
        renderer.event(event);
    }
    let (html, plain) = renderer.out.finish();
    if !plain.trim().is_empty() || markdown.trim().is_empty() {
        return Rendered { html, plain };
    }
    let mut out = Writer::new();
    out.text(markdown);
    let (html, plain) = out.finish();
    Rendered { html, plain }
}

/// A link that is open.
enum Link {
    /// One that Telegram shows; `mark` is where its text begins.
    Shown { url: String, mark: usize },
    /// One that it would not: the address is written behind the text.
    Spelled { url: String, mark: usize },
    /// Part of a link that is open already.
    Inner,
}

struct Renderer {
    out: Writer,
    /// How deep each of bold, italic, strike and quote is nested; only the outermost becomes a tag.
    depths: [usize; 4],
    /// For each open list the number of its next item, or nothing for bullets.
    lists: Vec<Option<u64>>,
    links: Vec<Link>,
    /// The code of the block that is open.
    code: Option<(String, String)>,
    /// The rows of the table that is open.
    table: Option<Vec<Vec<String>>>,
}

const BOLD: (usize, &str) = (0, "b");
const ITALIC: (usize, &str) = (1, "i");
const STRIKE: (usize, &str) = (2, "s");
const QUOTE: (usize, &str) = (3, "blockquote");

impl Renderer {
    fn new() -> Self {
        Self {
            out: Writer::new(),
            depths: [0; 4],
            lists: Vec::new(),
            links: Vec::new(),
            code: None,
            table: None,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Code(code) => self.inline_code(&code),
            Event::InlineHtml(html) if is_line_break(&html) => self.line_break(),
            Event::Html(html) => self.html_block(&html),
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            Event::Rule => {
                self.block();
                self.text("──────────");
            }
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
            Event::Text(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.block();
                self.nest(BOLD);
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.nest(QUOTE);
                self.out.begin();
            }
            Tag::CodeBlock(kind) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => language(&info),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Tag::List(first) => {
                self.block();
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(_) => self.table = Some(Vec::new()),
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.push(Vec::new());
                }
            }
            Tag::TableCell => {
                if let Some(row) = self.table.as_mut().and_then(|t| t.last_mut()) {
                    row.push(String::new());
                }
            }
            Tag::Emphasis => self.nest(ITALIC),
            Tag::Strong => self.nest(BOLD),
            Tag::Strikethrough => self.nest(STRIKE),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.open_link(&dest_url),
            Tag::Superscript | Tag::Subscript => {}
            Tag::Paragraph
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => self.block(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => self.unnest(BOLD),
            TagEnd::BlockQuote(_) => self.unnest(QUOTE),
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Table => self.end_table(),
            TagEnd::Emphasis => self.unnest(ITALIC),
            TagEnd::Strong => self.unnest(BOLD),
            TagEnd::Strikethrough => self.unnest(STRIKE),
            TagEnd::Link | TagEnd::Image => self.close_link(),
            _ => {}
        }
    }

    /// A block begins: an empty line before it, or none within a list.
    fn block(&mut self) {
        self.out.want_breaks(if self.lists.is_empty() { 2 } else { 1 });
    }

    /// All text goes through here: into the code block or the table cell that is open, else into the message.
    fn text(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
        } else if let Some(table) = &mut self.table {
            if let Some(cell) = table.last_mut().and_then(|row| row.last_mut()) {
                cell.push_str(text);
            }
        } else {
            self.out.text(text);
        }
    }

    fn line_break(&mut self) {
        self.text(if self.table.is_some() { " " } else { "\n" });
    }

    fn nest(&mut self, (kind, tag): (usize, &str)) {
        if self.table.is_some() {
            return;
        }
        if let Some(depth) = self.depths.get_mut(kind) {
            *depth += 1;
            if *depth == 1 {
                self.out.open(tag);
            }
        }
    }

    fn unnest(&mut self, (kind, tag): (usize, &str)) {
        if self.table.is_some() {
            return;
        }
        if let Some(depth) = self.depths.get_mut(kind) {
            *depth = depth.saturating_sub(1);
            if *depth == 0 {
                self.out.close(tag);
            }
        }
    }

    fn item(&mut self) {
        self.out.want_breaks(1);
        let indent = "   ".repeat(self.lists.len().saturating_sub(1));
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                let bullet = format!("{indent}{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            _ => format!("{indent}• "),
        };
        self.out.text(&bullet);
        self.out.begin();
    }

    fn inline_code(&mut self, code: &str) {
        if self.table.is_some() {
            self.text(code);
        } else {
            self.out.open("code");
            self.out.text(code);
            self.out.close("code");
        }
    }

    fn html_block(&mut self, html: &str) {
        match html.strip_suffix('\n') {
            Some(line) => {
                self.text(line);
                self.out.want_breaks(1);
            }
            None => self.text(html),
        }
    }

    fn code_block(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        let code = code.strip_suffix('\n').unwrap_or(&code);
        if code.is_empty() {
            return;
        }
        self.block();
        self.out.open("pre");
        if language.is_empty() {
            self.out.text(code);
        } else {
            self.out.open(&format!("code class=\"language-{language}\""));
            self.out.text(code);
            self.out.close("code");
        }
        self.out.close("pre");
    }

    fn end_table(&mut self) {
        let Some(rows) = self.table.take() else { return };
        let text = table::layout(&rows);
        if text.is_empty() {
            return;
        }
        self.block();
        self.out.open("pre");
        self.out.text(&text);
        self.out.close("pre");
    }

    fn open_link(&mut self, url: &str) {
        let url = url.to_owned();
        let mark = self.mark();
        let link = if !self.links.is_empty() {
            Link::Inner
        } else if self.table.is_none() && is_shown(&url) {
            self.out.open_link(&url);
            Link::Shown { url, mark }
        } else {
            Link::Spelled { url, mark }
        };
        self.links.push(link);
    }

    fn close_link(&mut self) {
        match self.links.pop() {
            Some(Link::Shown { url, mark }) => {
                if self.since(mark).trim().is_empty() {
                    self.text(&url);
                }
                self.out.close("a");
            }
            Some(Link::Spelled { url, mark }) if !url.is_empty() => {
                let text = self.since(mark).trim().to_owned();
                if text.is_empty() {
                    self.text(&url);
                } else if text != url {
                    self.text(&format!(" ({url})"));
                }
            }
            _ => {}
        }
    }

    fn cell(&self) -> Option<&String> {
        self.table.as_ref()?.last()?.last()
    }

    fn mark(&self) -> usize {
        self.cell().map_or_else(|| self.out.mark(), String::len)
    }

    fn since(&self, mark: usize) -> &str {
        self.cell().map_or_else(|| self.out.since(mark), |cell| cell.get(mark..).unwrap_or_default())
    }
}

/// Telegram shows links to the web and into itself; others it drops.
fn is_shown(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "tg")) && !url.contains(char::is_whitespace)
}

/// The first word of a fence's info string, where it can stand in an attribute.
fn language(info: &str) -> String {
    let word = info.split([' ', ',', '\t']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '#' | '.');
    if word.len() <= 32 && word.chars().all(plain) { word.to_owned() } else { String::new() }
}

fn is_line_break(html: &str) -> bool {
    matches!(html.trim_matches(['<', '>', '/', ' ']), "br" | "BR")
}
