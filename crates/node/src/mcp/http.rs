//! A server of tools that is reached over HTTP: each message is posted, and answers come as JSON or as server-sent events. The
//! older way ("sse") has one stream for all answers, and an address for posting that the server names on it.
//!
//! The address is the operator's of this computer, who may name any. What others decide is held to it: redirects are not followed,
//! and what a server names as its address for posting has to be on the same host.

use super::McpHttp;
use super::challenge::Challenge;
use super::client::Client;
use super::sign_in::{McpSignIn, showing};
use super::wire::{self, MAX_LINE, Said};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::ExposeSecret;
use model::sse::{Decoder, Event};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

/// Messages that are posted at once: more wait.
const MAX_POSTS: usize = 32;
/// Bytes of an error's text that are shown.
const MAX_SHOWN: usize = 300;
/// How long a server may take to hear that nobody wants its session any more.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);
/// A stream of news that ended is opened again after this time, and after twice as long the next time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What ended.
#[derive(Debug)]
enum End {
    /// This one request, for this reason.
    Request(String),
    /// All of it.
    Session(String),
}

/// What was agreed on with a server.
#[derive(Debug, Default, Clone)]
struct Agreed {
    session: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

/// One conversation with a server.
pub(super) struct Session<'a> {
    way: &'a McpHttp,
    client: &'a Client,
    /// Told when the server's tools have changed.
    changed: &'a Notify,
    /// How long an answer may take.
    within: Duration,
    agreed: Mutex<Agreed>,
    /// Told when the server has been greeted.
    greeted: Notify,
}

impl<'a> Session<'a> {
    pub(super) fn new(way: &'a McpHttp, client: &'a Client, changed: &'a Notify, within: Duration) -> Self {
        Self { way, client, changed, within, agreed: Mutex::default(), greeted: Notify::new() }
    }

    /// Speaks with the server until that ends; why.
    pub(super) async fn run(&self, lines: mpsc::Receiver<String>) -> String {
        let done = if self.way.sse { self.speak_old(lines).await } else { self.speak(lines).await };
        match done {
            Err(End::Session(why) | End::Request(why)) => why,
            Ok(never) => match never {},
        }
    }

    /// Tells the server that its session is over; what it says to that changes nothing.
    pub(super) async fn leave(&self) {
        if self.agreed().session.is_none() {
            return;
        }
        let request = self.request(Method::DELETE, &self.way.url);
        let request = match &self.way.sign_in {
            None => request,
            // No token is renewed for that: a server forgets a session by itself, too.
            Some(sign_in) => match sign_in.at_hand() {
                Some(token) => showing(request, &token),
                None => return,
            },
        };
        let left = timeout(LEAVE_WITHIN, request.send()).await;
        if !matches!(left, Ok(Ok(_))) {
            tracing::debug!("a server of tools did not hear that its session is over");
        }
    }

    async fn speak(&self, lines: mpsc::Receiver<String>) -> Result<Infallible, End> {
        tokio::select! {
            end = self.post_all(lines, &self.way.url) => end,
            end = self.hear_news() => end,
        }
    }

    /// One stream for all answers; what is posted is only taken.
    async fn speak_old(&self, lines: mpsc::Receiver<String>) -> Result<Infallible, End> {
        let over = |why: &str| End::Session(why.to_owned());
        let opened = async {
            let stream = self.request(Method::GET, &self.way.url).header(ACCEPT, "text/event-stream");
            let mut events = Events::of(checked(self.send(stream).await?).await?)?;
            while let Some(event) = events.next().await.map_err(End::Session)? {
                if event.name == "endpoint" {
                    return Ok((self.place(&event.data)?, events));
                }
            }
            Err(over("it named no address for posting"))
        };
        let (place, mut events) = timeout(self.within, opened)
            .await
            .map_err(|_| over("it named no address for posting in time"))??;
        let hear = async {
            while let Some(event) = events.next().await.map_err(End::Session)? {
                if event.name.is_empty() || event.name == "message" {
                    self.take(event.data.as_bytes());
                }
            }
            Err(over("its stream ended"))
        };
        tokio::select! {
            end = self.post_all(lines, &place) => end,
            end = hear => end,
        }
    }

    /// The address for posting that the server named, if it is on its own host.
    fn place(&self, named: &str) -> Result<Url, End> {
        let shown: String = named.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect();
        let place = self.way.url.join(named.trim());
        let place =
            place.map_err(|e| End::Session(format!("it named {shown:?} as its address for posting: {e}")))?;
        if place.origin() != self.way.url.origin() {
            return Err(End::Session(format!(
                "it named {shown:?} as its address for posting, which is on another host than {}",
                self.way.url.origin().ascii_serialization()
            )));
        }
        Ok(place)
    }

