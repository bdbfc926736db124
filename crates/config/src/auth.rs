//! Which secret the gateway asks for. Clients on the same host follow the same rules (crate `remote`).

use std::path::PathBuf;

use model::SecretString;

use crate::{AuthConfig, AuthMode, Env, Paths, SecretError, TokenError, ensure_gateway_token};

/// Where the gateway's secret came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialOrigin {
    /// This config key.
    Config(String),
    /// This environment variable.
    Variable(&'static str),
    /// Generated and stored in this file; `created` says whether just now.
    Generated {
        /// The file.
        file: PathBuf,
        /// Made by this call.
        created: bool,
    },
}

/// What callers must prove.
#[derive(Debug, Clone)]
pub enum ServerAuth {
    /// Nothing; only sensible on loopback.
    None,
    /// This token.
    Token(SecretString, CredentialOrigin),
    /// This password.
    Password(SecretString, CredentialOrigin),
    /// A proxy's word for who they are; on this host this password, where there is one.
    TrustedProxy(Option<(SecretString, CredentialOrigin)>),
}

/// Why it is not known what callers must prove.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The configured secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The generated token cannot be had.
    #[error(transparent)]
    Generated(#[from] TokenError),
    /// Mode password without a password.
    #[error(
        "gateway.auth.mode is \"password\" and there is no password; set gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD"
    )]
    NoPassword,
    /// Mode trusted-proxy without what it needs.
    #[error(
        "gateway.auth.mode is \"trusted-proxy\", which needs gateway.auth.trustedProxy.userHeader and gateway.trustedProxies; set them, or another mode"
    )]
    NoProxy,
    /// Mode trusted-proxy with a token beside it.
    #[error(
        "gateway.auth.mode is \"trusted-proxy\", but a shared token is also configured ({0}): whoever had it would pass the proxy by; remove it, or set gateway.auth.mode to \"token\""
    )]
    TokenBesideProxy(&'static str),
}

/// Decides what callers must prove. The config goes before the environment. Without a mode, a password counts
/// before a token; without either, a token is generated and kept.
///
/// # Errors
/// A configured secret that cannot be had, mode `password` without one, or no place to keep a generated token.
pub fn server_auth(auth: &AuthConfig, env: &Env, paths: &Paths) -> Result<ServerAuth, AuthError> {
    match auth.mode {
        Some(AuthMode::None) => Ok(ServerAuth::None),
        Some(AuthMode::Token) => token(auth, env, paths),
        Some(AuthMode::Password) => password(auth, env)?.ok_or(AuthError::NoPassword),
        Some(AuthMode::TrustedProxy) => trusted_proxy(auth, env),
        None => {
            // A configured token that cannot be had must not be passed over because there is a password too.
            if let Some(input) = &auth.token {
                input.resolve(env)?;
            }
            match password(auth, env)? {
                Some(found) => Ok(found),
                None => token(auth, env, paths),
            }
        }
    }
}

fn trusted_proxy(auth: &AuthConfig, env: &Env) -> Result<ServerAuth, AuthError> {
    if auth.trusted_proxy.is_none() {
        return Err(AuthError::NoProxy);
    }
    if auth.token.is_some() {
        return Err(AuthError::TokenBesideProxy("gateway.auth.token"));
    }
    if env.get_filled("OPENCLAW_GATEWAY_TOKEN").is_some() {
        return Err(AuthError::TokenBesideProxy("OPENCLAW_GATEWAY_TOKEN"));
    }
    Ok(ServerAuth::TrustedProxy(match password(auth, env)? {
        Some(ServerAuth::Password(secret, origin)) => Some((secret, origin)),
        _ => None,
    }))
}

fn password(auth: &AuthConfig, env: &Env) -> Result<Option<ServerAuth>, AuthError> {
    if let Some(input) = &auth.password
        && let Some(secret) = input.resolve(env)?
    {
        return Ok(Some(ServerAuth::Password(secret, CredentialOrigin::Config(input.place().to_owned()))));
    }
    let name = "OPENCLAW_GATEWAY_PASSWORD";
    Ok(env.get_filled(name).map(|text| ServerAuth::Password(text.into(), CredentialOrigin::Variable(name))))
}

fn token(auth: &AuthConfig, env: &Env, paths: &Paths) -> Result<ServerAuth, AuthError> {
    if let Some(input) = &auth.token
        && let Some(secret) = input.resolve(env)?
    {
        return Ok(ServerAuth::Token(secret, CredentialOrigin::Config(input.place().to_owned())));
    }
    let name = "OPENCLAW_GATEWAY_TOKEN";
    if let Some(text) = env.get_filled(name) {
        return Ok(ServerAuth::Token(text.into(), CredentialOrigin::Variable(name)));
    }
    let (secret, file, created) = ensure_gateway_token(paths)?;
    Ok(ServerAuth::Token(secret, CredentialOrigin::Generated { file, created }))
}
