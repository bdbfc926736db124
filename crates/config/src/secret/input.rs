//! What stands where a secret is expected, and how it becomes one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use model::{ExposeSecret, SecretString};
use serde_json::Value;

use super::provider::{ExecProvider, FileProvider, Provider, SecretSources};
use super::{exec, file};
use crate::Env;
use crate::doc::{has_reference, join_path, substitute};

const ALLOWED: &str = "a string, \"${NAME}\" or {source: \"env\", \"file\" or \"exec\", provider, id}";

/// A secret as the config names it. It is looked up when asked for; `Debug` shows where it stands, never what it is.
#[derive(Clone)]
pub struct SecretInput {
    place: String,
    kind: Kind,
    /// `env.vars` of the same document, behind the environment.
    vars: Arc<BTreeMap<String, SecretString>>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOrigin<'a> {
    /// Nowhere: it is empty, or refers to what is not there.
    Missing,
    /// This environment variable.
    Variable(&'a str),
    /// The configuration: written out there, or a file or program that it names, which was not asked.
    Config,
}

#[derive(Clone)]
enum Kind {
    Literal(SecretString),
    /// A string with `${NAME}` in it.
    Template(SecretString),
    Env(String),
    File {
        /// The provider's name; `None` where the file stands beside the secret.
        name: Option<String>,
        provider: FileProvider,
        id: String,
    },
    Exec {
        name: String,
        provider: Box<ExecProvider>,
        id: String,
    },
    /// A reference that this version cannot follow, with the reason.
    Unusable(String),
}

/// Why a configured secret cannot be had. Each names the key; none holds the secret.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SecretError {
    /// The variable is unset or empty.
    #[error("{place} refers to the environment variable {name}, which is not set; set it or change {place}")]
    Variable {
        /// The config key.
        place: String,
        /// The variable.
        name: String,
    },
    /// The file is missing, unreadable or does not hold the secret.
    #[error("{place} refers to the file {}, but {reason}", file.display())]
    File {
        /// The config key.
        place: String,
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The program that should give it does not.
    #[error("{place} refers to {id:?} of secrets.providers.{provider} ({}), but {reason}", command.display())]
    Exec {
        /// The config key.
        place: String,
        /// The provider.
        provider: String,
        /// What was asked for.
        id: String,
        /// The program.
        command: PathBuf,
        /// What is wrong. Nothing that the program said.
        reason: String,
    },
    /// The kind of reference, or the provider that it names, cannot be used.
    #[error("{place}: {reason}")]
    Unusable {
        /// The config key.
        place: String,
        /// Why, and what to use instead.
        reason: String,
    },
}

impl SecretInput {
    /// A secret that is written out; `place` names where it stands, for messages.
    pub fn literal(place: &str, secret: impl Into<String>) -> Self {
        let kind = Kind::Literal(SecretString::from(secret.into()));
        Self { place: place.to_owned(), kind, vars: Arc::default() }
    }

    /// A secret whose whole content is the file `path`; `place` names where that stands, for messages.
    pub(crate) fn whole_file(place: &str, path: PathBuf) -> Self {
        let provider = FileProvider { path, single_value: true, max_bytes: FileProvider::MAX_BYTES };
        let kind = Kind::File { name: None, provider, id: "value".to_owned() };
        Self { place: place.to_owned(), kind, vars: Arc::default() }
    }

    /// Reads what stands at `place`; the error is a message that says what is allowed.
    pub(crate) fn read(place: &str, value: &Value, sources: &SecretSources) -> Result<Self, String> {
        let kind = match value {
            Value::String(text) if has_reference(text) => Kind::Template(text.clone().into()),
            Value::String(text) if bare_name(text).is_some_and(valid_name) => {
                Kind::Env(bare_name(text).unwrap_or_default().to_owned())
            }
            Value::String(text) => Kind::Literal(text.clone().into()),
            Value::Object(_) => reference(value, sources)?,
            Value::Number(_) => return Err(format!("a number is not allowed; use {ALLOWED}")),
            Value::Bool(_) => return Err(format!("true or false is not allowed; use {ALLOWED}")),
            Value::Null => return Err(format!("null is not allowed; use {ALLOWED}, or remove the key")),
            Value::Array(_) => return Err(format!("an array is not allowed; use {ALLOWED}")),
        };
        Ok(Self { place: place.to_owned(), kind, vars: Arc::clone(&sources.vars) })
    }

