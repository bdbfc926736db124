//! Decisions about devices: what a connecting device lacks, silent approval on loopback, and requests for an operator.
//! Each decision is one transaction in the store; events follow the commit.

use crate::auth::device::ProvenDevice;
use crate::hub::Audience;
use crate::methods::store_error_unseen;
use crate::shared::Shared;
use protocol::connect::ConnectParams;
use protocol::scope::covers_name;
use protocol::{ErrorCode, ErrorShape, Scope};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use store::{ApprovedVia, Device, DeviceAsk, DeviceRequest};
use tokio::sync::watch;

/// What a device lacks to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortfall {
    /// Nobody approved it.
    NotPaired,
    /// It was approved for another role.
    Role,
    /// It was approved for fewer scopes.
    Scope,
    /// It calls itself something else than when it was approved.
    Metadata,
}

impl Shortfall {
    fn reason(self) -> &'static str {
        match self {
            Shortfall::NotPaired => "not-paired",
            Shortfall::Role => "role-upgrade",
            Shortfall::Scope => "scope-upgrade",
            Shortfall::Metadata => "metadata-upgrade",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Shortfall::NotPaired => "pairing required: device is not approved yet",
            Shortfall::Role => "pairing required: device is asking for a higher role than currently approved",
            Shortfall::Scope => "pairing required: device is asking for more scopes than currently approved",
            Shortfall::Metadata => "pairing required: device details changed since it was approved",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Shortfall::NotPaired => "Approve this device from the pending pairing requests.",
            Shortfall::Role => "Review the requested role, then approve the pending upgrade.",
            Shortfall::Scope => "Review the requested scopes, then approve the pending upgrade.",
            Shortfall::Metadata => "Review the changed details, then approve the device again.",
        }
    }
}

/// What the device asks for.
pub(crate) fn ask(params: &ConnectParams, role: &str, device: &ProvenDevice, is_repair: bool) -> DeviceAsk {
    let client = &params.client;
    DeviceAsk {
        device_id: device.id.clone(),
        public_key: device.public_key.clone(),
        display_name: client.display_name.clone(),
        platform: Some(client.platform.clone()),
        device_family: client.device_family.clone(),
        client_id: client.id.clone(),
        client_mode: client.mode.clone(),
        role: role.to_owned(),
        scopes: if role == "node" { Vec::new() } else { params.scopes.clone() },
        is_repair,
    }
}

/// What is missing between what is asked and what was approved.
pub(crate) fn shortfall(ask: &DeviceAsk, known: Option<&Device>) -> Option<Shortfall> {
    let Some(known) = known else { return Some(Shortfall::NotPaired) };
    let held = known.held_roles();
    if !held.contains(&ask.role.as_str()) {
        return Some(if held.is_empty() { Shortfall::NotPaired } else { Shortfall::Role });
    }
    if !ask.scopes.iter().all(|s| covers_name(&known.scopes, s)) {
        return Some(Shortfall::Scope);
    }
    let changed = |was: &Option<String>, is: &Option<String>| match (was, is) {
        (Some(was), Some(is)) => !was.trim().eq_ignore_ascii_case(is.trim()),
        _ => false,
    };
    (changed(&known.platform, &ask.platform) || changed(&known.device_family, &ask.device_family))
        .then_some(Shortfall::Metadata)
}

/// Approves without asking: the device is on direct loopback and has proven the shared secret.
pub(crate) async fn approve_silently(shared: &Shared, ask: DeviceAsk) -> Result<Device, ErrorShape> {
    let (id, role) = (ask.device_id.clone(), ask.role.clone());
    let device = shared.store.pair_device(ask, ApprovedVia::Silent).await.map_err(store_error_unseen)?;
    tracing::info!(device = %id, %role, "device paired silently (local, shared secret proven)");
    Ok(device)
}

/// Leaves a request for an operator and gives the refusal that names it.
pub(crate) async fn request(
    shared: &Shared,
    ask: DeviceAsk,
    shortfall: Shortfall,
    known: Option<&Device>,
) -> Result<ErrorShape, ErrorShape> {
    let request = file(shared, ask, shortfall.reason()).await.map_err(store_error_unseen)?;
    Ok(refusal(&request, shortfall, known))
}

