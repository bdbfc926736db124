//! A model provider on the wire, OpenAI's chat completions and Anthropic's messages both, streaming. It is quick enough
//! to stand behind benchmarks, and scripted where a test wants it to fail.

mod listen;
mod pen;
mod wire;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
pub use listen::Listened;
pub use pen::Pen;
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::{Dialect, Reply};

/// What the fake does once, instead of its rules.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Answers with this text.
    Text(String),
    /// Asks for these tools: (name, arguments).
    ToolCalls(Vec<(String, Value)>),
    /// Answers with this status, headers and body.
    Status(u16, Vec<(String, String)>, String),
    /// Streams its usual answer, and breaks the connection after so many bytes.
    CutStream(usize),
    /// Answers as the test writes, to those who speak OpenAI's dialect.
    Written(Pen),
    /// Takes the request and never answers.
    Hang,
    /// Answers 200 with what is no model's answer.
    Garbage,
}

/// A provider on 127.0.0.1. It ends when it is dropped.
///
/// Without a [`Step`], it answers `TOOL:<name> {json}` in the last user text (several are several calls) with that tool
/// call, a tool's result with `tool said: <text>`, and all else with `echo: <last user text>`.
pub struct FakeModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What a test answers instead of the fake: the request's body in, a step out, or nothing for the fake's own rules.
pub type Rule = dyn Fn(&Value) -> Option<Step> + Send + Sync;

/// So many requests are kept; the oldest go first.
const MAX_RECORDED: usize = 10_000;
/// And so many bytes of them: a benchmark with long transcripts must not eat the machine.
const MAX_RECORDED_BYTES: usize = 64 << 20;
/// A test that waits longer than this waits in vain.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    ears: Mutex<listen::Ears>,
    seen: watch::Sender<usize>,
    listened: watch::Sender<usize>,
    hung_up: watch::Sender<usize>,
}

#[derive(Default)]
struct Log {
    steps: VecDeque<Step>,
    rule: Option<Arc<Rule>>,
    /// Passes before every answer.
    delay: Duration,
    /// Unparsed: a tree would take many times the memory.
    requests: VecDeque<Bytes>,
    bytes: usize,
    /// What the last request proved itself with.
    key: Option<String>,
    /// Dropped: connections that are still open get nothing more.
    down: bool,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        // What another thread left behind is still a list of requests.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ears(&self) -> MutexGuard<'_, listen::Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request and takes the step that it gets, and the time that passes first.
    fn take(&self, request: Bytes, read: &Value) -> (Option<Step>, Duration) {
        let mut log = self.log();
        log.bytes += request.len();
        log.requests.push_back(request);
        while log.requests.len() > MAX_RECORDED || log.bytes > MAX_RECORDED_BYTES {
            let Some(oldest) = log.requests.pop_front() else { break };
            log.bytes -= oldest.len();
        }
        let (step, rule, delay) = (log.steps.pop_front(), log.rule.clone(), log.delay);
        drop(log);
        self.seen.send_modify(|n| *n += 1);
        (step.or_else(|| rule.and_then(|rule| rule(read))), delay)
    }
}

impl FakeModel {
    /// Starts on a free port.
    ///
    /// # Panics
    /// No port can be had: there is no test without one.
    #[allow(clippy::expect_used)]
    pub async fn start() -> FakeModel {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::new(Shared::default());
        let openai = |State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes| {
            shared.log().key = key(&headers, "authorization");
            answer(shared, Dialect::OpenAi, body)
        };
        let anthropic = |State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes| {
            shared.log().key = key(&headers, "x-api-key").or_else(|| key(&headers, "authorization"));
            answer(shared, Dialect::Anthropic, body)
        };
        let app = Router::new()
            .route("/v1/chat/completions", post(openai))
            .route("/v1/messages", post(anthropic))
            .route("/v1/audio/transcriptions", post(listen::openai))
            .route("/v1/listen", post(listen::deepgram))
            .route("/api/tags", get(tags))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(shared.clone());
        // Owned: the handle is aborted in Drop.
        #[allow(clippy::disallowed_methods)]
        let server = tokio::spawn(async move {
            // Ends with the fake; an error of the listener shows as a refused connection in the test.
            let _ = axum::serve(axum::serve::ListenerExt::tap_io(listener, no_delay), app).await;
        });
        FakeModel { address, shared, server }
    }

    /// The base URL, ending in `/v1`; both APIs accept it.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds steps; each is used for one request, before the rules.
    pub fn script(&self, steps: Vec<Step>) {
        self.shared.log().steps.extend(steps);
    }

