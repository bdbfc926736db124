//! A client that says exactly what a test tells it to, also what no proper client would say.
// Each program of tests uses a part of this.
#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod ask;
pub mod logged;

use ask::{Ask, Device};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::gateway::{TestGateway, TestOptions};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Nothing here waits longer; longer than any deadline of the gateway that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway whose `gateway` section has these properties (JSON5, a comma at the end) beside token auth.
pub async fn gateway_with(section: &str) -> TestGateway {
    let token = testkit::gateway::TOKEN;
    let config = format!(r#"{{ gateway: {{ {section} auth: {{ mode: "token", token: "{token}" }} }} }}"#);
    gateway_of(config).await
}

/// A gateway with this configuration.
pub async fn gateway_of(config: String) -> TestGateway {
    TestGateway::with(TestOptions { config, ..TestOptions::default() }).await
}

/// A node of this number, which offers one command and is approved for it.
pub async fn approved_node(gateway: &TestGateway, operator: &mut Raw, number: u8, command: &str) -> Raw {
    let ask = Ask::node(Device::new(number), &[command]);
    let id = Device::new(number).id();
    let node = Raw::connected(gateway.port(), &ask).await;
    let meant = |e: &Value| e["event"] == "node.pair.requested" && e["payload"]["nodeId"] == id.as_str();
    let (_, event) = operator.event(0, meant).await;
    operator.call("node.pair.approve", json!({"requestId": event["payload"]["requestId"]})).await;
    node
}

/// Lets so much of the gateway's time pass at once. Sockets go on in real time.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// How a socket ended: close code and reason; 1006 where there was no close frame.
pub type Closed = (u16, String);

/// What came.
#[derive(Debug)]
pub enum Got {
    Frame(Value),
    Ping,
    Closed(Closed),
}

/// An upgraded socket that has read its challenge.
pub struct Raw {
    ws: WebSocketStream<TcpStream>,
    pub challenge: Value,
    /// The payload of `hello-ok`, once it is in.
    pub hello: Value,
    /// Every event after the challenge, in the order in which they came.
    pub events: Vec<Value>,
    /// Responses that came while another was waited for.
    responses: Vec<Value>,
    requests: u64,
}

impl Raw {
    /// Upgrades and reads the challenge.
    pub async fn open(port: u16) -> Self {
        Self::upgrade(port, &[]).await.expect("the upgrade succeeds")
    }

    /// As [`Raw::open`] with more headers; the HTTP status where the upgrade is refused.
    pub async fn upgrade(port: u16, headers: &[(&'static str, String)]) -> Result<Self, u16> {
        Self::upgrade_over(TcpSocket::new_v4().unwrap(), port, headers).await
    }

    /// As [`Raw::open`]; the two hosts keep little of what the client does not read: a small window at its end, and
    /// small segments, by which the other end sizes its own buffer.
    pub async fn open_narrow(port: u16) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket2::SockRef::from(&socket).set_tcp_mss(536).unwrap();
        Self::upgrade_over(socket, port, &[]).await.expect("the upgrade succeeds")
    }

    async fn upgrade_over(
        socket: TcpSocket,
        port: u16,
        headers: &[(&'static str, String)],
    ) -> Result<Self, u16> {
        let tcp = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let config =
            WebSocketConfig::default().read_buffer_size(4096).max_message_size(None).max_frame_size(None);
        let upgrade = tokio_tungstenite::client_async_with_config(request, tcp, Some(config));
        let ws = match timeout(PATIENCE, upgrade).await.expect("an answer to the upgrade") {
            Ok((ws, _)) => ws,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        let nothing = Value::Null;
        let (challenge, hello) = (nothing.clone(), nothing);
        let mut raw = Self { ws, challenge, hello, events: Vec::new(), responses: Vec::new(), requests: 0 };
        raw.challenge = match raw.next().await {
            Got::Frame(frame) => frame["payload"].clone(),
            other => panic!("a challenge was expected: {other:?}"),
        };
        assert!(raw.challenge["nonce"].is_string() && raw.challenge["ts"].is_i64(), "{}", raw.challenge);
        Ok(raw)
    }

    /// Connects and is let in.
    pub async fn connected(port: u16, ask: &Ask) -> Self {
        let mut raw = Self::upgrade(port, &ask.headers).await.expect("the upgrade succeeds");
        raw.let_in(ask).await;
        raw
    }

    /// Shakes hands on an open socket.
    pub async fn let_in(&mut self, ask: &Ask) {
        let answer = self.shake(ask).await;
        assert_eq!(answer["ok"], true, "{answer}");
        self.hello = answer["payload"].clone();
    }

    /// Connects and is refused: the error and the close frame.
    pub async fn refused(port: u16, ask: &Ask) -> (Value, Closed) {
        let mut raw = Self::upgrade(port, &ask.headers).await.expect("the upgrade succeeds");
        let answer = raw.shake(ask).await;
        assert_eq!(answer["ok"], false, "{answer}");
        (answer["error"].clone(), raw.closed().await)
    }

    /// Sends `connect` and gives the response frame.
    pub async fn shake(&mut self, ask: &Ask) -> Value {
        let params = ask.params_for(&self.challenge);
        self.call_frame("connect", params).await
    }

    pub async fn send(&mut self, message: Message) {
        timeout(PATIENCE, self.ws.send(message)).await.expect("the gateway reads").unwrap();
    }

    /// Sends what the gateway may refuse half-way.
    pub async fn send_unheard(&mut self, message: Message) {
        // That the other side hangs up is what such a test is about.
        let _ = timeout(PATIENCE, self.ws.send(message)).await.expect("the gateway reads or hangs up");
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a request and gives its id.
    pub async fn request(&mut self, method: &str, params: Value) -> String {
        self.requests += 1;
        let id = format!("r{}", self.requests);
        self.send_text(&json!({"type":"req","id":id,"method":method,"params":params}).to_string()).await;
        id
    }

    /// The response frame to a request.
    pub async fn response(&mut self, id: &str) -> Value {
        timeout(PATIENCE, self.wait_for_response(id)).await.expect("a response")
    }

    async fn wait_for_response(&mut self, id: &str) -> Value {
        if let Some(at) = self.responses.iter().position(|r| r["id"] == id) {
            return self.responses.remove(at);
        }
        loop {
            match self.next().await {
                Got::Frame(frame) if frame["type"] == "res" && frame["id"] == id => return frame,
                Got::Frame(frame) => self.keep(frame),
                Got::Ping => {}
                Got::Closed(closed) => panic!("closed while {id} waits for its answer: {closed:?}"),
            }
        }
    }

    fn keep(&mut self, frame: Value) {
        match frame["type"].as_str() {
            Some("event") => self.events.push(frame),
            _ => self.responses.push(frame),
        }
    }

    /// Calls a method and gives the whole response frame.
    pub async fn call_frame(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        self.response(&id).await
    }

    /// Calls a method that succeeds and gives the payload.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call_frame(method, params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["payload"].clone()
    }

    /// Calls a method that fails and gives the error.
    pub async fn fails(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call_frame(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        answer["error"].clone()
    }

    /// The first event from the `from`th on that is the one meant, with its place.
    pub async fn event(&mut self, from: usize, meant: impl Fn(&Value) -> bool) -> (usize, Value) {
        timeout(PATIENCE, self.wait_for_event(from, meant)).await.expect("an event")
    }

    async fn wait_for_event(&mut self, from: usize, meant: impl Fn(&Value) -> bool) -> (usize, Value) {
        let mut at = from;
        loop {
            while let Some(event) = self.events.get(at) {
                if meant(event) {
                    return (at, event.clone());
                }
                at += 1;
            }
            match self.next().await {
                Got::Frame(frame) => self.keep(frame),
                Got::Ping => {}
                Got::Closed(closed) => panic!("closed while an event is waited for: {closed:?}"),
            }
        }
    }

    /// The next event with this name, after those that were there already; gives its payload.
    pub async fn event_named(&mut self, name: &str) -> Value {
        let from = self.events.len();
        self.event(from, |e| e["event"] == name).await.1["payload"].clone()
    }

    /// Takes the next `node.invoke.request` and gives its payload.
    pub async fn invoked(&mut self) -> Value {
        let (at, event) = self.event(0, |e| e["event"] == "node.invoke.request").await;
        self.events.remove(at);
        event["payload"].clone()
    }

    /// Answers a node call with success and gives the gateway's answer to that.
    pub async fn result(&mut self, invoked: &Value, payload: &Value) -> Value {
        let result = json!({"id": invoked["id"], "nodeId": invoked["nodeId"], "ok": true, "payloadJSON": payload.to_string()});
        self.call("node.invoke.result", result).await
    }

    /// The next thing that comes, whatever it is.
    pub async fn next(&mut self) -> Got {
        loop {
            let message = timeout(PATIENCE, self.ws.next()).await.expect("the gateway says something");
            match message {
                Some(Ok(Message::Text(text))) => return Got::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_))) => return Got::Ping,
                Some(Ok(Message::Close(Some(close)))) => {
                    return Got::Closed((close.code.into(), close.reason.as_str().to_owned()));
                }
                Some(Ok(Message::Close(None))) => return Got::Closed((1005, String::new())),
                Some(Ok(Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Got::Closed((1006, String::new())),
            }
        }
    }

    /// The next pong's payload.
    pub async fn pong(&mut self) -> Vec<u8> {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.expect("a pong") {
                Some(Ok(Message::Pong(payload))) => return payload.to_vec(),
                Some(Ok(_)) => {}
                other => panic!("a pong was expected: {other:?}"),
            }
        }
    }

    /// Reads to the end and gives the close frame; frames on the way are kept.
    pub async fn closed(&mut self) -> Closed {
        timeout(PATIENCE, self.wait_for_close()).await.expect("the gateway closes")
    }

    async fn wait_for_close(&mut self) -> Closed {
        loop {
            match self.next().await {
                Got::Frame(frame) => self.keep(frame),
                Got::Ping => {}
                Got::Closed(closed) => return closed,
            }
        }
    }

    /// Sends something large while reading, and gives how the socket ended.
    pub async fn send_and_be_closed(self, message: Message) -> Closed {
        let (mut sink, mut stream) = self.ws.split();
        let sending = async {
            // Refused half-way: that is what is tested.
            let _ = sink.send(message).await;
        };
        let reading = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Close(Some(close)))) => {
                        return (close.code.into(), close.reason.as_str().to_owned());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return (1006, String::new()),
                }
            }
        };
        let both = async { tokio::join!(sending, reading).1 };
        timeout(PATIENCE, both).await.expect("the gateway closes")
    }

    /// Still open, and still answers.
    pub async fn assert_open(&mut self) {
        assert_eq!(self.call("health", json!({})).await["ok"], true);
    }

    /// Says goodbye and waits for the other side's.
    pub async fn leave(mut self) {
        // It may be closed already.
        let _ = self.ws.close(None).await;
        self.closed().await;
    }
}
