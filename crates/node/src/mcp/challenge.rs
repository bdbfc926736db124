//! What a server wants of whoever it refuses: `WWW-Authenticate: Bearer …`.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Characters of a parameter that are taken.
const MAX_VALUE: usize = 2048;

/// The parameters of a challenge that count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Where the server describes itself.
    pub(super) metadata: Option<String>,
    /// What a token is to be good for.
    pub(super) scope: Option<String>,
    /// What was wrong with the token that was shown.
    pub(super) error: Option<String>,
}

impl Challenge {
    /// The one among these headers that is for bearers of tokens.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let all = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        all.filter_map(read).next().unwrap_or_default()
    }
}

/// Reads a header. What another scheme says in the same one is taken for parameters, which does no harm: they have other names.
fn read(value: &str) -> Option<Challenge> {
    let at = value.to_ascii_lowercase().find("bearer")?;
    let mut rest = value.get(at + "bearer".len()..)?;
    let mut challenge = Challenge::default();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_end().rsplit([',', ' ', '\t']).next().unwrap_or_default().to_ascii_lowercase();
        let (value, after) = value_of(after.trim_start());
        let place = match name.as_str() {
            "resource_metadata" => Some(&mut challenge.metadata),
            "scope" => Some(&mut challenge.scope),
            "error" => Some(&mut challenge.error),
            _ => None,
        };
        if let Some(place) = place.filter(|_| !value.is_empty() && value.len() <= MAX_VALUE) {
            place.get_or_insert(value);
        }
        rest = after;
    }
    Some(challenge)
}

/// A token or a quoted text, and what follows it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text.get(..end).unwrap_or_default().to_owned(), text.get(end..).unwrap_or_default());
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_challenge_are_found_however_they_are_written() {
        let found = |metadata: &str, scope: &str, error: &str| {
            let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Some(Challenge { metadata: text(metadata), scope: text(scope), error: text(error) })
        };
        for (value, expected) in [
            (r#"Bearer resource_metadata="https://a/b", scope="x y""#, found("https://a/b", "x y", "")),
            (r#"bearer error="invalid_token",scope=one"#, found("", "one", "invalid_token")),
            (
                r#"Basic realm="a=b, c", Bearer realm="\"q\"", error = insufficient_scope"#,
                found("", "", "insufficient_scope"),
            ),
            ("Bearer", found("", "", "")),
            (r#"Bearer scope="unended"#, found("", "unended", "")),
            ("Basic realm=x", None),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }
}
