//! Keys that nobody asked for: kept for later versions, or slips of the pen.

use super::Section;
use super::names::known;
use crate::{Diagnostic, Level};

impl Section<'_> {
    /// Warns about the keys that nobody asked for.
    pub(super) fn finish(&self) {
        let Some(map) = self.map else { return };
        let asked = self.asked.borrow();
        let theirs = known(&self.schema);
        let mut kept: Vec<&str> = Vec::new();
        for key in map.keys().filter(|key| !asked.iter().any(|known| known == key)) {
            if key == "$schema" || key == "meta" && self.path.is_empty() {
                // Marks of editors and of other versions: nothing to say.
            } else if theirs.iter().any(|known| *known == key.as_str() || *known == "*") {
                kept.push(key);
            } else {
                let near = nearest(key, asked.iter().chain(theirs).copied());
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let message = format!("unknown key{hint}");
                self.doc.remark(Level::Warning, &self.path_of(key), true, message);
            }
        }
        self.note_kept(&kept);
    }

    /// One note for a section, or one per section for the whole document.
    fn note_kept(&self, kept: &[&str]) {
        let message = "not supported by this version yet; kept as it is";
        if self.path.is_empty() {
            kept.iter().for_each(|key| self.doc.remark(Level::Note, key, true, message.to_owned()));
        } else if let Some(first) = kept.first() {
            let (file, line, column) = self.doc.places.of(&self.path_of(first), true);
            let message = format!("{message}: {}", kept.join(", "));
            let (file, path) = (file.to_path_buf(), self.path.clone());
            self.doc.add(Diagnostic { file, line, column, path, message, level: Level::Note });
        }
    }
}

/// The candidate that `key` most likely stands for, if any is near.
fn nearest<'k>(key: &str, candidates: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Longer keys than any of ours are not slips, and comparing is quadratic.
    if key.len() > 64 {
        return None;
    }
    let near = (key.chars().count() / 3).clamp(1, 3);
    let lower = key.to_lowercase();
    candidates
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_key_and_a_stranger_does_not() {
        let keys = ["mode", "model", "token", "allowFrom", "dmPolicy"];
        let table = [
            ("mod", Some("mode")),
            ("Token", Some("token")),
            ("tokne", Some("token")),
            ("allow_from", Some("allowFrom")),
            ("dmpolcy", Some("dmPolicy")),
            ("elephant", None),
            ("", None),
        ];
        for (key, want) in table {
            assert_eq!(nearest(key, keys.into_iter()), want, "{key}");
        }
    }
}
