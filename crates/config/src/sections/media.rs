//! `tools.media`: what is made of files that come with messages, before the agent reads of them. Of sound that is a transcript.

use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// What an entry of `tools.media.models` is for.
    MediaKind {
        /// Pictures.
        Image => "image",
        /// Sound.
        Audio => "audio",
        /// Films.
        Video => "video",
    }
}

choice! {
    /// What runs an entry.
    EntryType {
        /// A provider's API.
        Provider => "provider",
        /// A program of this host.
        Cli => "cli",
    }
}

choice! {
    /// What a rule of `scope` says.
    ScopeAction {
        /// It is done.
        Allow => "allow",
        /// It is not.
        Deny => "deny",
    }
}

choice! {
    /// The kind of chat that a rule of `scope` is about.
    ScopeChat {
        /// One person's.
        Direct => "direct",
        /// A group.
        Group => "group",
        /// A channel, of which there is none here.
        Channel => "channel",
    }
}

/// Larger than any: JSON's largest whole number.
const CEILING: u64 = 9_007_199_254_740_991;

/// `tools.media`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaConfig {
    /// `models`, those that can do something: in this order they are tried.
    pub models: Vec<MediaModel>,
    /// `audio`.
    pub audio: AudioConfig,
}

/// `tools.media.models[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaModel {
    /// Who does it.
    pub by: MediaBy,
    /// `capabilities`; empty where nobody says.
    pub capabilities: Vec<MediaKind>,
    /// Its bounds and hints; what it leaves open is the section's.
    pub bounds: MediaBounds,
}

/// Who does what an entry is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaBy {
    /// A provider's API.
    Provider {
        /// `provider`.
        provider: String,
        /// `model`; `None`: what the provider is known for.
        model: Option<String>,
        /// `baseUrl`, instead of the provider's own.
        base_url: Option<String>,
        /// `profile`, else `preferredProfile`: the profile whose key is used.
        profile: Option<String>,
    },
    /// A program of this host.
    Cli {
        /// `command`.
        command: String,
        /// `args`, with `{{AttachmentPath}}` and the like in them.
        args: Vec<String>,
    },
}

/// What both a section and an entry of `models` may say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaBounds {
    /// `maxBytes`: a larger file is not given to it.
    pub max_bytes: Option<u64>,
    /// `maxChars`: what is longer is cut.
    pub max_chars: Option<u64>,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `language`, as a hint.
    pub language: Option<String>,
}

/// `tools.media.audio`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// `enabled`, true by default.
    pub enabled: bool,
    /// `preferredModel`: the entry that is tried first.
    pub preferred: Option<String>,
    /// Its bounds and hints.
    pub bounds: MediaBounds,
    /// `scope`: in which chats it is done.
    pub scope: MediaScope,
    /// `baseUrl` of providers, where their entries name none.
    pub base_url: Option<String>,
    /// `echoTranscript`: whether a transcript is said in its chat before the agent answers, false by default.
    pub echo: bool,
    /// `echoFormat`, with `{transcript}` in it.
    pub echo_format: String,
}

/// `scope`: the first rule that fits counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaScope {
    /// `rules`.
    pub rules: Vec<ScopeRule>,
    /// Whether it is done where none fits: `default`, allow where nobody says.
    pub otherwise: bool,
}

/// `scope.rules[]`; what it leaves open fits always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRule {
    /// `action`.
    pub allows: bool,
    /// `match.channel`.
    pub channel: Option<String>,
    /// `match.chatType`.
    pub chat: Option<ScopeChat>,
    /// `match.keyPrefix`: how the session's key begins behind `agent:NAME:`.
    pub key_prefix: Option<String>,
    /// `match.rawKeyPrefix`: how the whole key begins.
    pub raw_key_prefix: Option<String>,
}

impl Default for MediaScope {
    fn default() -> Self {
        Self { rules: Vec::new(), otherwise: true }
    }
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            preferred: None,
            bounds: MediaBounds::default(),
            scope: MediaScope::default(),
            base_url: None,
            echo: false,
            echo_format: "📝 \"{transcript}\"".to_owned(),
        }
    }
}

/// Who sees to it.
const OWN_CONNECTION: &str = "the provider's own headers (models.providers.NAME.headers) and proxy are used";

impl MediaConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported(
            "concurrency",
            "of an account's messages four are transcribed at the same time, of a chat's two",
        );
        s.unsupported("image", "pictures are shown to the model that answers, and described by no other");
        s.unsupported("video", "films are saved as files");
        let models = s.items("models", MediaModel::read);
        Self { models: models.into_iter().flatten().collect(), audio: s.section("audio", AudioConfig::read) }
    }
}

