//! Runs a case: one step after the other, until one fails.

use crate::device::Claims;
use crate::pattern::{check, short};
use crate::record::Recorder;
use crate::scope::Scope;
use crate::socket::{Opening, Refused, Socket};
use crate::step::{Answer, Call, Claimed, Closed, Connect, Event, NoEvent, Open, Send, Step, Text, Verb};
use crate::suite::{Case, Suite};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// The server that is held against the cases.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: String,
    /// How long a step waits, where it does not say.
    pub(crate) patience: Duration,
    pub(crate) recorder: Recorder,
}

impl Target {
    /// `http://HOST:PORT` of the server.
    fn origin(&self) -> String {
        let http = self.url.replacen("ws", "http", 1);
        http.trim_end_matches('/').to_owned()
    }

    /// Connects as an operator and gives what the server says its version is.
    pub(crate) async fn version(&self, suite: &Suite) -> Result<String, String> {
        let case = Case::greeting()?;
        let mut run = Run::new(self, suite, &case)?;
        run.steps(&case.steps).await.map_err(|(_, e)| e)?;
        let version = run.scope.fill(&json!("$version"))?;
        run.end().await?;
        Ok(version.as_str().unwrap_or("unknown").to_owned())
    }

    /// Runs a case.
    ///
    /// # Errors
    /// The line of the step that failed and how.
    pub(crate) async fn run(&self, suite: &Suite, case: &Case) -> Result<(), (usize, String)> {
        let mut run = Run::new(self, suite, case).map_err(|e| (0, e))?;
        run.steps(&case.steps).await?;
        let last = case.steps.last().map_or(0, |step| step.line);
        run.end().await.map_err(|e| (last, format!("after the last step: {e}")))
    }
}

struct Run<'a> {
    target: &'a Target,
    suite: &'a Suite,
    case: &'a Case,
    scope: Scope,
    sockets: HashMap<String, Socket>,
}

type Failed = (usize, String);

