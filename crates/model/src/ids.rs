//! Fresh identifiers and secrets.

use base64::Engine;

/// A new random id: a version 4 UUID in lower-case hex with dashes.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// 32 random bytes in URL-safe base64 without padding (43 characters): device tokens, gateway tokens.
///
/// # Errors
/// The system has no randomness to give; nothing secret may be made then.
pub fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
