//! Setup codes: what one lets a device in for, and how the device hears of it. The code that people copy is base64url of
//! [`payload`]; the token in it is derived from the gateway's key and the code's id.

use crate::auth::secret::same;
use crate::hub::Audience;
use crate::methods::store_error_unseen;
use crate::pairing::put_some;
use crate::shared::Shared;
use protocol::{ErrorShape, Scope};
use serde_json::{Map, Value, json};
use store::{SetupAccess, SetupCode};

/// What the peer's phone apps are given, and what of it needs no administrator.
const FULL: &[&str] =
    &["operator.admin", "operator.approvals", "operator.read", "operator.talk.secrets", "operator.write"];
const LIMITED: &[&str] = &["operator.approvals", "operator.read", "operator.talk.secrets", "operator.write"];

/// Roles and their scopes.
pub(crate) fn grants(access: SetupAccess) -> &'static [(&'static str, &'static [&'static str])] {
    match access {
        SetupAccess::Full => &[("node", &[]), ("operator", FULL)],
        SetupAccess::Limited => &[("node", &[]), ("operator", LIMITED)],
        SetupAccess::Node => &[("node", &[])],
    }
}

/// What a code says: `says`, its credential, and when it is over.
pub(crate) fn payload(shared: &Shared, code: &SetupCode, says: Map<String, Value>) -> Value {
    let mut payload = says;
    payload.insert("bootstrapToken".into(), json!(shared.identity.setup_token(&code.setup_id)));
    payload.insert("expiresAtMs".into(), json!(code.expires_at_ms));
    Value::Object(payload)
}

/// The code that this credential is from, where it is open. All are compared, in constant time each.
pub(crate) async fn matching(shared: &Shared, token: Option<&str>) -> Result<Option<SetupCode>, ErrorShape> {
    let Some(token) = token.filter(|t| !t.is_empty()) else { return Ok(None) };
    let codes = shared.store.open_setup_codes().await.map_err(store_error_unseen)?;
    Ok(codes.into_iter().find(|code| same(token, &shared.identity.setup_token(&code.setup_id))))
}

/// Notes and tells whether the answer with the tokens went out.
pub(crate) async fn answered(shared: &Shared, setup_id: &str, is_written: bool) {
    let code = async {
        if is_written {
            shared.store.note_setup_answered(setup_id).await?;
        }
        shared.store.setup_code(setup_id).await
    };
    match code.await {
        Ok(Some(code)) => {
            let name = if is_written {
                "device.pair.setup.completed"
            } else {
                "device.pair.setup.deliveryUncertain"
            };
            if let Some(outcome) = outcome(&code) {
                shared.hub.broadcast(Audience::Operators(Scope::Pairing), name, &outcome, false);
            }
        }
        Ok(None) => {}
        // The device is in all the same; only the news of it is lost.
        Err(error) => tracing::warn!(%error, "the outcome of a setup code was not noted"),
    }
}

/// Who came with the code; `None` where nobody has.
pub(crate) fn outcome(code: &SetupCode) -> Option<Value> {
    let used = code.used.as_ref()?;
    let mut out = Map::new();
    out.insert("setupId".into(), json!(code.setup_id));
    out.insert("deviceId".into(), json!(used.device_id));
    put_some(&mut out, "deviceName", &used.device_name.clone().filter(|name| !name.is_empty()));
    out.insert("access".into(), json!(code.access.as_str()));
    out.insert("ts".into(), json!(used.answered_at_ms.unwrap_or(used.at_ms)));
    Some(Value::Object(out))
}
