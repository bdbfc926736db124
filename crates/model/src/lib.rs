//! The nouns that every part speaks: clock, ids, session keys, messages, channel traffic, scheduled jobs, pins of
//! certificates, and server-sent events.
//! No I/O happens here, and nothing here knows the wire protocol or the database.

mod address;
mod clock;
pub mod cron;
mod ids;
mod message;
mod multipart;
mod near;
mod pin;
mod session_key;
mod skill;
pub mod sse;
mod traffic;

pub use address::address_refusal;
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use ids::{new_id, random_token};
pub use message::{
    AssistantMessage, Block, CUT_BY_RESTART, Content, Message, NEVER_ALLOWED, NOT_STARTED, NoteMessage, Part,
    STOPPED_UNDER_WAY, StopReason, ToolOutcome, ToolResultMessage, Usage, UserMessage,
};
pub use multipart::{FilePart, multipart};
pub use near::{is_carrier_grade_ip, is_private_ip};
pub use pin::{Pin, PinError};
pub use secrecy::{ExposeSecret, SecretString};
pub use session_key::{SessionKey, SessionKeyError};
pub use skill::{MAX_SKILL, MAX_SKILL_DESCRIPTION, SkillHead, is_skill_name, skill_head};
pub use traffic::{
    Act, Becomes, Button, Chat, ChatEvent, ChatKind, Coming, Directives, FileAs, Inbound, Opens, Outbound,
    Place, Sender, SentFile, Sticker, Topic,
};