/// Leaves a request for an operator; a new one is told to those who may decide.
pub(crate) async fn file(
    shared: &Shared,
    ask: DeviceAsk,
    reason: &str,
) -> Result<DeviceRequest, store::StoreError> {
    let (request, is_new) = shared.store.request_device(ask).await?;
    if is_new {
        tracing::info!(device = %request.ask.device_id, request = %request.request_id, reason,
            "pairing requested; approve it with: openclaw devices approve {}", request.request_id);
        shared.hub.broadcast(
            Audience::Operators(Scope::Pairing),
            "device.pair.requested",
            &request_json(&request),
            false,
        );
    }
    Ok(request)
}

/// What an operator decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Granted.
    Approved,
    /// Turned down.
    Rejected,
}

/// Decisions that are remembered for those who wait for them.
const MAX_DECISIONS: usize = 256;

/// The latest decisions about requests of devices, and news of each.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// Request, device, decision; the oldest first.
    latest: Mutex<VecDeque<(String, String, Decision)>>,
    news: watch::Sender<()>,
}

impl Decisions {
    /// Remembers one, and wakes who waits.
    pub(crate) fn record(&self, request_id: &str, device_id: &str, decision: Decision) {
        let mut latest = self.latest.lock().unwrap_or_else(|e| e.into_inner());
        if latest.len() >= MAX_DECISIONS {
            latest.pop_front();
        }
        latest.push_back((request_id.to_owned(), device_id.to_owned(), decision));
        drop(latest);
        self.news.send_replace(());
    }

    /// What was decided about a request of this device.
    pub(crate) fn of(&self, request_id: &str, device_id: &str) -> Option<Decision> {
        let latest = self.latest.lock().unwrap_or_else(|e| e.into_inner());
        latest.iter().find(|(request, device, _)| request == request_id && device == device_id).map(|d| d.2)
    }

    /// Changes with every decision.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }
}

fn refusal(request: &DeviceRequest, shortfall: Shortfall, known: Option<&Device>) -> ErrorShape {
    let ask = &request.ask;
    let is_operator = ask.role == "operator";
    let mut details = Map::new();
    let mut put = |name: &str, value: Value| details.insert(name.to_owned(), value);
    put("code", json!("PAIRING_REQUIRED"));
    put("reason", json!(shortfall.reason()));
    put("requestId", json!(request.request_id));
    put("remediationHint", json!(shortfall.hint()));
    if is_operator {
        put("recommendedNextStep", json!("wait_then_retry"));
        put("retryable", json!(true));
        put("pauseReconnect", json!(false));
    }
    put("deviceId", json!(ask.device_id));
    put("requestedRole", json!(ask.role));
    if is_operator {
        put("requestedScopes", json!(ask.scopes));
    }
    if let Some(known) = known {
        put("approvedRoles", json!(known.held_roles()));
        put("approvedScopes", json!(known.scopes));
    }
    ErrorShape::new(ErrorCode::NotPaired, shortfall.message()).with_details(Value::Object(details))
}

/// A request as `device.pair.list` and `device.pair.requested` show it.
pub(crate) fn request_json(request: &DeviceRequest) -> Value {
    let ask = &request.ask;
    let mut out = Map::new();
    out.insert("requestId".into(), json!(request.request_id));
    out.insert("deviceId".into(), json!(ask.device_id));
    out.insert("publicKey".into(), json!(ask.public_key));
    put_some(&mut out, "displayName", &ask.display_name);
    put_some(&mut out, "platform", &ask.platform);
    put_some(&mut out, "deviceFamily", &ask.device_family);
    out.insert("clientId".into(), json!(ask.client_id));
    out.insert("clientMode".into(), json!(ask.client_mode));
    out.insert("role".into(), json!(ask.role));
    out.insert("roles".into(), json!([ask.role]));
    out.insert("scopes".into(), json!(ask.scopes));
    out.insert("silent".into(), json!(false));
    out.insert("isRepair".into(), json!(ask.is_repair));
    out.insert("ts".into(), json!(request.ts));
    Value::Object(out)
}

