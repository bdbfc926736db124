//! `channels.telegram.webhookUrl` and what belongs to it.

use crate::SecretInput;
use crate::doc::Section;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Where Telegram delivers.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// `webhookUrl`: what Telegram is told.
    pub url: String,
    /// `webhookSecret`: what Telegram proves itself with.
    pub secret: SecretInput,
    /// `webhookCertPath`: the certificate of that address, which Telegram is given.
    pub certificate: Option<PathBuf>,
    /// `webhookPath`, `/telegram-webhook` by default.
    pub path: String,
    /// `webhookHost`, `127.0.0.1` by default.
    pub host: IpAddr,
    /// `webhookPort`, 8787 by default; 0 leaves it to the system.
    pub port: u16,
}

/// The keys as they stand.
#[derive(Debug, Clone, Default)]
pub(super) struct WebhookKeys {
    url: Option<String>,
    secret: Option<SecretInput>,
    certificate: Option<PathBuf>,
    path: Option<String>,
    host: Option<IpAddr>,
    port: Option<u16>,
}

impl WebhookKeys {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let keys = Self {
            url: s.text("webhookUrl"),
            secret: s.secret("webhookSecret"),
            certificate: s.path("webhookCertPath"),
            path: s.text("webhookPath"),
            host: s.text("webhookHost").map(|host| {
                host.parse().unwrap_or_else(|_| {
                    s.error("webhookHost", "use an address of this host, like 127.0.0.1");
                    IpAddr::V4(Ipv4Addr::LOCALHOST)
                })
            }),
            port: s.integer("webhookPort", 0..=65_535).and_then(|port| u16::try_from(port).ok()),
        };
        if let Some(url) = keys.url.as_ref().filter(|url| !url.starts_with("https://")) {
            s.error("webhookUrl", format!("{url:?} is not allowed; Telegram delivers to https:// only"));
        }
        let is_path = |path: &str| {
            path.starts_with('/') && path != "/healthz" && !path.contains(['?', '#', '{', '}', ':', '*'])
        };
        if let Some(path) = keys.path.as_ref().filter(|path| !is_path(path)) {
            s.error(
                "webhookPath",
                format!("{path:?} is not allowed; use a path like /telegram-webhook, without : * ? # {{ }}, and not /healthz"),
            );
        }
        keys
    }

    /// What an account leaves open is the section's: all of it where it is the section's own account, and without address and
    /// port elsewhere, since each bot has one address and each listener one port.
    pub(super) fn over(self, section: &Self, is_its_own: bool) -> Self {
        let section = section.clone();
        Self {
            url: self.url.or(section.url.filter(|_| is_its_own)),
            secret: self.secret.or(section.secret),
            // It is that of the section's own address.
            certificate: self.certificate.or(section.certificate.filter(|_| is_its_own)),
            path: self.path.or(section.path),
            host: self.host.or(section.host),
            port: self.port.or(section.port.filter(|_| is_its_own)),
        }
    }

    /// What comes of them; `s` is where they were missed.
    pub(super) fn judge(&self, s: &Section<'_>) -> Option<WebhookConfig> {
        let url = self.url.clone()?;
        let Some(secret) = self.secret.clone() else {
            s.error("webhookUrl", "needs webhookSecret, with which Telegram proves itself");
            return None;
        };
        Some(WebhookConfig {
            url,
            secret,
            certificate: self.certificate.clone(),
            path: self.path.clone().unwrap_or_else(|| "/telegram-webhook".to_owned()),
            host: self.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: self.port.unwrap_or(8787),
        })
    }
}
