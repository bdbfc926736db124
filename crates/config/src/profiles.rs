//! `auth-profiles.json` of an agent: keys and tokens of model providers that are kept apart from the configuration, and in
//! which order they are taken. What is in the file and not known here stays in it.

use crate::edit::{EditError, lock, replace_private};
use model::SecretString;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;
use std::path::Path;

/// The file's name, in the folder of an agent.
pub const PROFILES_FILE: &str = "auth-profiles.json";

/// The last moment that a `Date` of OpenClaw's can be, in milliseconds since the epoch.
const LAST_MS: i64 = 8_640_000_000_000_000;

/// The document. It holds secrets, and therefore cannot be printed.
#[derive(Clone, Default)]
pub struct AuthProfiles {
    document: Map<String, Value>,
}

/// What kind of secret a profile has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKind {
    /// `api_key`: sent in the way that keys are at its provider.
    ApiKey,
    /// `token`: sent as a bearer's.
    Token,
    /// Anything else, such as a sign-in that has to be renewed. Not used here.
    Other,
}

/// Whether a profile can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileState {
    /// It can.
    Usable,
    /// Its kind is not used here.
    Unsupported,
    /// There is no secret in it.
    Empty,
    /// Its time is over.
    Expired,
    /// `expires` is no time.
    BadExpiry,
}

/// One profile, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthProfile {
    /// Its name, such as `openai:manual`.
    pub id: String,
    /// Whose secret it is.
    pub provider: String,
    /// What kind it is.
    pub kind: ProfileKind,
    /// `type` as the file has it.
    pub type_name: String,
    /// When it is over, in milliseconds since the epoch.
    pub expires_ms: Option<i64>,
    /// Whether it can be used.
    pub state: ProfileState,
}

impl AuthProfiles {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it, without what stands in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| {
            format!("not JSON (line {}, column {}); restore it or move it away", error.line(), error.column())
        })?;
        match document {
            Value::Object(document) => Ok(Self { document }),
            _ => Err("no JSON object; restore it or move it away".to_owned()),
        }
    }

    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// It cannot be read, or is wrong.
    pub fn read(file: &Path) -> Result<Self, EditError> {
        let failed = |problem: String| EditError::Place {
            path: file.display().to_string(),
            problem: format!("{}: {problem}", file.display()),
        };
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text).map_err(failed),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Changes the file, one writer at a time; it is whole at any moment, and for its user alone. What `change` refuses
    /// changes nothing.
    ///
    /// # Errors
    /// It cannot be read or written, or what `change` says.
    pub fn change<T, E: From<EditError>>(
        file: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = lock(file)?;
        let mut profiles = Self::read(file)?;
        let done = change(&mut profiles)?;
        profiles.document.entry("version").or_insert_with(|| 1.into());
        replace_private(file, &format!("{:#}\n", Value::Object(profiles.document)))?;
        Ok(done)
    }

    /// All profiles, in the order of the file.
    pub fn all(&self, now_ms: i64) -> Vec<AuthProfile> {
        let all = self.document.get("profiles").and_then(Value::as_object);
        all.into_iter().flatten().map(|(id, profile)| read(id, profile, now_ms)).collect()
    }

    /// The names of a provider's profiles in the order in which they are to be taken, where somebody chose one: no others
    /// are.
    pub fn order(&self, provider: &str) -> Option<Vec<String>> {
        let order = self.document.get("order")?.get(provider)?.as_array()?;
        Some(order.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// A provider's profiles that are taken, the first one first: those of the order that stands in the file, else of
    /// `configured`; where nobody chose one, all of them, tokens before keys.
    pub fn taken(&self, provider: &str, configured: Option<&[String]>, now_ms: i64) -> Vec<AuthProfile> {
        let mut own: Vec<AuthProfile> =
            self.all(now_ms).into_iter().filter(|profile| profile.provider == provider).collect();
        match self.order(provider).or_else(|| configured.map(<[String]>::to_vec)) {
            None => {
                own.sort_by_key(|profile| profile.kind != ProfileKind::Token);
                own
            }
            Some(order) => {
                order.iter().filter_map(|id| own.iter().find(|profile| profile.id == *id).cloned()).collect()
            }
        }
    }

    /// A provider's profiles that can be used, each with its secret, in the order of [`AuthProfiles::taken`]. Where nobody chose
    /// an order, `turn` says with which of the tokens, or of the keys, it begins, and the others follow round.
    pub fn usable(
        &self,
        provider: &str,
        configured: Option<&[String]>,
        now_ms: i64,
        turn: u64,
    ) -> Vec<(AuthProfile, SecretString)> {
        let taken = self.taken(provider, configured, now_ms).into_iter();
        let secret = |profile: AuthProfile| {
            let secret = secret_of(&self.document["profiles"][&profile.id])?.to_owned();
            Some((profile, SecretString::from(secret)))
        };
        let mut usable: Vec<(AuthProfile, SecretString)> =
            taken.filter(|profile| profile.state == ProfileState::Usable).filter_map(secret).collect();
        if configured.is_none() && self.order(provider).is_none() {
            let tokens = usable.iter().take_while(|(profile, _)| profile.kind == ProfileKind::Token).count();
            let (tokens, keys) = usable.split_at_mut(tokens);
            for alike in [tokens, keys] {
                let first = usize::try_from(turn % (alike.len() as u64).max(1)).unwrap_or(0);
                alike.rotate_left(first);
            }
        }
        usable
    }

    /// Keeps a profile with this secret, in the place of one of this name.
    ///
    /// # Errors
    /// `profiles` is something else in this file.
    pub fn put(&mut self, id: &str, profile: Value) -> Result<(), String> {
        let all = self.document.entry("profiles").or_insert_with(|| json!({}));
        let all =
            all.as_object_mut().ok_or("profiles is no JSON object; restore the file or move it away")?;
        all.insert(id.to_owned(), profile);
        Ok(())
    }

    /// Takes a profile out, and out of every order; an order that has none left goes, too. Whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        let all = self.document.get_mut("profiles").and_then(Value::as_object_mut);
        let was = all.is_some_and(|all| all.shift_remove(id).is_some());
        if let Some(orders) = self.document.get_mut("order").and_then(Value::as_object_mut) {
            for order in orders.values_mut().filter_map(Value::as_array_mut) {
                order.retain(|other| other != id);
            }
            orders.retain(|_, order| order.as_array().is_none_or(|order| !order.is_empty()));
        }
        was
    }

    /// Says in which order a provider's profiles are taken; with none, as the file has them.
    pub fn set_order(&mut self, provider: &str, ids: &[String]) {
        let orders = self.document.entry("order").or_insert_with(|| json!({}));
        if !orders.is_object() {
            *orders = json!({});
        }
        if let Some(orders) = orders.as_object_mut() {
            if ids.is_empty() {
                orders.shift_remove(provider);
            } else {
                orders.insert(provider.to_owned(), ids.into());
            }
        }
    }
}

