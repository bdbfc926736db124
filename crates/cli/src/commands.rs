//! The commands: one file each, a variant, and which one runs.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod browser;
pub(crate) mod channels;
pub(crate) mod completion;
pub(crate) mod config_cmd;
pub(crate) mod connect;
pub(crate) mod cron;
pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod exit_codes;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod living;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod mcp;
pub(crate) mod message;
pub(crate) mod models;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod onboard;
pub(crate) mod pairing;
pub(crate) mod plugins;
pub(crate) mod qr;
pub(crate) mod remote;
pub(crate) mod security;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod update;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

/// The commands.
// Deferred: what a command takes is made once it is the one that is meant. There are some 200, and a start of any of them would make them all.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
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
    /// What agents are at and were at, and stopping it
    Tasks(tasks::TasksArgs),
    /// What agents did and when, and how it ended; never what was said
    Audit(audit::AuditArgs),
    /// Send a message through a channel
    Message(message::MessageArgs),
    /// The platforms that the gateway speaks on
    Channels(channels::ChannelsArgs),
    /// The models that the gateway is configured with
    Models(models::ModelsArgs),
    /// The servers of tools (MCP) beside the gateway, as this host's configuration has them
    Mcp(Box<mcp::McpArgs>),
    /// What the models cost, day by day
    Usage(gateway::UsageCostArgs),
    /// What the agent does at set times
    #[command(visible_alias = "automations")]
    Cron(cron::CronArgs),
    /// What is plugged into the gateway
    Plugins(plugins::PluginsArgs),
    /// Whether a newer version is known
    Update(update::UpdateArgs),
    /// Who is connected, what happened, and the agent's heartbeat
    System(system::SystemArgs),
    /// Nodes: what they may do, and calling them
    Nodes(nodes::NodesArgs),
    /// Drive a browser of a node by hand, as agents do
    Browser(Box<browser::BrowserArgs>),
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

/// Runs one command. `line` gives the whole command line, of which scripts and pages are made.
///
/// # Errors
/// Whatever the command failed of, with its exit code and hints.
pub(crate) async fn run(command: Command, line: fn() -> clap::Command, ctx: &Context) -> Result<(), Failure> {
    match command {
        Command::Onboard(args) => onboard::run(*args, ctx).await,
        Command::Configure(args) => onboard::configure::run(args, ctx).await,
        Command::Gateway(args) => gateway::run(args, ctx).await,
        Command::Daemon(args) => gateway::daemon(args, ctx).await,
        Command::Health(args) => health::run(args, ctx).await,
        Command::Status(args) => status::run(args, ctx).await,
        Command::Agent(args) => agent::run(args, ctx).await,
        Command::Agents(args) => agents::run(args, ctx).await,
        Command::Sessions(args) => sessions::run(args, ctx).await,
        Command::Tasks(args) => tasks::run(args, ctx).await,
        Command::Audit(args) => audit::run(args, ctx).await,
        Command::Message(args) => message::run(args, ctx).await,
        Command::Channels(args) => channels::run(args, ctx).await,
        Command::Models(args) => models::run(args, ctx).await,
        Command::Mcp(args) => mcp::run(*args, ctx).await,
        Command::Usage(args) => gateway::usage(args, ctx).await,
        Command::Cron(args) => cron::run(args, ctx).await,
        Command::Plugins(args) => plugins::run(args, ctx).await,
        Command::Update(args) => update::run(args, ctx).await,
        Command::System(args) => system::run(args, ctx).await,
        Command::Nodes(args) => nodes::run(args, ctx).await,
        Command::Browser(args) => browser::run(*args, ctx).await,
        Command::Approvals(args) => approvals::run(args, ctx).await,
        Command::Devices(args) => devices::run(args, ctx).await,
        Command::Qr(args) => qr::run(args, ctx).await,
        Command::Pairing(args) => pairing::run(args, ctx).await,
        Command::Node(args) => node::run(args, ctx).await,
        Command::Remote(args) => remote::run(args, ctx).await,
        Command::Config(args) => config_cmd::run(args, ctx),
        Command::Connect(args) => connect::run(args, ctx).await,
        Command::Logs(args) => logs::run(args, ctx).await,
        Command::Demo(args) => demo::run(args, ctx).await,
        Command::Dns(args) => dns::run(args, ctx).await,
        Command::Doctor(args) => doctor::run(args, ctx).await,
        Command::Security(args) => security::run(args, ctx).await,
        Command::Completion(args) => completion::run(&args, line(), ctx),
        Command::Man(args) => man::run(&args, line(), ctx),
        Command::ExitCodes(_) => exit_codes::run(ctx),
    }
}
