//! Which port a gateway listens on and a local client asks (S2).

use crate::{ConfigError, Env, GatewayConfig, Paths};

/// `--port` over `OPENCLAW_GATEWAY_PORT` over `gateway.port` over 18789 (19001 for `--dev`).
///
/// # Errors
/// The variable is set and is no port.
pub fn gateway_port(
    flag: Option<u16>,
    env: &Env,
    gateway: &GatewayConfig,
    paths: &Paths,
) -> Result<u16, ConfigError> {
    if let Some(port) = flag {
        return Ok(port);
    }
    match env.get_filled("OPENCLAW_GATEWAY_PORT") {
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(ConfigError::PortVariable(text.to_owned())),
        },
        None => Ok(gateway.port.unwrap_or_else(|| paths.default_port())),
    }
}
