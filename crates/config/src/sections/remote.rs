//! `gateway.remote`: the gateway that commands of this host use (S7).

use std::path::PathBuf;

use model::Pin;

use super::SshTarget;
use crate::SecretInput;
use crate::choice::choice;
use crate::doc::Section;

choice! {
    /// How the far gateway is reached.
    RemoteTransport {
        /// Through a tunnel that ssh holds.
        Ssh => "ssh",
        /// Straight to the URL.
        Direct => "direct",
    }
}

choice! {
    /// Which host keys ssh accepts.
    HostKeyPolicy {
        /// Keys that are known already, and no others, whatever the ssh configuration says.
        Strict => "strict",
        /// What the ssh configuration says.
        Openssh => "openssh",
    }
}

/// `gateway.remote`. What a client sends; it never lets anyone in (S9).
#[derive(Debug, Clone, Default)]
pub struct RemoteConfig {
    /// `url`: `ws://` or `wss://`.
    pub url: Option<String>,
    /// `token`.
    pub token: Option<SecretInput>,
    /// `password`.
    pub password: Option<SecretInput>,
    /// `tlsFingerprint`: the certificate that must be shown, one of these; empty trusts the usual authorities.
    pub tls_fingerprint: Vec<Pin>,
    /// `transport`; where it is unset, `sshTarget` makes it ssh.
    pub transport: Option<RemoteTransport>,
    /// `remotePort`: the gateway's port on the ssh host.
    pub remote_port: Option<u16>,
    /// `sshTarget`: `user@host[:port]` or an ssh alias.
    pub ssh_target: Option<SshTarget>,
    /// `sshIdentity`: the key file for ssh.
    pub ssh_identity: Option<PathBuf>,
    /// `sshHostKeyPolicy`; unset is strict.
    pub ssh_host_keys: Option<HostKeyPolicy>,
}

impl RemoteConfig {
    /// Whether a tunnel is wanted and nobody says where to: then `url` is gone to as it is, as the end of one that somebody else keeps.
    pub fn lacks_ssh_target(&self) -> bool {
        self.transport == Some(RemoteTransport::Ssh) && self.ssh_target.is_none()
    }

    pub(crate) fn read(s: &Section<'_>) -> Self {
        Self {
            url: s.text("url").filter(|url| !url.trim().is_empty()),
            token: s.secret("token"),
            password: s.secret("password"),
            tls_fingerprint: pins(s),
            transport: s.choice("transport"),
            remote_port: s.integer("remotePort", 1..=65535).and_then(|port| u16::try_from(port).ok()),
            ssh_target: ssh_target(s),
            ssh_identity: s.path("sshIdentity"),
            ssh_host_keys: s.choice("sshHostKeyPolicy"),
        }
    }
}

fn ssh_target(s: &Section<'_>) -> Option<SshTarget> {
    let text = s.text("sshTarget").filter(|target| !target.trim().is_empty())?;
    SshTarget::parse(&text).map_err(|error| s.error("sshTarget", error.to_string())).ok()
}

/// One fingerprint, or a list of which any will do. One that is none stops whoever reads it: a pin that is left out protects
/// nobody.
fn pins(s: &Section<'_>) -> Vec<Pin> {
    let texts = s.text_or_texts("tlsFingerprint").unwrap_or_default();
    let many = texts.len() > 1;
    let mut pins = Vec::new();
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| many || !text.trim().is_empty()) {
        match text.parse::<Pin>() {
            Ok(pin) => pins.push(pin),
            Err(error) => s.error(
                "tlsFingerprint",
                if many { format!("[{index}]: {error}") } else { error.to_string() },
            ),
        }
    }
    pins
}
