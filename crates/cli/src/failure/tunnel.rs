//! What a tunnel can fail of, in words, with the next step.

use super::{Exit, Failure};
use crate::context::Context;
use remote::tunnel::{Phase, Status, TunnelError};
use serde_json::json;

/// Turns an error about a tunnel into a failure.
pub(crate) fn explain(error: TunnelError, ctx: &Context) -> Failure {
    of(error, &ctx.paths.profile_flags())
}

/// As [`explain`], where the profile's flags are known and no more.
pub(crate) fn of(error: TunnelError, flags: &str) -> Failure {
    let message = error.to_string();
    match error {
        TunnelError::Down(status) => of_status(Exit::Tunnel, message, &status),
        TunnelError::Late { status, .. } => {
            // What has a name is known, and would not have come with more time.
            let exit = if status.refusal.is_some() { Exit::Tunnel } else { Exit::Timeout };
            let failure = of_status(exit, message, &status);
            match exit {
                Exit::Timeout => failure.hint("give it longer with --timeout MS"),
                _ => failure,
            }
        }
        TunnelError::Start(_) | TunnelError::Silent(_) | TunnelError::Refused(_) => {
            Failure::new(Exit::Failed, "TUNNEL", message)
                .hint(format!("what happened: openclaw{flags} remote logs"))
        }
    }
}

fn of_status(exit: Exit, message: String, status: &Status) -> Failure {
    let code = match (&status.refusal, status.state) {
        (Some(code), _) => code.clone(),
        (None, Phase::Refused) => "TUNNEL_REFUSED".to_owned(),
        (None, _) => "TUNNEL_NOT_UP".to_owned(),
    };
    let details = json!({"target": status.target, "state": status.state, "remotePort": status.remote_port, "localPort": status.local_port});
    let failure = Failure::new(exit, code, message).details(details);
    match &status.fix {
        Some(fix) => failure.hint(fix.clone()),
        None => failure,
    }
}
