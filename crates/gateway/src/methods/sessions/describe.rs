//! `sessions.describe`: one session.

use crate::methods::sessions::list as sessions_list;
use crate::methods::{Answer, Call, store_error, submit};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Params {
    key: String,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let key = submit::kept_session_key(&call, Some(&p.key), None)?;
    let session = call.shared.store.session(&key).await.map_err(store_error)?;
    let session = session.map_or(Value::Null, |s| sessions_list::row(&call.shared, &s));
    Ok(json!({"session": session}).into())
}
