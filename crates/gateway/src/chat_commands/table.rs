//! The commands that there are, and those that OpenClaw has and this gateway has not: these are refused by name, and not taken for words
//! to the agent, who would pretend to have done what they say.

/// A command.
#[derive(Debug)]
pub(crate) struct ChatCommand {
    pub(crate) name: &'static str,
    /// Other names for it.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) description: &'static str,
    /// As `commands.list` sorts them.
    pub(crate) category: &'static str,
    pub(crate) args: &'static [ChatArg],
    pub(super) act: Act,
}

/// A word behind a command.
#[derive(Debug)]
pub(crate) struct ChatArg {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) required: bool,
    pub(crate) choices: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Activation,
    Approve,
    Compact,
    Config,
    Context,
    Help,
    Mcp,
    Model,
    Models,
    Name,
    Reset,
    Send,
    Skills,
    Status,
    Stop,
    Tools,
    Usage,
    Whoami,
    /// OpenClaw's alone.
    Missing,
}

const fn plain(
    name: &'static str,
    description: &'static str,
    category: &'static str,
    act: Act,
) -> ChatCommand {
    ChatCommand { name, aliases: &[], description, category, args: &[], act }
}

const fn with(command: ChatCommand, args: &'static [ChatArg]) -> ChatCommand {
    ChatCommand { args, ..command }
}

const fn also(command: ChatCommand, aliases: &'static [&'static str]) -> ChatCommand {
    ChatCommand { aliases, ..command }
}

const fn arg(name: &'static str, description: &'static str, choices: &'static [&'static str]) -> ChatArg {
    ChatArg { name, description, required: false, choices }
}

/// Every command there is.
pub(crate) const COMMANDS: &[ChatCommand] = &[
    plain("help", "Show the commands.", "status", Act::Help),
    plain("commands", "Show the commands.", "status", Act::Help),
    plain("status", "Show how this session stands.", "status", Act::Status),
    also(plain("whoami", "Show your id, as the gateway knows it.", "status", Act::Whoami), &["id"]),
    plain(
        "context",
        "Show what the agent reads of this conversation, and what takes how much room.",
        "status",
        Act::Context,
    ),
    plain("tools", "Show the tools that the agent has.", "status", Act::Tools),
    with(
        plain("skill", "Show the skills; with a name, have the agent use one.", "tools", Act::Skills),
        &[arg("name", "Which one", &[]), arg("input", "What for", &[])],
    ),
    with(
        plain("usage", "Say under each answer what it cost, or show what was used.", "options", Act::Usage),
        &[arg("mode", "off, tokens, full, reset or cost", &["off", "tokens", "full", "reset", "cost"])],
    ),
    with(
        plain(
            "model",
            "Show the model in use and those that are configured, or choose one for this conversation.",
            "options",
            Act::Model,
        ),
        &[arg("model", "provider/model, a short name, or default", &[])],
    ),
    with(
        plain("models", "Show the models that are configured.", "options", Act::Models),
        &[arg("provider", "Of this provider alone", &[])],
    ),
    plain("new", "Begin a new conversation; the old one is kept.", "session", Act::Reset),
    plain("reset", "Begin a new conversation; the old one is kept.", "session", Act::Reset),
    plain("compact", "Have the model sum up what was said, to make room.", "session", Act::Compact),
    with(
        plain("name", "Show or change the conversation's name.", "session", Act::Name),
        &[arg("title", "The name", &[])],
    ),
    plain("stop", "Stop the answer that is under way.", "session", Act::Stop),
    with(
        plain("approve", "Decide about a command that waits for approval.", "management", Act::Approve),
        &[
            ChatArg { name: "id", description: "The approval's id", required: true, choices: &[] },
            ChatArg {
                name: "decision",
                description: "What may happen",
                required: true,
                choices: &["allow-once", "allow-always", "deny"],
            },
        ],
    ),
    with(
        plain(
            "activation",
            "In a group: answer everything, or what mentions the bot.",
            "management",
            Act::Activation,
        ),
        &[arg("mode", "mention or always", &["mention", "always"])],
    ),
    with(
        plain("send", "Have answers go out to this chat, or not.", "management", Act::Send),
        &[arg("mode", "on, off or inherit", &["on", "off", "inherit"])],
    ),
    with(
        plain("config", "Show or change the configuration.", "management", Act::Config),
        &[
            arg("action", "show, get, set or unset", &["show", "get", "set", "unset"]),
            arg("path", "A key, or key=value", &[]),
        ],
    ),
    with(
        plain("mcp", "Show or change servers of tools.", "management", Act::Mcp),
        &[
            arg("action", "show, get, set or unset", &["show", "get", "set", "unset"]),
            arg("path", "A name, or name={…}", &[]),
        ],
    ),
];

