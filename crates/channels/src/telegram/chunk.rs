//! Splitting Markdown into pieces that Telegram takes: each within the limit once rendered, each good Markdown of its
//! own, nothing lost but white space at the cuts.

use super::MAX_TEXT;
use super::format::{render, units};
use super::outline::Outline;
use unicode_segmentation::UnicodeSegmentation;

/// A piece's source may be longer than what is seen of it (addresses of links), up to this many bytes: requests have
/// limits too.
const MAX_SOURCE: usize = 16 * 1024;

/// Splits; texts without anything to see give no pieces. `limit` bounds what is seen of a piece, in UTF-16 units.
pub(crate) fn split(text: &str, limit: usize) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let limit = limit.clamp(1, MAX_TEXT);
    let splitter = Splitter { outline: Outline::read(&text), text: &text, limit };
    let mut pieces = Vec::new();
    let mut at = splitter.skip(0);
    while at < text.len() {
        let cut = splitter.next_cut(at);
        let piece = splitter.piece(at, cut);
        if !piece.trim().is_empty() {
            pieces.push(piece);
        }
        at = splitter.skip(cut);
    }
    pieces
}

/// How good a place for a cut is; the first is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Quality {
    Paragraph,
    Line,
    Sentence,
    Word,
    Character,
}

struct Splitter<'a> {
    text: &'a str,
    outline: Outline,
    limit: usize,
}

impl Splitter<'_> {
    fn slice(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Passes over white space between pieces, and over the closing fence of code that has been closed already.
    fn skip(&self, mut at: usize) -> usize {
        while at < self.text.len() && self.outline.code_at(at).is_none() {
            if let Some(code) = self.outline.closing_at(at) {
                at = code.end();
                continue;
            }
            match self.slice(at, self.text.len()).chars().next() {
                Some(c) if c.is_whitespace() => at += c.len_utf8(),
                _ => break,
            }
        }
        at
    }

    /// Where the piece that begins at `at` ends; always behind `at`.
    fn next_cut(&self, at: usize) -> usize {
        let end = self.text.len();
        if end - at <= MAX_SOURCE && self.fits(&self.piece(at, end)) {
            return end;
        }
        let mut budget = self.limit;
        loop {
            let cut = self.best_cut(at, self.window(at, budget));
            if budget == 1 || self.fits(&self.piece(at, cut)) {
                return cut;
            }
            budget = (budget * 3 / 4).max(1);
        }
    }

    /// The end of the longest run of whole characters from `at` within `budget` UTF-16 units: at least a part of one.
    fn window(&self, at: usize, budget: usize) -> usize {
        let rest = self.slice(at, self.text.len());
        let whole = within(at, rest.graphemes(true), budget);
        if whole > at {
            return whole;
        }
        // One character, as people see it, that is longer than a message: a letter under a tower of accents.
        let mut utf8 = [0; 4];
        let first = rest.chars().next().map_or(0, |c| c.encode_utf8(&mut utf8).len());
        let parts = rest.char_indices().map(|(i, c)| rest.get(i..i + c.len_utf8()).unwrap_or_default());
        within(at, parts, budget).max(at + first)
    }

    /// The best place for a cut behind `at` and not behind `window`.
    fn best_cut(&self, at: usize, window: usize) -> usize {
        let blocked = self.outline.blocked(at, window);
        // A cut that leaves a small piece has to be worth it: it is taken only where words would be torn otherwise.
        let early = at + (window - at) / 4;
        let mut clean = [None; 5];
        let mut torn = [None; 5];
        let mut end = at;
        for grapheme in self.slice(at, window).graphemes(true) {
            end += grapheme.len();
            let quality = self.quality(end, grapheme);
            let rank = if end < early { quality.max(Quality::Word) } else { quality };
            let rank = if quality == Quality::Character { Quality::Character } else { rank };
            let table = if blocked.get(end - at) == Some(&true) { &mut torn } else { &mut clean };
            if let Some(best) = table.get_mut(rank as usize) {
                *best = Some(end);
            }
        }
        let [paragraph, line, sentence, word, character] = clean;
        let whole = paragraph.or(line).or(sentence).or(word);
        let [torn_paragraph, torn_line, torn_sentence, torn_word, _] = torn;
        let torn = torn_paragraph.or(torn_line).or(torn_sentence).or(torn_word);
        whole.or(torn).or(character).unwrap_or(window)
    }

    /// How good a cut at `end` is, behind `grapheme`.
    fn quality(&self, end: usize, grapheme: &str) -> Quality {
        let in_code = self.outline.code_at(end).is_some();
        let before = self.slice(0, end - grapheme.len());
        if grapheme == "\n" {
            let paragraph = !in_code && before.ends_with('\n');
            return if paragraph || end == self.text.len() { Quality::Paragraph } else { Quality::Line };
        }
        if grapheme.ends_with(['。', '！', '？']) {
            return Quality::Sentence;
        }
        let breaks = |c: char| c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}');
        if !grapheme.chars().all(breaks) {
            return Quality::Character;
        }
        if !in_code && before.ends_with(['.', '!', '?', '…']) { Quality::Sentence } else { Quality::Word }
    }

    /// The piece from `at` to `cut`: code that goes on is opened again, code that is cut is closed.
    fn piece(&self, at: usize, cut: usize) -> String {
        let mut from = at;
        let mut piece = String::new();
        let mut indent = self.indent(at);
        if let Some(code) = self.outline.code_at(at) {
            piece.push_str(&code.part(self.text, at, cut));
            from = code.end();
            indent = code.indent();
            if cut <= from {
                return piece;
            }
        } else if let Some(head) = self.outline.head_at(self.text, at) {
            piece.push_str(head);
        }
        let mut body = self.slice(from, cut).trim_end().to_owned();
        if let Some(code) = self.outline.code_at(cut) {
            // Blank lines at the end of the code are code.
            body = self.slice(from, cut).strip_suffix('\n').unwrap_or(self.slice(from, cut)).to_owned();
            if let Some(close) = code.close() {
                body.push('\n');
                body.push_str(close);
            }
        }
        piece.push_str(&dedent(&body, indent));
        piece
    }

    fn fits(&self, piece: &str) -> bool {
        piece.len() <= MAX_SOURCE && units(&render(piece).plain) <= self.limit
    }

    /// How far the line that `at` begins is indented; 0 where `at` is not the first visible thing in it.
    fn indent(&self, at: usize) -> usize {
        let before = self.slice(0, at);
        let line = before.rsplit('\n').next().unwrap_or_default();
        if line.chars().all(|c| c == ' ') { line.len() } else { 0 }
    }
}

/// Moves the lines behind the first to the left with it, as far as they are indented like it.
fn dedent(body: &str, by: usize) -> String {
    if by == 0 {
        return body.to_owned();
    }
    let indent = " ".repeat(by);
    let mut inside = true;
    let mut lines = Vec::new();
    for (index, line) in body.split('\n').enumerate() {
        let moved = line.strip_prefix(&indent);
        inside &= index == 0 || moved.is_some() || line.trim().is_empty();
        lines.push(if inside && index > 0 { moved.unwrap_or(line) } else { line });
    }
    lines.join("\n")
}

/// Where the last of `parts` that is still within `budget` UTF-16 units ends.
fn within<'a>(from: usize, parts: impl Iterator<Item = &'a str>, budget: usize) -> usize {
    let mut end = from;
    let mut used = 0;
    for part in parts {
        used += units(part);
        if used > budget {
            break;
        }
        end += part.len();
    }
    end
}
