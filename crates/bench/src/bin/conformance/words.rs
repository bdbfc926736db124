//! The words of the case language: texts that begin with `$`. What is not listed here is refused when a case is read.

/// A text with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// Whatever is there, also nothing.
    Any,
    /// A value of this JSON type.
    Kind(Kind),
    /// A time in milliseconds since 1970, and after 2020.
    Time,
    /// The property is not there.
    Absent,
    /// Something that gets this name.
    Bind(&'a str),
    /// What got this name before.
    Bound(&'a str),
    /// A text that is new in each run of a case, and the same within it.
    Id(&'a str),
    /// The id of a device that is made for the case.
    Device(&'a str),
    /// That device's public key.
    Key(&'a str),
    /// The shared token.
    Token,
    /// `http://HOST:PORT` of the server.
    Origin,
    /// How often the steps of a `repeat` were done before.
    Index,
}

/// A JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Number,
    Boolean,
    Object,
    Array,
}

/// The word that a text is; nothing where it is just text.
pub(crate) fn word(text: &str) -> Option<Result<Word<'_>, String>> {
    let name = text.strip_prefix('$')?;
    Some(read(name).ok_or_else(|| format!("unknown word {text:?}")))
}

fn read(name: &str) -> Option<Word<'_>> {
    if let Some((word, of)) = name.split_once(':') {
        return match word {
            _ if !is_name(of) => None,
            "bind" => Some(Word::Bind(of)),
            "id" => Some(Word::Id(of)),
            "device" => Some(Word::Device(of)),
            "key" => Some(Word::Key(of)),
            _ => None,
        };
    }
    match name {
        "any" => Some(Word::Any),
        "string" => Some(Word::Kind(Kind::String)),
        "number" => Some(Word::Kind(Kind::Number)),
        "boolean" => Some(Word::Kind(Kind::Boolean)),
        "object" => Some(Word::Kind(Kind::Object)),
        "array" => Some(Word::Kind(Kind::Array)),
        "time" => Some(Word::Time),
        "absent" => Some(Word::Absent),
        "token" => Some(Word::Token),
        "origin" => Some(Word::Origin),
        "index" => Some(Word::Index),
        _ if is_name(name) => Some(Word::Bound(name)),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Objects with one property that begins with `$`, and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Texts and numbers, one after the other.
    Text,
    /// A text so many times.
    Repeat,
    /// The JSON text of a value.
    Json,
    /// An object that has these properties and no other.
    Only,
    /// A text that begins so.
    Starts,
    /// A text with this in it.
    Contains,
    /// A list that has one of each of these, in any order, and perhaps more.
    Has,
    /// A list whose items are all so.
    Each,
    /// One of these.
    OneOf,
    /// Anything but this.
    Not,
    /// A number that is so large at least.
    Least,
}

impl Operator {
    /// Whether it can be sent, and not just expected.
    pub(crate) fn makes_a_value(self) -> bool {
        matches!(self, Operator::Text | Operator::Repeat | Operator::Json)
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "$text" => Operator::Text,
            "$repeat" => Operator::Repeat,
            "$json" => Operator::Json,
            "$only" => Operator::Only,
            "$starts" => Operator::Starts,
            "$contains" => Operator::Contains,
            "$has" => Operator::Has,
            "$each" => Operator::Each,
            "$one-of" => Operator::OneOf,
            "$not" => Operator::Not,
            "$least" => Operator::Least,
            _ => return None,
        })
    }
}

/// The operator that an object is, and its operand; nothing where it is just an object.
pub(crate) fn operator(
    map: &serde_json::Map<String, serde_json::Value>,
) -> Option<Result<(Operator, &serde_json::Value), String>> {
    let (name, operand) = map.iter().find(|(name, _)| name.starts_with('$'))?;
    Some(match Operator::named(name) {
        Some(operator) if map.len() == 1 => Ok((operator, operand)),
        Some(_) => Err(format!("{name} stands alone in its object")),
        None => Err(format!("unknown word {name:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_known_or_refused() {
        assert_eq!(word("just text"), None);
        assert_eq!(word("$bind:call"), Some(Ok(Word::Bind("call"))));
        assert_eq!(word("$call"), Some(Ok(Word::Bound("call"))));
        assert_eq!(word("$string"), Some(Ok(Word::Kind(Kind::String))));
        for unknown in ["$", "$Any", "$sum:x", "$bind:", "$bind:X", "$a b"] {
            assert!(matches!(word(unknown), Some(Err(_))), "{unknown}");
        }
    }
}
