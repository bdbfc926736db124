//! One connection of a case. It reads only while a step waits for something: a client that does not read is one that no
//! step waits on.
//!
//! On every connection, in every case, this much is held: frames are responses and events; a response belongs to a
//! request that was sent, and to no request come more than were asked for; numbered events count up from 1 by 1.

use crate::record::Recorder;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A frame of so many bytes or more may be refused half-way; the goodbye is read while it is sent.
const LARGE: usize = 60_000;

/// How a connection is made.
pub(crate) struct Opening<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) patience: Duration,
}

/// An open connection and all that came.
pub(crate) struct Socket {
    sink: SplitSink<Stream, Message>,
    stream: SplitStream<Stream>,
    recorder: Recorder,
    /// The payload of the first event.
    pub(crate) challenge: Value,
    /// Frames after the challenge, in the order in which they came.
    log: Vec<Value>,
    /// Places in the log of the answers to each request that no step has taken.
    answers: HashMap<String, VecDeque<usize>>,
    /// Places in the log of the events that a step has taken.
    taken: HashSet<usize>,
    /// What comes in order comes from here on.
    cursor: usize,
    /// How many more answers each request may get.
    open_answers: HashMap<String, u32>,
    seq: u64,
    requests: u64,
    /// Code and reason.
    closed: Option<(u16, String)>,
    /// Whether the handshake succeeded.
    pub(crate) is_in: bool,
}

/// Why there is no connection.
pub(crate) enum Refused {
    /// The upgrade was answered with this status.
    Status(u16),
    Failed(String),
}

impl Socket {
    /// Connects, and reads the challenge that the server begins with.
    pub(crate) async fn open(opening: Opening<'_>, recorder: Recorder) -> Result<Self, Refused> {
        let patience = opening.patience;
        let upgrade = timeout(patience, upgrade(opening)).await;
        let stream = upgrade.map_err(|_| Refused::Failed("no answer to the upgrade in time".into()))??;
        let (sink, stream) = stream.split();
        let mut socket = Self {
            sink,
            stream,
            recorder,
            challenge: Value::Null,
            log: vec![],
            answers: HashMap::new(),
            taken: HashSet::new(),
            cursor: 0,
            open_answers: HashMap::new(),
            seq: 0,
            requests: 0,
            closed: None,
            is_in: false,
        };
        socket.read_challenge(Instant::now() + patience).await.map_err(Refused::Failed)?;
        Ok(socket)
    }

    async fn read_challenge(&mut self, until: Instant) -> Result<(), String> {
        while self.log.is_empty() {
            self.read(until, "the challenge").await?;
        }
        let first = self.log.remove(0);
        let payload = &first["payload"];
        if first["event"] != "connect.challenge" || !payload["nonce"].is_string() || !payload["ts"].is_i64() {
            return Err(format!("the first frame is no connect.challenge with nonce and ts: {first}"));
        }
        self.challenge = payload.clone();
        Ok(())
    }

    /// Allows so many answers to a request with this id.
    pub(crate) fn allow(&mut self, id: &str, answers: u32) {
        *self.open_answers.entry(id.to_owned()).or_insert(0) += answers;
    }

    /// An id that no request had yet.
    pub(crate) fn new_id(&mut self) -> String {
        self.requests += 1;
        format!("auto-{}", self.requests)
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, message: Message, until: Instant) -> Result<(), String> {
        if let Message::Text(text) = &message {
            self.recorder.frame("c>s", text);
        }
        if message.len() < LARGE {
            let sent = timeout_at(until, self.sink.send(message)).await;
            return sent.map_err(|_| "the server does not read")?.map_err(|e| e.to_string());
        }
        let (sink, stream) = (&mut self.sink, &mut self.stream);
        let mut heard = vec![];
        let sending = async {
            let send = sink.send(message);
            tokio::pin!(send);
            loop {
                tokio::select! {
                    // Refused half-way: how it ended is in what was heard.
                    _ = &mut send => return,
                    message = stream.next() => match message {
                        Some(Ok(message)) => heard.push(message),
                        Some(Err(_)) | None => return,
                    },
                }
            }
        };
        let sent = timeout_at(until, sending).await;
        for message in heard {
            self.take_in(message)?;
        }
        sent.map_err(|_| "the server neither reads nor hangs up".to_owned())
    }

    /// Reads the next frame into the log, or the end.
    async fn read(&mut self, until: Instant, what: &str) -> Result<(), String> {
        if let Some((code, reason)) = &self.closed {
            return Err(format!("the server closed the connection ({code} {reason:?}) before {what}"));
        }
        let message = timeout_at(until, self.stream.next()).await;
        match message.map_err(|_| format!("{what} did not come in time"))? {
            Some(Ok(message)) => self.take_in(message),
            Some(Err(_)) | None => {
                self.closed = Some((1006, String::new()));
                Ok(())
            }
        }
    }

