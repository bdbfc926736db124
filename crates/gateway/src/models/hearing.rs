//! Who makes transcripts of what is said by voice: the entries of `tools.media.models` that are for sound, in their order; where
//! there are none, the providers that are known to listen and have a key, and then programs of this host.

use super::Models;
use crate::models::keys::Key;
use config::{MediaBounds, MediaBy, MediaKind, MediaModel};
use llm::{HEARING, Hearing, Listener};
use model::SecretString;
use std::path::{Path, PathBuf};

/// Where packages of whisper.cpp put its models.
const WHISPER_MODELS: [&str; 3] =
    ["/opt/homebrew/share/whisper-cpp", "/usr/local/share/whisper-cpp", "/usr/share/whisper-cpp"];

/// Somebody who can be asked for a transcript.
pub(crate) struct Hearer {
    /// For people: `groq/whisper-large-v3-turbo`, or the program.
    pub(crate) name: String,
    pub(crate) by: HeardBy,
    pub(crate) bounds: MediaBounds,
}

/// What is asked.
pub(crate) enum HeardBy {
    Provider(Box<Listener>),
    Program {
        command: PathBuf,
        args: Vec<String>,
    },
    /// It is configured and cannot be asked.
    Nobody(String),
}

impl Models {
    /// Who is asked for a transcript, the first one first; nobody where transcripts are switched off, or there is nobody. Looks for
    /// files, so that it is for a thread that may wait.
    pub(crate) fn hearers(&self, agent_id: &str) -> Vec<Hearer> {
        let media = &self.config.tools.media;
        if !media.audio.enabled {
            return vec![];
        }
        let mut configured: Vec<Hearer> = Vec::new();
        for entry in media.models.iter().filter(|entry| is_for_sound(entry)) {
            let hearer = self.configured_hearer(entry);
            let is_first = media.audio.preferred.as_deref().is_some_and(|name| is_meant(name, entry));
            configured.insert(if is_first { 0 } else { configured.len() }, hearer);
        }
        if !configured.is_empty() {
            return configured;
        }
        // A key goes before a program of this host, as it does at OpenClaw; where one has no such service, the next is asked.
        let mut known = self.known_hearers(agent_id);
        known.extend(self.programs());
        known
    }

    /// `tools.media.audio`.
    pub(crate) fn audio(&self) -> &config::AudioConfig {
        &self.config.tools.media.audio
    }

    fn configured_hearer(&self, entry: &MediaModel) -> Hearer {
        let bounds = entry.bounds.over(&self.config.tools.media.audio.bounds);
        match &entry.by {
            MediaBy::Cli { command, args } => {
                let path = self.env.get("PATH").unwrap_or_default();
                let by = match exec::which(&self.expanded(command), path) {
                    Some(command) => HeardBy::Program { command, args: args.clone() },
                    None => HeardBy::Nobody(format!("there is no program {command:?}")),
                };
                Hearer { name: command.clone(), by, bounds }
            }
            MediaBy::Provider { provider, model, base_url, profile } => {
                let known = HEARING.iter().find(|known| known.name == provider);
                let model = model.as_deref().or(known.map(|known| known.model)).unwrap_or("whisper-1");
                let name = format!("{provider}/{model}");
                let key = self.hearing_key(provider, profile.as_deref());
                let address = (base_url.as_deref(), self.config.tools.media.audio.base_url.as_deref());
                let by = match key.and_then(|key| self.listener((provider, model), address, &key)) {
                    Ok(listener) => HeardBy::Provider(Box::new(listener)),
                    Err(why) => HeardBy::Nobody(why),
                };
                Hearer { name, by, bounds }
            }
        }
    }

    /// The providers that are known to listen and have a key: that of the agent's own model, if it is one, goes before the others.
    fn known_hearers(&self, agent_id: &str) -> Vec<Hearer> {
        let own = self.name_for(agent_id);
        let own =
            own.as_deref().and_then(|name| self.whole(name).split_once('/')).map(|(provider, _)| provider);
        let first = HEARING.iter().filter(|known| Some(known.name) == own);
        let known = first.chain(HEARING.iter().filter(|known| Some(known.name) != own));
        known.filter_map(|known| self.known(known)).collect()
    }

    fn known(&self, known: &Hearing) -> Option<Hearer> {
        let key = self.hearing_key(known.name, None).ok().filter(|key| key.secret.is_some())?;
        // `audio.baseUrl` is for entries: no key goes there that nobody sent there.
        let listener = self.listener((known.name, known.model), (None, None), &key).ok()?;
        let name = format!("{}/{}", known.name, known.model);
        let bounds = self.config.tools.media.audio.bounds.clone();
        Some(Hearer { name, by: HeardBy::Provider(Box::new(listener)), bounds })
    }

