//! What the node does as its connection comes and goes.

use crate::host::Host;
use crate::invoke::event_params;
use crate::lend;
use crate::notice::{Notice, Notices};
use crate::session::Session;
use client::{BoxFuture, CallError, Caller, ConnectError, Connection, Hooks, Waiting};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long the gateway may take for a report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// A report that was refused (the commands are not approved yet, say) is sent again after this.
const REPORT_AGAIN: Duration = Duration::from_secs(5);
/// The method by which a node asks for what waited for it.
const DRAIN: &str = "node.pending.drain";
/// There is one request of each kind; a gateway that always has more is not asked for ever.
const MAX_DRAINS: usize = 8;
/// What a gateway says while the commands wait for an operator.
const AWAITING: &str = "awaiting operator approval";

/// What the node does as its connection comes and goes.
pub(crate) struct NodeHooks<'a> {
    host: Arc<Host>,
    notices: &'a dyn Notices,
    url: String,
    stats_interval: Duration,
    /// The last thing told about not being connected, and about waiting for approval: told again when it changes.
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    disconnected: String,
    awaiting: String,
}

impl<'a> NodeHooks<'a> {
    /// Hooks for one gateway.
    pub(crate) fn new(
        host: Arc<Host>,
        notices: &'a dyn Notices,
        url: String,
        stats_interval: Duration,
    ) -> Self {
        Self { host, notices, url, stats_interval, told: Mutex::default() }
    }

    /// Whether `text` is news; it is not the next time.
    fn is_news(&self, field: impl FnOnce(&mut Told) -> &mut String, text: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = field(&mut told);
        let news = last != text;
        text.clone_into(last);
        news
    }

    /// Takes what waited for this node: a wish for its status is met by the report that follows, and where it is, a computer
    /// cannot tell.
    async fn drain(&self, caller: &Caller) {
        for _ in 0..MAX_DRAINS {
            let answer = match caller.call(DRAIN, json!({"maxItems": 10}), REPORT_TIMEOUT).await {
                Ok(answer) => answer,
                Err(error) => return tracing::debug!(%error, "what waits for this node was not given"),
            };
            for kind in
                answer["items"].as_array().into_iter().flatten().filter_map(|item| item["type"].as_str())
            {
                if kind != "status.request" {
                    tracing::info!(kind, "a request waited that this node has no answer to");
                }
            }
            if answer["hasMore"] != true {
                return;
            }
        }
    }

    async fn report(&self, caller: &Caller, mut decided: watch::Receiver<()>, drains: bool) -> Infallible {
        loop {
            if drains {
                self.drain(caller).await;
            }
            crate::files::tidy(&self.host).await;
            let stats = exec::host::stats(&self.host.state_dir).await;
            let stats = serde_json::to_value(stats).unwrap_or_default();
            let params = event_params("node.host.stats", &stats);
            let sent = caller.call("node.event", params, REPORT_TIMEOUT).await;
            let pause =
                if sent.is_ok() { self.stats_interval } else { REPORT_AGAIN.min(self.stats_interval) };
            if let Err(CallError::Server(error)) = &sent
                && error.message.contains(AWAITING)
                && self.is_news(|t| &mut t.awaiting, &error.message)
            {
                self.notices.notice(&Notice::ApprovalRequired { message: &error.message });
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = decided.changed() => {}
            }
        }
    }
}

impl Hooks for NodeHooks<'_> {
    fn on_connected<'b>(&'b self, connection: &'b mut Connection) -> BoxFuture<'b, ()> {
        Box::pin(async move {
            self.is_news(|t| &mut t.disconnected, "");
            let server = connection.hello().get("server");
            let gateway_version = server.and_then(|s| s.get("version")).and_then(Value::as_str);
            self.notices.notice(&Notice::Connected { url: &self.url, gateway_version });
            let methods = connection.hello().pointer("/features/methods").and_then(Value::as_array);
            let has = |name: &str| methods.is_some_and(|m| m.iter().any(|m| m == name));
            let has_skills = has(lend::SKILLS);
            let (takes_progress, drains, lends) =
                (has("node.invoke.progress"), has(DRAIN), has(lend::METHOD));
            let events = connection.take_events();
            let caller = connection.caller();
            let decided = watch::Sender::new(());
            let host = Arc::clone(&self.host);
            let session = Session::new(host, caller.clone(), self.notices, &decided, takes_progress);
            tokio::select! {
                () = session.serve(events) => {}
                never = self.report(&caller, decided.subscribe(), drains) => match never {},
                never = lend::skills(&caller, &self.host.skills), if has_skills => match never {},
                never = lend::tools(&caller, self.host.mcp.lent(), decided.subscribe()), if lends => match never {},
            }
        })
    }

    fn on_waiting(&self, why: &Waiting<'_>, delay: Duration) {
        if matches!(why, Waiting::Failed(error) if error.is_pairing_required()) {
            // Told by `on_pairing`, once.
            return;
        }
        let reason = why.to_string();
        if self.is_news(|t| &mut t.disconnected, &reason) {
            self.notices.notice(&Notice::Disconnected { reason: &reason, retry_in: delay });
        }
    }

    fn on_pairing(&self, request_id: &str, _error: &ConnectError) {
        let command = format!("openclaw devices approve {request_id}");
        self.notices.notice(&Notice::PairingRequired { request_id, command: &command });
    }
}
