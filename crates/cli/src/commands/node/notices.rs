//! What `openclaw node run` shows: a line for each turn of its connection; with `--json`, an object for each.

use crate::output::Output;
use node::{Notice, Notices};
use serde_json::{Value, json};

/// Prints notices on standard output.
pub(super) struct Printed {
    out: Output,
}

impl Printed {
    /// Prints as `out` does.
    pub(super) fn new(out: Output) -> Self {
        Self { out }
    }
}

impl Notices for Printed {
    fn notice(&self, notice: &Notice<'_>) {
        let shown = if self.out.json {
            self.out.json_line(&as_json(notice))
        } else {
            self.out.line(&crate::output::printable(&notice.to_string()))
        };
        if let Err(failure) = shown {
            // The node's work does not depend on somebody reading along.
            tracing::debug!(reason = failure.message, "a notice was not shown");
        }
    }
}

fn as_json(notice: &Notice<'_>) -> Value {
    match notice {
        Notice::Connected { url, gateway_version } => {
            json!({"type": "connected", "url": url, "gatewayVersion": gateway_version})
        }
        Notice::PairingRequired { request_id, command } => {
            json!({"type": "pairing-required", "requestId": request_id, "command": command})
        }
        Notice::ApprovalRequired { message } => json!({"type": "approval-required", "message": message}),
        Notice::Decided { approved } => json!({"type": "decided", "approved": approved}),
        Notice::Disconnected { reason, retry_in } => {
            let millis = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
            json!({"type": "disconnected", "reason": reason, "retryInMs": millis})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_can_read_which_request_waits_for_approval() {
        let notice = Notice::PairingRequired { request_id: "r1", command: "openclaw devices approve r1" };
        assert_eq!(
            as_json(&notice),
            json!({"type":"pairing-required","requestId":"r1","command":"openclaw devices approve r1"})
        );
    }
}
