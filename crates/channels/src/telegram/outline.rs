//! Where a Markdown text may be cut: its inline markup, its code blocks and its tables, by byte ranges.

use super::format::options;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::ops::Range;

/// Longer heads and info strings are not repeated in every piece.
const MAX_HEAD: usize = 512;
const MAX_INFO: usize = 64;
/// Longer fences are not made; such code goes on without one.
const MAX_FENCE: usize = 60;

/// A code block.
#[derive(Debug)]
pub(crate) struct Code {
    /// From the fence (or the first line) to the end of the closing fence.
    range: Range<usize>,
    /// The code itself, without what its container puts before each line.
    lines: Vec<Range<usize>>,
    /// What closes it again, container prefix included; nothing where it needs no closing.
    close: Option<String>,
    /// The fence around a later part of it; nothing where none would hold it.
    fence: Option<String>,
    info: String,
}

impl Code {
    fn start(&self) -> usize {
        self.lines.first().map_or(self.range.end, |line| line.start)
    }

    /// Where the code ends; what follows up to [`Code::end`] is the closing fence.
    pub(crate) fn content_end(&self) -> usize {
        self.lines.last().map_or(self.range.end, |line| line.end)
    }

    /// The end of the block.
    pub(crate) fn end(&self) -> usize {
        self.range.end.max(self.content_end())
    }

    /// What closes the block in the piece in which it begins.
    pub(crate) fn close(&self) -> Option<&str> {
        self.close.as_deref()
    }

    /// How far its container indents it; what follows in the container is indented as far.
    pub(crate) fn indent(&self) -> usize {
        self.close.as_ref().map_or(0, |close| close.chars().take_while(|c| *c == ' ').count())
    }

    /// The code from `from` to `to`, opened and closed anew.
    pub(crate) fn part(&self, text: &str, from: usize, to: usize) -> String {
        let mut code = String::new();
        for line in &self.lines {
            let part = line.start.max(from)..line.end.min(to);
            code.push_str(text.get(part).unwrap_or_default());
        }
        let Some(fence) = &self.fence else { return code };
        let end = if code.ends_with('\n') { "" } else { "\n" };
        format!("{fence}{}\n{code}{end}{fence}", self.info)
    }
}

/// A code block that is being read; `info` is there where it is fenced.
struct OpenCode {
    range: Range<usize>,
    info: Option<String>,
    lines: Vec<Range<usize>>,
}

struct Table {
    /// The rows below the head.
    rows: Range<usize>,
    /// The head and the line below it, to be repeated.
    head: Option<Range<usize>>,
}

/// What a text is made of.
pub(crate) struct Outline {
    /// Ranges that should stay whole: cuts belong before or behind them, not strictly inside.
    whole: Vec<Range<usize>>,
    codes: Vec<Code>,
    tables: Vec<Table>,
}