/// A device as `device.pair.list` and `device.pair.approve` show it.
pub(crate) fn device_json(device: &Device) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("deviceId".into(), json!(device.device_id));
    out.insert("publicKey".into(), json!(device.public_key));
    put_some(&mut out, "displayName", &device.display_name);
    put_some(&mut out, "operatorLabel", &device.label);
    put_some(&mut out, "platform", &device.platform);
    put_some(&mut out, "deviceFamily", &device.device_family);
    out.insert("clientId".into(), json!(device.client_id));
    out.insert("clientMode".into(), json!(device.client_mode));
    out.insert("role".into(), json!(device.roles.first()));
    out.insert("roles".into(), json!(device.roles));
    out.insert("scopes".into(), json!(device.scopes));
    let via = if device.approved_via == ApprovedVia::Silent { "silent" } else { "owner" };
    out.insert("approvedVia".into(), json!(via));
    out.insert("createdAtMs".into(), json!(device.created_at_ms));
    out.insert("approvedAtMs".into(), json!(device.approved_at_ms));
    if let Some(seen) = device.last_seen_at_ms {
        out.insert("lastSeenAtMs".into(), json!(seen));
        out.insert("lastSeenReason".into(), json!("connect"));
    }
    let tokens: Vec<Value> = device.tokens.iter().map(token_json).collect();
    out.insert("tokens".into(), Value::Array(tokens));
    out
}

fn token_json(token: &store::DeviceToken) -> Value {
    let mut out = json!({"role": token.role, "scopes": token.scopes, "createdAtMs": token.created_at_ms});
    if let Some(at) = token.rotated_at_ms {
        out["rotatedAtMs"] = json!(at);
    }
    if let Some(at) = token.revoked_at_ms {
        out["revokedAtMs"] = json!(at);
    }
    out
}

/// Adds a property where there is something to say.
pub(crate) fn put_some(out: &mut Map<String, Value>, name: &str, value: &Option<String>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Device {
        Device {
            device_id: "d".into(),
            public_key: "k".into(),
            display_name: None,
            label: None,
            platform: Some("linux".into()),
            device_family: None,
            client_id: "cli".into(),
            client_mode: "cli".into(),
            roles: vec!["operator".into()],
            scopes: vec!["operator.write".into()],
            approved_via: ApprovedVia::Owner,
            created_at_ms: 0,
            approved_at_ms: 0,
            last_seen_at_ms: None,
            tokens: vec![],
        }
    }

    #[test]
    fn a_device_gets_in_with_what_was_approved_and_no_more() {
        let ask = |role: &str, scopes: &[&str], platform: &str| DeviceAsk {
            role: role.into(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            platform: Some(platform.into()),
            ..DeviceAsk::default()
        };
        let cases = [
            (ask("operator", &["operator.write"], "Linux "), None),
            (ask("operator", &["operator.read"], "linux"), None),
            (ask("operator", &[], "linux"), None),
            (ask("operator", &["operator.admin"], "linux"), Some(Shortfall::Scope)),
            (ask("operator", &["operator.nuke"], "linux"), Some(Shortfall::Scope)),
            (ask("node", &[], "linux"), Some(Shortfall::Role)),
            (ask("operator", &["operator.read"], "macos"), Some(Shortfall::Metadata)),
        ];
        for (ask, expected) in cases {
            assert_eq!(shortfall(&ask, Some(&known())), expected, "{ask:?}");
        }
        assert_eq!(shortfall(&ask("operator", &[], "linux"), None), Some(Shortfall::NotPaired));
        // A role whose token was revoked is not held, until somebody decides anew.
        let token = |role: &str, revoked_at_ms| store::DeviceToken {
            role: role.into(),
            scopes: vec![],
            generation: 1,
            good_from: 1,
            created_at_ms: 0,
            rotated_at_ms: None,
            revoked_at_ms,
        };
        let mut revoked = known();
        revoked.tokens = vec![token("operator", Some(1))];
        assert_eq!(shortfall(&ask("operator", &[], "linux"), Some(&revoked)), Some(Shortfall::NotPaired));
        revoked.roles.push("node".into());
        revoked.tokens.push(token("node", None));
        assert_eq!(shortfall(&ask("operator", &[], "linux"), Some(&revoked)), Some(Shortfall::Role));
        assert_eq!(shortfall(&ask("node", &[], "linux"), Some(&revoked)), None);
    }
}
