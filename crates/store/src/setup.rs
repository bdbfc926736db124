//! Setup codes: an administrator's word, given beforehand, that one new device may come in. A code is good once and for
//! minutes; like a token it is derived from what stands here and is not kept.

use crate::devices::{find as find_device, pair};
use crate::error::Sql;
use crate::sql;
use crate::{ApprovedVia, Device, DeviceAsk, R, SetupAccess, SetupCode, SetupUse, Store};
use rusqlite::{Connection, Row, params};

/// Codes that may be open at once; beyond it the oldest one ends. Each costs a hash at every attempt to come in with one.
const OPEN: i64 = 16;
/// What became of a code is told for a week.
const KEEP_MS: i64 = 7 * 24 * 3600 * 1000;

const COLUMNS: &str = "setup_id, access, created_at_ms, expires_at_ms, device_id, device_name, used_at_ms, answered_at_ms, claimed_at_ms";
/// May still let somebody in: not over in time, and its device has not been heard of with its own token.
const IS_OPEN: &str = "expires_at_ms > ?1 AND claimed_at_ms IS NULL";

impl Store {
    /// Makes a code that is good for `life_ms`.
    pub async fn make_setup_code(&self, access: SetupAccess, life_ms: i64) -> R<SetupCode> {
        // One transaction: the number of open codes never passes its bound.
        self.write(move |c, now| {
            let code = SetupCode {
                setup_id: model::new_id(),
                access,
                created_at_ms: now,
                expires_at_ms: now + life_ms,
                used: None,
            };
            let sql = "INSERT INTO setup_codes (setup_id, access, created_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4)";
            sql::run(c, sql, params![code.setup_id, access.as_str(), now, code.expires_at_ms])?;
            sql::run(c, "DELETE FROM setup_codes WHERE expires_at_ms < ?1", [now - KEEP_MS])?;
            let sql = format!(
                "UPDATE setup_codes SET expires_at_ms = ?1 WHERE setup_id IN (SELECT setup_id FROM setup_codes
                 WHERE {IS_OPEN} ORDER BY setup_id = ?3 DESC, created_at_ms DESC LIMIT -1 OFFSET ?2)"
            );
            sql::run(c, &sql, params![now, OPEN, code.setup_id])?;
            Ok(code)
        })
        .await
    }

    /// The codes that may still let somebody in.
    pub async fn open_setup_codes(&self) -> R<Vec<SetupCode>> {
        let now = self.now();
        self.read(move |c| {
            sql::all(c, &format!("SELECT {COLUMNS} FROM setup_codes WHERE {IS_OPEN}"), [now], read)
        })
        .await
    }

    /// One code, and what became of it.
    pub async fn setup_code(&self, setup_id: &str) -> R<Option<SetupCode>> {
        let id = setup_id.to_owned();
        self.read(move |c| find(c, &id)).await
    }

    /// From now on the code may be fetched by its join URL, once: `says` is what is told then.
    pub async fn offer_join(&self, setup_id: &str, says: String) -> R<()> {
        let id = setup_id.to_owned();
        self.write(move |c, _| {
            sql::run(c, "UPDATE setup_codes SET join_says = ?2 WHERE setup_id = ?1", params![id, says])?;
            Ok(())
        })
        .await
    }

    /// The codes that may be fetched.
    pub async fn open_joins(&self) -> R<Vec<String>> {
        let now = self.now();
        self.read(move |c| {
            let sql = format!("SELECT setup_id FROM setup_codes WHERE {IS_OPEN} AND join_says IS NOT NULL");
            sql::all(c, &sql, [now], |row| row.get(0))
        })
        .await
    }

    /// Takes what a code says; `None` where somebody did before, or its time is over.
    pub async fn take_join(&self, setup_id: &str) -> R<Option<(SetupCode, String)>> {
        let id = setup_id.to_owned();
        // One transaction, answered after the commit: what was told is told to nobody else, whatever happens.
        self.write(move |c, now| {
            let says = "SELECT join_says FROM setup_codes WHERE setup_id = ?1 AND join_says IS NOT NULL";
            let says: Option<String> = sql::one(c, says, [&id], |row| row.get(0))?;
            let code = find(c, &id)?.filter(|code| code.is_open(now));
            let Some(taken) = code.zip(says) else { return Ok(None) };
            sql::run(c, "UPDATE setup_codes SET join_says = NULL WHERE setup_id = ?1", [&id])?;
            Ok(Some(taken))
        })
        .await
    }

    /// Pairs a device by a code with all that it asks for, one wish for each role, and makes the code its own. The same device
    /// may do so again, for an answer may be lost: it finds itself paired and nothing changes. `None` where the code is over
    /// or another's.
    pub async fn redeem_setup_code(&self, setup_id: &str, asks: Vec<DeviceAsk>) -> R<Option<Device>> {
        let id = setup_id.to_owned();
        // One transaction: of two devices with one code, one gets in.
        self.write(move |c, now| {
            let Some(device_id) = asks.first().map(|ask| ask.device_id.clone()) else { return Ok(None) };
            let code = find(c, &id)?.filter(|code| code.is_open(now));
            let Some(code) = code else { return Ok(None) };
            match code.used {
                Some(used) if used.device_id == device_id => return find_device(c, &device_id),
                Some(_) => return Ok(None),
                None => {}
            }
            let mut paired = None;
            for ask in &asks {
                paired = pair(c, ask, ApprovedVia::Owner, now)?;
            }
            let name = asks.first().and_then(|ask| ask.display_name.as_deref());
            let sql = "UPDATE setup_codes SET device_id = ?2, device_name = ?3, used_at_ms = ?4 WHERE setup_id = ?1";
            sql::run(c, sql, params![id, device_id, name, now])?;
            Ok(paired)
        })
        .await
    }

    /// Notes that the answer with the tokens went out to the device that used the code.
    pub async fn note_setup_answered(&self, setup_id: &str) -> R<()> {
        let id = setup_id.to_owned();
        self.write(move |c, now| {
            let sql = "UPDATE setup_codes SET answered_at_ms = coalesce(answered_at_ms, ?2)
                       WHERE setup_id = ?1 AND used_at_ms IS NOT NULL";
            sql::run(c, sql, params![id, now])?;
            Ok(())
        })
        .await
    }
}

