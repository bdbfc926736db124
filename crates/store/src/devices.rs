//! Paired devices and the requests of those that would like to be. Every decision is one transaction: no crash leaves
//! a request answered and the device unpaired, or the other way round.

use crate::error::Sql;
use crate::sql::{self, Json, json};
use crate::{ApprovedVia, Device, DeviceAsk, DeviceRequest, R, Store, tokens};
use rusqlite::{Connection, Row, params};

/// Requests that may wait. Strangers make them, so there must be an end; beyond it the oldest one goes.
const PENDING: i64 = 256;

const DEVICE: &str =
    "device_id, public_key, display_name, platform, device_family, client_id, client_mode, roles,
    scopes, approved_via, created_at_ms, approved_at_ms, last_seen_at_ms";
const REQUEST: &str = "request_id, device_id, public_key, display_name, platform, device_family, client_id,
    client_mode, role, scopes, is_repair, ts";

impl Store {
    /// A paired device.
    pub async fn device(&self, id: &str) -> R<Option<Device>> {
        let id = id.to_owned();
        self.read(move |c| find(c, &id)).await
    }

    /// All paired devices, the latest approved first.
    pub async fn devices(&self) -> R<Vec<Device>> {
        self.read(|c| {
            let sql = format!("SELECT {DEVICE}, label FROM devices ORDER BY approved_at_ms DESC, device_id");
            let mut devices = sql::all(c, &sql, [], read_device)?;
            for device in &mut devices {
                device.tokens = tokens::of_device(c, &device.device_id)?;
            }
            Ok(devices)
        })
        .await
    }

    /// All requests that wait, the oldest first.
    pub async fn device_requests(&self) -> R<Vec<DeviceRequest>> {
        let sql = format!("SELECT {REQUEST} FROM device_requests ORDER BY ts, rowid");
        self.read(move |c| sql::all(c, &sql, [], read_request)).await
    }

    /// One request that waits.
    pub async fn device_request(&self, request_id: &str) -> R<Option<DeviceRequest>> {
        let id = request_id.to_owned();
        self.read(move |c| find_request(c, &id)).await
    }

    /// Notes what a device asks for; true where the request is new. The same wish (device, role, key, set of scopes,
    /// platform) keeps its id, another wish of the same device and role takes its place under a new id. At most 256 wait: the
    /// oldest one makes room.
    pub async fn request_device(&self, ask: DeviceAsk) -> R<(DeviceRequest, bool)> {
        // The old request goes and the new one comes in one transaction: an operator never sees both or neither.
        self.write(move |c, now| request(c, ask, now)).await
    }

    /// Grants a request: the device is paired with what it asked beside what it had, and the role's token grants it.
    /// `None` where no such request waits.
    pub async fn approve_device(
        &self,
        request_id: &str,
        via: ApprovedVia,
    ) -> R<Option<(DeviceRequest, Device)>> {
        let id = request_id.to_owned();
        self.write(move |c, now| {
            let Some(request) = find_request(c, &id)? else { return Ok(None) };
            let device = pair(c, &request.ask, via, now)?;
            Ok(device.map(|device| (request, device)))
        })
        .await
    }

    /// Pairs a device without a request, with the effect of [`Store::approve_device`]. A request of the device for
    /// the same role is gone after it.
    pub async fn pair_device(&self, ask: DeviceAsk, via: ApprovedVia) -> R<Device> {
        self.write(move |c, now| {
            let paired = pair(c, &ask, via, now)?;
            paired.ok_or_else(|| crate::error::Fault::Job("a device just paired is not there".into()))
        })
        .await
    }

    /// Drops a request. `None` where no such request waits.
    pub async fn reject_device(&self, request_id: &str) -> R<Option<DeviceRequest>> {
        let id = request_id.to_owned();
        self.write(move |c, _| {
            let request = find_request(c, &id)?;
            sql::run(c, "DELETE FROM device_requests WHERE request_id = ?1", [&id])?;
            Ok(request)
        })
        .await
    }

