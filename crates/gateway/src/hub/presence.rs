//! Who is here and who was lately: the gateway itself, devices, nodes and pages. Programs that come for one call and
//! leave, such as the CLI without a device, are not shown.

use crate::connection::hello::to_raw;
use crate::connection::outbound::ConnHandle;
use protocol::connect::ConnectParams;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

/// Entries that are kept; the oldest of those that left go first.
const MAX_ENTRIES: usize = 200;
/// One who left is shown for this long.
const KEEP_MS: i64 = 5 * 60 * 1000;

#[derive(Debug)]
struct Entry {
    /// What is one and the same party: device, else instance, else connection.
    key: String,
    /// The connection that it is here with; empty once it left.
    conn_id: String,
    ts: i64,
    json: Map<String, Value>,
}

#[derive(Debug)]
struct State {
    version: u64,
    own: Value,
    entries: Vec<Entry>,
    rendered: Option<Arc<RawValue>>,
}

/// The list.
#[derive(Debug)]
pub(crate) struct Presence(Mutex<State>);

impl Presence {
    /// A list that has the gateway itself alone.
    pub(crate) fn new(own: Value) -> Self {
        Self(Mutex::new(State { version: 1, own, entries: Vec::new(), rendered: None }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Counts up with every change.
    pub(crate) fn version(&self) -> u64 {
        self.state().version
    }

    /// The list as JSON, rendered once per change.
    pub(crate) fn list_raw(&self) -> Arc<RawValue> {
        let mut state = self.state();
        if let Some(rendered) = &state.rendered {
            return rendered.clone();
        }
        let list: Vec<Value> = std::iter::once(state.own.clone())
            .chain(state.entries.iter().rev().map(|e| Value::Object(e.json.clone())))
            .collect();
        let rendered: Arc<RawValue> = Arc::from(to_raw(&list));
        state.rendered = Some(rendered.clone());
        rendered
    }

    /// Adds who came; `false` where it is nobody to show.
    pub(crate) fn connected(&self, handle: &ConnHandle, params: &ConnectParams, now_ms: i64) -> bool {
        let principal = handle.principal();
        let is_page = matches!(principal.client_mode.as_str(), "ui" | "webchat");
        if !principal.is_node() && !is_page && principal.device_id.is_none() {
            return false;
        }
        let key = [&principal.device_id, &params.client.instance_id]
            .into_iter()
            .find_map(Clone::clone)
            .unwrap_or_else(|| handle.id().to_owned());
        let json = describe(handle, params, &key, now_ms);
        self.change(now_ms, |entries| {
            entries.retain(|e| e.key != key);
            entries.push(Entry { key, conn_id: handle.id().to_owned(), ts: now_ms, json });
        });
        true
    }

    /// Marks who left; `false` where nobody was shown.
    pub(crate) fn disconnected(&self, handle: &ConnHandle, now_ms: i64) -> bool {
        let shown = self.state().entries.iter().any(|e| e.conn_id == handle.id());
        if shown {
            self.change(now_ms, |entries| {
                for entry in entries.iter_mut().filter(|e| e.conn_id == handle.id()) {
                    entry.conn_id.clear();
                    entry.ts = now_ms;
                    entry.json.insert("reason".into(), json!("disconnect"));
                    entry.json.insert("ts".into(), json!(now_ms));
                }
            });
        }
        shown
    }

    fn change(&self, now_ms: i64, apply: impl FnOnce(&mut Vec<Entry>)) {
        let mut state = self.state();
        apply(&mut state.entries);
        state.entries.retain(|e| !e.conn_id.is_empty() || now_ms - e.ts < KEEP_MS);
        while state.entries.len() > MAX_ENTRIES {
            let oldest = state.entries.iter().position(|e| e.conn_id.is_empty()).unwrap_or(0);
            state.entries.remove(oldest);
        }
        state.version += 1;
        state.rendered = None;
    }
}

fn describe(handle: &ConnHandle, params: &ConnectParams, key: &str, now_ms: i64) -> Map<String, Value> {
    let (principal, client) = (handle.principal(), &params.client);
    let host = client.display_name.clone().unwrap_or_else(|| client.id.clone());
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("host", json!(host));
    put("clientId", json!(client.id));
    put("version", json!(client.version));
    put("platform", json!(client.platform));
    if let Some(family) = &client.device_family {
        put("deviceFamily", json!(family));
    }
    put("mode", json!(client.mode));
    if let Some(device) = &principal.device_id {
        put("deviceId", json!(device));
    }
    put("roles", json!([principal.role]));
    if !principal.is_node() {
        put("scopes", json!(principal.scopes));
        put("onlineSince", json!(now_ms));
    }
    put("instanceId", json!(key));
    put("reason", json!("connect"));
    put("ts", json!(now_ms));
    put("text", json!(format!("Node: {host} · mode {}", client.mode)));
    out
}
