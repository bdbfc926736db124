//! An example for every command, which its help shows at its foot. A test holds that each is understood, and is of its command.

use clap::Command;

/// Command lines without the program's name: the words of the command, and what follows them.
const EXAMPLES: &[(&str, &str)] = &[
    ("onboard", "--auth-choice anthropic-api-key"),
    ("configure", "--section model --section channels"),
    ("gateway run", "--port 18790"),
    ("gateway status", "--require-rpc"),
    ("gateway install", "--port 18790"),
    ("gateway start", ""),
    ("gateway stop", ""),
    ("gateway restart", ""),
    ("gateway uninstall", ""),
    ("gateway probe", "--ssh me@vps.example"),
    ("gateway discover", "--timeout 4000"),
    ("gateway health", "--json"),
    ("gateway send", "--channel telegram --target 1001 --message hello"),
    ("gateway agent", "--message 'what is on my list today?'"),
    ("gateway call", "sessions.list --params '{\"limit\":5}'"),
    ("gateway usage-cost", "--days 7 --all-agents"),
    ("gateway tls fingerprint", ""),
    ("gateway tls rotate", "--switch"),
    ("health", "--verbose"),
    ("status", "--deep"),
    ("agent", "--message 'what is on my list today?'"),
    ("agents list", ""),
    ("agents add", "writer --model anthropic/claude-sonnet-4-5"),
    ("agents delete", "writer --keep-files"),
    ("agents set-identity", "--agent writer --name Ada --emoji ✏️"),
    ("agents bindings", "--agent writer"),
    ("agents bind", "--agent writer --bind telegram:alerts"),
    ("agents unbind", "--agent writer --all"),
    ("tasks list", "--status running"),
    ("tasks show", "TASK"),
    ("tasks cancel", "TASK"),
    ("audit", "--kind tool_action --status failed"),
    ("sessions list", "--active 60"),
    ("sessions archive", "agent:main:old --dry-run"),
    ("sessions delete", "agent:main:old --dry-run"),
    ("sessions cleanup", "--dry-run"),
    ("sessions tail", "--session-key agent:main:main --follow"),
    ("sessions compact", "agent:main:main"),
    ("message send", "--channel telegram --target 1001 --message hello"),
    ("message broadcast", "--channel telegram --targets 1001 7 --message 'back in an hour'"),
    ("message poll", "--target 1001 --poll-question 'Lunch?' --poll-option yes --poll-option no"),
    ("message react", "--channel telegram --target 1001 --message-id 42 --emoji 👍"),
    ("message edit", "--channel telegram --target 1001 --message-id 42 --message 'as it should be'"),
    ("message delete", "--channel telegram --target 1001 --message-id 42"),
    ("message pin", "--channel telegram --target 1001 --message-id 42"),
    ("message unpin", "--channel telegram --target 1001 --message-id 42"),
    ("message read", "--channel telegram --target 1001 --limit 20"),
    ("message sticker send", "--channel telegram --target 1001 --sticker-id CAACAgIAAxkBAAI"),
    ("channels status", "--probe"),
    ("channels logs", "--channel telegram --lines 50"),
    ("channels list", ""),
    ("channels dead-letters list", "--channel telegram"),
    ("channels dead-letters resubmit", "17"),
    ("channels dead-letters drop", "17"),
    ("channels add", "--channel telegram --token-file /etc/bot.token --allow-from 1001"),
    ("channels remove", "--channel telegram --account alerts"),
    ("mcp login", "linear"),
    ("mcp logout", "linear"),
    ("models list", ""),
    ("models status", ""),
    ("models set", "anthropic/claude-sonnet-4-5"),
    ("models fallbacks list", ""),
    ("models fallbacks add", "openai/gpt-4.1-mini"),
    ("models fallbacks remove", "openai/gpt-4.1-mini"),
    ("models fallbacks clear", ""),
    ("models aliases list", ""),
    ("models aliases add", "fast openai/gpt-4.1-mini"),
    ("models aliases remove", "fast"),
    ("models auth list", ""),
    ("models auth add", ""),
    ("models auth paste-api-key", "--provider anthropic"),
    ("models auth paste-token", "--provider openai --expires-in 90d"),
    ("models auth setup-token", ""),
    ("models auth login", "--provider openrouter"),
    ("models auth logout", "anthropic:manual"),
    ("models auth order get", "--provider anthropic"),
    ("models auth order set", "--provider anthropic anthropic:work anthropic:manual"),
    ("models auth order clear", "--provider anthropic"),
    ("mcp list", ""),
    ("mcp show", "docs"),
    ("mcp status", "--verbose"),
    ("mcp doctor", "--probe"),
    ("mcp probe", "docs"),
    ("mcp add", "docs --command npx --arg -y --arg @modelcontextprotocol/server-filesystem --arg /srv/docs"),
    ("mcp set", "docs '{\"url\":\"https://mcp.example/mcp\",\"transport\":\"streamable-http\"}'"),
    ("mcp configure", "docs --timeout 20 --include 'search,read_*'"),
    ("mcp tools", "docs --exclude 'delete_*'"),
    ("mcp unset", "docs"),
    ("usage", "--days 7"),
    ("cron status", ""),
    ("cron list", ""),
    ("cron get", "JOB"),
    ("cron add", "--name morning --cron '0 8 * * *' --tz Europe/Berlin --message 'what is new?'"),
    ("cron run", "JOB --wait"),
    ("cron edit", "JOB --cron '0 9 * * *' --message 'what is new today?'"),
    ("cron runs", "JOB --status error"),
    ("cron enable", "JOB"),
    ("cron disable", "JOB"),
    ("cron rm", "JOB"),
    ("plugins list", ""),
    ("update status", ""),
    ("system presence", ""),
    ("system event", "--text 'the backup is done' --mode now"),
    ("system heartbeat last", ""),
    ("system heartbeat enable", ""),
    ("system heartbeat disable", ""),
    ("nodes list", ""),
    ("nodes status", ""),
    ("nodes describe", "--node laptop"),
    ("nodes pending", ""),
    ("nodes approve", "REQUEST"),
    ("nodes reject", "REQUEST"),
    ("nodes remove", "--node laptop"),
    ("nodes rename", "--node laptop --name desk"),
    ("nodes camera list", "--node phone"),
    ("nodes camera snap", "--node phone --facing front"),
    ("nodes camera clip", "--node phone --duration 10s"),
    ("nodes screen record", "--node mac --duration 10s --out screen.mp4"),
    ("nodes location get", "--node phone --accuracy precise"),
    ("nodes notify", "--node phone --title 'The build is done'"),
    ("nodes invoke", "--node laptop --command system.which --params '{\"bins\":[\"git\"]}'"),
    ("browser status", ""),
    ("browser doctor", "--deep"),
    ("browser start", "--headless"),
    ("browser stop", ""),
    ("browser profiles", ""),
    ("browser tabs", ""),
    ("browser tab new", "--label docs"),
    ("browser tab label", "t1 docs"),
    ("browser tab select", "2"),
    ("browser tab close", "2"),
    ("browser open", "https://example.com/ --label docs"),
    ("browser focus", "docs"),
    ("browser close", "docs"),
    ("browser navigate", "https://example.com/"),
    ("browser snapshot", "--interactive"),
    ("browser screenshot", "--full-page"),
    ("browser pdf", ""),
    ("browser click", "e12 --double"),
    ("browser click-coords", "120 340"),
    ("browser type", "e3 'Ada Lovelace' --submit"),
    ("browser press", "Control+A"),
    ("browser hover", "e4"),
    ("browser scrollintoview", "e12"),
    ("browser drag", "e5 e6"),
    ("browser select", "e9 Red Green"),
    ("browser fill", "--fields '[{\"ref\":\"e1\",\"value\":\"Ada\"}]'"),
    ("browser wait", "--text Done"),
    ("browser evaluate", "--fn 'document.title'"),
    (
        "browser batch",
        "--actions '[{\"kind\":\"click\",\"ref\":\"e1\"},{\"kind\":\"press\",\"key\":\"Enter\"}]'",
    ),
    ("browser resize", "1280 720"),
    ("browser dialog", "--accept"),
    ("browser upload", "report.pdf --ref e7"),
    ("browser download", "e8 report.pdf"),
    ("browser waitfordownload", ""),
    ("browser console", "--level error"),
    ("browser errors", "--clear"),
    ("browser requests", "--filter api"),
    ("browser responsebody", "'**/api'"),
    ("browser trace start", "--no-screenshots"),
    ("browser trace stop", "--out shop.json.gz"),
    ("browser highlight", "e12"),
    ("browser cookies set", "session abc123 --for https://example.com/"),
    ("browser cookies clear", ""),
    ("browser storage local get", ""),
    ("browser storage local set", "theme dark"),
    ("browser storage local clear", ""),
    ("browser storage session get", ""),
    ("browser storage session set", "theme dark"),
    ("browser storage session clear", ""),
    ("browser set viewport", "1280 720"),
    ("browser set offline", "on"),
    ("browser set headers", "'{\"x-test\":\"1\"}'"),
    ("browser set credentials", "--clear"),
    ("browser set geo", "51.5074 -0.1278"),
    ("browser set media", "dark"),
    ("browser set timezone", "Europe/London"),
    ("browser set locale", "en-GB"),
    ("browser set device", "'iPhone 14'"),
    ("approvals get", "--gateway"),
    ("approvals set", "--file approvals.json"),
    ("approvals allowlist add", "/usr/bin/git"),
    ("approvals allowlist remove", "/usr/bin/git"),
    ("approvals pending", ""),
    ("approvals resolve", "REQUEST allow-once"),
    ("devices list", ""),
    ("devices approve", "REQUEST"),
    ("devices reject", "REQUEST"),
    ("devices remove", "DEVICE"),
    ("devices rename", "--device DEVICE --name phone"),
    ("devices rotate", "--device DEVICE --role operator"),
    ("devices revoke", "--device DEVICE --role node"),
    ("devices join-code", ""),
    ("connect", "https://gateway.example/join/CODE"),
    ("qr", "--node"),
    ("pairing list", "telegram"),
    ("pairing approve", "telegram CODE"),
    ("node run", "--host gateway.example --port 18789 --tls"),
    ("node install", "--host gateway.example --tls"),
    ("node start", ""),
    ("node stop", ""),
    ("node restart", ""),
    ("node status", ""),
    ("node uninstall", ""),
    ("node identity", ""),
    ("remote up", ""),
    ("remote down", ""),
    ("remote install", ""),
    ("remote uninstall", ""),
    ("remote status", ""),
    ("remote logs", "--follow"),
    ("remote trust", "wss://gateway.example:18789"),
    ("config get", "gateway.auth.mode"),
    ("config set", "gateway.port 18790"),
    ("config unset", "gateway.port"),
    ("config patch", "--file patch.json5 --dry-run"),
    ("config validate", ""),
    ("config schema", "gateway.auth"),
    ("config file", "--json"),
    ("logs", "--follow"),
    ("doctor", "--fix"),
    ("security audit", "--deep"),
    ("dns setup", "--domain example.com"),
    ("demo", "--check"),
    ("completion", "--shell bash --install"),
    ("man", "--dir /usr/local/share/man/man1"),
    ("exit-codes", "--json"),
];

