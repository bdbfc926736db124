//! Skills: instructions for a kind of work, in a folder with a `SKILL.md`, which begins with its name and what it is for.

/// Bytes of a `SKILL.md`.
pub const MAX_SKILL: usize = 65_536;
/// Characters of what a skill says it is for.
pub const MAX_SKILL_DESCRIPTION: usize = 1024;
/// Characters of a name.
const MAX_NAME: usize = 64;

/// What a `SKILL.md` begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillHead {
    /// Its name, as its folder has it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether models are to be told of it (`disable-model-invocation` is not set).
    pub for_models: bool,
}

/// Reads what stands between the first two lines of `---`: `name`, `description`, `disable-model-invocation`, each in a line, or
/// as a block (`>` or `|`) of lines that are indented. `None` where name or description are not there.
pub fn skill_head(text: &str) -> Option<SkillHead> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut ended = false;
    for line in lines {
        if line.trim_end() == "---" {
            ended = true;
            break;
        }
        let is_more = line.starts_with([' ', '\t']) || line.trim().is_empty();
        match (is_more, line.split_once(':')) {
            (true, _) => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            (false, Some((key, value))) => {
                let value = value.trim();
                let block = value.starts_with(['>', '|']) && value.len() <= 2;
                fields.push((key.trim().to_owned(), if block { String::new() } else { value.to_owned() }));
            }
            (false, None) => {}
        }
    }
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| unquoted(value.trim()));
    let (name, description) = (field("name")?, field("description")?);
    let for_models = field("disable-model-invocation").as_deref() != Some("true");
    (ended && !name.is_empty() && !description.is_empty()).then_some(SkillHead {
        name,
        description,
        for_models,
    })
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.replace("\\\"", "\"").replace("''", "'");
        }
    }
    value.to_owned()
}

/// Whether it can be the name of a skill: small letters, digits and single `-`, none at its ends.
pub fn is_skill_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(allowed)
        && !name.contains("--")
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_begins_with_its_name_and_what_it_is_for() {
        let head = |text: &str| skill_head(text).map(|head| (head.name, head.description, head.for_models));
        let is = |name: &str, description: &str, for_models| {
            Some((name.to_owned(), description.to_owned(), for_models))
        };
        assert_eq!(
            head("---\nname: pdf\ndescription: Reads PDFs: all.\n---\nText"),
            is("pdf", "Reads PDFs: all.", true)
        );
        assert_eq!(
            head(
                "---\r\nname: \"pdf\"\r\ndescription: >-\r\n  Reads\r\n  PDFs.\r\ndisable-model-invocation: true\r\n---\r\n"
            ),
            is("pdf", "Reads PDFs.", false)
        );
        assert_eq!(
            head("---\nname: a\ndescription: 'it''s'\nmetadata:\n  x: 1\n---\n"),
            is("a", "it's", true)
        );
        for text in [
            "",
            "name: a",
            "---\nname: a\ndescription: b\n",
            "---\nname: a\n---\n",
            "---\nname:\ndescription: x\n---\n",
        ] {
            assert_eq!(head(text), None, "{text:?}");
        }
        for (name, good) in [
            ("a", true),
            ("a-b2", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a--b", false),
            ("A", false),
            ("a/b", false),
        ] {
            assert_eq!(is_skill_name(name), good, "{name}");
        }
        assert!(is_skill_name(&"a".repeat(64)) && !is_skill_name(&"a".repeat(65)));
    }
}
