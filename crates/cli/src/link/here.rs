//! What asks the gateway, and where none runs on this host, its files: they are only looked at.

use super::{Link, config_for, target};
use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use gateway::{HostState, Offline, OfflineError};
use serde_json::Value;

/// Who answers.
pub(crate) enum Source {
    /// A running gateway.
    Gateway(Box<Link>),
    /// The files of this host.
    Files(Box<Offline>),
}

impl Source {
    /// The gateway; or the files of this host, where it is the one that is meant and none runs on its state.
    ///
    /// # Errors
    /// As [`Link::dial`]; or the files cannot be read.
    pub(crate) async fn find(ctx: &Context, args: &ConnectArgs, method: &str) -> Result<Self, Failure> {
        let failure = match Link::dial_for(ctx, args, method).await {
            Ok(link) => return Ok(Source::Gateway(Box::new(link))),
            Err(failure) => failure,
        };
        if failure.exit != Exit::Unreachable || failure.code != "UNREACHABLE" || !is_here(ctx, args)? {
            return Err(failure);
        }
        let opened = Offline::open(ctx.load()?, ctx.env.clone(), ctx.paths.clone(), ctx.clock.clone());
        let files = opened.map_err(|error| Failure::new(Exit::Failed, "STATE", error.to_string()))?;
        ctx.out.remark("no gateway runs on this host: this is what its files say");
        Ok(Source::Files(Box::new(files)))
    }

    /// What is answered to one of the methods that files can answer, too.
    ///
    /// # Errors
    /// The gateway refuses or does not answer; or the files cannot be read.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        match self {
            Source::Gateway(link) => link.call(method, params).await,
            Source::Files(files) => files.call(method, params).await.map_err(|error| {
                let code =
                    if matches!(error, OfflineError::Refused(_)) { "INVALID_REQUEST" } else { "STATE" };
                Failure::new(Exit::Failed, code, error.to_string())
            }),
        }
    }

    /// Leaves in good order.
    pub(crate) async fn leave(self) {
        match self {
            Source::Gateway(link) => link.leave().await,
            Source::Files(files) => files.close().await,
        }
    }
}

/// Whether this host's own gateway is meant, and none has its state open.
fn is_here(ctx: &Context, args: &ConnectArgs) -> Result<bool, Failure> {
    let target = target(ctx, args, &config_for(ctx, args)?)?;
    Ok(target.local && target.via != "--port" && HostState::holder(&ctx.paths.state_dir).is_none())
}

/// Asks one method.
///
/// # Errors
/// As [`Source::find`] and [`Source::call`].
pub(crate) async fn one_look(
    ctx: &Context,
    args: &ConnectArgs,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    let source = Source::find(ctx, args, method).await?;
    let payload = source.call(method, params).await?;
    source.leave().await;
    Ok(payload)
}
