//! What a gateway refuses to start with, because it would be open to others.

use super::StartError;
use crate::auth::secret::AuthMode;
use crate::settings::Settings;

/// Refuses to be reached by others where nobody has said what they must prove (S6). A token that the gateway made for
/// itself is for this host: whoever opens it to others does so on purpose.
pub(super) fn open(gateway: &config::GatewayConfig, settings: &Settings) -> Result<(), StartError> {
    let bind = gateway.bind;
    match (&settings.auth, &settings.auth_origin) {
        (AuthMode::None, _) => Err(StartError::Open { bind }),
        (_, Some(config::CredentialOrigin::Generated { .. })) => Err(StartError::NoSecret { bind }),
        _ => Ok(()),
    }
}

/// Refuses to publish what the rest of the configuration, or of the flags, leaves open.
pub(super) fn publishing(gateway: &config::GatewayConfig, settings: &Settings) -> Result<(), StartError> {
    if let Some(problem) = gateway.tailscale_problem() {
        return Err(StartError::Publishing(problem));
    }
    let is_funnel = gateway.tailscale.mode == config::TailscaleMode::Funnel;
    if is_funnel && !matches!(settings.auth, AuthMode::Password(_)) {
        return Err(StartError::Publishing(
            "\"funnel\" opens the gateway to the whole internet and needs gateway.auth.mode \"password\" with gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD".to_owned(),
        ));
    }
    Ok(())
}