    /// The key that this secret stands at, like `gateway.auth.token`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The secret, where it is written out in the configuration itself.
    pub(crate) fn written_out(&self) -> Option<SecretString> {
        match &self.kind {
            Kind::Literal(secret) => filled(secret.expose_secret()),
            _ => None,
        }
    }

    /// Whether the secret itself stands in the configuration.
    pub fn is_written_out(&self) -> bool {
        self.written_out().is_some()
    }

    /// Where the secret comes from, without asking files and programs for it.
    pub fn origin(&self, env: &Env) -> SecretOrigin<'_> {
        match &self.kind {
            Kind::File { .. } | Kind::Exec { .. } => return SecretOrigin::Config,
            Kind::Unusable(_) => return SecretOrigin::Missing,
            Kind::Literal(_) | Kind::Template(_) | Kind::Env(_) => {}
        }
        match (self.resolve(env), &self.kind) {
            (Ok(None) | Err(_), _) => SecretOrigin::Missing,
            (Ok(Some(_)), Kind::Env(name)) => SecretOrigin::Variable(name),
            (Ok(Some(_)), Kind::Template(text)) => {
                let name = text.expose_secret().trim().strip_prefix("${").and_then(|t| t.strip_suffix('}'));
                name.filter(|name| valid_name(name)).map_or(SecretOrigin::Config, SecretOrigin::Variable)
            }
            (Ok(Some(_)), _) => SecretOrigin::Config,
        }
    }

    /// Whether it is looked up in what stands at `path` of the same document, or around or below it: a variable of
    /// `env.vars` that the environment does not have, or a provider.
    pub fn goes_by(&self, path: &str, env: &Env) -> bool {
        let own = |name: &str| env.get_filled(name).is_none() && touches(path, &join_path("env.vars", name));
        let provider = |name: &str| {
            touches(path, &join_path("secrets.providers", name)) || touches(path, "secrets.defaults")
        };
        match &self.kind {
            Kind::Literal(_) | Kind::Unusable(_) => false,
            Kind::Env(name) => own(name),
            Kind::Template(template) => {
                let mut found = false;
                // What comes out is not wanted, only which variables go in.
                let _ = substitute(template.expose_secret(), |name| {
                    found |= own(name);
                    Some(String::from("-"))
                });
                found
            }
            Kind::File { name, .. } => name.as_deref().is_some_and(provider),
            Kind::Exec { name, provider: exec, .. } => {
                provider(name) || exec.variables.iter().any(|(name, _)| own(name))
            }
        }
    }

    /// Looks the secret up. `None` is an empty string: no secret is configured.
    ///
    /// Files are read and programs run here, so call it when the config is read and not per request.
    ///
    /// # Errors
    /// A reference that leads nowhere. That is never a reason to try another credential.
    pub fn resolve(&self, env: &Env) -> Result<Option<SecretString>, SecretError> {
        let place = || self.place.clone();
        match &self.kind {
            Kind::Literal(secret) => Ok(filled(secret.expose_secret())),
            Kind::Template(template) => substitute(template.expose_secret(), |name| self.variable(name, env))
                .map(|text| filled(&text))
                .map_err(|name| SecretError::Variable { place: place(), name }),
            Kind::Env(name) => match self.variable(name, env) {
                Some(value) => Ok(Some(value.into())),
                None => Err(SecretError::Variable { place: place(), name: name.clone() }),
            },
            Kind::File { provider, id, .. } => file::read(provider, id)
                .map(Some)
                .map_err(|reason| SecretError::File { place: place(), file: provider.path.clone(), reason }),
            Kind::Exec { name, provider, id } => exec::read(name, provider, id).map(Some).map_err(|reason| {
                let (provider_name, command) = (name.clone(), provider.command.clone());
                SecretError::Exec { place: place(), provider: provider_name, id: id.clone(), command, reason }
            }),
            Kind::Unusable(reason) => Err(SecretError::Unusable { place: place(), reason: reason.clone() }),
        }
    }

