//! Which provider has a key, and where from. The keys themselves stay where they are: nothing here is one.

use super::{Models, profiles};
use crate::secrets;
use config::{AuthProfile, AuthProfiles, SecretInput, SecretOrigin};
use std::collections::BTreeSet;

/// Where a provider's key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// `openclaw.json`: written out there, or a file or program that it names, which is not asked.
    Config,
    /// This environment variable.
    Variable(String),
    /// These entries of the agent's `auth-profiles.json`, the first one first.
    Profiles(Vec<AuthProfile>),
    /// It needs one and has none.
    Missing,
}

/// A provider that needs a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderAuth {
    /// Its name in the configuration.
    pub(crate) provider: String,
    /// Where its key comes from.
    pub(crate) key: KeySource,
}

impl Models {
    /// The providers that are configured, that an agent's model is of, or that have a key; without those that need none.
    /// Reads a file.
    ///
    /// # Errors
    /// The file with the keys cannot be read.
    pub(crate) fn auth(&self) -> Result<Vec<ProviderAuth>, String> {
        let own = self.name_for(self.config.agents.default_id());
        if own.is_some_and(|name| self.fixed(&name).is_some()) {
            return Ok(Vec::new());
        }
        // As it is now: who needs a key that was not there looks into the file again.
        let profiles = profiles(secrets::profiles(&self.config, &self.paths))?;
        let mut names: BTreeSet<&str> = self.config.models.providers.keys().map(String::as_str).collect();
        let agents = std::iter::once(self.config.agents.default_id());
        let agents = agents.chain(self.config.agents.list.iter().map(|agent| agent.id.as_str()));
        let models = agents.flat_map(|agent| {
            let primary = self.config.agents.model(agent).primary.as_deref();
            primary.into_iter().chain(self.config.agents.fallbacks(agent).iter().map(String::as_str))
        });
        names.extend(models.filter_map(|model| Some(self.whole(model).split_once('/')?.0)));
        let has_key = |name: &&&str| {
            self.known_variable(name).is_some() || !self.profiles_of(name, &profiles).is_empty()
        };
        names.extend(llm::WELL_KNOWN.iter().filter(has_key));
        let providers = names.into_iter().filter_map(|name| {
            let key = self.key_source(name, &profiles)?;
            Some(ProviderAuth { provider: name.to_owned(), key })
        });
        Ok(providers.collect())
    }

    /// The same order in which a key is looked for when it is needed. `None`: none is needed.
    fn key_source(&self, provider: &str, profiles: &AuthProfiles) -> Option<KeySource> {
        let of_profiles = self.profiles_of(provider, profiles);
        if !of_profiles.is_empty() {
            return Some(KeySource::Profiles(of_profiles));
        }
        if let Some(variable) = self.known_variable(provider) {
            return Some(KeySource::Variable(variable.to_owned()));
        }
        let entry = self.config.models.providers.get(provider);
        if let Some(input) = entry.and_then(|entry| entry.api_key.as_ref()) {
            return Some(self.configured(input));
        }
        let needs_one = llm::well_known(provider).is_some_and(|known| known.key_variable.is_some());
        needs_one.then_some(KeySource::Missing)
    }

    /// The profiles that give a provider's keys.
    fn profiles_of(&self, provider: &str, profiles: &AuthProfiles) -> Vec<AuthProfile> {
        let order = self.config.auth.order_of(provider);
        let usable = profiles.usable(provider, order.as_deref(), self.setup.clock.now_ms(), 0);
        usable.into_iter().map(|(profile, _)| profile).collect()
    }

    fn configured(&self, input: &SecretInput) -> KeySource {
        match input.origin(&self.env) {
            SecretOrigin::Variable(name) => KeySource::Variable(name.to_owned()),
            SecretOrigin::Missing => KeySource::Missing,
            // A file or a program may have been asked in vain.
            SecretOrigin::Config => match self.secrets.get(input.place()) {
                Ok(Some(_)) => KeySource::Config,
                Ok(None) | Err(_) => KeySource::Missing,
            },
        }
    }

    /// The variable that everybody knows to hold this provider's key, where it is set.
    pub(super) fn known_variable(&self, provider: &str) -> Option<&'static str> {
        let variable = llm::well_known(provider)?.key_variable?;
        self.env.get_filled(variable).map(|_| variable)
    }
}