/// The command line with an example at the foot of each command's help.
pub(super) fn with_examples(command: Command) -> Command {
    command.mut_subcommands(|sub| below(sub, ""))
}

fn below(command: Command, above: &str) -> Command {
    let path = format!("{above} {}", command.get_name());
    let path = path.trim_start();
    let command = match example(path) {
        Some(line) => {
            let after = command.get_after_help().map(|text| format!("\n\n{text}")).unwrap_or_default();
            command.after_help(format!("Example:\n  {line}{after}"))
        }
        None => command,
    };
    command.mut_subcommands(|sub| if sub.get_name() == "help" { sub } else { below(sub, path) })
}

fn example(path: &str) -> Option<String> {
    let (_, rest) = EXAMPLES.iter().find(|(command, _)| *command == path)?;
    Some(format!("openclaw {path} {rest}").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    /// Every command that does something by itself, with its words; not the hidden ones.
    fn leaves(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        let mut below =
            command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help").peekable();
        if below.peek().is_none() {
            found.push((path.to_vec(), command.clone()));
        }
        for sub in below {
            leaves(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
        }
    }

    fn all() -> Vec<(Vec<String>, Command)> {
        let mut found = Vec::new();
        leaves(&command(), &[], &mut found);
        found
    }

    /// Words as a shell splits them.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.chars() {
            match c {
                '\'' | '"' if quote == Some(c) => quote = None,
                '\'' | '"' if quote.is_none() => quote = Some(c),
                ' ' if quote.is_none() => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    #[test]
    fn every_command_says_what_it_does_and_has_an_example_that_is_understood() {
        let all = all();
        let mut wrong = Vec::new();
        for (path, command) in &all {
            let name = path.join(" ");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            if about.is_empty() || about.contains('\n') {
                wrong.push(format!("{name}: does not say in a line what it does: {about:?}"));
            }
            let Some(line) = example(&name) else {
                wrong.push(format!("{name}: no example"));
                continue;
            };
            match super::super::command().try_get_matches_from(words(&line)) {
                Err(error) => wrong.push(format!("{line}: {error}")),
                Ok(matches) => {
                    let (mut taken, mut at) = (Vec::new(), &matches);
                    while let Some((word, below)) = at.subcommand() {
                        taken.push(word.to_owned());
                        at = below;
                    }
                    if taken != *path {
                        wrong.push(format!("{line} is {taken:?}"));
                    }
                }
            }
        }
        wrong.extend(
            EXAMPLES
                .iter()
                .filter(|(path, _)| !all.iter().any(|(p, _)| p.join(" ") == *path))
                .map(|(path, _)| format!("{path}: no command")),
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The command lines of this program in the shell blocks of a page: without comments, variables before them, and what
    /// their output goes into.
    fn command_lines(page: &str) -> Vec<String> {
        let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let whole: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
        let lines = whole.iter().flat_map(|block| block.lines());
        let plain = lines.map(|line| line.split(" #").next().unwrap_or_default());
        let parts = plain.flat_map(|line| line.split("&&")).flat_map(|part| part.split(['|', '<', '>', ';']));
        parts
            .filter_map(|part| {
                let words: Vec<&str> = part.split_whitespace().collect();
                let at = words.iter().position(|word| *word == "openclaw")?;
                let before = words[..at].iter();
                let plain = before.clone().all(|word| word.contains('=') || ["sudo", "exec"].contains(word));
                // What is left out there cannot be understood here.
                (plain && !words[at..].iter().any(|word| word.contains('…'))).then(|| words[at..].join(" "))
            })
            .collect()
    }

    #[test]
    fn every_command_line_in_the_pages_for_people_is_understood() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let pages = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
        let mut count = 0;
        let mut wrong = Vec::new();
        for file in pages.chain([root.join("README.md"), root.join("SECURITY.md")]) {
            for line in command_lines(&std::fs::read_to_string(&file).unwrap()) {
                count += 1;
                if let Err(error) = super::super::command().try_get_matches_from(words(&line)) {
                    let help = matches!(error.kind(), clap::error::ErrorKind::DisplayHelp);
                    if !help {
                        wrong.push(format!("{}: {line}: {error}", file.display()));
                    }
                }
            }
        }
        assert!(count > 50, "the pages have command lines: {count}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// What every command has alike stands once, at the top of the page.
    fn reference() -> String {
        let mut page = "# Command reference\nWhat `--help` says of every command; a test keeps this page equal to the program. [The command line](cli.md) says what belongs together. \
            Every command has the global options, which stand in `openclaw --help`; those that talk to a gateway have `--url`, `--token`, `--password`, `--port`, `--tls-fingerprint` and \
            most of them `--timeout`.\n"
            .to_owned();
        let mut whole = command().term_width(100).color(clap::ColorChoice::Never);
        whole.build();
        let mut found = Vec::new();
        leaves(&whole, &[], &mut found);
        for (path, command) in found {
            let alike = |heading: Option<&str>| matches!(heading, Some("Global options" | "Gateway"));
            let mut command = command.mut_args(|arg| {
                let name = arg.get_id().as_str();
                let hide = alike(arg.get_help_heading()) || name == "help" || name == "version";
                if hide { arg.hide(true) } else { arg }
            });
            let help = command.render_help().to_string();
            let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
            page.push_str(&format!("\n## openclaw {}\n```text\n{}\n```\n", path.join(" "), help.join("\n")));
        }
        page
    }

    #[test]
    fn the_command_reference_is_what_the_program_says() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
        let now = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &now).unwrap();
        }
        let page = std::fs::read_to_string(&file).unwrap();
        let differs = page.lines().zip(now.lines()).find(|(page, now)| page != now);
        assert!(
            page == now,
            "docs/commands.md: {differs:?}; write it anew: UPDATE_DOCS=1 cargo test -p cli command_reference"
        );
    }
}
