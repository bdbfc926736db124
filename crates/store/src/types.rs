//! The rows as the rest of the program sees them. All times are ms since the Unix epoch.

mod channels;
mod devices;
mod nodes;
mod runs;

pub use channels::*;
pub use devices::*;
pub use nodes::*;
pub use runs::*;

use serde_json::Value;

/// A named value of the gateway's own.
pub type Setting = Value;
