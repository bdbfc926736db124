//! `${NAME}` inside strings.

/// One piece of a string with references.
enum Piece<'a> {
    /// As it is.
    Plain(&'a str),
    /// The value of this variable.
    Variable(&'a str),
}

/// Replaces each `${NAME}` (capitals, digits and `_`) by what `lookup` gives; `$${NAME}` stands for `${NAME}` itself.
///
/// # Errors
/// The name of the first variable that is unset or empty.
pub(crate) fn substitute(
    text: &str,
    mut lookup: impl FnMut(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => out.push_str(plain),
            Piece::Variable(name) => match lookup(name).filter(|value| !value.is_empty()) {
                Some(value) => out.push_str(&value),
                None => return Err(name.to_owned()),
            },
        }
    }
    Ok(out)
}

/// Whether the text has anything for [`substitute`] to do.
pub(crate) fn has_reference(text: &str) -> bool {
    text.contains("${")
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let Some((name, after)) = from.strip_prefix("${").and_then(|inner| inner.split_once('}')) else {
            break;
        };
        if !is_name(name) {
            // Not a reference; go on behind its two characters.
            let (plain, tail) = rest.split_at(at + 2);
            out.push(Piece::Plain(plain));
            rest = tail;
            continue;
        }
        match before.strip_suffix('$') {
            Some(unescaped) => {
                out.push(Piece::Plain(unescaped));
                out.push(Piece::Plain(&from[..name.len() + 3]));
            }
            None => {
                out.push(Piece::Plain(before));
                out.push(Piece::Variable(name));
            }
        }
        rest = after;
    }
    out.push(Piece::Plain(rest));
    out
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_escapes_are_not() {
        let lookup = |name: &str| (name == "A_1").then(|| "x".to_owned());
        let table = [
            ("", Ok("")),
            ("plain $ { } text", Ok("plain $ { } text")),
            ("a${A_1}b${A_1}", Ok("axbx")),
            ("$${A_1}", Ok("${A_1}")),
            ("${lower} ${A_1}", Ok("${lower} x")),
            ("${ ${A_1}", Ok("${ x")),
            ("${", Ok("${")),
            ("${A_1", Ok("${A_1")),
            ("${NOPE}", Err("NOPE")),
        ];
        for (text, want) in table {
            assert_eq!(substitute(text, lookup), want.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