impl Outline {
    /// Reads a text.
    pub(crate) fn read(text: &str) -> Self {
        let mut outline = Self { whole: Vec::new(), codes: Vec::new(), tables: Vec::new() };
        let mut code: Option<OpenCode> = None;
        let mut table: Option<(usize, Option<usize>)> = None;
        for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => Some(info.to_string()),
                        CodeBlockKind::Indented => None,
                    };
                    code = Some(OpenCode { range, info, lines: Vec::new() });
                }
                Event::Text(_) if code.is_some() => {
                    if let Some(code) = &mut code {
                        code.lines.push(range);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some(code) = code.take() {
                        outline.add_code(text, code);
                    }
                }
                Event::Start(Tag::Table(_)) => table = Some((range.start, None)),
                Event::Start(Tag::TableRow) => {
                    if let Some((_, first)) = &mut table {
                        first.get_or_insert(range.start);
                    }
                    outline.whole.push(range);
                }
                Event::End(TagEnd::Table) => {
                    if let Some((start, Some(first))) = table.take() {
                        outline.add_table(text, start, first, range.end);
                    }
                }
                Event::Start(
                    Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. },
                )
                | Event::Code(_)
                | Event::InlineHtml(_) => outline.whole.push(range),
                _ => {}
            }
        }
        outline
    }

    fn add_code(&mut self, text: &str, OpenCode { range, info, lines }: OpenCode) {
        let info = info.as_deref();
        let line_start = text.get(..range.start).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
        let opening = text.get(line_start..range.end).unwrap_or_default().lines().next().unwrap_or_default();
        let at = opening.find(['`', '~']).filter(|_| info.is_some());
        let run = at.and_then(|at| opening.get(at..)).map_or(0, leading_run);
        let mark = at.and_then(|at| opening.get(at..)).and_then(|o| o.chars().next()).unwrap_or('`');
        let close = at.and_then(|at| opening.get(..at)).map(|before| {
            let prefix: String = before.chars().map(|c| if c == '>' { '>' } else { ' ' }).collect();
            format!("{prefix}{}", mark.to_string().repeat(run))
        });
        let content: String = lines.iter().filter_map(|line| text.get(line.clone())).collect();
        let other = if mark == '`' { '~' } else { '`' };
        let fence = [mark, other].into_iter().find_map(|mark| fence(mark, run, &content));
        let info =
            info.map(str::trim).filter(|i| i.len() <= MAX_INFO && !i.contains('`')).unwrap_or_default();
        let code = Code { range: range.clone(), lines, close, fence, info: info.to_owned() };
        if code.lines.is_empty() {
            self.whole.push(range);
        } else {
            // Not right behind the opening line and not right before the closing one: a piece would show no code.
            self.whole.push(range.start..code.start() + 1);
            self.whole.push(code.content_end().saturating_sub(1)..code.end());
            self.codes.push(code);
        }
    }

    fn add_table(&mut self, text: &str, start: usize, first: usize, end: usize) {
        self.whole.push(start..first + 1);
        let at_margin = start == 0 || text.get(..start).is_some_and(|t| t.ends_with('\n'));
        let head = Some(start..first).filter(|head| at_margin && head.len() <= MAX_HEAD);
        self.tables.push(Table { rows: first..end, head });
    }

    /// The code block whose code goes on at `at`.
    pub(crate) fn code_at(&self, at: usize) -> Option<&Code> {
        let index = self.codes.partition_point(|code| code.end() <= at);
        self.codes.get(index).filter(|code| code.start() <= at && at < code.content_end())
    }

    /// The code block whose closing fence is what stands at `at`.
    pub(crate) fn closing_at(&self, at: usize) -> Option<&Code> {
        let index = self.codes.partition_point(|code| code.end() <= at);
        self.codes.get(index).filter(|code| code.content_end() <= at && code.close.is_some())
    }

    /// The head of the table whose rows go on at `at`, to be put before them.
    pub(crate) fn head_at<'a>(&self, text: &'a str, at: usize) -> Option<&'a str> {
        let index = self.tables.partition_point(|table| table.rows.end <= at);
        let table = self.tables.get(index).filter(|table| table.rows.contains(&at))?;
        let at_line = text.get(..at).is_some_and(|t| t.ends_with('\n'));
        text.get(table.head.clone()?).filter(|_| at_line)
    }

    /// For each byte offset from `from` to `to`: whether a cut there would be inside something whole.
    pub(crate) fn blocked(&self, from: usize, to: usize) -> Vec<bool> {
        let mut blocked = vec![false; to - from + 1];
        for range in &self.whole {
            let (start, end) = ((range.start + 1).max(from), range.end.min(to + 1));
            if start < end {
                blocked.iter_mut().take(end - from).skip(start - from).for_each(|b| *b = true);
            }
        }
        blocked
    }
}

/// A fence that `content` cannot close.
fn fence(mark: char, at_least: usize, content: &str) -> Option<String> {
    let mut longest = 0;
    let mut run = 0;
    for c in content.chars() {
        run = if c == mark { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let length = at_least.max(3).max(longest + 1);
    (length <= MAX_FENCE).then(|| mark.to_string().repeat(length))
}

fn leading_run(text: &str) -> usize {
    let first = text.chars().next();
    text.chars().take_while(|c| Some(*c) == first).count()
}
