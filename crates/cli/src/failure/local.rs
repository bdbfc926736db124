//! What can go wrong on this host before a gateway is asked: target, secrets, keys.

use super::{Exit, Failure};
use client::{IdentityError, TokenStoreError};
use node::NodeError;
use remote::TargetError;

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Failure {
        let message = error.to_string();
        match error {
            TargetError::UrlWithoutCredential { .. } => Failure::new(
                Exit::Usage,
                "URL_WITHOUT_CREDENTIAL",
                message,
            )
            .hint("with that gateway's secret: --url URL --token TOKEN, or --url URL --password PASSWORD")
            .hint("or leave --url out: the configured gateway is used, with its credentials"),
            TargetError::UrlAndPort => Failure::usage(message),
            TargetError::Url { via, .. } if via.starts_with("--") => Failure::usage(message),
            TargetError::Secret(_) => Failure::new(Exit::Config, "SECRET_UNRESOLVED", message)
                .hint("no other credential is tried in its place; to go past it, give --token or --password"),
            TargetError::Config(inner) => inner.into(),
            TargetError::Generated(_) => Failure::new(Exit::Failed, "CREDENTIAL_FILE", message),
            TargetError::Pins(_) => Failure::new(Exit::Failed, "PIN_FILE", message),
            TargetError::PinWithoutTls { pin, .. } if pin.starts_with("--") => Failure::usage(message),
            TargetError::Url { .. }
            | TargetError::NoRemoteUrl
            | TargetError::SshUrl { .. }
            | TargetError::PinWithoutTls { .. } => Failure::new(Exit::Config, "TARGET", message),
        }
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Failure {
        Failure::new(Exit::Failed, "IDENTITY", error.to_string())
    }
}

impl From<TokenStoreError> for Failure {
    fn from(error: TokenStoreError) -> Failure {
        Failure::new(Exit::Failed, "DEVICE_TOKENS", error.to_string())
    }
}

/// A node's failure without the target that it was for.
pub(crate) fn of_node(error: NodeError, target: &remote::Target, flags: &str) -> Failure {
    match error {
        NodeError::Identity(error) => error.into(),
        NodeError::Connect(error) => super::connect::explain(error, target, flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{ConfigError, SecretError};

    #[test]
    fn what_is_wrong_on_this_host_has_an_exit_code_of_its_own() {
        let secret = SecretError::Variable { place: "gateway.auth.token".into(), name: "X".into() };
        for (error, exit) in [
            (TargetError::UrlWithoutCredential { url: "ws://a".into() }, Exit::Usage),
            (TargetError::UrlAndPort, Exit::Usage),
            (TargetError::Url { via: "--url", error: remote::UrlError::Credentials }, Exit::Usage),
            (
                TargetError::Url { via: "gateway.remote.url", error: remote::UrlError::Credentials },
                Exit::Config,
            ),
            (TargetError::NoRemoteUrl, Exit::Config),
            (TargetError::Secret(secret), Exit::Config),
            (TargetError::Config(ConfigError::PortVariable("x".into())), Exit::Config),
        ] {
            assert_eq!(Failure::from(error).exit, exit);
        }
    }
}
