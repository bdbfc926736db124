//! One running browser: what it tells is taken in here, and each request of its pages is answered.

use super::cdp::{Cdp, Messages};
use super::dialogs::Answer;
use super::emulate::Settings;
use super::error::Refusal;
use super::guard::Guard;
use super::tabs::{Tab, Tabs};
use super::trace::Trace;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncBufRead;
use tokio::sync::watch;
use tokio::time::Instant;

/// Requests of pages that are looked at at once; those beyond are refused. Browsers have six connections to a host.
const MAX_CHECKS: usize = 256;
/// Bytes of what servers answered that the browser keeps for a tab, and of one answer.
const KEPT_BODIES: u32 = 16 * 1024 * 1024;
const KEPT_BODY: u32 = 5 * 1024 * 1024;

/// A running browser.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) cdp: Cdp,
    /// The process, for people.
    pub(super) pid: Option<u32>,
    pub(super) headless: bool,
    /// Where the browser puts files that pages give.
    pub(super) downloads: PathBuf,
    /// Where files are that pages are given.
    pub(super) uploads: PathBuf,
    tabs: Mutex<Tabs>,
    settings: Mutex<Settings>,
    /// Told whenever anything about a tab changes.
    changed: watch::Sender<()>,
}

impl Session {
    pub(super) fn new(
        cdp: Cdp,
        (pid, headless): (Option<u32>, bool),
        [downloads, uploads]: [PathBuf; 2],
    ) -> Self {
        Self {
            cdp,
            pid,
            headless,
            downloads,
            uploads,
            tabs: Mutex::default(),
            settings: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn tabs(&self) -> MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds for all tabs.
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
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
                Some("Fetch.authRequired") => self.authenticate(&message),
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
            "Target.attachedToTarget" => told = self.attached(session, params),
            "Target.detachedFromTarget" => {
                let gone = params["sessionId"].as_str().unwrap_or_default();
                let files = {
                    let mut tabs = self.tabs();
                    tabs.remove_part(gone);
                    tabs.remove(|tab| tab.session == gone)
                };
                told = self.drop_files(&files);
            }
            "Target.targetDestroyed" => {
                let gone = params["targetId"].as_str().unwrap_or_default();
                let files = self.tabs().remove(|tab| tab.target == gone);
                told = self.drop_files(&files);
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
                tab.documents += 1;
                tab.dialogs.closed();
            }),
            "Page.domContentEventFired" => self.with(session, |tab| tab.loads += 1),
            "Page.javascriptDialogOpening" => told = self.dialog(session, params),
            "Page.javascriptDialogClosed" => self.with(session, |tab| tab.dialogs.closed()),
            "Page.fileChooserOpened" => told = self.choose(session, params),
            "Input.dragIntercepted" => self.with(session, |tab| tab.dragged = Some(params["data"].clone())),
            "Tracing.tracingComplete" => self.with(session, |tab| {
                let stream = params["stream"].as_str().unwrap_or_default();
                tab.trace = Some(Trace::Ended(stream.to_owned()));
            }),
            "Browser.downloadWillBegin" => told = self.download(params),
            "Browser.downloadProgress" => {
                let fits = self.tabs().downloads.came(params);
                told = fits || self.cancel_download(params);
            }
            method => {
                let mut tabs = self.tabs();
                let Some(tab) = tabs.owner(session) else { return true };
                if let Some(log) = tabs.log(&tab) {
                    log.take(session, method, params);
                }
            }
        }
        self.changed.send_replace(());
        told
    }

    /// A page or a part of one is there, and waits to be told to go on: first its requests are to be asked about.
    fn attached(&self, above: &str, params: &Value) -> bool {
        let Some(session) = params["sessionId"].as_str() else { return true };
        let info = &params["targetInfo"];
        let target = info["targetId"].as_str().unwrap_or_default();
        if info["type"] == "page" {
            let shown = |name: &str| info[name].as_str().unwrap_or_default();
            let mut tabs = self.tabs();
            tabs.add(target, session, (shown("title"), shown("url")));
            if let Some(tab) = tabs.by_target(target) {
                tab.opener = text(&info["openerId"]).map(str::to_owned);
            }
        } else {
            self.tabs().add_part(above, session, target);
        }
        let parts = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        let kept = json!({"maxTotalBufferSize": KEPT_BODIES, "maxResourceBufferSize": KEPT_BODY});
        let asked = json!({"patterns": [{"urlPattern": "*"}], "handleAuthRequests": true});
        let told = [
            ("Fetch.enable", asked),
            ("Page.enable", json!({})),
            ("Network.enable", kept),
            ("Runtime.enable", json!({})),
            ("Log.enable", json!({})),
            ("Target.setAutoAttach", parts),
        ]
        .map(|(method, params)| self.cdp.tell(Some(session), method, params));
        told.iter().all(|told| *told)
            && self.settings().tell(&self.cdp, session)
            && self.cdp.tell(Some(session), "Runtime.runIfWaitingForDebugger", json!({}))
    }

    /// A page that asks something stands still until it is answered: at once, if the answer is there, else by whoever reads it.
    fn dialog(&self, session: &str, params: &Value) -> bool {
        let answer = match self.tabs().by_session(session) {
            Some(tab) => tab.dialogs.asked(params),
            // A part of a page that nobody reads by itself.
            None => Some(Answer { accept: params["type"] == "beforeunload", text: None }),
        };
        answer
            .is_none_or(|answer| self.cdp.tell(Some(session), "Page.handleJavaScriptDialog", answer.params()))
    }

    /// A field asks for files: it is given those that are there for it.
    fn choose(&self, session: &str, params: &Value) -> bool {
        let one = params["mode"] != "selectMultiple";
        let mut files = None;
        self.with(session, |tab| {
            let Some(armed) = tab.armed.as_mut().filter(|armed| armed.given.is_none()) else { return };
            let in_time = Instant::now() < armed.until;
            let fits = !one || armed.paths.len() <= 1;
            let given = match (in_time, fits) {
                (false, _) => Err("the page asked for files too late".to_owned()),
                (_, false) => Err("the page takes one file".to_owned()),
                _ => Ok(()),
            };
            files = given.is_ok().then(|| armed.paths.clone());
            armed.given = Some(given);
        });
        let given = files.is_none_or(|files| {
            let give = json!({"files": files, "backendNodeId": params["backendNodeId"]});
            self.cdp.tell(Some(session), "DOM.setFileInputFiles", give)
        });
        given && self.cdp.tell(Some(session), "Page.setInterceptFileChooserDialog", json!({"enabled": false}))
    }

    /// A page gives a file.
    fn download(&self, params: &Value) -> bool {
        let begun = {
            let mut tabs = self.tabs();
            let tab = tabs.of_frame(params["frameId"].as_str().unwrap_or_default());
            tab.is_some_and(|tab| tabs.downloads.begun(&tab, params))
        };
        begun || self.cancel_download(params)
    }

    /// Files that are nobody's any more do not go on coming, and what came of them goes.
    fn drop_files(&self, guids: &[String]) -> bool {
        guids.iter().all(|guid| {
            // It is one unlink, in a directory of ours.
            match std::fs::remove_file(self.downloads.join(guid)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(%error, "a file of a closed tab stays until the browser is started anew");
                }
                _ => {}
            }
            self.cancel_download(&json!({"guid": guid}))
        })
    }

    fn cancel_download(&self, params: &Value) -> bool {
        self.cdp.tell(None, "Browser.cancelDownload", json!({"guid": params["guid"]}))
    }

    /// A server asks who it is.
    fn authenticate(&self, message: &Map<String, Value>) -> bool {
        let session = message.get("sessionId").and_then(Value::as_str);
        let answer = self.settings().authenticate(&message["params"]);
        let params = json!({"requestId": message["params"]["requestId"], "authChallengeResponse": answer});
        self.cdp.tell(session, "Fetch.continueWithAuth", params)
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