    /// Posts each line, several at once.
    async fn post_all(&self, mut lines: mpsc::Receiver<String>, to: &Url) -> Result<Infallible, End> {
        let mut posts = FuturesUnordered::new();
        loop {
            tokio::select! {
                line = lines.recv(), if posts.len() < MAX_POSTS => match line {
                    Some(line) => posts.push(self.post(line, to)),
                    None => return Err(End::Session("nobody speaks with it any more".into())),
                },
                Some(done) = posts.next() => done?,
            }
        }
    }

    /// Posts one, and hands on what comes of it. A call that the server refuses has failed, and nothing else has.
    async fn post(&self, line: String, to: &Url) -> Result<(), End> {
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        let is = |method: &str| message["method"] == method;
        let asks = message["id"].as_u64().filter(|_| message["method"].is_string());
        let posted = timeout(self.within, self.exchange(line, to, is("initialize"))).await;
        match posted.unwrap_or_else(|_| Err(End::Request("it did not answer in time".into()))) {
            Ok(()) if is("notifications/initialized") => self.greeted.notify_one(),
            // Where the answer comes another way, it may still come.
            Ok(()) if self.way.sse => {}
            Ok(()) => self.refuse(asks, "it answered with nothing"),
            Err(End::Request(why)) => self.refuse(asks, &why),
            Err(end) => return Err(end),
        }
        Ok(())
    }

    /// Fails a call that was not answered.
    fn refuse(&self, asks: Option<u64>, why: &str) {
        if let Some(id) = asks {
            self.client.answer(id, Err(why.to_owned()));
        }
    }

    async fn exchange(&self, line: String, to: &Url, greets: bool) -> Result<(), End> {
        let request = self.request(Method::POST, to).header(CONTENT_TYPE, "application/json");
        let request = request.header(ACCEPT, "application/json, text/event-stream").body(line);
        let mut response = checked(self.send(request).await?).await?;
        if greets && let Some(session) = response.headers().get(SESSION) {
            self.agreed().session = Some(session.clone());
        }
        if self.way.sse || matches!(response.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(());
        }
        match kind(response.headers()) {
            "application/json" => {
                let body = body(&mut response, MAX_LINE).await.map_err(End::Request)?;
                self.take(&body);
            }
            "text/event-stream" => {
                let mut events = Events::of(response)?;
                while let Some(event) = events.next().await.map_err(End::Request)? {
                    self.take(event.data.as_bytes());
                }
            }
            other => {
                return Err(End::Request(format!("it answered with {other:?} instead of JSON or events")));
            }
        }
        Ok(())
    }

