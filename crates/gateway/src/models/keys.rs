//! The keys of a provider, in the order in which they are tried: its profiles, else its variable, else what its entry in the
//! configuration says.

use super::{Models, api_of, profiles, unknown_provider};
use crate::secrets;
use config::AuthProfile;
use llm::{ProviderConfig, WellKnown};
use model::SecretString;

/// A key, and what it is known by.
#[derive(Clone)]
pub(super) struct Key {
    /// A profile's name; else what no profile is called, because there is a space in it.
    pub(super) id: String,
    /// None where the provider wants none.
    pub(super) secret: Option<SecretString>,
    pub(super) is_token: bool,
}

impl Models {
    /// The keys with which a provider may be asked, the first one first; at least one. `turn` says with which of several it
    /// begins where nobody chose an order.
    ///
    /// # Errors
    /// Nobody knows the provider, it needs a key and has none, or the one that is meant cannot be had.
    pub(super) fn keys(&self, provider: &str, id: &str, turn: u64) -> Result<Vec<Key>, String> {
        let entry = self.config.models.providers.get(provider);
        let known = llm::well_known(provider);
        if entry.is_none() && known.is_none() {
            return Err(unknown_provider(provider, id));
        }
        let of_profiles = self.profile_keys(provider, turn)?;
        if !of_profiles.is_empty() {
            return Ok(of_profiles);
        }
        if let Some(variable) = self.known_variable(provider) {
            let secret = self.env.get_filled(variable).map(|key| SecretString::from(key.to_owned()));
            return Ok(vec![Key { id: format!("{provider} (environment)"), secret, is_token: false }]);
        }
        let secret = match entry.and_then(|entry| entry.api_key.as_ref()) {
            Some(input) => self.secrets.get(input.place())?,
            None => None,
        };
        let needs_one = entry.is_none() && known.is_some_and(|known| known.key_variable.is_some());
        if let (None, true, Some(known)) = (&secret, needs_one, known) {
            return Err(self.no_key(provider, &known));
        }
        Ok(vec![Key { id: format!("{provider} (configuration)"), secret, is_token: false }])
    }

    pub(super) fn profile_keys(&self, provider: &str, turn: u64) -> Result<Vec<Key>, String> {
        let profiles = profiles(self.secrets.get(secrets::PROFILES))?;
        let order = self.config.auth.order_of(provider);
        let usable = profiles.usable(provider, order.as_deref(), self.setup.clock.now_ms(), turn);
        let key = |(profile, secret): (AuthProfile, SecretString)| Key {
            is_token: profile.kind == config::ProfileKind::Token,
            id: profile.id,
            secret: Some(secret),
        };
        Ok(usable.into_iter().map(key).collect())
    }

    fn no_key(&self, name: &str, known: &WellKnown) -> String {
        let variable = known.key_variable.unwrap_or_default();
        format!(
            "no key for {name}: keep one with openclaw{} models auth paste-api-key --provider {name}, set \
             models.providers.{name}.apiKey, or put {variable} into the gateway's environment and start it again",
            self.paths.profile_flags()
        )
    }

    /// The provider by its entry in the configuration, else by what everybody knows of it, with this key.
    ///
    /// # Errors
    /// Nobody knows it, or a header cannot be had.
    pub(super) fn provider(&self, name: &str, id: &str, key: &Key) -> Result<ProviderConfig, String> {
        let known = llm::well_known(name);
        let mut out = ProviderConfig {
            name: name.into(),
            base_url: String::new(),
            api_key: key.secret.clone(),
            is_token: key.is_token,
            api: llm::Api::OpenAiCompletions,
            headers: Vec::new(),
        };
        if let Some(entry) = self.config.models.providers.get(name) {
            for (header, value) in &entry.headers {
                if let Some(value) = self.secrets.get(value.place())? {
                    let value = model::ExposeSecret::expose_secret(&value).to_owned();
                    out.headers.push((header.clone(), value));
                }
            }
            (out.base_url, out.api) = (entry.base_url.clone(), api_of(entry.api));
            return Ok(out);
        }
        let known = known.ok_or_else(|| unknown_provider(name, id))?;
        let elsewhere = known.base_url_variable.and_then(|variable| self.env.get_filled(variable));
        (out.base_url, out.api) = (elsewhere.unwrap_or(known.base_url).to_owned(), known.api);
        Ok(out)
    }
}
