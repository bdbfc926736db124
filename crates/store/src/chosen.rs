//! What people chose for a session by commands, beside its model and its name.

use crate::error::Sql;
use crate::{R, Store, sql};
use model::SessionKey;
use rusqlite::{Connection, Row, params};

/// What was chosen for a session; `None` is as configured. It outlives a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Whether all that is said in its group is for the agent, mentioned or not.
    pub hears_all: Option<bool>,
    /// Whether answers go out to its chat.
    pub sends: Option<bool>,
    /// What an answer in its chat says of its cost.
    pub usage: Option<UsageLine>,
}

/// What an answer says of its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageLine {
    /// Nothing.
    #[default]
    Off,
    /// Its tokens.
    Tokens,
    /// Its tokens, its price, and the session.
    Full,
}

impl UsageLine {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Tokens => "tokens",
            Self::Full => "full",
        }
    }

    /// Reads it; `on` is `tokens`.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "tokens" | "on" => Some(Self::Tokens),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// What to change of it: the outer `None` leaves it alone, the inner one takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChosenPatch {
    /// [`Chosen::hears_all`].
    pub hears_all: Option<Option<bool>>,
    /// [`Chosen::sends`].
    pub sends: Option<Option<bool>>,
    /// [`Chosen::usage`].
    pub usage: Option<Option<UsageLine>>,
}

impl Store {
    /// What was chosen for a session; nothing where there is none.
    pub async fn chosen(&self, key: &SessionKey) -> R<Chosen> {
        let key = key.clone();
        self.read(move |c| {
            let sql = "SELECT hears_all, sends, usage_line FROM sessions WHERE key = ?1";
            Ok(sql::one(c, sql, [key.as_str()], |row| read(row, 0))?.unwrap_or_default())
        })
        .await
    }
}

/// The three columns, from the first on.
pub(crate) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Chosen> {
    let usage: Option<String> = row.get(at + 2)?;
    Ok(Chosen {
        hears_all: row.get(at)?,
        sends: row.get(at + 1)?,
        usage: usage.as_deref().and_then(UsageLine::named),
    })
}

/// Changes what the patch names, within the caller's transaction.
pub(crate) fn apply(c: &Connection, key: &SessionKey, patch: ChosenPatch) -> Sql<()> {
    if let Some(hears_all) = patch.hears_all {
        sql::run(c, "UPDATE sessions SET hears_all = ?2 WHERE key = ?1", params![key.as_str(), hears_all])?;
    }
    if let Some(sends) = patch.sends {
        sql::run(c, "UPDATE sessions SET sends = ?2 WHERE key = ?1", params![key.as_str(), sends])?;
    }
    if let Some(usage) = patch.usage {
        let word = usage.map(UsageLine::as_str);
        sql::run(c, "UPDATE sessions SET usage_line = ?2 WHERE key = ?1", params![key.as_str(), word])?;
    }
    Ok(())
}
