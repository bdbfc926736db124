//! Connections that stay for hours: one that works all the time, one that only listens.

use crate::Args;
use crate::failure::{Context, Failure, Result};
use crate::wire::{Frame, Target, Wire};
use protocol::frame::encode_request;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::far::{Far, PORT, TOKEN};
use tokio::time::{Instant, sleep, timeout_at};

/// Between two turns.
const PAUSE: Duration = Duration::from_secs(1);
/// Turns in a session before the next begins.
const TURNS_IN_SESSION: u64 = 25;
/// A frame near the limit of 25 MiB goes out after so many turns: about once in a minute.
const LARGE_AFTER: u64 = 55;
const LARGE: usize = 24 << 20;

/// What came over both.
#[derive(Debug, Default)]
struct Held {
    turns: u64,
    large: u64,
    events: u64,
    /// Events of the connection that only listens.
    heard: u64,
}

/// Holds them for so many minutes, prints what came, and says whether the tunnel is the one that it was.
pub(crate) fn hold(args: &Args, minutes: u64) -> Result<bool> {
    let far = Far::start(&args.binary);
    let before = far.near_json(&["remote", "up"]);
    let near = far.hosts.near.clone();
    let held = std::thread::spawn(move || -> Result<Held> {
        near.enter()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let until = Instant::now() + Duration::from_secs(60 * minutes);
        runtime.block_on(async {
            let (worked, heard) = tokio::try_join!(work(until), listen(until))?;
            Ok(Held { heard, ..worked })
        })
    });
    let held = held.join().map_err(|_| Failure::new("the holding thread ended"))??;
    let after = far.tunnel();
    let is_same = ["pid", "sshPid", "localPort", "state"].iter().all(|name| before[name] == after[name]);
    println!(
        "{minutes} min: {} turns, {} frames of {} MiB, {} events without a gap; the listener heard {} events; the tunnel is {}",
        held.turns,
        held.large,
        LARGE >> 20,
        held.events,
        held.heard,
        if is_same { "the same".to_owned() } else { format!("another: {before} became {after}") }
    );
    Ok(is_same && held.turns > 0 && held.heard > 0)
}

/// Turns, one after the other, with a large frame from time to time.
async fn work(until: Instant) -> Result<Held> {
    let mut stream = Stream::open().await?;
    let mut held = Held::default();
    let mut session = model::new_id();
    while Instant::now() < until {
        if held.turns.is_multiple_of(TURNS_IN_SESSION) {
            session = model::new_id();
        }
        stream.turn(held.turns, &session).await?;
        held.turns += 1;
        if held.turns.is_multiple_of(LARGE_AFTER) {
            stream.large(held.large).await?;
            held.large += 1;
        }
        sleep(PAUSE).await;
    }
    Ok(Held { events: stream.seq.unwrap_or_default(), ..held })
}

/// Says nothing until the end; then it must still be answered.
async fn listen(until: Instant) -> Result<u64> {
    let mut stream = Stream::open().await?;
    while let Ok(text) = timeout_at(until, stream.wire.receive()).await {
        stream.look(&text?)?;
    }
    stream.ask("still", "health", &json!({})).await?;
    Ok(stream.seq.unwrap_or_default())
}

/// Events are numbered for each connection.
#[derive(Deserialize)]
struct Numbered {
    seq: Option<u64>,
}

/// A connection whose events must follow each other.
struct Stream {
    wire: Wire,
    /// Of the last event; they count up from the first.
    seq: Option<u64>,
}

impl Stream {
    async fn open() -> Result<Self> {
        let target = Target { url: format!("ws://127.0.0.1:{PORT}"), token: TOKEN.into() };
        let mut stream = Self { wire: Wire::operator(&target).await?, seq: None };
        stream.ask("subscribe", "sessions.subscribe", &json!({})).await?;
        Ok(stream)
    }

    fn look(&mut self, text: &str) -> Result<()> {
        let frame: Numbered = serde_json::from_str(text)?;
        if let (Some(seq), Some(last)) = (frame.seq, self.seq)
            && seq != last + 1
        {
            return Err(Failure::new(format!("event {seq} came after event {last}")));
        }
        self.seq = frame.seq.or(self.seq);
        Ok(())
    }

    async fn turn(&mut self, number: u64, session: &str) -> Result<()> {
        let message = format!("turn {number}");
        let params = json!({
            "message": message, "sessionKey": format!("agent:main:hold-{session}"), "deliver": false,
            "idempotencyKey": model::new_id(),
        });
        self.wire.send(encode_request(&format!("turn-{number}"), "agent", &params)).await?;
        loop {
            let answer = self.answer(&format!("turn-{number}")).await?.context("agent")?;
            if answer["status"] == "accepted" {
                continue;
            }
            if answer.to_string().contains(&format!("echo: {message}")) {
                return Ok(());
            }
            return Err(Failure::new(format!("turn {number} was answered by {answer}")));
        }
    }

    /// Nothing takes so large a frame; it is refused once it has come whole.
    async fn large(&mut self, number: u64) -> Result<()> {
        let id = format!("large-{number}");
        let params = json!({"none": "x".repeat(LARGE)});
        self.wire.send(encode_request(&id, "sessions.list", &params)).await?;
        match self.answer(&id).await? {
            Err(refused) if refused.to_string().contains("none") => Ok(()),
            other => Err(Failure::new(format!("a large frame was answered by {other:?}"))),
        }
    }

    async fn ask(&mut self, id: &str, method: &str, params: &Value) -> Result<Value> {
        self.wire.send(encode_request(id, method, params)).await?;
        self.answer(id).await?.context(method)
    }

    /// The next answer to this request.
    async fn answer(&mut self, id: &str) -> Result<std::result::Result<Value, Failure>> {
        loop {
            let text = self.wire.receive().await?;
            self.look(&text)?;
            let frame = Frame::read(&text)?;
            if frame.id.as_deref() == Some(id) {
                return match frame.accepted() {
                    Ok(payload) => Ok(Ok(serde_json::from_str(payload.get())?)),
                    Err(refused) => Ok(Err(refused)),
                };
            }
        }
    }
}