    fn take_in(&mut self, message: Message) -> Result<(), String> {
        match message {
            Message::Text(text) => {
                self.recorder.frame("s>c", &text);
                let frame: Value =
                    serde_json::from_str(&text).map_err(|e| format!("a frame that is no JSON: {e}"))?;
                self.hold(&frame)?;
                if let Some(id) = frame["id"].as_str().filter(|_| frame["type"] == "res") {
                    self.answers.entry(id.to_owned()).or_default().push_back(self.log.len());
                }
                self.log.push(frame);
            }
            Message::Close(frame) => {
                let closed = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                self.recorder.closed(&closed);
                self.closed = Some(closed);
            }
            Message::Binary(_) => return Err("the server sent a binary frame".into()),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    /// What every frame has to be.
    fn hold(&mut self, frame: &Value) -> Result<(), String> {
        match frame["type"].as_str() {
            Some("event") => {
                let Some(seq) = frame["seq"].as_u64() else { return Ok(()) };
                if seq != self.seq + 1 {
                    let event = &frame["event"];
                    return Err(format!("seq {seq} (of {event}) came after seq {}", self.seq));
                }
                self.seq = seq;
                Ok(())
            }
            Some("res") => match frame["id"].as_str().and_then(|id| self.open_answers.get_mut(id)) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Ok(())
                }
                Some(_) => Err(format!("one answer too many: {}", crate::pattern::short(frame))),
                None => Err(format!("an answer to nothing: {}", crate::pattern::short(frame))),
            },
            _ => Err(format!("neither response nor event: {}", crate::pattern::short(frame))),
        }
    }

    /// The next answer to a request. `in_order`: after what was taken in order before.
    pub(crate) async fn answer(&mut self, id: &str, in_order: bool, until: Instant) -> Result<Value, String> {
        loop {
            if let Some(at) = self.answers.get_mut(id).and_then(VecDeque::pop_front) {
                if in_order && at < self.cursor {
                    return Err(format!("the answer to {id:?} came before what was taken in order already"));
                }
                self.cursor = if in_order { at + 1 } else { self.cursor };
                return Ok(self.log[at].clone());
            }
            self.read(until, &format!("the answer to {id:?}")).await?;
        }
    }

    /// The next event that fits: after what was taken in order before, or of all that were not taken yet.
    pub(crate) async fn event(
        &mut self,
        name: &str,
        anywhere: bool,
        until: Instant,
        mut fits: impl FnMut(&Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut at = if anywhere { 0 } else { self.cursor };
        let mut nearest = String::new();
        loop {
            while let Some(frame) = self.log.get(at) {
                if frame["event"] == name && !self.taken.contains(&at) {
                    match fits(&frame["payload"]) {
                        Ok(()) => {
                            self.taken.insert(at);
                            self.cursor = if anywhere { self.cursor } else { at + 1 };
                            return Ok(());
                        }
                        Err(difference) => nearest = format!("; the last one differs at {difference}"),
                    }
                }
                at += 1;
            }
            self.read(until, &format!("event {name}")).await.map_err(|e| format!("{e}{nearest}"))?;
        }
    }

    /// Waits until all that the server has sent up to now is here.
    pub(crate) async fn settle(&mut self, until: Instant) -> Result<(), String> {
        let id = self.new_id();
        self.allow(&id, 1);
        let health = json!({"type": "req", "id": id, "method": "health", "params": {}});
        self.send(Message::text(health.to_string()), until).await?;
        self.answer(&id, false, until).await.map(drop)
    }

    /// Whether an event that fits is there, after what was taken in order before.
    pub(crate) fn has_event(&self, name: &str, mut fits: impl FnMut(&Value) -> bool) -> bool {
        let left = self.log.iter().enumerate().skip(self.cursor).filter(|(at, _)| !self.taken.contains(at));
        left.map(|(_, frame)| frame).any(|frame| frame["event"] == name && fits(&frame["payload"]))
    }

    /// The number of the last numbered event.
    pub(crate) fn counted(&self) -> u64 {
        self.seq
    }

    /// Reads to the end: close code and reason.
    pub(crate) async fn closed(&mut self, until: Instant) -> Result<(u16, String), String> {
        loop {
            if let Some(closed) = &self.closed {
                return Ok(closed.clone());
            }
            self.read(until, "the server's goodbye").await?;
        }
    }

    /// Says goodbye. Nothing is read any more.
    pub(crate) async fn leave(mut self, until: Instant) {
        // It may have left before us.
        let _ = timeout_at(until, self.sink.close()).await;
    }
}

async fn upgrade(opening: Opening<'_>) -> Result<Stream, Refused> {
    let failed = |e: String| Refused::Failed(e);
    let mut request = opening.url.into_client_request().map_err(|e| failed(e.to_string()))?;
    for (name, value) in &opening.headers {
        let name = HeaderName::try_from(name).map_err(|e| failed(e.to_string()))?;
        let value = HeaderValue::try_from(value).map_err(|e| failed(e.to_string()))?;
        request.headers_mut().insert(name, value);
    }
    let tcp = connect(request.uri()).await.map_err(|e| failed(e.to_string()))?;
    let config =
        WebSocketConfig::default().read_buffer_size(4096).max_message_size(None).max_frame_size(None);
    match client_async_tls_with_config(request, tcp, Some(config), None).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(response)) => Err(Refused::Status(response.status().as_u16())),
        Err(error) => Err(failed(error.to_string())),
    }
}

async fn connect(uri: &Uri) -> std::io::Result<TcpStream> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
