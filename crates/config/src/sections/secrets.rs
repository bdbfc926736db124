//! `env.vars` and `secrets`: read first, because the other sections refer to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::SecretString;
use serde_json::Value;

use super::secret_provider;
use crate::Level;
use crate::doc::{Doc, has_reference, substitute};
use crate::secret::{Provider, SecretSources};

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
        if let Some(provider) = secret_provider::read(doc, &path, value) {
            providers.insert(name, provider);
        }
    }
    providers
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
