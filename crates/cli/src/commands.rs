//! The commands, one file each, and which one runs.

pub(crate) mod agent;
pub(crate) mod agents;
pub(crate) mod approvals;
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
pub(crate) mod update;

use crate::args::Command;
use crate::context::Context;
use crate::failure::Failure;

/// Runs one command.
///
/// # Errors
/// Whatever the command failed of, with its exit code and hints.
pub(crate) async fn run(command: Command, ctx: &Context) -> Result<(), Failure> {
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
        Command::Message(args) => message::run(args, ctx).await,
        Command::Channels(args) => channels::run(args, ctx).await,
        Command::Models(args) => models::run(args, ctx).await,
        Command::Usage(args) => gateway::usage(args, ctx).await,
        Command::Cron(args) => cron::run(args, ctx).await,
        Command::Plugins(args) => plugins::run(args, ctx).await,
        Command::Update(args) => update::run(args, ctx).await,
        Command::System(args) => system::run(args, ctx).await,
        Command::Nodes(args) => nodes::run(args, ctx).await,
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
        Command::Completion(args) => completion::run(&args, ctx),
        Command::Man(args) => man::run(&args, ctx),
        Command::ExitCodes(_) => exit_codes::run(ctx),
    }
}