    /// Unpairs a device: its tokens, requests and node commands go with it. The generations of its tokens stay known,
    /// so that an old token never becomes valid again. False where it was not paired.
    pub async fn remove_device(&self, id: &str) -> R<bool> {
        let id = id.to_owned();
        // All or nothing: a node whose device is gone must not keep approved commands.
        self.write(move |c, now| {
            let removed = sql::run(c, "DELETE FROM devices WHERE device_id = ?1", [&id])?;
            sql::run(c, "DELETE FROM device_requests WHERE device_id = ?1", [&id])?;
            sql::run(c, "DELETE FROM nodes WHERE node_id = ?1", [&id])?;
            sql::run(c, "DELETE FROM node_requests WHERE node_id = ?1", [&id])?;
            crate::node_work::forget(c, &id)?;
            crate::setup::end_of_device(c, &id, now)?;
            Ok(removed > 0)
        })
        .await
    }

    /// Gives a device the operator's own name, which outlives every new pairing of it but not its removal. False where it is
    /// not paired.
    pub async fn label_device(&self, id: &str, label: &str) -> R<bool> {
        let (id, label) = (id.to_owned(), label.to_owned());
        self.write(move |c, _| {
            Ok(sql::run(c, "UPDATE devices SET label = ?2 WHERE device_id = ?1", [&id, &label])? > 0)
        })
        .await
    }

    /// Notes that a device connected now. Nothing where it is not paired.
    pub async fn touch_device(&self, id: &str) -> R<()> {
        let id = id.to_owned();
        self.write(move |c, now| {
            sql::run(c, "UPDATE devices SET last_seen_at_ms = ?2 WHERE device_id = ?1", params![id, now])?;
            Ok(())
        })
        .await
    }
}

fn request(c: &Connection, ask: DeviceAsk, now: i64) -> Sql<(DeviceRequest, bool)> {
    let sql = format!("SELECT {REQUEST} FROM device_requests WHERE device_id = ?1 AND role = ?2");
    let pending = sql::one(c, &sql, [&ask.device_id, &ask.role], read_request)?;
    let same = pending.filter(|old| is_same_wish(&old.ask, &ask));
    let (request_id, ts, new) = match same {
        Some(old) => (old.request_id, old.ts, false),
        None => (model::new_id(), now, true),
    };
    let sql = format!(
        "INSERT INTO device_requests ({REQUEST}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (device_id, role) DO UPDATE SET request_id = excluded.request_id,
           public_key = excluded.public_key, display_name = excluded.display_name, platform = excluded.platform,
           device_family = excluded.device_family, client_id = excluded.client_id,
           client_mode = excluded.client_mode, scopes = excluded.scopes, is_repair = excluded.is_repair,
           ts = excluded.ts"
    );
    let scopes = json(&ask.scopes)?;
    let values = params![
        request_id,
        ask.device_id,
        ask.public_key,
        ask.display_name,
        ask.platform,
        ask.device_family,
        ask.client_id,
        ask.client_mode,
        ask.role,
        scopes,
        ask.is_repair,
        ts
    ];
    sql::run(c, &sql, values)?;
    if new {
        let sql = "DELETE FROM device_requests WHERE request_id IN
                   (SELECT request_id FROM device_requests ORDER BY ts DESC, rowid DESC LIMIT -1 OFFSET ?1)";
        sql::run(c, sql, [PENDING])?;
    }
    Ok((DeviceRequest { request_id, ask, ts }, new))
}

/// What was decided about one is a decision about the other. The name may change meanwhile: it is shown and pins nothing.
fn is_same_wish(old: &DeviceAsk, new: &DeviceAsk) -> bool {
    old.public_key == new.public_key
        && sql::same_set(&old.scopes, &new.scopes)
        && old.platform == new.platform
        && old.device_family == new.device_family
}