impl<'a> Run<'a> {
    fn new(target: &'a Target, suite: &'a Suite, case: &'a Case) -> Result<Self, String> {
        let mut run = [0u8; 6];
        getrandom::fill(&mut run).map_err(|e| e.to_string())?;
        let scope = Scope::new(hex::encode(run), target.token.clone(), target.origin());
        Ok(Self { target, suite, case, scope, sockets: HashMap::new() })
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), Failed> {
        for step in steps {
            match &step.verb {
                Verb::Repeat(repeat) => {
                    for index in 0..repeat.times {
                        self.scope.index = index;
                        Box::pin(self.steps(&repeat.steps)).await?;
                    }
                }
                Verb::Use(used) => {
                    let steps = self.suite.shared.get(&used.name).map(Vec::as_slice).unwrap_or_default();
                    let done = Box::pin(self.steps(steps)).await;
                    done.map_err(|(line, e)| (step.line, format!("in {} (line {line}): {e}", used.name)))?;
                }
                _ => self.step(step).await.map_err(|e| (step.line, e))?,
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let within = step.within.map_or(Duration::ZERO, Duration::from_millis);
        let until = Instant::now() + within.max(self.target.patience);
        match &step.verb {
            Verb::Open(open) => self.open(open).await,
            Verb::Connect(connect) => self.connect(connect, step, until).await,
            Verb::Call(call) => self.call(call, step, until).await,
            Verb::Answer(answer) => self.answer(answer, step, until).await,
            Verb::Send(send) => self.send(send, until).await,
            Verb::Text(text) => self.text(text, until).await,
            Verb::Binary(binary) => {
                let bytes = hex::decode(&binary.binary).map_err(|e| e.to_string())?;
                self.on(&binary.on)?.send(Message::binary(bytes), until).await
            }
            Verb::Event(event) => self.event(event, until).await,
            Verb::NoEvent(event) => self.no_event(event, until).await,
            Verb::Counted(counted) => {
                let socket = self.on(&counted.on)?;
                socket.settle(until).await?;
                let count = socket.counted();
                let enough = count >= counted.counted;
                enough.then_some(()).ok_or_else(|| format!("{count} numbered events have come"))
            }
            Verb::Closed(closed) => self.closed(closed, until).await,
            Verb::Leave(leave) => {
                if let Some(socket) = self.sockets.remove(&leave.leave) {
                    socket.leave(until).await;
                }
                Ok(())
            }
            Verb::Repeat(_) | Verb::Use(_) => Err("a step of steps".into()),
        }
    }

    fn on(&mut self, name: &str) -> Result<&mut Socket, String> {
        self.sockets.get_mut(name).ok_or_else(|| format!("{name:?} is not open"))
    }

    async fn open(&mut self, open: &Open) -> Result<(), String> {
        let headers = open.headers.iter().map(|(name, value)| {
            let value = self.scope.fill(value)?;
            Ok((name.clone(), value.as_str().unwrap_or_default().to_owned()))
        });
        let opening = Opening {
            url: &self.target.url,
            headers: headers.collect::<Result<_, String>>()?,
            patience: self.target.patience,
        };
        let recorder = self.target.recorder.of(&self.case.name, &open.open);
        match (Socket::open(opening, recorder).await, open.refused) {
            (Ok(socket), None) => {
                self.sockets.insert(open.open.clone(), socket);
                Ok(())
            }
            (Err(Refused::Status(status)), Some(expected)) if status == expected => Ok(()),
            (Ok(_), Some(expected)) => Err(format!("expected HTTP {expected}, and it was let in")),
            (Err(Refused::Status(status)), _) => Err(format!("the upgrade was refused with HTTP {status}")),
            (Err(Refused::Failed(e)), _) => Err(e),
        }
    }

    async fn connect(&mut self, connect: &Connect, step: &Step, until: Instant) -> Result<(), String> {
        let client = &self.suite.clients[&connect.connect];
        let mut params = self.scope.fill(client)?;
        for (place, value) in &connect.with {
            let value = if value == "$absent" { None } else { Some(self.scope.fill(value)?) };
            put(&mut params, place, value)?;
        }
        let device = connect.device.as_ref().map(|name| self.scope.device(name));
        let claims = self.claims(&connect.claims, connect.signed)?;
        let socket = self.on(&connect.on)?;
        if let Some(device) = device {
            params["device"] = device.prove(&params, &socket.challenge, &claims);
        }
        let id = socket.new_id();
        request(socket, &id, "connect", Some(params), 1, until).await?;
        let Some(expected) = &step.expected else { return Ok(()) };
        let answer = socket.answer(&id, false, until).await?;
        socket.is_in |= answer["ok"] == true;
        check(expected, &answer, &mut self.scope)
    }

    fn claims(&self, claimed: &Claimed, version: u8) -> Result<Claims, String> {
        let text = |value: &Option<Value>| match value {
            None => Ok(None),
            Some(value) => self.scope.fill(value).map(|v| v.as_str().map(str::to_owned)),
        };
        Ok(Claims {
            version,
            id: text(&claimed.id)?,
            public_key: text(&claimed.public_key)?,
            nonce: text(&claimed.nonce)?,
            signature: text(&claimed.signature)?,
            age: claimed.age,
        })
    }

    async fn call(&mut self, call: &Call, step: &Step, until: Instant) -> Result<(), String> {
        let params = call.params.as_ref().map(|params| self.scope.fill(params)).transpose()?;
        let id = call.id.as_ref().map(|id| self.id(id)).transpose()?;
        let socket = self.on(&call.on)?;
        let id = id.unwrap_or_else(|| socket.new_id());
        request(socket, &id, &call.call, params, call.answers, until).await?;
        let Some(expected) = &step.expected else { return Ok(()) };
        let answer = socket.answer(&id, false, until).await?;
        check(expected, &answer, &mut self.scope)
    }

    async fn answer(&mut self, answer: &Answer, step: &Step, until: Instant) -> Result<(), String> {
        let id = self.id(&answer.answer)?;
        let got = self.on(&answer.on)?.answer(&id, answer.in_order, until).await?;
        let Some(expected) = &step.expected else { return Ok(()) };
        check(expected, &got, &mut self.scope)
    }

    fn id(&self, template: &Value) -> Result<String, String> {
        let id = self.scope.fill(template)?;
        id.as_str().map(str::to_owned).ok_or_else(|| format!("an id is a text: {id}"))
    }

    async fn send(&mut self, send: &Send, until: Instant) -> Result<(), String> {
        let frame = self.scope.fill(&send.send)?;
        let mut text = frame.to_string();
        if let Some(bytes) = send.bytes {
            let missing = bytes.checked_sub(text.len()).ok_or("the frame is longer than its bytes")?;
            text.reserve(missing);
            // JSON may end in white space.
            text.extend(std::iter::repeat_n(' ', missing));
        }
        let socket = self.on(&send.on)?;
        if let Some(id) = frame["id"].as_str() {
            socket.allow(id, 1);
        }
        socket.send(Message::text(text), until).await
    }

    async fn text(&mut self, text: &Text, until: Instant) -> Result<(), String> {
        let filled = self.scope.fill(&text.text)?;
        let id = text.id.as_ref().map(|id| self.id(id)).transpose()?;
        let socket = self.on(&text.on)?;
        if let Some(id) = id {
            socket.allow(&id, 1);
        }
        socket.send(Message::text(filled.as_str().unwrap_or_default().to_owned()), until).await
    }

    async fn event(&mut self, event: &Event, until: Instant) -> Result<(), String> {
        let socket = self.sockets.get_mut(&event.on).ok_or_else(|| format!("{:?} is not open", event.on))?;
        let scope = &mut self.scope;
        let fits = |payload: &Value| match &event.payload {
            Some(pattern) => check(pattern, payload, scope),
            None => Ok(()),
        };
        socket.event(&event.event, event.anywhere, until, fits).await
    }

    async fn no_event(&mut self, event: &NoEvent, until: Instant) -> Result<(), String> {
        let socket = self.sockets.get_mut(&event.on).ok_or_else(|| format!("{:?} is not open", event.on))?;
        socket.settle(until).await?;
        let scope = &mut self.scope;
        let fits = |payload: &Value| {
            event.payload.as_ref().is_none_or(|pattern| check(pattern, payload, scope).is_ok())
        };
        match socket.has_event(&event.no_event, fits) {
            true => Err(format!("an event {} came", event.no_event)),
            false => Ok(()),
        }
    }

    async fn closed(&mut self, closed: &Closed, until: Instant) -> Result<(), String> {
        let (code, reason) = self.on(&closed.on)?.closed(until).await?;
        self.sockets.remove(&closed.on);
        check(&closed.closed, &json!({"code": code, "reason": reason}), &mut self.scope)
            .map_err(|e| format!("closed with {code} {reason:?}: {e}"))
    }

    /// What is on its way comes, also what must not; then everyone leaves.
    async fn end(mut self) -> Result<(), String> {
        let until = Instant::now() + self.target.patience;
        for (name, mut socket) in self.sockets.drain() {
            if socket.is_in {
                socket.settle(until).await.map_err(|e| format!("{name}: {e}"))?;
            }
            socket.leave(until).await;
        }
        Ok(())
    }
}

async fn request(
    socket: &mut Socket,
    id: &str,
    method: &str,
    params: Option<Value>,
    answers: u32,
    until: Instant,
) -> Result<(), String> {
    socket.allow(id, answers);
    let mut frame = Map::from_iter([
        ("type".to_owned(), json!("req")),
        ("id".to_owned(), json!(id)),
        ("method".to_owned(), json!(method)),
    ]);
    frame.extend(params.map(|params| ("params".to_owned(), params)));
    socket.send(Message::text(Value::Object(frame).to_string()), until).await
}

/// Puts a value at a place such as `/client/id`, or takes away what is there.
fn put(params: &mut Value, place: &str, value: Option<Value>) -> Result<(), String> {
    let (parent, name) = place.rsplit_once('/').unwrap_or(("", place));
    let parent = params.pointer_mut(parent).and_then(Value::as_object_mut);
    let parent = parent.ok_or_else(|| format!("{place}: {} is no object there", short(&json!(place))))?;
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.shift_remove(name)),
    }
    Ok(())
}