    /// A provider's key: the profile that is named and no other; else its profiles' first, else that of its variable, else what its entry
    /// says. An entry with an address of its own has a key of its own, if it has one: the variable's is not for that address.
    fn hearing_key(&self, provider: &str, profile: Option<&str>) -> Result<Key, String> {
        let of_profiles = self.profile_keys(provider, 0)?;
        let chosen = match profile {
            Some(id) => of_profiles.into_iter().find(|key| key.id == id),
            None => of_profiles.into_iter().next(),
        };
        match (chosen, profile) {
            (Some(key), _) => return Ok(key),
            (None, Some(id)) => {
                return Err(format!("the profile {id} cannot be used; see openclaw models auth list"));
            }
            (None, None) => {}
        }
        let known = HEARING.iter().find(|known| known.name == provider);
        let entry = self.config.models.providers.get(provider);
        let is_elsewhere =
            |entry: &config::ProviderConfig| known.is_some_and(|known| known.base_url != entry.base_url);
        let is_own = entry.is_some_and(|entry| entry.api_key.is_some() && is_elsewhere(entry));
        let variable = known.map(|known| known.key_variable).or(self.known_variable(provider));
        if let Some(key) = variable.filter(|_| !is_own).and_then(|variable| self.env.get_filled(variable)) {
            let secret = Some(SecretString::from(key.to_owned()));
            return Ok(Key { id: format!("{provider} (environment)"), secret, is_token: false });
        }
        let secret = match entry.and_then(|entry| entry.api_key.as_ref()) {
            Some(input) => self.secrets.get(input.place())?,
            None => None,
        };
        Ok(Key { id: format!("{provider} (configuration)"), secret, is_token: false })
    }

    /// Who listens at a provider's address: the one that the entry of `tools.media.models` names, else that of `models.providers`, else
    /// `tools.media.audio.baseUrl`, else the provider's own.
    fn listener(
        &self,
        (provider, model): (&str, &str),
        (own, audio): (Option<&str>, Option<&str>),
        key: &Key,
    ) -> Result<Listener, String> {
        let known = HEARING.iter().find(|known| known.name == provider);
        let mut to = match self.provider(provider, model, key) {
            Ok(to) => to,
            // Where it is configured and cannot be used, nothing goes anywhere else.
            Err(why) if self.config.models.providers.contains_key(provider) => return Err(why),
            // Nobody has to configure a provider that everybody knows, or whose address the entry names.
            Err(why) => llm::ProviderConfig {
                name: provider.to_owned(),
                base_url: own.or(audio).or(known.map(|known| known.base_url)).ok_or(why)?.to_owned(),
                api_key: key.secret.clone(),
                is_token: key.is_token,
                api: llm::Api::OpenAiCompletions,
                headers: Vec::new(),
            },
        };
        if let Some(url) = own {
            url.clone_into(&mut to.base_url);
        }
        Listener::new(&to, model, self.setup.http.clone()).map_err(|e| e.to_string())
    }

    /// The programs of this host that make transcripts, as their packages install them.
    fn programs(&self) -> Vec<Hearer> {
        let path = self.env.get("PATH").unwrap_or_default();
        let bounds = || self.config.tools.media.audio.bounds.clone();
        let program = |name: &str, args: Vec<String>| {
            let command = exec::which(name, path)?;
            Some(Hearer { name: name.to_owned(), by: HeardBy::Program { command, args }, bounds: bounds() })
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let cpp = self.whisper_model().and_then(|model| {
            let mut args = words("-otxt -of {{OutputBase}} -nt {{AttachmentPath}}");
            args.splice(0..0, ["-m".to_owned(), model.to_string_lossy().into_owned()]);
            program("whisper-cli", args)
        });
        let python =
            "--model turbo --output_format txt --output_dir {{OutputDir}} --verbose False {{AttachmentPath}}";
        cpp.into_iter().chain(program("whisper", words(python))).collect()
    }

    /// A model of whisper.cpp: that of `WHISPER_CPP_MODEL`, else one that was installed, those that are called tiny last.
    fn whisper_model(&self) -> Option<PathBuf> {
        let named = self.env.get_filled("WHISPER_CPP_MODEL").map(PathBuf::from).filter(|file| file.is_file());
        named.or_else(|| WHISPER_MODELS.iter().find_map(|dir| best_model(Path::new(dir))))
    }

    fn expanded(&self, command: &str) -> String {
        let home = self.env.home();
        match (command.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest).to_string_lossy().into_owned(),
            _ => command.to_owned(),
        }
    }
}

fn best_model(dir: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut models: Vec<String> =
        names.filter(|name| name.starts_with("ggml-") && name.ends_with(".bin")).collect();
    models.sort_by_key(|name| (name.contains("tiny"), name.clone()));
    models.first().map(|name| dir.join(name))
}

/// Whether an entry is for sound: it says so, or nothing, and is of a provider that listens.
fn is_for_sound(entry: &MediaModel) -> bool {
    if !entry.capabilities.is_empty() {
        return entry.capabilities.contains(&MediaKind::Audio);
    }
    match &entry.by {
        MediaBy::Cli { .. } => false,
        // Most of OpenAI's models see, and few hear.
        MediaBy::Provider { provider, model: Some(model), .. } if provider == "openai" => {
            model.contains("transcribe") || model.contains("whisper")
        }
        MediaBy::Provider { provider, .. } => HEARING.iter().any(|known| known.name == provider),
    }
}

/// Whether `preferredModel` means an entry: `provider/model`, a model, `provider:NAME` or `cli:COMMAND`.
fn is_meant(name: &str, entry: &MediaModel) -> bool {
    match &entry.by {
        MediaBy::Cli { command, .. } => name.strip_prefix("cli:") == Some(command),
        MediaBy::Provider { provider, model, .. } => {
            let model = model.as_deref();
            name.strip_prefix("provider:") == Some(provider)
                || model == Some(name)
                || name.split_once('/').is_some_and(|(p, m)| p == provider && Some(m) == model)
        }
    }
}
