//! An answer as the model wrote it, and what it says of its own delivery: what it answers, which files go with it, and how.

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// What people read.
    pub(super) text: String,
    /// Which message it is shown as a reply to, where it says so.
    pub(super) reply_to: Option<ReplyTo>,
    /// Whether sound goes as a voice message.
    pub(super) as_voice: bool,
    /// Files: paths and addresses, as they were written.
    pub(super) media: Vec<String>,
}

/// What an answer is a reply to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplyTo {
    /// The message that led to it.
    Current,
    /// A message by the platform's id.
    Message(String),
}

/// A line that names a file.
const MEDIA: &str = "MEDIA:";
/// No tag is longer.
const MAX_TAG: usize = 80;
/// Files of one answer; further lines stay text.
const MAX_MEDIA: usize = 20;

/// Reads an answer: tags stand outside of code, files on lines of their own. `with_files` false leaves those lines as they are.
pub(super) fn read(raw: &str, with_files: bool) -> Reply {
    let mut reply = Reply::default();
    if !raw.contains("[[") && !raw.contains(MEDIA) {
        reply.text = raw.to_owned();
        return reply;
    }
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for line in raw.split('\n') {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            (None, None) if !is_indented(line) => {
                if let Some(file) = file_of(line).filter(|_| with_files && reply.media.len() < MAX_MEDIA) {
                    reply.media.push(file);
                    continue;
                }
                let bare = without_tags(line, &mut reply);
                // A line of nothing but tags leaves none.
                if bare.trim().is_empty() && !line.trim().is_empty() {
                    continue;
                }
                lines.push(bare);
                continue;
            }
            _ => {}
        }
        lines.push(line.to_owned());
    }
    reply.text = lines.join("\n").trim_matches('\n').trim_end().to_owned();
    reply
}

/// Four blanks or a tab make code of a line.
fn is_indented(line: &str) -> bool {
    line.starts_with("    ") || line.starts_with('\t')
}

fn file_of(line: &str) -> Option<String> {
    let file = line.trim().strip_prefix(MEDIA)?.trim();
    let quoted = file.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(quoted.unwrap_or(file).to_owned()).filter(|file| !file.is_empty())
}

/// The line without the tags outside of its code; they are noted.
fn without_tags(line: &str, reply: &mut Reply) -> String {
    let mut out = String::with_capacity(line.len());
    for (n, part) in line.split('`').enumerate() {
        if n > 0 {
            out.push('`');
        }
        // Between the first and the second mark there is code.
        if n % 2 == 1 {
            out.push_str(part);
            continue;
        }
        let mut rest = part;
        while let Some((before, tag, after)) = tag_in(rest) {
            out.push_str(before);
            if !note(tag, reply) {
                out.push_str(&format!("[[{tag}]]"));
                rest = after;
                continue;
            }
            // The blank beside it goes with it.
            rest = if before.is_empty() || before.ends_with(' ') {
                after.trim_start_matches(' ')
            } else {
                after
            };
        }
        out.push_str(rest);
    }
    out.trim_end().to_owned()
}

fn tag_in(text: &str) -> Option<(&str, &str, &str)> {
    let (before, behind) = text.split_once("[[")?;
    let (tag, after) = behind.split_once("]]")?;
    Some((before, tag, after))
}

/// Notes what a tag says; false where it is none.
fn note(tag: &str, reply: &mut Reply) -> bool {
    let tag = tag.trim();
    match tag {
        "reply_to_current" => reply.reply_to = Some(ReplyTo::Current),
        "audio_as_voice" => reply.as_voice = true,
        _ => match tag.strip_prefix("reply_to:").map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => reply.reply_to = Some(ReplyTo::Message(id.to_owned())),
            None => return false,
        },
    }
    true
}

/// What clients are shown of an answer: without its tags. Lines that name files stay, since nobody else shows those.
pub(super) fn visible(raw: &str) -> String {
    read(raw, false).text
}

/// As [`visible`], of an unfinished one.
pub(super) fn visible_so_far(raw: &str) -> String {
    visible(raw.get(..whole(raw)).unwrap_or_default())
}

