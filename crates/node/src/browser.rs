//! `browser.proxy`: the browser of this node, driven by requests shaped as OpenClaw's browser control service has them.
//!
//! [`Browser::run`] (`owner.rs`) owns the browser's process, started when a request needs it and ended with the node (its guard ends it
//! where the node is killed). Requests come in their own tasks and reach the running browser over [`Session`].

mod act;
mod batch;
mod cdp;
mod chrome;
mod dialogs;
mod doctor;
mod downloads;
mod drag;
mod emulate;
mod error;
mod guard;
mod keys;
mod labels;
mod log;
mod owner;
mod page;
mod pages;
mod proxy;
mod request;
mod routes;
mod session;
mod snapshot;
mod storage;
mod tabs;
mod trace;
mod uploads;

pub use guard::Reach;

use crate::invoke::Failure;
use error::Refusal;
use guard::Guard;
use page::Page;
use request::Request;
use routes::Given;
use serde::Deserialize;
use serde_json::{Value, json};
use session::Session;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The command by which a gateway asks.
pub(crate) const COMMAND: &str = "browser.proxy";
/// The same with files for a page.
pub(crate) const UPLOAD: &str = "browser.proxy.upload.v1";
/// The one profile that there is.
const PROFILE: &str = "openclaw";
/// How long a request may take where nobody says, and at most.
const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of an answer, as JSON; the gateway's frames hold 25 MiB of JSON within JSON.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Requests to start or stop that wait; each is answered at once, or a browser is being started.
const QUEUE: usize = 16;
/// How the node's browser is to be.
#[derive(Debug, Clone)]
pub struct BrowserOptions {
    /// Its profile is in `browser/openclaw` in there.
    pub state_dir: PathBuf,
    /// The program; the first that is found unless it is said.
    pub executable: Option<PathBuf>,
    /// Whether it shows no window; where there is no display it does not unless it is said.
    pub headless: Option<bool>,
    /// Whether it is run without its own sandbox, which it refuses to have as root.
    pub no_sandbox: bool,
    /// More of its flags.
    pub extra_args: Vec<String>,
    /// Whether callers may have code of theirs run in pages.
    pub may_evaluate: bool,
    /// Where it may go.
    pub reach: Reach,
    /// The profiles that may be asked for; empty are all.
    pub allow_profiles: Vec<String>,
}

impl BrowserOptions {
    /// A browser as it is where nothing is said.
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            executable: None,
            headless: None,
            no_sandbox: false,
            extra_args: Vec::new(),
            may_evaluate: true,
            reach: Reach::default(),
            allow_profiles: Vec::new(),
        }
    }
}

/// The node's browser, running or not.
#[derive(Debug)]
pub(crate) struct Browser {
    options: BrowserOptions,
    path: String,
    guard: Arc<Guard>,
    running: Mutex<Option<Arc<Session>>>,
    orders: mpsc::Sender<Order>,
    /// Taken by [`Browser::run`].
    given: Mutex<Option<mpsc::Receiver<Order>>>,
}

/// A browser of this process's own, for whoever drives it without being a node.
#[derive(Debug)]
pub struct LocalBrowser(Browser);

impl LocalBrowser {
    /// Not running yet.
    pub fn new(options: BrowserOptions) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        Self(Browser::new(options, &path))
    }

    /// Owns the browser's process until `end`.
    pub async fn run(&self, end: &CancellationToken) {
        self.0.run(end).await;
    }

    /// Answers the parameters of `browser.proxy`, or of `browser.proxy.upload.v1`, as a node does.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub async fn request(&self, command: &str, params: Value, waits: Duration) -> Result<Value, String> {
        let params = serde_json::from_value(params).map_err(|e| format!("invalid {command} params: {e}"))?;
        self.0.answer(command, params, waits).await.map_err(|failure| failure.message)
    }
}

/// What the owner of the process is to do.
enum Order {
    Start { headless: Option<bool>, started: oneshot::Sender<Result<Arc<Session>, Refusal>> },
    Stop { stopped: oneshot::Sender<bool> },
}

/// The parameters of `browser.proxy`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    #[serde(default)]
    method: Option<String>,
    path: String,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// `browser-v1`: what the browser refuses is an answer, too.
    #[serde(default)]
    error_envelope: Option<String>,
    #[serde(default)]
    upload: Option<Value>,
}

impl Browser {
    pub(crate) fn new(options: BrowserOptions, path: &str) -> Self {
        let (orders, given) = mpsc::channel(QUEUE);
        let guard = Arc::new(Guard::new(options.reach.clone()));
        let given = Mutex::new(Some(given));
        Self { options, path: path.to_owned(), guard, running: Mutex::default(), orders, given }
    }

    /// Whether there is a program to start.
    pub(crate) fn is_there(&self) -> bool {
        chrome::program(&self.options, &self.path).is_some()
    }