impl MediaModel {
    /// `None` where it can do nothing, which is warned about.
    fn read(s: &Section<'_>) -> Option<Self> {
        for key in ["headers", "request", "providerOptions"] {
            s.unsupported(key, OWN_CONNECTION);
        }
        let is_cli = s.choice("type") == Some(EntryType::Cli);
        let (provider, model) = (filled(s, "provider"), filled(s, "model"));
        let (command, args) = (filled(s, "command"), s.texts("args").unwrap_or_default());
        let profile = filled(s, "profile");
        let profile = profile.or(filled(s, "preferredProfile"));
        let base_url = base_url(s);
        let capabilities = s.choices("capabilities").unwrap_or_default();
        let bounds = MediaBounds::read(s);
        let by = match (is_cli, provider, command) {
            (false, Some(provider), _) => MediaBy::Provider { provider, model, base_url, profile },
            (true, _, Some(command)) if !args.is_empty() => MediaBy::Cli { command, args },
            _ if s.is_described() || !s.exists() => return None,
            (true, ..) => {
                s.warn(
                    "type",
                    "the entry is left out: it needs a command, and args with {{AttachmentPath}} among them",
                );
                return None;
            }
            (false, ..) => {
                s.warn(
                    "provider",
                    "is missing, so that the entry is left out; name one, or a command with type: \"cli\"",
                );
                return None;
            }
        };
        Some(Self { by, capabilities, bounds })
    }
}

impl MediaBounds {
    fn read(s: &Section<'_>) -> Self {
        Self {
            max_bytes: s.integer("maxBytes", 1..=CEILING),
            max_chars: s.integer("maxChars", 1..=CEILING),
            timeout_seconds: s.integer("timeoutSeconds", 1..=CEILING),
            prompt: filled(s, "prompt"),
            language: filled(s, "language"),
        }
    }

    /// These, with what they leave open taken from others.
    pub fn over(&self, other: &Self) -> Self {
        Self {
            max_bytes: self.max_bytes.or(other.max_bytes),
            max_chars: self.max_chars.or(other.max_chars),
            timeout_seconds: self.timeout_seconds.or(other.timeout_seconds),
            prompt: self.prompt.clone().or_else(|| other.prompt.clone()),
            language: self.language.clone().or_else(|| other.language.clone()),
        }
    }
}

impl AudioConfig {
    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        for key in ["headers", "request", "providerOptions"] {
            s.unsupported(key, OWN_CONNECTION);
        }
        s.unsupported("attachments", "every voice message and audio file is transcribed");
        Self {
            enabled: s.boolean("enabled").unwrap_or(true),
            preferred: filled(s, "preferredModel"),
            bounds: MediaBounds::read(s),
            scope: s.section("scope", MediaScope::read),
            base_url: base_url(s),
            echo: s.boolean("echoTranscript").unwrap_or(false),
            echo_format: filled(s, "echoFormat").unwrap_or(default.echo_format),
        }
    }
}

impl MediaScope {
    fn read(s: &Section<'_>) -> Self {
        let otherwise = s.choice("default") != Some(ScopeAction::Deny);
        Self { rules: s.items("rules", ScopeRule::read), otherwise }
    }

    /// Whether it is done in a session that hears a chat of `channel`.
    pub fn allows(&self, channel: &str, is_group: bool, session_key: &str) -> bool {
        let found = self.rules.iter().find(|rule| rule.fits(channel, is_group, session_key));
        found.map_or(self.otherwise, |rule| rule.allows)
    }
}

impl ScopeRule {
    fn read(s: &Section<'_>) -> Self {
        let allows = s.choice("action") != Some(ScopeAction::Deny);
        s.section("match", |of| Self {
            allows,
            channel: filled(of, "channel"),
            chat: of.choice("chatType"),
            key_prefix: filled(of, "keyPrefix"),
            raw_key_prefix: filled(of, "rawKeyPrefix"),
        })
    }

    fn fits(&self, channel: &str, is_group: bool, session_key: &str) -> bool {
        // Behind the agent's name.
        let bare = session_key.strip_prefix("agent:").and_then(|key| key.split_once(':'));
        let bare = bare.map_or(session_key, |(_, bare)| bare);
        let chat = if is_group { ScopeChat::Group } else { ScopeChat::Direct };
        self.channel.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(channel))
            && self.chat.is_none_or(|own| own == chat)
            && self.key_prefix.as_ref().is_none_or(|prefix| bare.starts_with(prefix.as_str()))
            && self.raw_key_prefix.as_ref().is_none_or(|prefix| session_key.starts_with(prefix.as_str()))
    }
}

fn filled(s: &Section<'_>, key: &'static str) -> Option<String> {
    s.text(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn base_url(s: &Section<'_>) -> Option<String> {
    let url = filled(s, "baseUrl")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        s.error("baseUrl", "use a URL that begins with http:// or https://");
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_a_chat_counts() {
        let rule = |allows, chat, key_prefix: Option<&str>| ScopeRule {
            allows,
            channel: None,
            chat,
            key_prefix: key_prefix.map(str::to_owned),
            raw_key_prefix: None,
        };
        let scope = MediaScope {
            rules: vec![
                rule(true, None, Some("telegram:group:-1")),
                rule(false, Some(ScopeChat::Group), None),
            ],
            otherwise: true,
        };
        for (is_group, key, expected) in [
            (true, "agent:main:telegram:group:-1", true),
            (true, "agent:main:telegram:group:-2", false),
            (false, "agent:main:main", true),
        ] {
            assert_eq!(scope.allows("telegram", is_group, key), expected, "{key}");
        }
    }
}
