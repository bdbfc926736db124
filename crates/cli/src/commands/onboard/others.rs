//! Flags of OpenClaw's `onboard` that have nothing to do here: those of steps that there are not are taken, those that would
//! have to do something are refused by name.

use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, parser::ValueSource};

/// Flags for leaving out what is not asked here anyway: name, whether a value follows.
const TAKEN: &[(&str, bool)] = &[
    ("classic", false),
    ("daemon-runtime", true),
    ("skip-hooks", false),
    ("skip-search", false),
    ("skip-skills", false),
    ("skip-ui", false),
    ("suppress-gateway-token-output", false),
    ("wizard", false),
];

const NO_RESET: &str = "nothing is deleted here; move the state directory away, then run this again";
const NO_IMPORT: &str = "nothing is imported here; an openclaw.json of OpenClaw is read as it is";
const BY_KEY: &str = "models are reached by API keys here; use --auth-choice";
const NO_NAME: &str = "this provider is not known by name; if it speaks OpenAI's or Anthropic's API, use --auth-choice custom-api-key with --custom-base-url and --custom-model-id";
const NO_MORE: &str =
    "it ends when all is written; go on with: openclaw gateway run, then openclaw agent --message TEXT";

/// Flags that would have to do something: name, whether a value follows, why not and what instead.
const REFUSED: &[(&str, bool, &str)] = &[
    ("agent-name", true, "the first agent is called main; make another with: openclaw agents add NAME"),
    ("arceeai-api-key", true, NO_NAME),
    ("baseline", false, "the gateway makes what is missing when it starts; nothing has to be there before"),
    ("cloudflare-ai-gateway-account-id", true, NO_NAME),
    ("cloudflare-ai-gateway-gateway-id", true, NO_NAME),
    ("gemini-api-key", true, NO_NAME),
    ("import-from", true, NO_IMPORT),
    ("import-secrets", false, NO_IMPORT),
    ("import-source", true, NO_IMPORT),
    ("llama-server-api-key", true, NO_NAME),
    ("message", true, "no assistant sets this up; to change something: openclaw configure"),
    ("mistral-api-key", true, NO_NAME),
    ("modern", false, NO_MORE),
    ("node-manager", true, "no packages of Node are installed here"),
    ("reset", false, NO_RESET),
    ("reset-scope", true, NO_RESET),
    ("skip-bootstrap", false, "the gateway makes the files of the agent's workspace that are missing"),
    ("team", false, "one agent is set up; make others with: openclaw agents add NAME"),
    ("token", true, BY_KEY),
    ("token-expires-in", true, BY_KEY),
    ("token-profile-id", true, BY_KEY),
    ("token-provider", true, BY_KEY),
    ("tui", false, NO_MORE),
    ("zai-api-key", true, NO_NAME),
];

/// What was given of these flags.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The first that is refused, and why.
    pub(super) refused: Option<String>,
}

impl clap::Args for Others {
    fn augment_args(command: Command) -> Command {
        let refused = REFUSED.iter().map(|(name, value, _)| (*name, *value));
        command.args(TAKEN.iter().copied().chain(refused).map(|(name, value)| {
            let action = if value { ArgAction::Append } else { ArgAction::SetTrue };
            Arg::new(name).long(name).hide(true).action(action)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Others {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let refused = REFUSED.iter().find(|(name, ..)| given(name));
        Ok(Self { refused: refused.map(|(name, _, why)| format!("--{name} is not supported: {why}")) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
