//! `voicewake.get`, `voicewake.set`: the words that wake a voice assistant on any of the nodes.

use crate::methods::{Answer, Call, store_error};
use crate::voice_wake::{normalised, payload};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::Value;

pub(super) async fn get(call: Call) -> Answer {
    Ok(payload(&call.shared.voice_wake.triggers()).into())
}

#[derive(Deserialize)]
struct Params {
    triggers: Vec<Value>,
}

pub(super) async fn set(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let words: Vec<String> = p.triggers.iter().enumerate().map(word).collect::<Result<_, _>>()?;
    let shared = &call.shared;
    let list = shared.store.set_voice_wake(normalised(&words)).await.map_err(store_error)?;
    let answer = payload(&list.triggers);
    shared.voice_wake.changed(&shared.hub, list);
    Ok(answer.into())
}

/// A word as it was sent: an empty one is left out later, as OpenClaw's clients know it.
fn word((at, word): (usize, &Value)) -> Result<String, ErrorShape> {
    let text = word.as_str().map(str::to_owned);
    text.ok_or_else(|| {
        ErrorShape::invalid(format!("invalid voicewake.set params: at /triggers/{at}: must be string"))
    })
}
