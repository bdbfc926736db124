//! What whoever started the node should see.

use std::time::Duration;

/// Something that whoever started the node should see. `Display` is a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice<'a> {
    /// A connection stands.
    Connected {
        /// The gateway's address.
        url: &'a str,
        /// The gateway's version, where it told it.
        gateway_version: Option<&'a str>,
    },
    /// An operator has to approve this device. Told once per request; the node goes on trying.
    PairingRequired {
        /// The request.
        request_id: &'a str,
        /// What to type on the gateway's host.
        command: &'a str,
    },
    /// An operator has to approve the commands of this node. The gateway's message names what to type.
    ApprovalRequired {
        /// What the gateway said.
        message: &'a str,
    },
    /// An operator has approved the commands, or refused them.
    Decided {
        /// Whether they may be used now.
        approved: bool,
    },
    /// There is no connection; told when the reason changes.
    Disconnected {
        /// Why.
        reason: &'a str,
        /// The next attempt is after this time.
        retry_in: Duration,
    },
}

impl std::fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Notice::Connected { url, gateway_version: None } => write!(f, "connected to {url}"),
            Notice::Connected { url, gateway_version: Some(version) } => {
                write!(f, "connected to {url} (gateway {version})")
            }
            Notice::PairingRequired { request_id, command } => {
                write!(f, "waiting for pairing (request {request_id}); on the gateway's host run: {command}")
            }
            Notice::ApprovalRequired { message } => write!(f, "waiting for approval: {message}"),
            Notice::Decided { approved: true } => write!(f, "the commands of this node were approved"),
            Notice::Decided { approved: false } => write!(f, "the commands of this node were refused"),
            Notice::Disconnected { reason, retry_in } => {
                write!(f, "not connected: {reason}; trying again in {:.1} s", retry_in.as_secs_f32())
            }
        }
    }
}

/// Who shows notices. Any function that takes a [`Notice`] will do.
pub trait Notices: Send + Sync {
    /// Shows one.
    fn notice(&self, notice: &Notice<'_>);
}

impl<F: Fn(&Notice<'_>) + Send + Sync> Notices for F {
    fn notice(&self, notice: &Notice<'_>) {
        self(notice);
    }
}
