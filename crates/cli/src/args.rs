//! The command line: global flags, the list of commands, and how a gateway is addressed. The flags of a command stand
//! in its own file.

mod examples;

use crate::commands::{
    agent, agents, approvals, channels, completion, config_cmd, connect, cron, demo, devices, dns, doctor,
    exit_codes, gateway, health, logs, man, message, models, node, nodes, onboard, pairing, plugins, qr,
    remote, security, sessions, status, system, update,
};
use crate::failure::{self, Failure};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use config::Env;
use model::{Pin, PinError, SecretString};
use std::convert::Infallible;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// One always-on gateway for an agent: its server, its nodes, and the commands that talk to it.
#[derive(Debug, Parser)]
#[command(name = "openclaw", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Use the isolated profile NAME: state and config in ~/.openclaw-NAME
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// Use the isolated development profile: ~/.openclaw-dev, port 19001
    #[arg(long, global = true, conflicts_with = "profile", help_heading = "Global options")]
    pub(crate) dev: bool,
    /// Print JSON on standard output and nothing else, errors too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// No colours, even on a terminal
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// How much to log
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Global options")]
    pub(crate) log_level: Option<LogLevel>,
}

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Silent,
    /// What went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// What of the log is shown.
    pub(crate) fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Silent => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up this installation, by questions or by flags: model, gateway, Telegram, service
    #[command(visible_alias = "setup")]
    Onboard(Box<onboard::OnboardArgs>),
    /// Change parts of an installation by questions: gateway, workspace, model, Telegram, service
    Configure(onboard::configure::ConfigureArgs),
    /// Run the gateway, or ask a running one
    Gateway(gateway::GatewayArgs),
    /// The gateway as a service, by the name that these commands once had
    #[command(hide = true)]
    Daemon(gateway::DaemonArgs),
    /// Whether the gateway is well
    Health(health::HealthArgs),
    /// What the gateway has: agents, sessions, channels, nodes, model
    Status(status::StatusArgs),
    /// Run one turn of the agent and print its answer
    Agent(agent::AgentArgs),
    /// The gateway's agents
    Agents(agents::AgentsArgs),
    /// The gateway's sessions
    Sessions(sessions::SessionsArgs),
    /// Send a message through a channel
    Message(message::MessageArgs),
    /// The platforms that the gateway speaks on
    Channels(channels::ChannelsArgs),
    /// The models that the gateway is configured with
    Models(models::ModelsArgs),
    /// What the models cost, day by day
    Usage(gateway::UsageCostArgs),
    /// What the agent does at set times
    Cron(cron::CronArgs),
    /// What is plugged into the gateway
    Plugins(plugins::PluginsArgs),
    /// Whether a newer version is known
    Update(update::UpdateArgs),
    /// Who is connected, what happened, and the agent's heartbeat
    System(system::SystemArgs),
    /// Nodes: what they may do, and calling them
    Nodes(nodes::NodesArgs),
    /// Commands that may run without asking, and those that wait for a decision
    #[command(alias = "exec-approvals")]
    Approvals(approvals::ApprovalsArgs),
    /// Devices that are paired or want to be
    Devices(devices::DevicesArgs),
    /// Join a gateway with a join URL or a setup code; commands go there from then on
    Connect(connect::ConnectCommandArgs),
    /// A setup code that lets in one new device, as a picture and as text
    Qr(qr::QrArgs),
    /// People who ask to speak to the agent on a channel
    Pairing(pairing::PairingArgs),
    /// Make this computer a node of a gateway
    Node(node::NodeArgs),
    /// The gateway elsewhere that commands go to: how it is reached, and what it is known by
    Remote(remote::RemoteArgs),
    /// A domain of one's own in which gateways are found
    Dns(dns::DnsArgs),
    /// The configuration file
    Config(config_cmd::ConfigArgs),
    /// The gateway's log
    Logs(logs::LogsArgs),
    /// Find what is wrong with this installation, and mend what can be mended
    Doctor(doctor::DoctorArgs),
    /// Who could get in, and what they could do then
    Security(security::SecurityArgs),
    /// See it work: a gateway, a node and one message, isolated from everything else
    Demo(demo::DemoArgs),
    /// Scripts with which shells complete command lines of this program
    Completion(completion::CompletionArgs),
    /// Write the manual pages, one for each command
    Man(man::ManArgs),
    /// The table of exit codes
    #[command(name = "exit-codes")]
    ExitCodes(exit_codes::ExitCodesArgs),
}

impl Command {
    /// Whether the command stays up and serves.
    pub(crate) fn serves(&self) -> bool {
        match self {
            Command::Gateway(args) => args.serves(),
            Command::Node(args) => args.serves(),
            Command::Demo(_) | Command::Connect(_) => true,
            _ => false,
        }
    }
}

