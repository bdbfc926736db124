//! `env.vars` and `secrets`: read first, because the other sections refer to them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::SecretString;
use serde_json::Value;

use crate::Level;
use crate::doc::{Doc, has_reference, substitute};
use crate::env::expand_tilde;
use crate::secret::{ExecProvider, FileProvider, Provider, SecretSources};

/// Reads what references are looked up in, and puts `env.vars` behind the environment of the document.
pub(crate) fn sources(doc: &mut Doc<'_>, document: &Value) {
    let vars = variables(doc, document);
    for (name, value) in &vars {
        doc.env.add_missing(name, value);
    }
    let vars = vars.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect();
    let providers = providers(doc, document);
    let defaults = entries(doc, document, &["secrets", "defaults"])
        .into_iter()
        .filter_map(|(source, path, value)| match value.as_str() {
            Some(name) => Some((source, name.to_owned())),
            None => {
                remark(doc, &path, "use the name of a provider");
                None
            }
        })
        .collect();
    doc.sources = SecretSources { vars: Arc::new(vars), providers, defaults };
}

fn variables(doc: &Doc<'_>, document: &Value) -> BTreeMap<String, String> {
    let mut vars = BTreeMap::new();
    for (name, path, value) in entries(doc, document, &["env", "vars"]) {
        let Some(text) = value.as_str() else {
            remark(doc, &path, "use a string");
            continue;
        };
        let filled = if has_reference(text) {
            substitute(text, |name| doc.env.get(name).map(str::to_owned))
        } else {
            Ok(text.to_owned())
        };
        match filled {
            Ok(value) => {
                vars.insert(name, value);
            }
            Err(missing) => {
                let message = format!("left out, because the variable {missing} is not set");
                doc.remark(Level::Warning, &path, false, message);
            }
        }
    }
    vars
}

fn providers(doc: &Doc<'_>, document: &Value) -> BTreeMap<String, Provider> {
    let mut providers = BTreeMap::new();
    for (name, path, value) in entries(doc, document, &["secrets", "providers"]) {
        match provider(doc, value) {
            Ok(provider) => {
                providers.insert(name, provider);
            }
            Err(allowed) => remark(doc, &path, allowed),
        }
    }
    providers
}

/// One provider; the error says what is allowed.
fn provider(doc: &Doc<'_>, value: &Value) -> Result<Provider, &'static str> {
    let field = |key: &str| value.get(key).and_then(Value::as_str);
    match field("source") {
        Some("env") => Ok(Provider::Env { allowlist: texts(value, "allowlist")? }),
        Some("file") => {
            let path = field("path").and_then(|file| absolute(doc, file));
            Ok(Provider::File(FileProvider {
                path: path.ok_or("a file provider needs path: the file's path")?,
                single_value: field("mode") == Some("singleValue"),
                max_bytes: number(value, "maxBytes", FileProvider::MAX_BYTES)?,
            }))
        }
        // What a plugin would say is known only where there are plugins.
        Some("exec") if value.get("pluginIntegration").is_some() => Ok(Provider::Other("exec".to_owned())),
        Some("exec") => exec_provider(doc, value).map(|exec| Provider::Exec(Box::new(exec))),
        Some("store") => Ok(Provider::Other("store".to_owned())),
        _ => Err("a provider needs source: one of env, file, exec"),
    }
}

fn exec_provider(doc: &Doc<'_>, value: &Value) -> Result<ExecProvider, &'static str> {
    let command = value.get("command").and_then(Value::as_str).and_then(|file| absolute(doc, file));
    let mut variables = Vec::new();
    for name in texts(value, "passEnv")?.unwrap_or_default() {
        if let Some(value) = doc.env.get(&name) {
            variables.push((name.clone(), value.to_owned()));
        }
    }
    let own = value.get("env").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in own {
        variables.push((name.clone(), value.as_str().ok_or("env needs strings")?.to_owned()));
    }
    let dirs = texts(value, "trustedDirs")?.unwrap_or_default();
    let most = number(value, "maxOutputBytes", ExecProvider::MAX_OUTPUT_BYTES)?;
    Ok(ExecProvider {
        command: command.ok_or("an exec provider needs command: the program's path")?,
        args: texts(value, "args")?.unwrap_or_default(),
        variables,
        trusted_dirs: dirs.iter().filter_map(|dir| absolute(doc, dir)).collect(),
        json_only: value.get("jsonOnly").and_then(Value::as_bool).unwrap_or(true),
        timeout: Duration::from_millis(number(value, "timeoutMs", ExecProvider::TIMEOUT_MS)?),
        max_output_bytes: usize::try_from(most).unwrap_or(usize::MAX),
    })
}

/// A list of strings.
fn texts(value: &Value, key: &str) -> Result<Option<Vec<String>>, &'static str> {
    let wrong = "a provider's allowlist, args, passEnv and trustedDirs are lists of strings";
    let Some(list) = value.get(key) else { return Ok(None) };
    let items = list.as_array().ok_or(wrong)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or(wrong)).collect::<Result<_, _>>().map(Some)
}

/// A bound: from 1 to 100 times what it is by itself.
fn number(value: &Value, key: &str, default: u64) -> Result<u64, &'static str> {
    match value.get(key) {
        None => Ok(default),
        Some(number) => number
            .as_u64()
            .filter(|number| (1..=default * 100).contains(number))
            .ok_or("a provider's timeoutMs, maxBytes and maxOutputBytes are whole numbers from 1 to 100 times the default"),
    }
}

fn absolute(doc: &Doc<'_>, file: &str) -> Option<PathBuf> {
    let path = expand_tilde(file, doc.env.home().as_deref())?;
    Some(doc.file.parent().map_or(path.clone(), |dir| dir.join(&path)))
}

/// The entries of an object two levels down; wrong types on the way are reported by those who own the level above.
fn entries<'v>(doc: &Doc<'_>, document: &'v Value, keys: &[&str; 2]) -> Vec<(String, String, &'v Value)> {
    let path = keys.join(".");
    let Some(value) = keys.iter().try_fold(document, |value, key| value.get(key)) else { return Vec::new() };
    match value.as_object() {
        Some(map) => {
            map.iter().map(|(name, value)| (name.clone(), format!("{path}.{name}"), value)).collect()
        }
        None => {
            remark(doc, &path, "use an object");
            Vec::new()
        }
    }
}

/// An error that does not show the value, which may be secret.
fn remark(doc: &Doc<'_>, path: &str, allowed: &str) {
    doc.remark(Level::Error, path, false, format!("the value is not allowed; {allowed}"));
}
