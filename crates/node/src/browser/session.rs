//! One running browser: what it tells is taken in here, and each request of its pages is answered.

use super::cdp::{Cdp, Messages};
use super::error::Refusal;
use super::guard::Guard;
use super::tabs::{Tab, Tabs};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncBufRead;
use tokio::sync::watch;
use tokio::time::Instant;

/// Requests of pages that are looked at at once; those beyond are refused. Browsers have six connections to a host.
const MAX_CHECKS: usize = 256;

/// A running browser.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) cdp: Cdp,
    /// The process, for people.
    pub(super) pid: Option<u32>,
    pub(super) headless: bool,
    tabs: Mutex<Tabs>,
    /// Told whenever anything about a tab changes.
    changed: watch::Sender<()>,
}

impl Session {
    pub(super) fn new(cdp: Cdp, pid: Option<u32>, headless: bool) -> Self {
        Self { cdp, pid, headless, tabs: Mutex::default(), changed: watch::Sender::new(()) }
    }

    pub(super) fn tabs(&self) -> MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a method of the browser itself.
    pub(super) async fn call(
        &self,
        method: &str,
        params: Value,
        deadline: Instant,
    ) -> Result<Value, Refusal> {
        self.cdp.call(None, method, params, deadline).await.map_err(|error| Refusal::of_call(method, error))
    }

    /// Waits until `look` finds something in the tabs.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        deadline: Instant,
        look: impl Fn(&mut Tabs) -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.tabs()) {
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Refusal::unavailable("the browser has ended")),
                Err(_) => return Err(Refusal::late(what)),
            }
        }
    }

    /// Takes in what the browser tells until it tells no more; why.
    pub(super) async fn listen(&self, pipe: impl AsyncBufRead + Unpin, guard: &Guard) -> String {
        let mut messages = Messages::new(pipe);
        let mut checks = FuturesUnordered::new();
        loop {
            let mut message = tokio::select! {
                message = messages.next() => match message {
                    Ok(message) => message,
                    Err(why) => return why,
                },
                Some(told) = checks.next(), if !checks.is_empty() => {
                    if told { continue } else { return "it reads no more".into() }
                }
            };
            if let Some(id) = message.get("id").and_then(Value::as_u64) {
                self.cdp.answer(&mut message, id);
                continue;
            }
            let told = match message.get("method").and_then(Value::as_str) {
                Some("Fetch.requestPaused") if checks.len() < MAX_CHECKS => {
                    checks.push(self.answer_request(message, guard));
                    true
                }
                Some("Fetch.requestPaused") => self.refuse_request(&message),
                Some(_) => self.take(&message),
                None => true,
            };
            if !told {
                return "it reads no more".into();
            }
        }
    }

    /// Lets a request of a page pass, or not.
    async fn answer_request(&self, message: Map<String, Value>, guard: &Guard) -> bool {
        let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
        match guard.check_request(url).await {
            Ok(()) => {
                let params = json!({"requestId": message["params"]["requestId"]});
                self.cdp.tell(text(&message["sessionId"]), "Fetch.continueRequest", params)
            }
            Err(why) => {
                tracing::debug!(why, "a request of a page was refused");
                self.refuse_request(&message)
            }
        }
    }

    fn refuse_request(&self, message: &Map<String, Value>) -> bool {
        let params = json!({"requestId": message["params"]["requestId"], "errorReason": "BlockedByClient"});
        let session = message.get("sessionId").and_then(Value::as_str);
        self.cdp.tell(session, "Fetch.failRequest", params)
    }

    /// Takes in an event.
    fn take(&self, message: &Map<String, Value>) -> bool {
        let none = Value::Null;
        let params = message.get("params").unwrap_or(&none);
        let session = message.get("sessionId").and_then(Value::as_str).unwrap_or_default();
        let mut told = true;
        match message["method"].as_str().unwrap_or_default() {
            "Target.attachedToTarget" => told = self.attached(params),
            "Target.detachedFromTarget" => {
                let gone = params["sessionId"].as_str().unwrap_or_default();
                self.tabs().remove(|tab| tab.session == gone);
            }
            "Target.targetDestroyed" => {
                let gone = params["targetId"].as_str().unwrap_or_default();
                self.tabs().remove(|tab| tab.target == gone);
            }
            "Target.targetInfoChanged" => {
                let info = &params["targetInfo"];
                if let Some(tab) = self.tabs().by_target(info["targetId"].as_str().unwrap_or_default()) {
                    info["title"].as_str().unwrap_or_default().clone_into(&mut tab.title);
                    info["url"].as_str().unwrap_or_default().clone_into(&mut tab.url);
                }
            }
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => self.with(session, |tab| {
                params["frame"]["url"].as_str().unwrap_or_default().clone_into(&mut tab.url);
                tab.refs.clear();
            }),
            "Page.domContentEventFired" => self.with(session, |tab| tab.loads += 1),
            "Page.javascriptDialogOpening" => told = self.dialog(session, params),
            _ => return true,
        }
        self.changed.send_replace(());
        told
    }

    /// A page or a part of one is there, and waits to be told to go on: first its requests are to be asked about.
    fn attached(&self, params: &Value) -> bool {
        let Some(session) = params["sessionId"].as_str() else { return true };
        let info = &params["targetInfo"];
        let target = info["targetId"].as_str().unwrap_or_default();
        if info["type"] == "page" {
            let shown = |name: &str| info[name].as_str().unwrap_or_default();
            self.tabs().add(target, session, (shown("title"), shown("url")));
        }
        let parts = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        let told = [
            ("Fetch.enable", json!({"patterns": [{"urlPattern": "*"}]})),
            ("Page.enable", json!({})),
            ("Target.setAutoAttach", parts),
            ("Runtime.runIfWaitingForDebugger", json!({})),
        ]
        .map(|(method, params)| self.cdp.tell(Some(session), method, params));
        told.iter().all(|told| *told)
    }

    /// A page that asks something stands still until it is answered: no, but it may be left.
    fn dialog(&self, session: &str, params: &Value) -> bool {
        let leaves = params["type"] == "beforeunload";
        self.with(session, |tab| {
            let message: String = params["message"].as_str().unwrap_or_default().chars().take(500).collect();
            tab.asked(json!({"type": params["type"], "message": message, "accepted": leaves}));
        });
        self.cdp.tell(Some(session), "Page.handleJavaScriptDialog", json!({"accept": leaves}))
    }

    fn with(&self, session: &str, change: impl FnOnce(&mut Tab)) {
        if let Some(tab) = self.tabs().by_session(session) {
            change(tab);
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}