/// Where what may be the beginning of a tag begins, if not at the end.
fn whole(raw: &str) -> usize {
    let open = raw.rfind("[[").filter(|at| !raw.get(*at..).unwrap_or_default().contains("]]"));
    match open {
        Some(open) if raw.len() - open < MAX_TAG => open,
        _ if raw.ends_with('[') => raw.len() - 1,
        _ => raw.len(),
    }
}

/// As much of an unfinished answer as can be shown: the beginning of a tag may be one.
pub(super) fn so_far(raw: &str) -> Reply {
    let line = raw.rfind('\n').map_or(0, |at| at + 1);
    let last = raw.get(line..).unwrap_or_default().trim_start();
    let is_file = !last.is_empty() && (MEDIA.starts_with(last) || last.starts_with(MEDIA));
    let end = if is_file { line } else { whole(raw) };
    read(raw.get(..end).unwrap_or_default(), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> String {
        read(raw, true).text
    }

    #[test]
    fn tags_say_how_an_answer_goes_and_are_not_seen() {
        let current = read("[[reply_to_current]] Hello there", true);
        assert_eq!((current.text.as_str(), current.reply_to), ("Hello there", Some(ReplyTo::Current)));
        let other = read("Yes [[reply_to: 42 ]] indeed\n[[audio_as_voice]]\nok", true);
        assert_eq!(other.text, "Yes indeed\nok");
        assert_eq!((other.reply_to, other.as_voice), (Some(ReplyTo::Message("42".into())), true));
        for same in
            ["plain", "  two\n\n  lines ", "a [[wiki link]] b", "`[[reply_to_current]]`", "[[reply_to:]] x"]
        {
            assert_eq!(text(same), same);
            assert_eq!(read(same, true).reply_to, None, "{same}");
        }
        let code = "```\n[[reply_to_current]]\nMEDIA:x.png\n```";
        assert_eq!(read(code, true), Reply { text: code.into(), ..Reply::default() });
    }

    #[test]
    fn files_stand_on_lines_of_their_own() {
        let reply =
            read("Here it is.\n\n  MEDIA:out/a b.png\nMEDIA: \"https://x.org/v.mp4?a=1,\"\nBye", true);
        assert_eq!(reply.media, ["out/a b.png", "https://x.org/v.mp4?a=1,"]);
        assert_eq!(reply.text, "Here it is.\n\nBye");
        for same in
            ["**MEDIA:/a.png**", "`MEDIA:/a.png`", "see: MEDIA:/a.png", "    MEDIA:/a.png\nx", "MEDIA:"]
        {
            assert_eq!((text(same), read(same, true).media), (same.to_owned(), vec![]), "{same}");
        }
        let kept = read("MEDIA:a.png", false);
        assert_eq!((kept.text.as_str(), kept.media.len()), ("MEDIA:a.png", 0));
        let many = "MEDIA:a\n".repeat(30);
        assert_eq!(read(&many, true).media.len(), MAX_MEDIA);
    }

    #[test]
    fn clients_see_no_tags_and_all_else() {
        assert_eq!(visible("[[reply_to_current]] Hi\nMEDIA:a.png"), "Hi\nMEDIA:a.png");
        for (raw, shown) in [
            ("[[reply", ""),
            ("Hi [", "Hi "),
            ("Hi [[reply_to:4]] you", "Hi you"),
            ("a [[b]] c", "a [[b]] c"),
        ] {
            assert_eq!(visible_so_far(raw), shown, "{raw}");
        }
    }

    #[test]
    fn half_a_tag_is_not_shown() {
        for (raw, shown) in [
            ("[", ""),
            ("[[reply_to_cur", ""),
            ("[[reply_to_current]] Hi", "Hi"),
            ("Hi [[audio", "Hi"),
            ("Text\nMED", "Text"),
            ("Text\nMEDIA:/a.p", "Text"),
            ("Text\nMEDIA:/a.png\nmore", "Text\nmore"),
            ("a [link](x)", "a [link](x)"),
        ] {
            assert_eq!(so_far(raw).text.trim(), shown, "{raw}");
        }
    }
}
