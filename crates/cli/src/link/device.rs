//! Opening the connection: with the shared secret alone where that will do, else as this installation's device.

use super::is_loopback;
use super::way::Way;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::text;
use client::{
    ClientDescription, ConnectError, ConnectOptions, Connection, Identity, IdentityError, TokenStore,
    TokenStoreError,
};
use model::SecretString;
use remote::Target;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The role of every command but `node run`.
pub(super) const ROLE: &str = "operator";

/// Connects; the inner result is the gateway's.
///
/// # Errors
/// The device's key or tokens cannot be read or made.
pub(super) async fn open(
    way: &Way,
    target: &Target,
    timeout: Duration,
) -> Result<Result<Connection, ConnectError>, Failure> {
    let Way { scopes, identity_dir, out, .. } = way;
    // Over loopback the shared secret alone will do, and a device of its own would only have to be paired.
    if is_loopback(&target.url) && target.has_secret() {
        match Connection::open(&options(target, scopes, None, timeout)).await {
            // Something between makes it not loopback for the gateway.
            Err(error) if error.detail_code() == Some("DEVICE_IDENTITY_REQUIRED") => {}
            done => return Ok(done),
        }
    }
    let device = Device::open(identity_dir, target)?;
    let opened = attempt(&options(target, scopes, Some(&device), timeout)).await;
    if let Ok(connection) = &opened {
        device.remember(*out, target, connection.hello());
    }
    Ok(opened)
}

/// This installation as a device: for gateways that are elsewhere.
pub(super) struct Device {
    pub(super) identity: Arc<Identity>,
    tokens: TokenStore,
    /// What this gateway gave it before.
    pub(super) token: Option<SecretString>,
}

impl Device {
    pub(super) fn open(dir: &Path, target: &Target) -> Result<Self, Failure> {
        let identity = Arc::new(identity(dir)?);
        let tokens = TokenStore::new(dir.join("device-tokens.json"));
        let token = tokens.get(target.name(), ROLE)?;
        Ok(Self { identity, tokens, token })
    }

    /// Keeps the token that the pairing gave.
    fn remember(&self, out: Output, target: &Target, hello: &Value) {
        if let Err(error) = self.keep(target, hello) {
            out.remark(&format!("note: {error}"));
        }
    }

    /// As [`Device::remember`], where nothing goes on without it.
    pub(super) fn keep(&self, target: &Target, hello: &Value) -> Result<(), TokenStoreError> {
        let Some(token) = text(hello, "/auth/deviceToken") else { return Ok(()) };
        self.tokens.put(target.name(), ROLE, &SecretString::from(token)).map(drop)
    }
}

/// The key. At first it lay in `device.json`; OpenClaw's programs do not start beside a file of that name, and one of
/// theirs is none of ours.
fn identity(dir: &Path) -> Result<Identity, IdentityError> {
    let (place, former) = (dir.join("operator.json"), dir.join("device.json"));
    if !place.exists() && matches!(Identity::load(&former), Ok(Some(_))) {
        std::fs::rename(&former, &place)
            .map_err(|source| IdentityError::Write { path: place.clone(), source })?;
    }
    Identity::load_or_create(&place)
}

fn options(target: &Target, scopes: &[String], device: Option<&Device>, timeout: Duration) -> ConnectOptions {
    let client = ClientDescription::new("cli", "cli", env!("CARGO_PKG_VERSION"));
    let mut options = ConnectOptions::new(target.url.clone(), client);
    options.known_as.clone_from(&target.known_as);
    options.token.clone_from(&target.token);
    options.password.clone_from(&target.password);
    options.pinned.clone_from(&target.pinned);
    options.scopes = scopes.to_vec();
    options.connect_timeout = timeout;
    if let Some(device) = device {
        options.identity = Some(device.identity.clone());
        options.device_token.clone_from(&device.token);
    }
    options
}

/// Opens; where the gateway advises the device's own token, tries once more with that.
async fn attempt(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let error = match Connection::open(options).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let advised = error.recommended_next_step() == Some("retry_with_device_token");
    let with_secret = options.token.is_some() || options.password.is_some();
    if options.device_token.is_none() || !advised || !with_secret {
        return Err(error);
    }
    let mut again = options.clone();
    (again.token, again.password) = (None, None);
    Connection::open(&again).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_moves_from_its_former_place_once_and_a_strangers_stays() {
        let dir = tempfile::tempdir().unwrap();
        let former = dir.path().join("device.json");
        let first = Identity::load_or_create(&former).unwrap();
        assert_eq!(identity(dir.path()).unwrap().device_id(), first.device_id());
        assert!(!former.exists());
        let theirs = r#"{"version":1,"deviceId":"x","publicKeyPem":"p","privateKeyPem":"q"}"#;
        std::fs::write(&former, theirs).unwrap();
        assert_eq!(identity(dir.path()).unwrap().device_id(), first.device_id());
        std::fs::remove_file(dir.path().join("operator.json")).unwrap();
        assert_ne!(identity(dir.path()).unwrap().device_id(), first.device_id());
        assert_eq!(std::fs::read_to_string(&former).unwrap(), theirs);
    }
}
