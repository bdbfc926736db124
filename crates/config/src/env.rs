//! The environment as a value, so that no library reads the process's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables, by name, and which of them come from the state directory's file. `Debug` shows the names only, since
/// values are often secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    variables: BTreeMap<String, String>,
    /// Names of those that [`Env::add_file`] added: who started the program did not set them.
    kept: BTreeSet<String>,
}

impl Env {
    /// The environment of this process; for `main` only. Variables that are not UTF-8 are left out.
    pub fn system() -> Self {
        let pairs = std::env::vars_os();
        pairs.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
    }

    /// The value of `name`, if it is set; an empty value counts as set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The value of `name` without surrounding blanks, if anything is left of it.
    pub fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Adds `name` unless it is there already.
    pub fn add_missing(&mut self, name: &str, value: &str) {
        if self.get_filled(name).is_none() {
            self.variables.insert(name.to_owned(), value.to_owned());
        }
    }

    /// As [`Env::add_missing`], for what is kept in the state directory's file.
    pub(crate) fn add_kept(&mut self, name: &str, value: &str) {
        if self.get_filled(name).is_none() {
            self.add_missing(name, value);
            self.kept.insert(name.to_owned());
        }
    }

    /// Whether `name` comes from the state directory's file, and not from whoever started the program. A secret that does is
    /// for this state directory's own gateways.
    pub fn is_kept(&self, name: &str) -> bool {
        self.kept.contains(name)
    }

    /// The same without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut env = self.clone();
        env.variables.remove(name);
        env.kept.remove(name);
        env
    }

    /// Name and value of every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
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
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Env {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, kept: BTreeSet::new() }
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