/// The one way in which a device becomes paired or gets more.
pub(crate) fn pair(c: &Connection, ask: &DeviceAsk, via: ApprovedVia, now: i64) -> Sql<Option<Device>> {
    let old = find(c, &ask.device_id)?;
    let (had_roles, had_scopes) = match old {
        // What it was approved for before its token was revoked is over with that.
        Some(d) if ask.role == "operator" && via != ApprovedVia::Silent && d.has_revoked("operator") => {
            (d.roles, Vec::new())
        }
        Some(d) => (d.roles, d.scopes),
        None => Default::default(),
    };
    let roles = sql::union(std::slice::from_ref(&ask.role), &had_roles);
    // Scopes say what an operator may do; another role's wish must never widen them.
    let scopes = if ask.role == "operator" { sql::union(&had_scopes, &ask.scopes) } else { had_scopes };
    let sql = format!(
        "INSERT INTO devices ({DEVICE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, NULL)
         ON CONFLICT (device_id) DO UPDATE SET public_key = excluded.public_key,
           display_name = excluded.display_name, platform = excluded.platform,
           device_family = excluded.device_family, client_id = excluded.client_id,
           client_mode = excluded.client_mode, roles = excluded.roles, scopes = excluded.scopes,
           approved_via = excluded.approved_via, approved_at_ms = excluded.approved_at_ms"
    );
    let (roles, scopes) = (json(&roles)?, json(&scopes)?);
    let values = params![
        ask.device_id,
        ask.public_key,
        ask.display_name,
        ask.platform,
        ask.device_family,
        ask.client_id,
        ask.client_mode,
        roles,
        scopes,
        via_text(via),
        now
    ];
    sql::run(c, &sql, values)?;
    tokens::grant(c, ask, via, now)?;
    let sql = "DELETE FROM device_requests WHERE device_id = ?1 AND role = ?2";
    sql::run(c, sql, [&ask.device_id, &ask.role])?;
    find(c, &ask.device_id)
}

pub(crate) fn find(c: &Connection, id: &str) -> Sql<Option<Device>> {
    let sql = format!("SELECT {DEVICE}, label FROM devices WHERE device_id = ?1");
    let Some(mut device) = sql::one(c, &sql, [id], read_device)? else { return Ok(None) };
    device.tokens = tokens::of_device(c, id)?;
    Ok(Some(device))
}

fn find_request(c: &Connection, id: &str) -> Sql<Option<DeviceRequest>> {
    sql::one(c, &format!("SELECT {REQUEST} FROM device_requests WHERE request_id = ?1"), [id], read_request)
}

fn via_text(via: ApprovedVia) -> &'static str {
    match via {
        ApprovedVia::Silent => "silent",
        ApprovedVia::Owner => "owner",
    }
}

/// Without its tokens.
fn read_device(row: &Row<'_>) -> rusqlite::Result<Device> {
    let via: String = row.get(9)?;
    Ok(Device {
        device_id: row.get(0)?,
        public_key: row.get(1)?,
        display_name: row.get(2)?,
        platform: row.get(3)?,
        device_family: row.get(4)?,
        client_id: row.get(5)?,
        client_mode: row.get(6)?,
        roles: row.get::<_, Json<_>>(7)?.0,
        scopes: row.get::<_, Json<_>>(8)?.0,
        approved_via: if via == "silent" { ApprovedVia::Silent } else { ApprovedVia::Owner },
        created_at_ms: row.get(10)?,
        approved_at_ms: row.get(11)?,
        last_seen_at_ms: row.get(12)?,
        label: row.get(13)?,
        tokens: Vec::new(),
    })
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<DeviceRequest> {
    Ok(DeviceRequest {
        request_id: row.get(0)?,
        ask: DeviceAsk {
            device_id: row.get(1)?,
            public_key: row.get(2)?,
            display_name: row.get(3)?,
            platform: row.get(4)?,
            device_family: row.get(5)?,
            client_id: row.get(6)?,
            client_mode: row.get(7)?,
            role: row.get(8)?,
            scopes: row.get::<_, Json<_>>(9)?.0,
            is_repair: row.get(10)?,
        },
        ts: row.get(11)?,
    })
}
