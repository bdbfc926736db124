//! `devices list|approve --local`: the way in when no other is left. It uses this host's state directory, whatever the
//! configuration says about remote gateways: the files themselves where no gateway runs, and else that gateway, over
//! loopback and with the host's own secret.

use super::approve::{Decided, held, needed, newest};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::{Link, scope_names};
use crate::view::{list, text};
use config::ServerAuth;
use gateway::{HostState, HostStateError};
use protocol::Scope;
use remote::Target;
use serde_json::{Value, json};

/// How the state is reached.
enum Way {
    Files(HostState),
    Gateway(Box<Link>),
}

/// Who waits and who is paired.
pub(super) async fn devices(args: &ConnectArgs, ctx: &Context) -> Result<Value, Failure> {
    let way = Way::open(args, ctx, &scope_names(&[Scope::Pairing])).await?;
    let devices = way.devices().await;
    way.close().await;
    devices
}

/// Lets a device in: this request, or the one that was made last.
pub(super) async fn approve(
    args: &ConnectArgs,
    ctx: &Context,
    request_id: Option<&str>,
) -> Result<Decided, Failure> {
    let way = Way::open(args, ctx, &scope_names(&[Scope::Pairing, Scope::Admin])).await?;
    let (way, decided) = way.approve(args, ctx, request_id).await?;
    way.close().await;
    Ok(decided)
}

impl Way {
    async fn open(args: &ConnectArgs, ctx: &Context, scopes: &[String]) -> Result<Self, Failure> {
        let command = ctx.command("devices --local");
        let port = match HostState::open(&ctx.paths.state_dir, &command, ctx.clock.clone()) {
            Ok(state) => {
                for notice in state.notices() {
                    ctx.out.remark(notice);
                }
                return Ok(Way::Files(state));
            }
            Err(HostStateError::Running(Some(port))) => port,
            Err(error @ HostStateError::Running(None)) => {
                return Err(Failure::new(Exit::Failed, "STATE_HELD", error.to_string())
                    .hint("it is starting or stopping; try again in a moment"));
            }
            Err(error @ HostStateError::Nothing(_)) => return Err(Failure::not_found(error.to_string())),
            Err(error) => return Err(Failure::new(Exit::Failed, "STATE", error.to_string())),
        };
        let link =
            Link::dial_target(ctx, args, scopes, own_gateway(ctx, port)?).await.map_err(|failure| {
                failure.hint(
                    "it may have been started with another secret; stop it, and this works on its files",
                )
            })?;
        Ok(Way::Gateway(Box::new(link)))
    }

    async fn devices(&self) -> Result<Value, Failure> {
        match self {
            Way::Files(state) => state.devices().await.map_err(unusable),
            Way::Gateway(link) => link.call("device.pair.list", json!({})).await,
        }
    }

    async fn approve(
        self,
        args: &ConnectArgs,
        ctx: &Context,
        request_id: Option<&str>,
    ) -> Result<(Self, Decided), Failure> {
        let devices = self.devices().await?;
        let requests = list(&devices, "/pending");
        let found = match request_id {
            Some(id) => requests.iter().find(|r| text(r, "/requestId") == Some(id)),
            None => newest(requests),
        };
        let Some(request) = found.cloned() else {
            let which = request_id.map_or_else(
                || "no device is waiting".to_owned(),
                |id| format!("no device waits with the request {id}"),
            );
            return Err(Failure::not_found(which).hint("see who does: openclaw devices list --local"));
        };
        let id = text(&request, "/requestId").unwrap_or_default().to_owned();
        let held = held(&devices, &request);
        let (way, answer) = match self {
            Way::Files(state) => {
                let answer = state.approve(&id).await.map_err(unusable)?;
                let answer = answer
                    .ok_or_else(|| Failure::not_found(format!("no device waits with the request {id}")))?;
                (Way::Files(state), answer)
            }
            Way::Gateway(link) => {
                let link = link.widen(ctx, args, &needed(&request, &held)).await?;
                let answer = link.call("device.pair.approve", json!({"requestId": id})).await?;
                (Way::Gateway(Box::new(link)), answer)
            }
        };
        Ok((way, Decided { request, held, answer }))
    }

    async fn close(self) {
        match self {
            Way::Files(state) => state.close().await,
            Way::Gateway(link) => link.leave().await,
        }
    }
}

/// The gateway that holds the state directory, with the secret that this host's configuration has for it.
fn own_gateway(ctx: &Context, port: u16) -> Result<Target, Failure> {
    let loaded = ctx.load()?;
    let secret = config::server_auth(&loaded.config.gateway.auth, &ctx.env, &ctx.paths);
    let secret =
        secret.map_err(|error| Failure::new(Exit::Config, "SECRET_UNRESOLVED", error.to_string()))?;
    let (token, password) = match secret {
        ServerAuth::None => (None, None),
        ServerAuth::Token(secret, _) => (Some(secret), None),
        ServerAuth::Password(secret, _) => (None, Some(secret)),
        ServerAuth::TrustedProxy(password) => (None, password.map(|(secret, _)| secret)),
    };
    let own = Target::own(port, "--local", &loaded.config.gateway, &ctx.paths);
    Ok(Target { token, password, ..own })
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, "STATE", error.to_string())
}
