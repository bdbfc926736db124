//! Who is connected and who listens to what. Broadcasting serialises an event once and shares the bytes.

pub(crate) mod nodes;
pub(crate) mod platform;
pub(crate) mod policy;
pub(crate) mod presence;

use crate::approvals::question::Requester;
use crate::connection::handshake::Admitted;
use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Event, Principal};
use crate::health::Sight;
use crate::methods::store_error_unseen;
use crate::shared::Shared;
use model::SessionKey;
use nodes::Nodes;
use presence::Presence;
use protocol::limits::CloseCode;
use protocol::{ErrorShape, Scope};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use store::Device;

/// Sessions that one connection may listen to: more than any list on a screen, few enough to cost nothing.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// Who gets an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Audience<'a> {
    /// Everybody, nodes included.
    All,
    /// Operators with this scope.
    Operators(Scope),
    /// Every node.
    Nodes,
    /// Those who asked for changes of sessions.
    SessionList,
    /// Those who asked for the messages of this session.
    SessionMessages(&'a SessionKey),
    /// One node's or device's connections.
    Device(&'a str),
    /// Operators who may decide about a question of this one's.
    Approvers(&'a Requester),
    /// The same, of those who asked for the messages of this session.
    SessionApprovers(&'a SessionKey, &'a Requester),
    /// Those who may see this much of the gateway's health, and no more.
    Seeing(Sight),
}

#[derive(Debug)]
struct Member {
    handle: ConnHandle,
    session_list: bool,
    messages: HashSet<SessionKey>,
}

impl Member {
    fn may_decide(&self, requester: &Requester) -> bool {
        requester.may_see(self.handle.principal(), self.handle.id())
    }

    fn hears(&self, audience: Audience<'_>) -> bool {
        match audience {
            Audience::All => true,
            Audience::Operators(scope) => self.handle.principal().may(scope),
            Audience::Nodes => self.handle.principal().is_node(),
            Audience::SessionList => self.session_list,
            Audience::SessionMessages(key) => self.messages.contains(key),
            Audience::Approvers(requester) => self.may_decide(requester),
            Audience::SessionApprovers(key, requester) => {
                self.messages.contains(key) && self.may_decide(requester)
            }
            Audience::Seeing(sight) => Sight::of(self.handle.principal()) == sight,
            Audience::Device(id) => self.handle.principal().device_id.as_deref() == Some(id),
        }
    }
}

/// The hub.
#[derive(Debug)]
pub(crate) struct Hub {
    members: Mutex<HashMap<String, Member>>,
    /// Nodes and the calls to them.
    pub(crate) nodes: Nodes,
    /// Who was seen lately.
    pub(crate) presence: Presence,
    health_version: AtomicU64,
}

impl Hub {
    pub(crate) fn new(presence: Presence) -> Self {
        Self {
            members: Mutex::default(),
            nodes: Nodes::default(),
            presence,
            health_version: AtomicU64::new(1),
        }
    }

    fn members(&self) -> MutexGuard<'_, HashMap<String, Member>> {
        // The lock is held for plain map work alone; a panic in it leaves the map usable.
        self.members.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes a connection in. Dropping the guard takes it out again.
    pub(crate) async fn join(
        &self,
        shared: &Arc<Shared>,
        handle: &ConnHandle,
        admitted: &Admitted,
    ) -> Result<Joined, ErrorShape> {
        let member = Member { handle: handle.clone(), session_list: false, messages: HashSet::new() };
        self.members().insert(handle.id().to_owned(), member);
        // The guard exists before the first await: whatever happens from here on, the connection is taken out again.
        let joined = Joined { shared: shared.clone(), handle: handle.clone() };
        check_still_paired(shared, handle, admitted).await?;
        if handle.principal().is_node() {
            nodes::join(shared, handle, admitted).await?;
        }
        if self.presence.connected(handle, &admitted.params, shared.clock.now_ms()) {
            self.broadcast_presence();
        }
        Ok(joined)
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether a device has a connection.
    pub(crate) fn is_device_connected(&self, device_id: &str) -> bool {
        self.members().values().any(|m| m.hears(Audience::Device(device_id)))
    }

    /// Closes the connections of a device that was removed, but for `spared`.
    pub(crate) fn close_device(&self, device_id: &str, spared: &str, reason: &str) {
        for member in self.members().values().filter(|m| m.hears(Audience::Device(device_id))) {
            if member.handle.id() != spared {
                member.handle.close(CloseCode::Policy, reason);
            }
        }
    }

    /// Closes the connections of users who were let in by name; those whom the rules still let in come back.
    pub(crate) fn close_identities(&self, reason: &str) {
        for member in self.members().values().filter(|m| m.handle.principal().by_identity) {
            member.handle.close(CloseCode::Restart, reason);
        }
    }

    /// Closes the connections that a device has in one role, but for `spared`.
    pub(crate) fn close_role(&self, device: (&str, &str), spared: &str, code: CloseCode, reason: &str) {
        let (device_id, role) = device;
        for member in self.members().values().filter(|m| m.hears(Audience::Device(device_id))) {
            if member.handle.principal().role == role && member.handle.id() != spared {
                member.handle.close(code, reason);
            }
        }
    }

    /// Sends an event. With `counted` it takes part in each connection's `seq`.
    pub(crate) fn broadcast(
        &self,
        to: Audience<'_>,
        name: &'static str,
        payload: &impl Serialize,
        counted: bool,
    ) {
        self.send(to, Event { name, payload: to_raw(payload), versions: None, broadcast: counted });
    }

    /// Sends an event that carries the versions of presence and health.
    pub(crate) fn broadcast_versioned(&self, to: Audience<'_>, name: &'static str, payload: &impl Serialize) {
        let versions = Some(to_raw(&self.state_versions()));
        self.send(to, Event { name, payload: to_raw(payload), versions, broadcast: true });
    }

    fn send(&self, to: Audience<'_>, event: Event) {
        let event = Arc::new(event);
        for member in self.members().values().filter(|m| m.hears(to)) {
            member.handle.send_event(&event);
        }
    }

    /// Whether anybody would hear it: spares the work of making an event that nobody gets.
    pub(crate) fn has_audience(&self, to: Audience<'_>) -> bool {
        self.members().values().any(|m| m.hears(to))
    }

    /// Whether anybody but this connection may decide about a question.
    pub(crate) fn can_be_asked(&self, requester: &Requester, but: &str) -> bool {
        self.members().values().any(|m| m.handle.id() != but && m.may_decide(requester))
    }

    fn broadcast_presence(&self) {
        let payload = json!({"presence": &*self.presence.list_raw()});
        self.broadcast_versioned(Audience::Operators(Scope::Read), "presence", &payload);
    }

    /// `stateVersion`.
    pub(crate) fn state_versions(&self) -> Value {
        json!({"presence": self.presence.version(), "health": self.health_version.load(Ordering::Relaxed)})
    }

    /// Counts a change of health.
    pub(crate) fn health_changed(&self) {
        self.health_version.fetch_add(1, Ordering::Relaxed);
    }

    /// Listens to changes of sessions, or stops to.
    pub(crate) fn subscribe_sessions(&self, conn_id: &str, on: bool) {
        if let Some(member) = self.members().get_mut(conn_id) {
            member.session_list = on;
        }
    }

    /// Listens to a session's messages, or stops to.
    pub(crate) fn subscribe_messages(
        &self,
        conn_id: &str,
        key: &SessionKey,
        on: bool,
    ) -> Result<(), ErrorShape> {
        let mut members = self.members();
        let Some(member) = members.get_mut(conn_id) else { return Ok(()) };
        if !on {
            member.messages.remove(key);
        } else if member.messages.len() >= MAX_SUBSCRIPTIONS && !member.messages.contains(key) {
            return Err(ErrorShape::invalid(format!(
                "too many subscriptions: this connection listens to {MAX_SUBSCRIPTIONS} sessions already; unsubscribe from some first"
            )));
        } else {
            member.messages.insert(key.clone());
        }
        Ok(())
    }

    fn leave(&self, shared: &Shared, handle: &ConnHandle) {
        self.members().remove(handle.id());
        nodes::leave(shared, handle);
        shared.terminals.connection_left(handle.id());
        if self.presence.disconnected(handle, shared.clock.now_ms()) {
            self.broadcast_presence();
        }
    }
}

/// A device may be removed between the handshake's look at it and its entry here. Whoever removes it afterwards finds
/// the entry and closes it; whoever did before is found by this look.
async fn check_still_paired(
    shared: &Shared,
    handle: &ConnHandle,
    admitted: &Admitted,
) -> Result<(), ErrorShape> {
    let principal = handle.principal();
    let Some(device_id) = &principal.device_id else { return Ok(()) };
    let device = shared.store.device(device_id).await.map_err(store_error_unseen)?;
    if device.is_some_and(|device| still_grants(&device, principal, admitted.granted.generation)) {
        return Ok(());
    }
    Err(ErrorShape::unavailable("the pairing changed meanwhile; connect again").retryable())
}

/// Whether the device, as it is now, may be what this connection was let in as; `generation` is that of the token that
/// it came with, where it came with one.
fn still_grants(device: &Device, principal: &Principal, generation: Option<i64>) -> bool {
    let token = device.tokens.iter().find(|t| t.role == principal.role && t.revoked_at_ms.is_none());
    let has_token = token.is_some_and(|t| generation.is_none_or(|g| t.good().any(|good| good == g)));
    let within = |scope: &String| protocol::scope::covers_name(&device.scopes, scope);
    device.roles.contains(&principal.role) && principal.scopes.iter().all(within) && has_token
}

/// Keeps a connection known to the hub until it is dropped, so that no path forgets to take it out.
pub(crate) struct Joined {
    shared: Arc<Shared>,
    handle: ConnHandle,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.shared.hub.leave(&self.shared, &self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{ApprovedVia, DeviceToken};

    fn device(revoked_at_ms: Option<i64>) -> Device {
        let token = DeviceToken {
            role: "operator".into(),
            scopes: vec!["operator.read".into()],
            generation: 3,
            good_from: 2,
            created_at_ms: 0,
            rotated_at_ms: None,
            revoked_at_ms,
        };
        Device {
            device_id: "d".into(),
            public_key: "k".into(),
            display_name: None,
            label: None,
            platform: None,
            device_family: None,
            client_id: "cli".into(),
            client_mode: "cli".into(),
            roles: vec!["operator".into()],
            scopes: vec!["operator.read".into()],
            approved_via: ApprovedVia::Owner,
            created_at_ms: 0,
            approved_at_ms: 0,
            last_seen_at_ms: None,
            tokens: vec![token],
        }
    }

    #[test]
    fn what_was_taken_back_during_the_handshake_lets_nobody_in() {
        let read = Principal::of_test("operator", &["operator.read"]);
        let write = Principal::of_test("operator", &["operator.write"]);
        let node = Principal::of_test("node", &[]);
        for (who, principal, generation, revoked, lets_in) in [
            ("shared secret", &read, None, None, true),
            ("shared secret, revoked token", &read, None, Some(1), false),
            ("token", &read, Some(2), None, true),
            ("rotated token that is still good", &read, Some(2), None, true),
            ("newest token", &read, Some(3), None, true),
            ("token before one that was used", &read, Some(1), None, false),
            ("revoked token", &read, Some(2), Some(1), false),
            ("another role", &node, None, None, false),
            ("more scopes", &write, None, None, false),
        ] {
            assert_eq!(still_grants(&device(revoked), principal, generation), lets_in, "{who}");
        }
    }
}
