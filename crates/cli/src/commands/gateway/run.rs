//! `openclaw gateway run`: the gateway in the foreground, until a signal ends it.

pub(super) use end::stop_within;

mod end;
mod own_browser;
mod own_servers;

use super::announce;
use crate::args::{LogLevel, secret};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::logging::{self, LogOptions, Logging, Place};
use crate::service::Notifier;
use clap::{Args, ValueEnum};
use config::{AuthMode, Bind, Loaded, SecretInput, TailscaleMode};
use gateway::{ConfigHook, Gateway, GatewayOptions};
use model::{ExposeSecret, SecretString};
use own_servers::OwnServers;
use std::sync::Arc;

/// What goes over the configuration for this run.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Listen on this port; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Listen where: on this host alone, on all its addresses, on those of Tailscale, or on gateway.customBindHost
    #[arg(long, value_enum, value_name = "WHERE")]
    bind: Option<BindArg>,
    /// What callers must prove
    #[arg(long, value_enum, value_name = "MODE")]
    auth: Option<AuthArg>,
    /// The token that callers must prove; other users of this host may see it in the list of processes
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    token: Option<SecretString>,
    /// The password that callers must prove; other users of this host may see it, too
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    password: Option<SecretString>,
    /// Publish the gateway through Tailscale
    #[arg(long, value_enum, value_name = "MODE")]
    tailscale: Option<TailscaleArg>,
    /// Log more on standard error
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BindArg {
    /// This host alone.
    Loopback,
    /// All addresses.
    Lan,
    /// The Tailscale address.
    Tailnet,
    /// Loopback where that works.
    Auto,
    /// gateway.customBindHost.
    Custom,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AuthArg {
    /// Nothing; on loopback alone.
    None,
    /// A token.
    Token,
    /// A password.
    Password,
    /// A proxy's word for who they are; gateway.auth.trustedProxy says which.
    TrustedProxy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TailscaleArg {
    /// Nowhere.
    Off,
    /// In the tailnet.
    Serve,
    /// On the whole internet; needs a password.
    Funnel,
}

pub(super) async fn run(args: RunArgs, ctx: &Context) -> Result<(), Failure> {
    let mut signals = end::Signals::listen()?;
    let mut loaded = ctx.load()?;
    local_mode(&loaded)?;
    override_config(&args, &mut loaded)?;
    let logging = start_logging(&args, ctx, &loaded)?;
    for warning in &loaded.warnings {
        tracing::warn!(target: "config", "{warning}");
    }
    let outcome = serve(&args, ctx, loaded, &logging, &mut signals).await;
    logging.finish();
    outcome
}

async fn serve(
    args: &RunArgs,
    ctx: &Context,
    loaded: Loaded,
    logging: &Logging,
    signals: &mut end::Signals,
) -> Result<(), Failure> {
    // Providers and platforms are reached over TLS; two providers of it in one program do not get along.
    client::install_crypto();
    let config_exists = loaded.exists;
    let browser = own_browser::of(&loaded.config, ctx);
    let tools = OwnServers::of(&loaded.config, ctx.env.clone(), &ctx.paths.state_dir);
    let (levels, servers) = (log_levels(args, ctx, logging), tools.clone());
    let on_config: ConfigHook = Arc::new(move |config| {
        levels(config);
        servers.configure(config);
    });
    let options = GatewayOptions {
        paths: ctx.paths.clone(),
        model_fallback: demo_model(ctx),
        loaded,
        env: ctx.env.clone(),
        port: args.port,
        clock: ctx.clock.clone(),
        port_fallback: false,
        log_file: Some(logging.path().clone()),
        tap: None,
        browser,
        tools: Some(tools),
        on_config: Some(on_config),
    };
    let notifier = Notifier::of(&ctx.env);
    let gateway = tokio::select! {
        started = Gateway::start(options) => started.map_err(|e| {
            Failure::new(Exit::from_number(i32::from(e.exit_code())), "START_REFUSED", e.to_string())
        })?,
        () = signals.next() => return Ok(()),
        never = end::tell_of_the_start(&notifier) => match never {},
    };
    announce::print(ctx, &announce::Facts::of(&gateway, ctx, config_exists, logging.path()))?;
    end::await_it(gateway, ctx, &notifier, signals).await
}

/// A host whose commands go elsewhere hardly means to run a gateway of its own.
pub(super) fn local_mode(loaded: &Loaded) -> Result<(), Failure> {
    if !loaded.config.gateway.is_remote() {
        return Ok(());
    }
    Err(Failure::new(Exit::Config, "REMOTE_MODE", "gateway.mode is \"remote\": commands on this host go to a gateway elsewhere")
        .hint("to run one here, set gateway.mode to \"local\", or use another profile: openclaw --profile NAME gateway run"))
}

/// The flags go over the configuration; the file stays as it is.
fn override_config(args: &RunArgs, loaded: &mut Loaded) -> Result<(), Failure> {
    let gateway = &mut loaded.config.gateway;
    if let Some(bind) = args.bind {
        gateway.bind = match bind {
            BindArg::Loopback => Bind::Loopback,
            BindArg::Lan => Bind::Lan,
            BindArg::Tailnet => Bind::Tailnet,
            BindArg::Auto => Bind::Auto,
            BindArg::Custom => Bind::Custom,
        };
        if gateway.bind == Bind::Custom && gateway.custom_bind_host.is_none() {
            return Err(Failure::usage(
                "--bind custom needs gateway.customBindHost in the config: one address of this host",
            ));
        }
    }
    if let Some(mode) = args.tailscale {
        gateway.tailscale.mode = match mode {
            TailscaleArg::Off => TailscaleMode::Off,
            TailscaleArg::Serve => TailscaleMode::Serve,
            TailscaleArg::Funnel => TailscaleMode::Funnel,
        };
    }
    let auth = &mut gateway.auth;
    for (flag, secret) in [("--token", &args.token), ("--password", &args.password)] {
        if secret.as_ref().is_some_and(|s| s.expose_secret().trim().is_empty()) {
            return Err(Failure::usage(format!("{flag} is empty; leave it out instead")));
        }
    }
    if let Some(token) = &args.token {
        auth.token = Some(SecretInput::literal("--token", token.expose_secret()));
    }
    if let Some(password) = &args.password {
        auth.password = Some(SecretInput::literal("--password", password.expose_secret()));
    }
    auth.mode = match (args.auth, &args.token, &args.password) {
        (Some(AuthArg::None), None, None) => Some(AuthMode::None),
        (Some(AuthArg::Token), _, None) | (None, Some(_), None) => Some(AuthMode::Token),
        (Some(AuthArg::TrustedProxy), None, _) => Some(AuthMode::TrustedProxy),
        (Some(AuthArg::Password), None, _) | (None, None, Some(_)) => Some(AuthMode::Password),
        (None, None, None) => auth.mode,
        _ => {
            return Err(Failure::usage(
                "--auth, --token and --password do not fit together; give the secret of one mode",
            ));
        }
    };
    Ok(())
}

fn start_logging(args: &RunArgs, ctx: &Context, loaded: &Loaded) -> Result<Logging, Failure> {
    let configured = &loaded.config.logging;
    let (console, file) = levels(args, ctx, configured);
    let place = match &configured.file {
        Some(file) => Place::File(file.clone()),
        None => Place::Dir(ctx.paths.log_dir()),
    };
    logging::start(LogOptions {
        console,
        file,
        place,
        clock: ctx.clock.clone(),
        colour: !ctx.global.no_color,
    })
}

/// What is logged on standard error and in the file: flags go over the configuration.
fn levels(args: &RunArgs, ctx: &Context, configured: &config::LoggingConfig) -> (LogLevel, LogLevel) {
    let named = ctx.global.log_level;
    let console = if args.verbose { LogLevel::Debug } else { configured.console_level.into() };
    (named.unwrap_or(console), named.unwrap_or_else(|| configured.level.into()))
}

/// Takes up the levels of a configuration that changed while the gateway runs.
fn log_levels(args: &RunArgs, ctx: &Context, logging: &Logging) -> ConfigHook {
    let set = logging.levels();
    let (verbose, named) = (args.verbose, ctx.global.log_level);
    Arc::new(move |config| {
        let console = if verbose { LogLevel::Debug } else { config.logging.console_level.into() };
        set.set(named.unwrap_or(console), named.unwrap_or_else(|| config.logging.level.into()));
    })
}

/// In the development profile, agents without a model get the rule-based one.
fn demo_model(ctx: &Context) -> Option<Arc<dyn llm::Model>> {
    ctx.paths.dev.then(|| -> Arc<dyn llm::Model> { Arc::new(llm::DemoModel::with_clock(ctx.clock.clone())) })
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
