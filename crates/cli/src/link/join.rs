//! Coming in for the first time, with a setup code.

use super::device::{Device, ROLE};
use crate::context::Context;
use crate::failure::Failure;
use client::{ClientDescription, ConnectError, ConnectOptions, Connection};
use model::SecretString;
use remote::Target;
use std::time::Duration;

/// What this computer is at the gateway now.
pub(crate) struct Paired {
    pub(crate) role: &'static str,
    pub(crate) device_id: String,
}

/// Pairs this installation as an operator, keeps its token, and comes in with it once: the code is over then. The inner result
/// is the gateway's.
///
/// # Errors
/// The device's key or tokens cannot be read or made, or it is paired and cannot come in.
pub(crate) async fn as_operator(
    ctx: &Context,
    target: &Target,
    code: &SecretString,
    name: Option<String>,
    within: Duration,
) -> Result<Result<Paired, ConnectError>, Failure> {
    let dir = ctx.paths.identity_dir();
    let device = Device::open(&dir, target)?;
    let mut options = options(&target.url, &name, within);
    options.pinned.clone_from(&target.pinned);
    options.identity = Some(device.identity.clone());
    options.bootstrap_token = Some(code.clone());
    let connection = match Connection::open(&options).await {
        Ok(connection) => connection,
        Err(error) => return Ok(Err(error)),
    };
    device.keep(target, connection.hello())?;
    connection.close().await;
    let device = Device::open(&dir, target)?;
    options.bootstrap_token = None;
    options.device_token.clone_from(&device.token);
    match Connection::open(&options).await {
        Ok(connection) => connection.close().await,
        Err(error) => return Ok(Err(error)),
    }
    let device_id = device.identity.device_id().to_owned();
    Ok(Ok(Paired { role: ROLE, device_id }))
}

fn options(url: &str, name: &Option<String>, within: Duration) -> ConnectOptions {
    let mut client = ClientDescription::new("cli", "cli", env!("CARGO_PKG_VERSION"));
    client.display_name.clone_from(name);
    let mut options = ConnectOptions::new(url, client);
    options.scopes = super::scope_names(&[protocol::Scope::Read]);
    options.connect_timeout = within;
    options
}
