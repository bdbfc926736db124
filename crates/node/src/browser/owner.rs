//! The browser's process: who starts it, what it is told, and how it ends.

use super::cdp::{self, Cdp};
use super::error::Refusal;
use super::session::Session;
use super::{Browser, Order, chrome, downloads, proxy, uploads};
use exec::Pipes;
use serde_json::json;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the browser may take to begin.
const START: Duration = Duration::from_secs(30);
/// Bytes of the last that the browser said of itself.
const LAST_WORDS: usize = 600;

impl Browser {
    /// Owns the browser's process until `end`.
    pub(crate) async fn run(&self, end: &CancellationToken) {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut orders) = given else { return };
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = end.cancelled() => return,
            };
            match order {
                Some(Order::Start { headless, started }) => {
                    let why = self.live(headless, started, &mut orders, end).await;
                    self.set(None);
                    tracing::info!("the browser is not there any more: {why}");
                }
                // A caller that is gone needs no answer.
                Some(Order::Stop { stopped }) => {
                    let _ = stopped.send(false);
                }
                None => return,
            }
        }
    }

    /// One browser from its start to its end; why it ended.
    async fn live(
        &self,
        headless: Option<bool>,
        started: oneshot::Sender<Result<Arc<Session>, Refusal>>,
        orders: &mut mpsc::Receiver<Order>,
        end: &CancellationToken,
    ) -> String {
        let (headless, _) = chrome::headless(&self.options, headless);
        let _held = match chrome::hold(&self.options.state_dir) {
            Ok(held) => held,
            Err(refusal) => {
                let why = refusal.message.clone();
                let _ = started.send(Err(refusal));
                return why;
            }
        };
        let (listener, port) = match proxy::listen().await {
            Ok(listening) => listening,
            Err(error) => {
                let why = format!("the browser has no way out: {error}");
                let _ = started.send(Err(Refusal::unavailable(&why)));
                return why;
            }
        };
        let spec = match chrome::command(&self.options, &self.path, headless, port) {
            Ok(spec) => spec,
            Err(refusal) => {
                let why = refusal.message.clone();
                let _ = started.send(Err(refusal));
                return why;
            }
        };
        let places = [downloads::dir(&self.options.state_dir), uploads::dir(&self.options.state_dir)];
        for place in &places {
            if let Err(error) = downloads::fresh(place).await {
                let why = format!("{} cannot be made: {error}", place.display());
                let _ = started.send(Err(Refusal::unavailable(&why)));
                return why;
            }
        }
        let (mut process, pipes) = match exec::start_guarded(&spec).await {
            Ok(started) => started,
            Err(error) => {
                let _ = started.send(Err(Refusal::unavailable(error.to_string())));
                return error.to_string();
            }
        };
        let Pipes { stdin, stdout, mut stderr } = pipes;
        let (cdp, messages) = Cdp::new();
        let session = Arc::new(Session::new(cdp, (process.id(), headless), places));
        let mut last_words = Vec::new();
        let mut started = Some(started);
        let mut stopped = None;
        let why = {
            let begun = async {
                if let Err(refusal) = greet(&session).await {
                    return format!("its start failed: {}", refusal.message);
                }
                self.set(Some(Arc::clone(&session)));
                if let Some(started) = started.take() {
                    let _ = started.send(Ok(Arc::clone(&session)));
                }
                self.obey(&session, orders, &mut stopped).await
            };
            let hear = async {
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
                    last_words.extend_from_slice(buffer.get(..n).unwrap_or_default());
                    let over = last_words.len().saturating_sub(LAST_WORDS);
                    last_words.drain(..over);
                }
                std::future::pending::<String>().await
            };
            tokio::select! {
                why = begun => why,
                why = session.listen(BufReader::new(stdout), &self.guard) => why,
                why = cdp::write(stdin, messages) => why,
                why = hear => why,
                why = proxy::serve(listener, &self.guard) => why,
                status = process.wait() => status.map_or_else(|e| e.to_string(), |status| format!("it ended: {status}")),
                () = end.cancelled() => "the node ends".into(),
            }
        };
        session.cdp.end();
        self.set(None);
        process.end().await;
        let words = String::from_utf8_lossy(&last_words).replace(char::is_control, " ");
        let why =
            if words.trim().is_empty() { why } else { format!("{why}; its last words: {}", words.trim()) };
        if let Some(started) = started {
            let _ = started.send(Err(Refusal::unavailable(format!("the browser did not start: {why}"))));
        }
        if let Some(stopped) = stopped {
            let _ = stopped.send(true);
        }
        why
    }

    /// Waits until it is to stop.
    async fn obey(
        &self,
        session: &Arc<Session>,
        orders: &mut mpsc::Receiver<Order>,
        stopped: &mut Option<oneshot::Sender<bool>>,
    ) -> String {
        while let Some(order) = orders.recv().await {
            match order {
                // It runs already.
                Order::Start { started, .. } => {
                    let _ = started.send(Ok(Arc::clone(session)));
                }
                Order::Stop { stopped: told } => {
                    *stopped = Some(told);
                    break;
                }
            }
        }
        "it was stopped".into()
    }
}

/// Waits until the browser answers, and says how its pages are to be watched.
async fn greet(session: &Session) -> Result<(), Refusal> {
    let deadline = Instant::now() + START;
    session.call("Browser.getVersion", json!({}), deadline).await?;
    let files = json!({"behavior": "allowAndName", "downloadPath": session.downloads, "eventsEnabled": true});
    session.call("Browser.setDownloadBehavior", files, deadline).await?;
    session.call("Target.setDiscoverTargets", json!({"discover": true}), deadline).await?;
    let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
    session.call("Target.setAutoAttach", attach, deadline).await?;
    Ok(())
}
