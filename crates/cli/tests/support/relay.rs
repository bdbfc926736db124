//! A relay before a gateway that cuts a connection in the middle of a call, as a network does.

#![allow(clippy::unwrap_used, dead_code)] // Each test file uses its share of these.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// When a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The gateway has the request; its answer gets lost.
    BeforeTheAnswer,
    /// The client has the first answer; the second gets lost.
    AfterTheFirst,
}

/// What is cut, and what comes then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Requests of this method.
    pub(crate) method: &'static str,
    pub(crate) cut: Cut,
    /// So many times.
    pub(crate) times: usize,
    /// Whether connections are let through after the last cut.
    pub(crate) lets_in: bool,
}

/// The running relay. Dropping it ends it.
pub(crate) struct Relay {
    pub(crate) port: String,
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

struct State {
    plan: Plan,
    left: usize,
    /// Parameters of all requests of the method.
    seen: Vec<Value>,
}

impl Relay {
    pub(crate) async fn start(gateway: &str, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let state = Arc::new(Mutex::new(State { plan, left: plan.times, seen: Vec::new() }));
        let mut task = JoinSet::new();
        task.spawn(accept(listener, format!("ws://127.0.0.1:{gateway}"), state.clone()));
        Self { port, state, _task: task }
    }

    /// Parameters of the requests of the method, in order.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.state.lock().unwrap().seen.clone()
    }
}

async fn accept(listener: TcpListener, gateway: String, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shut = {
            let state = state.lock().unwrap();
            state.left == 0 && !state.plan.lets_in
        };
        if !shut {
            connections.spawn(relay(stream, gateway.clone(), state.clone()));
        }
    }
}

/// Passes frames on until one is to be cut; then both sides lose their connection without a word.
async fn relay(stream: TcpStream, gateway: String, state: Arc<Mutex<State>>) {
    let Ok(mut client) = tokio_tungstenite::accept_async(stream).await else { return };
    let Ok((mut server, _)) = tokio_tungstenite::connect_async(&gateway).await else { return };
    let mut cutting: Option<(Cut, Value)> = None;
    loop {
        tokio::select! {
            frame = client.next() => {
                let Some(Ok(frame)) = frame else { return };
                cutting = cutting.or_else(|| asked(&frame, &state));
                if server.send(frame).await.is_err() { return }
            }
            frame = server.next() => {
                let Some(Ok(frame)) = frame else { return };
                let answers = cutting.as_ref().filter(|(_, id)| read(&frame)["id"] == *id).map(|(cut, _)| *cut);
                if answers == Some(Cut::BeforeTheAnswer) { return }
                if client.send(frame).await.is_err() || answers.is_some() { return }
            }
        }
    }
}

fn read(frame: &Message) -> Value {
    frame.to_text().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Whether this request is one that is cut, and its id.
fn asked(frame: &Message, state: &Mutex<State>) -> Option<(Cut, Value)> {
    let request = read(frame);
    let mut state = state.lock().unwrap();
    if request["method"] != state.plan.method {
        return None;
    }
    state.seen.push(request["params"].clone());
    state.left = state.left.checked_sub(1)?;
    Some((state.plan.cut, request["id"].clone()))
}
