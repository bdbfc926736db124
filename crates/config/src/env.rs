//! The environment as a value, so that no library reads the process's own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables, by name. `Debug` shows the names only, since values are often secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The environment of this process; for `main` only. Variables that are not UTF-8 are left out.
    pub fn system() -> Self {
        let pairs = std::env::vars_os();
        Self(pairs.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    /// The value of `name`, if it is set; an empty value counts as set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `name` without surrounding blanks, if anything is left of it.
    pub fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Adds `name` unless it is there already.
    pub fn add_missing(&mut self, name: &str, value: &str) {
        if self.get_filled(name).is_none() {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Name and value of every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The home directory of the system's user: `HOME`, else `USERPROFILE`.
    pub fn user_home(&self) -> Option<PathBuf> {
        self.get_filled("HOME").or_else(|| self.get_filled("USERPROFILE")).map(PathBuf::from)
    }

    /// The home that default paths start from: `OPENCLAW_HOME`, else [`Env::user_home`].
    pub fn home(&self) -> Option<PathBuf> {
        let own = self.get_filled("OPENCLAW_HOME").filter(|value| !matches!(*value, "undefined" | "null"));
        match own {
            Some(path) => expand_tilde(path, self.user_home().as_deref()),
            None => self.user_home(),
        }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Env {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// `~` and `~/rest` under `home`; other paths as they are. `None` when a home is needed and there is none.
pub(crate) fn expand_tilde(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix('~') {
        Some("") => home.map(Path::to_path_buf),
        Some(rest) => match rest.strip_prefix(['/', std::path::MAIN_SEPARATOR]) {
            Some(below) => home.map(|home| home.join(below)),
            None => Some(PathBuf::from(path)),
        },
        None => Some(PathBuf::from(path)),
    }
}
