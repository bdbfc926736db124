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
    /// This entry of the agent's `auth-profiles.json`.
    Profile(AuthProfile),
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
        let models: Vec<_> =
            agents.filter_map(|agent| self.config.agents.model(agent).primary.as_deref()).collect();
        names.extend(models.into_iter().filter_map(|model| Some(self.whole(model).split_once('/')?.0)));
        let has_key =
            |name: &&&str| self.known_variable(name).is_some() || self.profile(name, &profiles).is_some();
        names.extend(llm::WELL_KNOWN.iter().filter(has_key));
        let providers = names.into_iter().filter_map(|name| {
            let key = self.key_source(name, &profiles)?;
            Some(ProviderAuth { provider: name.to_owned(), key })
        });
        Ok(providers.collect())
    }

    /// The same order in which a key is looked for when it is needed. `None`: none is needed.
    fn key_source(&self, provider: &str, profiles: &AuthProfiles) -> Option<KeySource> {
        let entry = self.config.models.providers.get(provider);
        if let Some(input) = entry.and_then(|entry| entry.api_key.as_ref()) {
            return Some(self.configured(input));
        }
        if let Some(variable) = self.known_variable(provider) {
            return Some(KeySource::Variable(variable.to_owned()));
        }
        if let Some(profile) = self.profile(provider, profiles) {
            return Some(KeySource::Profile(profile));
        }
        let needs_one = llm::well_known(provider).is_some_and(|known| known.key_variable.is_some());
        needs_one.then_some(KeySource::Missing)
    }

    /// The profile that gives a provider's key.
    fn profile(&self, provider: &str, profiles: &AuthProfiles) -> Option<AuthProfile> {
        let now_ms = self.setup.clock.now_ms();
        profiles.secret(provider, self.takes_tokens(provider), now_ms).map(|(profile, _)| profile)
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
    fn known_variable(&self, provider: &str) -> Option<&'static str> {
        let variable = llm::well_known(provider)?.key_variable?;
        self.env.get_filled(variable).map(|_| variable)
    }
}