const fn missing(name: &'static str, aliases: &'static [&'static str], instead: &'static str) -> ChatCommand {
    ChatCommand { name, aliases, description: instead, category: "", args: ANYTHING, act: Act::Missing }
}

/// What is refused is refused with whatever stands behind it.
const ANYTHING: &[ChatArg] = &[arg("input", "", &[])];

/// Those that OpenClaw has and this gateway has not, with what there is instead.
pub(super) const MISSING: &[ChatCommand] = &[
    missing("acp", &[], "There are no ACP sessions."),
    missing(
        "agents",
        &[],
        "No agents are bound to threads; bindings in the configuration say which agent hears a chat.",
    ),
    missing("allowlist", &[], "Who is heard is said in the configuration (/config), and by pairing codes."),
    missing("bash", &[], "Ask the agent to run the command."),
    missing("btw", &["side"], "Ask it as a message; /name tells conversations apart."),
    missing("dashboard", &[], "There is no dashboard."),
    missing("debug", &[], "/config changes the configuration itself."),
    missing("diagnostics", &[], "See openclaw doctor and openclaw logs on the gateway's host."),
    missing("dreaming", &[], "There is no dreaming."),
    missing("elevated", &["elev"], "tools.exec.mode in the configuration says which commands run."),
    missing("exec", &[], "tools.exec in the configuration says where commands run."),
    missing("export-session", &["export"], "There is no export."),
    missing("export-trajectory", &["trajectory"], "There are no trajectories."),
    missing("fast", &[], "There is no fast mode; /model chooses another model."),
    missing("goal", &[], "There are no goals."),
    missing("learn", &[], "There is no workshop for skills."),
    missing("login", &[], "See openclaw models auth on the gateway's host."),
    missing("loop", &[], "Ask the agent to make a job that comes again (cron)."),
    missing("openclaw", &[], "See openclaw doctor on the gateway's host."),
    missing("pair", &[], "See openclaw qr and openclaw devices on the command line."),
    missing("plugins", &["plugin"], "There are no plugins."),
    missing("queue", &[], "messages.queue in the configuration says what happens to messages meanwhile."),
    missing("reasoning", &["reason"], "What models think is not shown."),
    missing("restart", &[], "See openclaw gateway restart on the gateway's host."),
    missing("session", &[], "Sessions are bound to their chats and have no end of their own."),
    missing("steer", &["tell"], "Write it as a message: it goes into the running turn."),
    missing("subagents", &[], "There are no sub-agents."),
    missing("tasks", &[], "See openclaw tasks list on the command line."),
    missing("think", &["thinking", "t"], "Models are asked without levels of thinking."),
    missing("trace", &[], "There are no plugins to trace."),
    missing("tts", &[], "Nothing is read out by the gateway."),
    missing("update", &[], "See openclaw update on the gateway's host."),
    missing("verbose", &["v"], "channels.telegram.streaming says what is seen of the work."),
    missing("voice", &["talkvoice"], "Nothing is read out by the gateway."),
];

/// The command of this name.
pub(super) fn named(name: &str) -> Option<&'static ChatCommand> {
    let is_called = |c: &&ChatCommand| {
        c.name.eq_ignore_ascii_case(name) || c.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    COMMANDS.iter().find(is_called).or_else(|| MISSING.iter().find(is_called))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_commands_have_a_name_in_common() {
        let mut seen = HashSet::new();
        for command in COMMANDS.iter().chain(MISSING) {
            for name in std::iter::once(&command.name).chain(command.aliases) {
                assert!(seen.insert(*name), "{name}");
            }
        }
    }
}