/// Which gateway, and with what.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TargetArgs {
    /// The gateway's address, ws://HOST:PORT or wss://…; needs --token or --password beside it
    #[arg(long, value_name = "URL", conflicts_with = "port", help_heading = "Gateway")]
    pub(crate) url: Option<String>,
    /// The gateway's token
    #[arg(long, value_name = "TOKEN", value_parser = secret, help_heading = "Gateway")]
    pub(crate) token: Option<SecretString>,
    /// The gateway's password
    #[arg(long, value_name = "PASSWORD", value_parser = secret, help_heading = "Gateway")]
    pub(crate) password: Option<SecretString>,
    /// The port of a gateway on this host
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Gateway")]
    pub(crate) port: Option<u16>,
    /// The certificate that the gateway must show, sha256:HEX, or spki:sha256:HEX for its key; more than once for any of them
    #[arg(long, value_name = "PIN", value_parser = pin, help_heading = "Gateway")]
    pub(crate) tls_fingerprint: Vec<Pin>,
}

/// Which gateway, with what, and for how long.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Give up after this many milliseconds [default: 10000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000), help_heading = "Gateway")]
    pub(crate) timeout: Option<u64>,
}

/// Long enough for a gateway at the other end of the world, short enough to wait for.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl ConnectArgs {
    /// The command's whole time.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis)
    }
}

/// Reads a secret from the command line.
// Shaped as clap wants a parser to be.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

/// Reads the fingerprint of a certificate.
pub(crate) fn pin(text: &str) -> Result<Pin, PinError> {
    text.parse()
}

/// Why there is nothing to run: help was asked for, or the command line is wrong.
pub(crate) struct Stop {
    error: clap::Error,
    json: bool,
}

impl Stop {
    /// Prints it and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if self.json && self.error.use_stderr() {
            let text = self.error.render().to_string();
            let message = text.trim().trim_start_matches("error: ").to_owned();
            return crate::output::Output::plain_json().failure(&Failure::usage(message));
        }
        // Nothing is left to tell it to when standard output is gone.
        let _ = self.error.print();
        ExitCode::from(u8::try_from(self.error.exit_code()).unwrap_or(2))
    }
}

/// Reads the command line.
///
/// # Errors
/// Help or the version was asked for, or something is not understood (exit code 2).
pub(crate) fn parse(line: impl IntoIterator<Item = OsString>, env: &Env) -> Result<Cli, Stop> {
    let line: Vec<OsString> = line.into_iter().collect();
    let json = line.iter().take_while(|a| *a != "--").any(|a| a == "--json");
    let plain = env.get("NO_COLOR").is_some_and(|v| !v.is_empty()) || line.iter().any(|a| a == "--no-color");
    let colour = if plain { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    command()
        .color(colour)
        .try_get_matches_from(line)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| Stop { error, json })
}

/// The whole command line as clap knows it, with the exit codes at its foot.
pub(crate) fn command() -> clap::Command {
    let table = failure::table_text();
    examples::with_examples(Cli::command()).after_help(format!("Exit codes:\n{table}")).mut_subcommand(
        "exit-codes",
        move |c| {
            let before = c.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
            c.after_help(format!("{before}Exit codes:\n{table}"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Cli, Stop> {
        parse(line.iter().map(OsString::from), &Env::default())
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_global_flags_work_on_both_sides_of_a_command() {
        for line in [
            ["openclaw", "--json", "--dev", "health"],
            ["openclaw", "health", "--json", "--dev"],
            ["openclaw", "--dev", "health", "--json"],
        ] {
            let cli = parsed(&line).ok().expect("understood");
            assert!(cli.global.json && cli.global.dev, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_exit_code_2() {
        for line in [
            &["openclaw"][..],
            &["openclaw", "helth"],
            &["openclaw", "health", "--tiemout", "5"],
            &["openclaw", "health", "--timeout", "0"],
            &["openclaw", "health", "--port", "0"],
            &["openclaw", "health", "--url", "ws://a", "--port", "1"],
            &["openclaw", "--dev", "--profile", "x", "health"],
            &["openclaw", "gateway", "run", "--bind", "everywhere"],
            &["openclaw", "nodes", "invoke", "--node", "a"],
            &["openclaw", "gateway", "--port", "1", "health"],
        ] {
            let stop = parsed(line).err().unwrap_or_else(|| panic!("{line:?}"));
            assert_eq!(stop.error.exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn only_what_stays_up_gets_more_than_one_thread() {
        for (line, serves) in [
            (&["openclaw", "gateway"][..], true),
            (&["openclaw", "gateway", "run", "--port", "0"], true),
            (&["openclaw", "gateway", "--port", "5000"], true),
            (&["openclaw", "gateway", "health"], false),
            (&["openclaw", "node", "run"], true),
            (&["openclaw", "node", "identity"], false),
            (&["openclaw", "demo", "--check"], true),
            (&["openclaw", "health"], false),
        ] {
            assert_eq!(parsed(line).ok().map(|c| c.command.serves()), Some(serves), "{line:?}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let cli = parsed(&["openclaw", "health", "--token", "hunter2", "--password", "hunter3"]).ok();
        assert!(!format!("{cli:?}").contains("hunter"));
    }
}
