//! `openclaw remote up --foreground`: looking after a tunnel for a terminal or a service.

use crate::context::Context;
use crate::failure::{Exit, Failure, tunnel as explain};
use crate::link::tunnel;
use remote::tunnel::{Keep, KeepError, Place, TunnelSpec, keep};
use std::io::IsTerminal;

/// Looks after the tunnel until a signal or `remote down`. At a terminal, where ssh may ask, this process does; elsewhere it
/// becomes the small program that is made for staying.
///
/// # Errors
/// Its files cannot be used, or another process that looks after it does not answer.
pub(super) async fn foreground(ctx: &Context, spec: TunnelSpec, place: Place) -> Result<(), Failure> {
    let starter = tunnel::starter(ctx)?;
    let failed = |message: String| Failure::new(Exit::Failed, "TUNNEL", message);
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(failed(starter.become_keeper(&place, &spec).to_string()));
    }
    let path = ctx.env.get("PATH").map(str::to_owned);
    let kept = keep(Keep { place, spec, starter, path, ask: true }, |text| ctx.out.remark(text)).await;
    kept.map_err(|error| match error {
        KeepError::Supervise(error) => failed(error.to_string()),
        KeepError::Other(error) => explain::explain(error, ctx),
    })
}
