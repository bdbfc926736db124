//! Which token and password go to which target. The order is fixed, and a configured secret that cannot be had is
//! an error, never a reason to try the next.

use config::{AuthMode, Env, GatewayConfig, Paths, SecretError, SecretInput, read_gateway_token};
use model::SecretString;

use crate::{TargetError, TargetFlags};

/// What a client proves itself with; the server's mode decides which of them it looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) token: Option<SecretString>,
    pub(crate) password: Option<SecretString>,
}

impl Credentials {
    fn is_empty(&self) -> bool {
        self.token.is_none() && self.password.is_none()
    }
}

/// What the flags give, if they give anything; then nothing else is looked at.
pub(crate) fn from_flags(flags: &TargetFlags) -> Option<Credentials> {
    let own = Credentials { token: flags.token.clone(), password: flags.password.clone() };
    (!own.is_empty()).then_some(own)
}

/// `OPENCLAW_GATEWAY_TOKEN` and `OPENCLAW_GATEWAY_PASSWORD`.
pub(crate) fn from_env(env: &Env) -> Credentials {
    Credentials { token: env_token(env), password: env_password(env) }
}

/// For the gateway of this host: `gateway.auth`, the environment, the generated token, and `gateway.remote` only if
/// none of these gave anything. A secret that the mode does not use is not looked up.
pub(crate) fn local(gateway: &GatewayConfig, env: &Env, paths: &Paths) -> Result<Credentials, TargetError> {
    let auth = &gateway.auth;
    let (wants_token, wants_password) = match auth.mode {
        Some(AuthMode::None) => return Ok(Credentials::default()),
        Some(AuthMode::Token) => (true, false),
        Some(AuthMode::Password | AuthMode::TrustedProxy) => (false, true),
        None => (true, true),
    };
    let mut own = Credentials::default();
    if wants_token {
        own.token = configured(auth.token.as_ref(), env)?.or_else(|| env_token(env));
    }
    if wants_password {
        own.password = configured(auth.password.as_ref(), env)?.or_else(|| env_password(env));
    }
    if own.is_empty() && wants_token {
        own.token = read_gateway_token(paths)?;
    }
    if own.is_empty() {
        own.token = configured(gateway.remote.token.as_ref(), env)?;
        own.password = configured(gateway.remote.password.as_ref(), env)?;
    }
    Ok(own)
}

/// For `gateway.remote.url`: the token from `gateway.remote`, else the environment, else `gateway.auth`; the password
/// from the environment first.
pub(crate) fn remote(gateway: &GatewayConfig, env: &Env) -> Result<Credentials, SecretError> {
    let (remote, auth) = (&gateway.remote, &gateway.auth);
    let token = match configured(remote.token.as_ref(), env)?.or_else(|| env_token(env)) {
        Some(token) => Some(token),
        None => configured(auth.token.as_ref(), env)?,
    };
    let password = match env_password(env) {
        Some(password) => Some(password),
        None => match configured(remote.password.as_ref(), env)? {
            Some(password) => Some(password),
            None => configured(auth.password.as_ref(), env)?,
        },
    };
    Ok(Credentials { token, password })
}

fn configured(input: Option<&SecretInput>, env: &Env) -> Result<Option<SecretString>, SecretError> {
    input.map_or(Ok(None), |input| input.resolve(env))
}

fn env_token(env: &Env) -> Option<SecretString> {
    env.get_filled("OPENCLAW_GATEWAY_TOKEN").map(SecretString::from)
}

fn env_password(env: &Env) -> Option<SecretString> {
    env.get_filled("OPENCLAW_GATEWAY_PASSWORD").map(SecretString::from)
}
