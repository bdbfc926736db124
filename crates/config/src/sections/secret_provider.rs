//! One entry of `secrets.providers`. It decides which programs run and which files are believed, so nothing in it is passed
//! over: a key that nobody knows is an error here.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::Level;
use crate::doc::{Doc, join_path};
use crate::env::expand_tilde;
use crate::secret::{ExecProvider, FileProvider, Provider};

const ENV: &[&str] = &["source", "allowlist"];
const FILE: &[&str] = &["source", "path", "mode", "maxBytes"];
const EXEC: &[&str] = &[
    "source",
    "command",
    "args",
    "env",
    "passEnv",
    "trustedDirs",
    "jsonOnly",
    "timeoutMs",
    "maxOutputBytes",
];
/// What OpenClaw knows and this version does not do, with what it does instead.
const NOT_DONE: &[(&str, &str)] = &[
    ("timeoutMs", "a file is read within the time that all secrets together have"),
    ("noOutputTimeoutMs", "timeoutMs alone counts"),
    ("allowInsecurePath", "a program that others can change is refused all the same"),
    ("allowSymlinkCommand", "a link is refused all the same; name the program itself"),
];

/// Reads it. `None`: something in it is wrong, and has been remarked.
pub(super) fn read(doc: &Doc<'_>, path: &str, value: &Value) -> Option<Provider> {
    let Some(map) = value.as_object() else {
        remark(doc, path, "a provider is an object with source: one of env, file, exec");
        return None;
    };
    let entry = Entry { doc, path, map };
    let read = match map.get("source").and_then(Value::as_str) {
        Some("env") => entry.env(),
        Some("file") => entry.file(),
        // What a plugin would say is known only where there are plugins.
        Some("exec") if map.contains_key("pluginIntegration") => Ok(Provider::Other("exec".to_owned())),
        Some("exec") => entry.exec(),
        Some("store") => Ok(Provider::Other("store".to_owned())),
        _ => Err(Wrong("source", "a provider needs source: one of env, file, exec")),
    };
    match read {
        Ok(provider) => Some(provider),
        Err(Wrong(key, allowed)) => {
            let at = if map.contains_key(key) { join_path(path, key) } else { path.to_owned() };
            remark(doc, &at, allowed);
            None
        }
    }
}

/// A key, and what is allowed there.
struct Wrong(&'static str, &'static str);

struct Entry<'a, 'd> {
    doc: &'a Doc<'d>,
    path: &'a str,
    map: &'a Map<String, Value>,
}

impl Entry<'_, '_> {
    fn env(&self) -> Result<Provider, Wrong> {
        self.keys(ENV);
        Ok(Provider::Env { allowlist: self.texts("allowlist")? })
    }

    fn file(&self) -> Result<Provider, Wrong> {
        self.keys(FILE);
        let missing = Wrong("path", "a file provider needs path: the file's path");
        let file = expand_tilde(self.text("path").ok_or(missing)?, self.doc.env.home().as_deref());
        let file = file.ok_or(Wrong("path", "there is no home directory for ~; write the path out"))?;
        Ok(Provider::File(FileProvider {
            path: self.doc.file.parent().map_or(file.clone(), |dir| dir.join(&file)),
            single_value: match self.map.get("mode").map(Value::as_str) {
                None | Some(Some("json")) => false,
                Some(Some("singleValue")) => true,
                Some(_) => return Err(Wrong("mode", "use json or singleValue")),
            },
            max_bytes: self.number("maxBytes", FileProvider::MAX_BYTES)?,
        }))
    }

    fn exec(&self) -> Result<Provider, Wrong> {
        self.keys(EXEC);
        let mut variables = Vec::new();
        for name in self.texts("passEnv")?.unwrap_or_default() {
            if let Some(value) = self.doc.env.get(&name) {
                variables.push((name.clone(), value.to_owned()));
            }
        }
        let wrong = || Wrong("env", "use an object of strings");
        if let Some(own) = self.map.get("env") {
            for (name, value) in own.as_object().ok_or_else(wrong)? {
                variables.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
            }
        }
        let command = Wrong(
            "command",
            "an exec provider needs command: the program's absolute path; no PATH is searched",
        );
        let dirs = self.texts("trustedDirs")?.unwrap_or_default();
        let dirs: Option<Vec<PathBuf>> = dirs.iter().map(|dir| self.absolute(dir)).collect();
        let most = self.number("maxOutputBytes", ExecProvider::MAX_OUTPUT_BYTES)?;
        Ok(Provider::Exec(Box::new(ExecProvider {
            command: self.text("command").and_then(|file| self.absolute(file)).ok_or(command)?,
            args: self.texts("args")?.unwrap_or_default(),
            variables,
            trusted_dirs: dirs.ok_or(Wrong("trustedDirs", "use absolute paths"))?,
            json_only: match self.map.get("jsonOnly") {
                None => true,
                Some(value) => value.as_bool().ok_or(Wrong("jsonOnly", "use true or false"))?,
            },
            timeout: Duration::from_millis(
                self.number("timeoutMs", ExecProvider::TIMEOUT_MS)?.min(ExecProvider::LONGEST_MS),
            ),
            max_output_bytes: usize::try_from(most).unwrap_or(usize::MAX),
        })))
    }

    /// Remarks the keys that are not among these.
    fn keys(&self, known: &[&str]) {
        for key in self.map.keys().filter(|key| !known.contains(&key.as_str())) {
            let path = join_path(self.path, key);
            match NOT_DONE.iter().find(|(name, _)| name == key) {
                Some((_, instead)) => {
                    let message = format!("not supported by this version yet: {instead}");
                    self.doc.remark(Level::Warning, &path, true, message);
                }
                None => {
                    let message = format!("unknown key of a provider; use {}", known.join(", "));
                    self.doc.remark(Level::Error, &path, true, message);
                }
            }
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.map.get(key).and_then(Value::as_str)
    }

    /// A list of strings.
    fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>, Wrong> {
        let Some(list) = self.map.get(key) else { return Ok(None) };
        let items = list.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
        let items: Option<Vec<String>> = items.and_then(Iterator::collect);
        items.map(Some).ok_or(Wrong(key, "use a list of strings"))
    }

    /// A bound: from 1 to 100 times what it is by itself.
    fn number(&self, key: &'static str, default: u64) -> Result<u64, Wrong> {
        let Some(number) = self.map.get(key) else { return Ok(default) };
        let number = number.as_u64().filter(|number| (1..=default * 100).contains(number));
        number.ok_or(Wrong(key, "use a whole number from 1 to 100 times the default"))
    }

    fn absolute(&self, file: &str) -> Option<PathBuf> {
        expand_tilde(file, self.doc.env.home().as_deref()).filter(|path| path.is_absolute())
    }
}

/// An error that does not show the value, which may be secret.
fn remark(doc: &Doc<'_>, path: &str, allowed: &str) {
    doc.remark(Level::Error, path, false, format!("the value is not allowed; {allowed}"));
}