    fn set(&self, running: Option<Arc<Session>>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    fn running(&self) -> Option<Arc<Session>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers a request of the gateway: `{result, files?, route}`, or `{error: {status, body}, route}` for those who read that.
    pub(crate) async fn answer(
        &self,
        command: &str,
        params: Params,
        waits: Duration,
    ) -> Result<Value, Failure> {
        match (command == UPLOAD, params.upload.is_some()) {
            (false, true) => {
                return Err(Failure::invalid(format!("{COMMAND} does not accept upload envelopes")));
            }
            (true, false) => return Err(Failure::invalid(format!("{UPLOAD} requires an upload envelope"))),
            _ => {}
        }
        let method = params.method.as_deref().unwrap_or("GET").trim().to_uppercase();
        if !["GET", "POST", "DELETE"].contains(&method.as_str()) {
            return Err(Failure::invalid("method must be GET, POST, or DELETE"));
        }
        let asked = params.timeout_ms.filter(|ms| *ms > 0).map_or(TIMEOUT, Duration::from_millis);
        let deadline = Instant::now() + asked.min(waits).min(MAX_TIMEOUT);
        let path = params.path.trim();
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        let request = Request::new(&method, path, params.query, params.body);
        let profile = params.profile.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let profile = profile.or_else(|| request.word("profile"));
        let route = json!({"status": "resolved", "profile": PROFILE, "driver": "openclaw"});
        let enveloped = params.error_envelope.as_deref() == Some("browser-v1");
        let work = async {
            self.check_profile(profile)?;
            self.dispatch(&request, params.upload.as_ref(), deadline).await
        };
        let done = tokio::time::timeout_at(deadline, work).await;
        let done = done.unwrap_or_else(|_| Err(Refusal::late(&format!("{method} {path}"))));
        let mut answer = match done {
            Ok(Given { result, files }) if files.is_empty() => json!({"result": result}),
            Ok(Given { result, files }) => json!({"result": result, "files": files}),
            Err(refusal) if enveloped => json!({"error": {"status": refusal.status, "body": refusal.body()}}),
            Err(refusal) => {
                return Err(Failure::unavailable(format!("{}: {}", refusal.status, refusal.message)));
            }
        };
        if enveloped {
            answer["route"] = route;
        }
        let size = answer.to_string().len();
        if size > MAX_ANSWER {
            return Err(Failure::unavailable(format!(
                "the answer has {size} bytes, and may have {MAX_ANSWER}; ask for less"
            )));
        }
        Ok(answer)
    }

    fn check_profile(&self, asked: Option<&str>) -> Result<(), Refusal> {
        let name = asked.unwrap_or(PROFILE);
        let allowed = &self.options.allow_profiles;
        if !allowed.is_empty() && !allowed.iter().any(|allowed| allowed.trim() == name) {
            return Err(Refusal {
                status: 403,
                ..Refusal::invalid(
                    "browser profile not allowed (nodeHost.browserProxy.allowProfiles on the node)",
                )
            });
        }
        if name == PROFILE {
            return Ok(());
        }
        Err(Refusal::missing(format!(
            "there is no browser profile {name:?} on this node; there is {PROFILE:?}"
        )))
    }

    async fn page<'a>(
        &'a self,
        session: &'a Session,
        name: Option<&str>,
        deadline: Instant,
    ) -> Result<Page<'a>, Refusal> {
        let found = match name {
            Some(name) => Some(session.tabs().named(name)?.clone()),
            None => session.tabs().last_used().cloned(),
        };
        let tab = match found {
            Some(tab) => tab,
            None => pages::blank(session, None, deadline).await?,
        };
        session.tabs().touch(&tab.target);
        Ok(Page { session, guard: &self.guard, tab, deadline })
    }

    async fn open(&self, request: &Request, deadline: Instant) -> Result<Value, Refusal> {
        let url = request.body("url").ok_or_else(|| Refusal::invalid("url is required"))?;
        // Before there is a tab for it.
        self.guard.check_page(url).await.map_err(Refusal::blocked)?;
        let session = self.session(None).await?;
        let tab = pages::blank(&session, request.body("label"), deadline).await?;
        let page = Page { session: &session, guard: &self.guard, tab, deadline };
        // A file that is there instead waits to be fetched.
        page.go(url).await?;
        let mut shown =
            page.session.tabs().by_target(&page.tab.target).map(|tab| tab.shown()).unwrap_or_default();
        shown["resolvedProfile"] = json!(PROFILE);
        Ok(shown)
    }

    /// The running browser; it is started where there is none.
    async fn session(&self, headless: Option<bool>) -> Result<Arc<Session>, Refusal> {
        if let Some(session) = self.running() {
            return Ok(session);
        }
        let (started, told) = oneshot::channel();
        let ending = || Refusal::unavailable("the node is ending");
        self.orders.send(Order::Start { headless, started }).await.map_err(|_| ending())?;
        told.await.map_err(|_| ending())?
    }

    /// Ends the browser; whether there was one.
    async fn stop(&self) -> Result<bool, Refusal> {
        let (stopped, told) = oneshot::channel();
        let ending = || Refusal::unavailable("the node is ending");
        self.orders.send(Order::Stop { stopped }).await.map_err(|_| ending())?;
        told.await.map_err(|_| ending())
    }

    fn status(&self) -> Value {
        let running = self.running();
        let (headless, source) = chrome::headless(&self.options, None);
        let program = chrome::program(&self.options, &self.path);
        json!({
            "enabled": true, "profile": PROFILE, "driver": "openclaw", "transport": "cdp",
            "running": running.is_some(), "cdpReady": running.is_some(), "cdpPort": null, "cdpUrl": null,
            "pid": running.as_ref().and_then(|session| session.pid),
            "headless": running.as_ref().map_or(headless, |session| session.headless), "headlessSource": source,
            "noSandbox": self.options.no_sandbox, "attachOnly": false, "executablePath": program,
            "userDataDir": chrome::profile_dir(&self.options.state_dir),
        })
    }

    fn profiles(&self) -> Value {
        let running = self.running();
        let tabs = running.as_ref().map_or(0, |session| session.tabs().all().len());
        json!({"profiles": [{
            "name": PROFILE, "driver": "openclaw", "transport": "cdp", "running": running.is_some(), "tabCount": tabs,
            "isDefault": true, "isRemote": false, "cdpPort": null, "cdpUrl": null,
        }]})
    }
}
