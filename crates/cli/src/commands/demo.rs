//! `openclaw demo`: an isolated gateway with a node in the same process, one message through the real path, each hop
//! with its time. Nothing is short-cut: the node pairs over its own WebSocket, and so does the operator that asks.

mod home;
mod tour;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::Tone;
use clap::Args;
use gateway::{Gateway, GatewayOptions};
use home::Home;
use node::NodeOptions;
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What to do after the first message.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave after the first message: exit code 0 if it was answered, else 1
    #[arg(long)]
    pub(crate) check: bool,
}

/// The steps so far, each with the time since the start.
pub(super) struct Steps<'a> {
    ctx: &'a Context,
    begun: Instant,
    taken: Mutex<Vec<Value>>,
}

impl Steps<'_> {
    /// Prints a step with the time since the start.
    fn took(&self, what: &str, text: &str) -> Result<(), Failure> {
        let ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        let step = json!({"ms": (ms * 10.0).round() / 10.0, "hop": what, "what": text});
        self.taken.lock().unwrap_or_else(|e| e.into_inner()).push(step);
        if self.ctx.out.json {
            return Ok(());
        }
        let time = self.ctx.out.paint(Tone::Dim, &format!("{ms:>8.1} ms"));
        self.ctx.out.line(&format!("{time}  {what:<9} {text}"))
    }
}

/// Runs the demonstration.
///
/// # Errors
/// It did not work; the message says at which hop.
pub(crate) async fn run(args: DemoArgs, ctx: &Context) -> Result<(), Failure> {
    client::install_crypto();
    let home = Home::make(ctx).await?;
    if !ctx.out.json {
        ctx.out
            .line(&ctx.out.paint(Tone::Bold, "OpenClaw demo: one message from a chat to a node and back"))?;
        ctx.out.line(&format!("model: {}\n", home.model_text()))?;
    }
    let steps = Steps { ctx, begun: Instant::now(), taken: Mutex::default() };
    let gateway = start(ctx, &home).await?;
    home.note_port(gateway.addr().port())?;
    steps.took("gateway", &format!("answers at {}", gateway.url()))?;
    let stop = CancellationToken::new();
    let outcome = {
        let node = run_node(&gateway, &home, &stop);
        let tour = async {
            let outcome = tour::run(&gateway, &home, &steps).await;
            if outcome.is_ok() && !args.check {
                report(ctx, &steps, &home, &gateway)?;
                wait_for_signal().await?;
            }
            outcome
        };
        tokio::select! {
            outcome = tour => outcome,
            // The node serves until it is told to stop; so it has failed.
            failed = node => Err(failed),
        }
    };
    stop.cancel();
    gateway.shutdown().await;
    if args.check && outcome.is_ok() {
        finish_check(ctx, &steps)?;
    }
    outcome
}

async fn start(ctx: &Context, home: &Home) -> Result<Gateway, Failure> {
    let options = GatewayOptions {
        paths: home.paths.clone(),
        loaded: home.load(ctx)?,
        env: ctx.env.clone(),
        port: None,
        clock: ctx.clock.clone(),
        model_fallback: home.model.clone(),
        port_fallback: true,
        log_file: None,
        tap: None,
        browser: None,
        tools: None,
        on_config: None,
    };
    Gateway::start(options).await.map_err(|e| {
        Failure::new(Exit::from_number(i32::from(e.exit_code())), "START_REFUSED", e.to_string())
    })
}

/// The node: a key and a token of its own, over a WebSocket of its own.
async fn run_node(gateway: &Gateway, home: &Home, stop: &CancellationToken) -> Failure {
    let mut options = NodeOptions::new(gateway.url(), home.node_dir(), env!("CARGO_PKG_VERSION"));
    options.token = gateway.token();
    options.display_name = Some(tour::NODE_NAME.to_owned());
    options.working_dir = Some(home.node_dir());
    let quiet = |notice: &node::Notice<'_>| tracing::debug!(%notice, "demo node");
    match node::run(options, &quiet, stop).await {
        Ok(()) => Failure::new(Exit::Failed, "NODE", "the demo's node stopped"),
        Err(error) => {
            Failure::new(Exit::Failed, "NODE", format!("the demo's node could not connect: {error}"))
        }
    }
}

/// How to go on, once the first message is answered.
fn report(ctx: &Context, steps: &Steps<'_>, home: &Home, gateway: &Gateway) -> Result<(), Failure> {
    let commands = home.commands();
    if ctx.out.json {
        let steps = steps.taken.lock().unwrap_or_else(|e| e.into_inner()).clone();
        return ctx.out.json_line(&json!({
            "ok": true, "url": gateway.url(), "stateDir": home.paths.state_dir, "steps": steps, "commands": commands,
        }));
    }
    ctx.out.line(&format!(
        "\nIt stays up until Ctrl-C. State is in {} and goes with it.",
        home.paths.state_dir.display()
    ))?;
    ctx.out.line("Talk to it from another terminal:")?;
    for command in commands {
        ctx.out.line(&format!("  {command}"))?;
    }
    ctx.out.line(&format!("Or look at http://{}/", gateway.addr()))
}

fn finish_check(ctx: &Context, steps: &Steps<'_>) -> Result<(), Failure> {
    if ctx.out.json {
        let steps = steps.taken.lock().unwrap_or_else(|e| e.into_inner()).clone();
        return ctx.out.json_line(&json!({"ok": true, "steps": steps}));
    }
    ctx.out.line(&ctx.out.paint(Tone::Good, "\nok: the message went the whole way and was answered"))
}

async fn wait_for_signal() -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure::new(Exit::Failed, "SIGNALS", format!("cannot listen to signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
