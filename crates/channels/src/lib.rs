//! Chat platforms: what people say there comes out as `model::Inbound`, what the gateway answers goes in as
//! `model::Outbound`. A folder per platform; [`policy`] stands once above them all. Which session hears a message, and
//! what is stored when, is the gateway's business.
//!
//! There is one platform yet, so there is no trait for platforms: it is written when the second one shows what they
//! have in common. [`Inbox`], [`SendError`] and [`ChannelStatus`] are already free of any platform.

mod http;
mod kept;
mod pairing;
pub mod policy;
mod status;
pub mod telegram;

use model::Inbound;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use http::Addresses;
pub use kept::{keep_bytes, keep_copy, tidy as tidy_files};
pub use status::ChannelStatus;
pub use telegram::{
    BotInfo, MAX_FILE, Reactions, Sound, Tables, Telegram, TelegramConfig, TelegramError, Webhook,
    with_tables,
};

/// Where a channel delivers what it receives. The gateway implements it over its store.
pub trait Inbox: Send + Sync {
    /// Takes a batch, as it is before anything was fetched ([`Inbound::coming`]), and the cursor behind it, in one transaction; `Ok` says that both are on disk. Without a cursor, the one
    /// that is there stays. The batch may be
    /// empty (only ignored updates came), and may repeat messages of an earlier one: channel, account, chat and
    /// message id tell. The future may be dropped at shutdown before it is done; the batch comes again then.
    ///
    /// # Errors
    /// Nothing was taken (a full disk, say). The channel does not move on, and tries again later.
    fn accept<'a>(
        &'a self,
        batch: Vec<Inbound>,
        cursor: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
}

/// Why a message did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// What the sender may do about it.
    pub kind: SendErrorKind,
    /// What happened, where, and the next step. Free of secrets.
    pub message: String,
}

/// What the sender of a failed message may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendErrorKind {
    /// The platform asks to wait that long; the same message may go out afterwards.
    RetryAfter(Duration),
    /// The network or the platform had a problem; the same message may go out later. It is possible that the platform
    /// has it already and the answer was lost.
    Transient,
    /// This message will never go out: the chat does not exist, the bot was blocked, the content is refused.
    Permanent,
    /// The platform refuses the credentials; nothing goes out until they are corrected.
    Auth,
}
