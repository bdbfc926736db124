//! What the reader asks for, as data. The reader is run once over an empty document, with every section open, and each
//! thing that it asks for is noted here: so there is one description of the config, the code that reads it.

use std::collections::BTreeMap;

/// What is asked of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// A string.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Integer(u64, u64),
    /// A number that is not negative.
    Number,
    /// One of these words.
    Choice(Vec<&'static str>),
    /// A string, or a reference to a secret.
    Secret,
    /// A list of what the fact says.
    ListOf(Box<Fact>),
    /// An object with any names, each value as the fact says.
    MapOf(Box<Fact>),
    /// A string or a whole number.
    Id,
    /// An object; its keys are listed under this path.
    Section(String),
    /// Anything; looked into by hand.
    Any,
    /// Not done by this version, with what that means.
    Unsupported(String),
}

/// One section's keys, in the order in which they are asked for.
pub(crate) type Keys = Vec<(&'static str, Vec<Fact>)>;

/// All sections by path, with `*` for any name and `[]` for any place in a list.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) sections: BTreeMap<String, Keys>,
}

impl Description {
    /// Notes what is asked of `key` in `section`.
    pub(super) fn note(&mut self, section: &str, key: &'static str, fact: Fact) {
        let keys = self.sections.entry(section.to_owned()).or_default();
        let facts = match keys.iter_mut().find(|(name, _)| *name == key) {
            Some((_, facts)) => facts,
            None => {
                keys.push((key, Vec::new()));
                let Some((_, facts)) = keys.last_mut() else { return };
                facts
            }
        };
        match fact {
            // Words that are asked for in two ways are one choice.
            Fact::Choice(more) if facts.iter_mut().any(|fact| choice(fact).is_some()) => {
                for words in facts.iter_mut().filter_map(choice) {
                    let new: Vec<&str> = more.iter().copied().filter(|word| !words.contains(word)).collect();
                    words.extend(new);
                }
            }
            fact if !facts.contains(&fact) => facts.push(fact),
            _ => {}
        }
    }
}

fn choice(fact: &mut Fact) -> Option<&mut Vec<&'static str>> {
    match fact {
        Fact::Choice(words) => Some(words),
        _ => None,
    }
}