    /// Answers by this rule where no step is left; what it leaves open goes by the fake's own rules.
    pub fn answer_by(&self, rule: impl Fn(&Value) -> Option<Step> + Send + Sync + 'static) {
        self.shared.log().rule = Some(Arc::new(rule));
    }

    /// Lets so much time pass before each answer.
    pub fn take_time(&self, delay: Duration) {
        self.shared.log().delay = delay;
    }

    /// The bodies of the requests so far, oldest first: the last 10,000, and no more than 64 MiB of them.
    pub fn requests(&self) -> Vec<Value> {
        let requests: Vec<Bytes> = self.shared.log().requests.iter().cloned().collect();
        requests.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect()
    }

    /// The key of the last request, as it came: `Bearer …` where it is sent so.
    pub fn last_key(&self) -> Option<String> {
        self.shared.log().key.clone()
    }

    /// How many requests have come.
    pub fn request_count(&self) -> usize {
        *self.shared.seen.borrow()
    }

    /// Waits until so many requests have come.
    ///
    /// # Panics
    /// They have not within 10 s.
    pub async fn wait_for_requests(&self, count: usize) {
        wait(&self.shared.seen, count, "requests to the fake model").await;
    }

    /// Waits until so many callers have hung up on [`Step::Hang`].
    ///
    /// # Panics
    /// They have not within 10 s.
    pub async fn wait_for_hang_ups(&self, count: usize) {
        wait(&self.shared.hung_up, count, "callers that hang up on the fake model").await;
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.shared.log().down = true;
        self.server.abort();
    }
}

#[allow(clippy::panic)]
async fn wait(counter: &watch::Sender<usize>, count: usize, what: &str) {
    let mut seen = counter.subscribe();
    let waited = tokio::time::timeout(PATIENCE, seen.wait_for(|n| *n >= count)).await.is_ok();
    let now = *counter.borrow();
    assert!(waited, "waited {} s for {count} {what}, saw {now}", PATIENCE.as_secs());
}

fn no_delay(socket: &mut tokio::net::TcpStream) {
    // Without it answers are slower and still right.
    let _ = socket.set_nodelay(true);
}

fn key(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The list by which an Ollama says which models it has.
async fn tags() -> Response {
    let mut response = Response::new(Body::from(r#"{"models":[{"name":"test-model"}]}"#));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn answer(shared: Arc<Shared>, dialect: Dialect, body: Bytes) -> Response {
    if shared.log().down {
        return streamed(Body::from_stream(cut(Bytes::new())));
    }
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(e) => return with_status(400, &[], format!("{{\"error\":{{\"message\":\"no JSON: {e}\"}}}}")),
    };
    let (step, delay) = shared.take(body, &request);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let reply = match step {
        None => wire::rule(dialect, &request),
        Some(Step::Text(text)) => Reply::Text(text),
        Some(Step::ToolCalls(calls)) => Reply::Calls(calls),
        Some(Step::Status(status, headers, body)) => return with_status(status, &headers, body),
        Some(Step::CutStream(after)) => {
            let mut events =
                wire::render(dialect, &request, &wire::rule(dialect, &request)).concat().into_bytes();
            events.truncate(after);
            return streamed(Body::from_stream(cut(Bytes::from(events))));
        }
        Some(Step::Hang) => {
            let _hung_up = CountOnDrop(&shared.hung_up);
            std::future::pending().await
        }
        Some(Step::Written(pen)) => return streamed(Body::from_stream(pen.read(&request))),
        Some(Step::Garbage) => return streamed(Body::from("<html>\u{1}\u{2} this is no model\n\n")),
    };
    let events = wire::render(dialect, &request, &reply);
    streamed(Body::from_stream(stream::iter(events.into_iter().map(|e| Ok::<_, io::Error>(Bytes::from(e))))))
}

/// These bytes, then a broken connection. The pause between them lets the server send what it has; it would drop it.
fn cut(bytes: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    let broken = async {
        tokio::task::yield_now().await;
        Err(io::Error::other("cut as scripted"))
    };
    stream::iter([Ok(bytes)]).chain(stream::once(broken))
}

/// The server drops the handler when the caller hangs up.
struct CountOnDrop<'a>(&'a watch::Sender<usize>);

impl Drop for CountOnDrop<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n += 1);
    }
}

fn streamed(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn with_status(status: u16, headers: &[(String, String)], body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests;