/// The device has shown that it has its tokens: its codes are over.
pub(crate) fn claimed(c: &Connection, device_id: &str, now: i64) -> Sql<()> {
    let sql = "UPDATE setup_codes SET claimed_at_ms = ?2 WHERE device_id = ?1 AND claimed_at_ms IS NULL";
    sql::run(c, sql, params![device_id, now])?;
    Ok(())
}

/// What was given by a code is taken back: the code gives it no second time.
pub(crate) fn end_of_device(c: &Connection, device_id: &str, now: i64) -> Sql<()> {
    let sql = "UPDATE setup_codes SET expires_at_ms = min(expires_at_ms, ?2) WHERE device_id = ?1";
    sql::run(c, sql, params![device_id, now])?;
    Ok(())
}

fn find(c: &Connection, id: &str) -> Sql<Option<SetupCode>> {
    sql::one(c, &format!("SELECT {COLUMNS} FROM setup_codes WHERE setup_id = ?1"), [id], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<SetupCode> {
    let access: String = row.get(1)?;
    let device: Option<(String, i64)> = row.get::<_, Option<String>>(4)?.zip(row.get(6)?);
    let (device_name, answered_at_ms, claimed_at_ms) = (row.get(5)?, row.get(7)?, row.get(8)?);
    Ok(SetupCode {
        setup_id: row.get(0)?,
        access: SetupAccess::named(&access),
        created_at_ms: row.get(2)?,
        expires_at_ms: row.get(3)?,
        used: device.map(|(device_id, at_ms)| SetupUse {
            device_id,
            device_name,
            at_ms,
            answered_at_ms,
            claimed_at_ms,
        }),
    })
}