    /// Hears what the server says by itself, where it has a stream for that. It may end, and is opened again.
    async fn hear_news(&self) -> Result<Infallible, End> {
        self.greeted.notified().await;
        let mut pause = FIRST_PAUSE;
        loop {
            let stream = self.request(Method::GET, &self.way.url).header(ACCEPT, "text/event-stream");
            let opened = async { checked(self.send(stream).await?).await };
            match opened.await {
                Ok(response) if kind(response.headers()) == "text/event-stream" => {
                    let mut events = Events::of(response)?;
                    while let Ok(Some(event)) = events.next().await {
                        pause = FIRST_PAUSE;
                        self.take(event.data.as_bytes());
                    }
                }
                Err(End::Session(why)) if self.agreed().session.is_some() && why == EXPIRED => {
                    return Err(End::Session(why));
                }
                // Whether it is there at all shows where something is posted.
                Err(End::Session(_)) => {}
                // It has none.
                Ok(_) | Err(End::Request(_)) => return std::future::pending().await,
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Hands on what the server says.
    fn take(&self, message: &[u8]) {
        match wire::read(message) {
            Said::Answer(id, answer) => {
                if let Ok(result) = &answer {
                    self.note_version(result);
                }
                self.client.answer(id, answer);
            }
            Said::ToolsChanged => self.changed.notify_one(),
            Said::Asks(reply) => self.client.tell(reply),
            Said::Other | Said::Garbage => {}
        }
    }

    /// The first answer names the revision that is spoken from then on.
    fn note_version(&self, result: &Value) {
        let mut agreed = self.agreed();
        if agreed.version.is_none()
            && let Some(version) = result["protocolVersion"].as_str()
        {
            agreed.version = HeaderValue::from_str(version).ok();
        }
    }

    fn agreed(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, method: Method, to: &Url) -> RequestBuilder {
        let mut headers = HeaderMap::new();
        // Who signs in is known by that.
        let signs_in = self.way.sign_in.is_some();
        let of_use = |name: &str| !(signs_in && name.eq_ignore_ascii_case(AUTHORIZATION.as_str()));
        for (name, value) in self.way.headers.iter().filter(|(name, _)| of_use(name)) {
            let mut value = value.expose_secret().parse::<HeaderValue>().ok();
            value.iter_mut().for_each(|value| value.set_sensitive(true));
            // Both were looked at when the configuration was read.
            if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), value) {
                headers.insert(name, value);
            }
        }
        let Agreed { session, version } = self.agreed().clone();
        session.map(|session| headers.insert(SESSION, session));
        version.map(|version| headers.insert(VERSION, version));
        self.way.client.request(method, to.clone()).headers(headers)
    }

    /// Sends a request. One that does not get there ends the session, and so does a session that the server does not know.
    async fn send(&self, request: RequestBuilder) -> Result<Response, End> {
        let response = match &self.way.sign_in {
            Some(sign_in) => send_signed(sign_in, request).await?,
            None => request.send().await.map_err(|e| End::Session(causes(e)))?,
        };
        let knows = self.way.sse || self.agreed().session.is_some();
        if response.status() == StatusCode::NOT_FOUND && knows {
            return Err(End::Session(EXPIRED.into()));
        }
        Ok(response)
    }
}

const EXPIRED: &str = "its session has expired";

/// Sends a request with the token of a sign-in. One that is refused is renewed and sent once more: nothing was done with what came
/// without a token that counts. One for which the token is not good enough fails alone: others may go on with it.
async fn send_signed(sign_in: &McpSignIn, request: RequestBuilder) -> Result<Response, End> {
    let unreachable = |error| End::Session(causes(error));
    let again = request.try_clone();
    let mut token = sign_in.bearer(None).await.map_err(End::Session)?;
    let mut response = showing(request, &token).send().await.map_err(unreachable)?;
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(again) = again
    {
        token = sign_in.bearer(Some(&token)).await.map_err(End::Session)?;
        response = showing(again, &token).send().await.map_err(unreachable)?;
    }
    let challenge = Challenge::of(response.headers());
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(End::Session(sign_in.is_refused(&token).await)),
        StatusCode::FORBIDDEN if challenge.error.as_deref() == Some("insufficient_scope") => {
            let scope = challenge.scope.as_deref().unwrap_or_default();
            Err(End::Request(sign_in.wants_more(&token, scope).await))
        }
        _ => Ok(response),
    }
}

/// Fails where the status is no success.
async fn checked(mut response: Response) -> Result<Response, End> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere else");
        let to: String = to.chars().take(MAX_SHOWN).collect();
        return Err(End::Request(format!(
            "HTTP {}: it redirects to {to}; name that address as url",
            status.as_u16()
        )));
    }
    let asks = status == StatusCode::UNAUTHORIZED && Challenge::of(response.headers()).metadata.is_some();
    let hint =
        if asks { " (it wants a sign-in: say auth: \"oauth\" and use openclaw mcp login)" } else { "" };
    let said = body(&mut response, MAX_SHOWN * 4).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN).collect();
    let said = if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) };
    Err(End::Request(format!("HTTP {}{said}{hint}", status.as_u16())))
}

/// The content's kind, without its parameters.
fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

async fn body(response: &mut Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(causes)? {
        body.extend_from_slice(&part);
        if body.len() > most {
            return Err(format!("it answered with more than {most} bytes"));
        }
    }
    Ok(body)
}

/// What went wrong, without the address: it may have a secret in it.
pub(super) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The events of a stream.
struct Events {
    response: Response,
    decoder: Decoder,
    ready: VecDeque<Event>,
}

impl Events {
    fn of(response: Response) -> Result<Self, End> {
        match kind(response.headers()) {
            "text/event-stream" => Ok(Self { response, decoder: Decoder::default(), ready: VecDeque::new() }),
            other => Err(End::Session(format!("it answered with {other:?} instead of events"))),
        }
    }

    /// The next; `None` at the end of the stream. As long as it stands, it may be silent.
    async fn next(&mut self) -> Result<Option<Event>, String> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(part) = self.response.chunk().await.map_err(causes)? else { return Ok(None) };
            let mut events = Vec::new();
            let read = self.decoder.push(&part, &mut events);
            read.map_err(|_| format!("it sent an event of more than {} bytes", model::sse::MAX_LINE))?;
            self.ready.extend(events);
        }
    }
}