    /// The variable's value, from the environment or else from `env.vars`; never empty.
    fn variable(&self, name: &str, env: &Env) -> Option<String> {
        let own = || self.vars.get(name).map(|value| value.expose_secret().trim()).filter(|v| !v.is_empty());
        env.get_filled(name).or_else(own).map(str::to_owned)
    }
}

impl fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Literal(_) => "written out".to_owned(),
            Kind::Template(_) => "with references".to_owned(),
            Kind::Env(name) => format!("variable {name}"),
            Kind::File { provider, .. } => format!("file {}", provider.path.display()),
            Kind::Exec { name, .. } => format!("program of provider {name}"),
            Kind::Unusable(reason) => reason.clone(),
        };
        write!(f, "SecretInput({}, {kind})", self.place)
    }
}

/// Whether one of two paths leads to, or through, the other.
fn touches(a: &str, b: &str) -> bool {
    let (outer, inner) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn filled(text: &str) -> Option<SecretString> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned().into())
}

/// `{source, provider, id}`.
fn reference(value: &Value, sources: &SecretSources) -> Result<Kind, String> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let source = match field("source") {
        Some(source) if super::SOURCES.contains(&source) => source,
        _ => return Err("a reference needs source: one of env, file, exec".to_owned()),
    };
    let id = field("id").filter(|id| !id.is_empty()).ok_or("a reference needs id: a string")?.to_owned();
    let named = field("provider").or_else(|| sources.defaults.get(source).map(String::as_str));
    let provider = named.unwrap_or("default");
    let unusable = |reason: String| Ok(Kind::Unusable(reason));
    match (source, sources.providers.get(provider)) {
        ("store", _) => unusable(
            "secrets with source \"store\" are not supported by this version yet; use source \"env\", \"file\" or \"exec\"".to_owned(),
        ),
        ("env", Some(Provider::Env { allowlist: Some(names) })) if !names.contains(&id) => unusable(format!(
            "the variable {id} is not in secrets.providers.{provider}.allowlist; add it there"
        )),
        ("env", Some(Provider::Env { .. }) | None) if valid_name(&id) => Ok(Kind::Env(id)),
        ("env", Some(Provider::Env { .. }) | None) => {
            Err(format!("{id:?} is no variable name; use capitals, digits and _"))
        }
        ("file", Some(Provider::File(file))) => {
            Ok(Kind::File { name: Some(provider.to_owned()), provider: file.clone(), id })
        }
        ("exec", Some(Provider::Exec(_))) if !valid_exec_id(&id) => {
            Err(format!("{id:?} is no id of a secret; use letters, digits and . _ : / # -, 256 at most"))
        }
        ("exec", Some(Provider::Exec(exec))) => {
            Ok(Kind::Exec { name: provider.to_owned(), provider: exec.clone(), id })
        }
        ("file" | "exec", None) => unusable(format!(
            "the provider {provider:?} is not configured; add secrets.providers.{provider} with source {source:?} and a {}",
            if source == "file" { "path" } else { "command" }
        )),
        (_, Some(_)) => unusable(format!("secrets.providers.{provider} is not of source \"{source}\"")),
        (_, None) => unusable(format!("source \"{source}\" is not supported")),
    }
}

/// The name in `$NAME`.
fn bare_name(text: &str) -> Option<&str> {
    text.trim().strip_prefix('$')
}

fn valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn valid_exec_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '#' | '-');
    id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.len() <= 256
        && id.chars().all(plain)
        && id.split('/').all(|part| part != "." && part != "..")
}
