//! Messages that are for a session as their sender knows it: what is expected of it is looked at in the transaction that takes the
//! message in, so that of two that expect the same, one is taken.

use crate::error::Sql;
use crate::sql::{self, Json};
use crate::{InboundRow, R, Store, inbound, sessions, transcript};
use model::{Inbound, SessionKey};
use rusqlite::Connection;

/// What must hold of a session when a message for it is taken in. By default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// It is there and has this id.
    pub session_id: Option<String>,
    /// It has this id, or it is not there: then it is made with it.
    pub made_as: Option<String>,
    /// What was said in it last.
    pub leaf: Option<Leaf>,
}

/// How far a sender has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// To this entry, and nothing was said since or waits for its turn; `None`: nothing was ever said.
    Last(Option<String>),
    /// This entry is part of the session.
    Part(String),
}

/// What does not hold of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// It is not there.
    NoSession,
    /// It has another id.
    OtherSession,
    /// It cannot be made with this id: a session had it before it began anew.
    PastId(String),
    /// Something was said in it that the sender does not know of.
    Said,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// It is on disk.
    New(Box<InboundRow>),
    /// It was there before, whatever became of it; nothing was expected of the session again.
    Known,
    /// It was not taken in.
    Unmet(Unmet),
}

impl Store {
    /// Takes in a message for a session, and makes the session where it is to have an id that is new. `waits_there` tells which
    /// messages of other chats are for that session, too.
    pub async fn accept_for(
        &self,
        key: &SessionKey,
        message: Inbound,
        expected: Expected,
        waits_there: impl Fn(&Inbound) -> bool + Send + 'static,
    ) -> R<Accepted> {
        let key = key.clone();
        // One transaction: what is expected holds when the message is there, and a session is made for a message alone.
        self.write(move |c, now| {
            if inbound::is_known(c, &message)? {
                return Ok(Accepted::Known);
            }
            if let Some(unmet) = unmet(c, &key, &expected, waits_there)? {
                return Ok(Accepted::Unmet(unmet));
            }
            if let Some(id) = expected.made_as
                && sessions::find(c, &key)?.is_none()
            {
                sessions::make(c, &key, id, "run", now)?;
            }
            Ok(inbound::put(c, message, now)?.map_or(Accepted::Known, |row| Accepted::New(Box::new(row))))
        })
        .await
    }

    /// What of it does not hold at this moment.
    pub async fn unmet(
        &self,
        key: &SessionKey,
        expected: Expected,
        waits_there: impl Fn(&Inbound) -> bool + Send + 'static,
    ) -> R<Option<Unmet>> {
        let key = key.clone();
        self.read(move |c| unmet(c, &key, &expected, waits_there)).await
    }
}

fn unmet(
    c: &Connection,
    key: &SessionKey,
    expected: &Expected,
    waits_there: impl Fn(&Inbound) -> bool,
) -> Sql<Option<Unmet>> {
    let found = sessions::find(c, key)?.map(|session| session.session_id);
    let other = |id: &Option<String>| id.is_some() && *id != found;
    if found.is_none() {
        if expected.session_id.is_some() {
            return Ok(Some(Unmet::NoSession));
        }
        if let Some(id) = &expected.made_as
            && transcript::is_there(c, id)?
        {
            return Ok(Some(Unmet::PastId(id.clone())));
        }
    } else if other(&expected.session_id) || other(&expected.made_as) {
        return Ok(Some(Unmet::OtherSession));
    }
    let current = sessions::current_transcript(c, key)?.map(|(transcript, _)| transcript);
    let holds = match (&expected.leaf, current) {
        (None, _) => true,
        (Some(Leaf::Part(id)), Some(current)) => transcript::find(c, current, id)?.is_some(),
        (Some(Leaf::Part(_)), None) => false,
        (Some(Leaf::Last(leaf)), current) => {
            let last = match current {
                Some(current) => transcript::history(c, current, 1, None)?.pop().map(|entry| entry.id),
                None => None,
            };
            last == *leaf && !waits(c, key, waits_there)?
        }
    };
    Ok((!holds).then_some(Unmet::Said))
}

/// Whether a message waits for its turn in the session: one whose chat is the session itself, or one of a platform's chat.
fn waits(c: &Connection, key: &SessionKey, waits_there: impl Fn(&Inbound) -> bool) -> Sql<bool> {
    let named = "SELECT 1 FROM inbound WHERE closed_at_ms IS NULL AND chat_id = ?1 LIMIT 1";
    if sql::one(c, named, [key.as_str()], |_| Ok(()))?.is_some() {
        return Ok(true);
    }
    // No platform calls its chats as sessions are called.
    let others = "SELECT body FROM inbound WHERE closed_at_ms IS NULL AND chat_id NOT GLOB 'agent:*'";
    let mut statement = c.prepare_cached(others)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if waits_there(&row.get::<_, Json<Inbound>>(0)?.0) {
            return Ok(true);
        }
    }
    Ok(false)
}
