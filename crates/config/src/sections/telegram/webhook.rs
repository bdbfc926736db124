//! `channels.telegram.webhookUrl` and what belongs to it.

use crate::SecretInput;
use crate::doc::Section;
use std::net::IpAddr;

/// Where Telegram delivers.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// `webhookUrl`: what Telegram is told.
    pub url: String,
    /// `webhookSecret`: what Telegram proves itself with.
    pub secret: SecretInput,
    /// `webhookPath`, `/telegram-webhook` by default.
    pub path: String,
    /// `webhookHost`, `127.0.0.1` by default.
    pub host: IpAddr,
    /// `webhookPort`, 8787 by default.
    pub port: u16,
}

pub(super) fn webhook(s: &Section<'_>) -> Option<WebhookConfig> {
    s.unsupported("webhookCertPath", "the address needs a certificate that Telegram knows");
    let (url, secret) = (s.text("webhookUrl"), s.secret("webhookSecret"));
    let path = s.text("webhookPath").unwrap_or_else(|| "/telegram-webhook".to_owned());
    let host = s.text("webhookHost").unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = s.integer("webhookPort", 1..=65_535).unwrap_or(8787);
    let url = url?;
    if !url.starts_with("https://") {
        s.error("webhookUrl", format!("{url:?} is not allowed; Telegram delivers to https:// only"));
    }
    if !path.starts_with('/') || path == "/healthz" || path.contains(['?', '#', '{', '}', ':', '*']) {
        s.error(
            "webhookPath",
            format!("{path:?} is not allowed; use a path like /telegram-webhook, without : * ? # {{ }}, and not /healthz"),
        );
    }
    let host = host.parse().ok();
    if host.is_none() {
        s.error("webhookHost", "use an address of this host, like 127.0.0.1");
    }
    if secret.is_none() {
        s.error("webhookUrl", "needs webhookSecret, with which Telegram proves itself");
    }
    let port = u16::try_from(port).ok()?;
    Some(WebhookConfig { url, secret: secret?, path, host: host?, port })
}