fn read(id: &str, profile: &Value, now_ms: i64) -> AuthProfile {
    let type_name = profile["type"].as_str().unwrap_or("-").to_owned();
    let kind = match type_name.as_str() {
        "api_key" => ProfileKind::ApiKey,
        "token" => ProfileKind::Token,
        _ => ProfileKind::Other,
    };
    let before_colon = id.split(':').next().unwrap_or(id);
    let provider = profile["provider"].as_str().unwrap_or(before_colon).to_owned();
    let expires = profile.get("expires").filter(|_| kind == ProfileKind::Token);
    let expires_ms = expires.and_then(Value::as_i64).filter(|at| (1..=LAST_MS).contains(at));
    let state = match expires_ms {
        _ if kind == ProfileKind::Other => ProfileState::Unsupported,
        _ if secret_of(profile).is_none() => ProfileState::Empty,
        None if expires.is_some() => ProfileState::BadExpiry,
        Some(at) if at <= now_ms => ProfileState::Expired,
        _ => ProfileState::Usable,
    };
    AuthProfile { id: id.to_owned(), provider, kind, type_name, expires_ms, state }
}

fn secret_of(profile: &Value) -> Option<&str> {
    let key = if profile["type"] == "token" { "token" } else { "key" };
    profile[key].as_str().filter(|secret| !secret.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExposeSecret;

    fn profiles() -> AuthProfiles {
        let document = json!({"version": 1, "profiles": {
            "openai:login": {"type": "oauth", "provider": "openai", "access": "x"},
            "openai:old": {"type": "token", "provider": "openai", "token": "t-0", "expires": 5},
            "openai:odd": {"type": "token", "provider": "openai", "token": "t-1", "expires": -1},
            "openai:manual": {"type": "token", "provider": "openai", "token": "t-2", "expires": 50},
            "openai:key": {"type": "api_key", "provider": "openai", "key": "k-1"},
            "anthropic:work": {"type": "api_key", "key": "k-2"},
            "anthropic:none": {"type": "api_key", "provider": "anthropic", "key": " "},
        }, "mine": true});
        AuthProfiles::parse(&document.to_string()).unwrap()
    }

    fn secrets(
        profiles: &AuthProfiles,
        provider: &str,
        configured: Option<&[&str]>,
        turn: u64,
    ) -> Vec<String> {
        let configured: Option<Vec<String>> =
            configured.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        let usable = profiles.usable(provider, configured.as_deref(), 10, turn);
        usable.into_iter().map(|(_, secret)| secret.expose_secret().to_owned()).collect()
    }

    #[test]
    fn the_profiles_that_can_be_used_give_their_secrets_tokens_first() {
        let profiles = profiles();
        assert_eq!(secrets(&profiles, "openai", None, 0), ["t-2", "k-1"]);
        assert_eq!(secrets(&profiles, "anthropic", None, 0), ["k-2"]);
        assert!(secrets(&profiles, "nobody", None, 0).is_empty());
        let states: Vec<ProfileState> = profiles.all(10).iter().map(|profile| profile.state).collect();
        use ProfileState::{BadExpiry, Empty, Expired, Unsupported, Usable};
        assert_eq!(states, [Unsupported, Expired, BadExpiry, Usable, Usable, Usable, Empty]);
        assert!(secrets(&AuthProfiles::parse("{}").unwrap(), "openai", None, 0).is_empty());
        assert!(AuthProfiles::parse("[]").is_err() && AuthProfiles::parse("{").is_err());
    }

    #[test]
    fn without_an_order_each_turn_begins_with_another_one_of_the_same_kind() {
        let mut profiles = AuthProfiles::default();
        for (id, kind, secret) in [("a", "api_key", "key"), ("b", "api_key", "key"), ("t", "token", "token")]
        {
            profiles.put(id, json!({"type": kind, "provider": "p", secret: id})).unwrap();
        }
        assert_eq!(secrets(&profiles, "p", None, 0), ["t", "a", "b"]);
        assert_eq!(secrets(&profiles, "p", None, 1), ["t", "b", "a"]);
        assert_eq!(secrets(&profiles, "p", Some(&["b", "t"]), 1), ["b", "t"], "what is said holds");
        profiles.set_order("p", &["a".into()]);
        assert_eq!(secrets(&profiles, "p", Some(&["b", "t"]), 1), ["a"], "the file's order goes before");
    }

    #[test]
    fn an_order_says_which_are_taken_and_goes_with_the_last_of_them() {
        let mut profiles = profiles();
        profiles.set_order("openai", &["openai:key".into(), "openai:manual".into()]);
        assert_eq!(secrets(&profiles, "openai", None, 0), ["k-1", "t-2"]);
        assert!(profiles.remove("openai:key") && !profiles.remove("openai:key"));
        assert_eq!(secrets(&profiles, "openai", None, 0), ["t-2"]);
        assert!(profiles.remove("openai:manual"));
        assert_eq!(profiles.order("openai"), None);
        profiles.set_order("anthropic", &["anthropic:none".into()]);
        assert!(secrets(&profiles, "anthropic", None, 0).is_empty(), "what is not in the order is not taken");
        profiles.set_order("anthropic", &[]);
        assert_eq!(secrets(&profiles, "anthropic", None, 0), ["k-2"]);
    }

    #[test]
    fn a_change_keeps_what_is_not_known_and_the_file_is_for_its_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agents/main").join(PROFILES_FILE);
        let key = |key: &str| json!({"type": "api_key", "provider": "openai", "key": key});
        let put = |name: &str, profile: Value| {
            AuthProfiles::change(&file, |all| -> Result<(), EditError> {
                all.put(name, profile).map_err(|problem| EditError::Place { path: name.into(), problem })
            })
        };
        put("openai:a", key("k-1")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("\"version\": 1", "\"version\": 1, \"mine\": true")).unwrap();
        put("openai:b", key("k-2")).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("mine") && text.contains("k-1") && text.contains("k-2"), "{text}");
        assert!(!file.with_extension("json.bak").exists(), "no copy of a secret is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            put("openai:c", key("k-3")).unwrap();
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "{").unwrap();
        let error = put("openai:d", key("k-4")).unwrap_err().to_string();
        assert!(error.contains("auth-profiles.json: not JSON"), "{error}");
    }
}
