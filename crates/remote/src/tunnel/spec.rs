//! Which tunnel: whom ssh is asked for and how. What identifies it, and what may change while it stands.

use super::refusal::Asked;
use config::{HostKeyPolicy, SshTarget};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A tunnel to a gateway that listens on the loopback interface of an ssh host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelSpec {
    /// Whom ssh is asked for.
    pub target: SshTarget,
    /// The gateway's port there.
    pub remote_port: u16,
    /// The port wanted here; another one where it is taken.
    pub local_port: u16,
    /// A key to log in with, before those that the user's configuration of ssh names for the host; without it, those that ssh finds
    /// by itself.
    pub identity: Option<PathBuf>,
    /// Which host keys ssh accepts.
    pub host_keys: HostKeyPolicy,
    /// Whether the gateway speaks TLS behind the tunnel.
    pub tls: bool,
    /// Whether the command line wants of it what the configuration does not: it is another tunnel then, so that the one of all the
    /// others stays as it is.
    pub apart: bool,
}

impl TunnelSpec {
    /// A tunnel to the usual port with ssh's own keys and known host keys only.
    pub fn new(target: SshTarget) -> Self {
        Self {
            target,
            remote_port: DEFAULT_PORT,
            local_port: DEFAULT_PORT,
            identity: None,
            host_keys: HostKeyPolicy::Strict,
            tls: false,
            apart: false,
        }
    }

    /// The name of the tunnel in file names: the same for the same destination and port there. Two users of one tunnel
    /// may differ in the rest; the later one's counts.
    pub fn key(&self) -> String {
        // FNV-1a: nothing is hidden and nobody is kept out by this name, it is only to be short and always the same.
        let text = format!("{} {}", self.target, self.remote_port);
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let name: String = self.target.host().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        let lead = if self.apart { "apart-" } else { "" };
        format!("{lead}{name}-{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
    }

    /// The gateway behind it, wherever the end here is: what that one gave is kept under this name.
    pub fn known_as(&self) -> String {
        known_as(&self.target.to_string(), self.remote_port)
    }

    /// The gateway's address through the tunnel, where its end here is at this port.
    pub fn url_at(&self, local_port: u16) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{local_port}")
    }

    /// What ssh is asked for, for those who are told why it failed.
    pub(super) fn asked(&self, local_port: u16) -> Asked {
        Asked {
            destination: self.target.destination(),
            ssh_port: self.target.port(),
            local_port,
            far_port: self.remote_port,
        }
    }

    /// As it is sent to a supervisor, which is told its key by whoever starts it.
    pub fn to_wire(&self) -> WireSpec {
        WireSpec {
            target: self.target.to_string(),
            remote_port: self.remote_port,
            local_port: self.local_port,
            identity: self.identity.clone(),
            host_keys: self.host_keys.as_str().to_owned(),
            tls: self.tls,
        }
    }

    /// From what was sent.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_wire(wire: WireSpec) -> Result<Self, String> {
        let host_keys = match wire.host_keys.as_str() {
            "strict" => HostKeyPolicy::Strict,
            "openssh" => HostKeyPolicy::Openssh,
            other => return Err(format!("{other:?} is no policy for host keys; use strict or openssh")),
        };
        Ok(Self {
            target: SshTarget::parse(&wire.target).map_err(|error| error.to_string())?,
            remote_port: wire.remote_port,
            local_port: wire.local_port,
            identity: wire.identity,
            host_keys,
            tls: wire.tls,
            apart: false,
        })
    }
}

/// The name of the gateway at this port of this ssh host.
pub(super) fn known_as(target: &str, remote_port: u16) -> String {
    format!("ssh:{target}:{remote_port}")
}

/// The usual port of a gateway.
const DEFAULT_PORT: u16 = 18789;

/// A [`TunnelSpec`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireSpec {
    target: String,
    remote_port: u16,
    local_port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<PathBuf>,
    host_keys: String,
    #[serde(default)]
    tls: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(target: &str) -> TunnelSpec {
        TunnelSpec::new(SshTarget::parse(target).unwrap())
    }

    #[test]
    fn a_tunnel_is_known_by_its_destination_and_the_port_there() {
        let one = spec("me@host");
        let mut same = TunnelSpec { identity: Some("/k".into()), local_port: 5, ..one.clone() };
        same.host_keys = HostKeyPolicy::Openssh;
        assert_eq!(one.key(), same.key());
        let others = [
            spec("you@host"),
            spec("me@host:2222"),
            TunnelSpec { remote_port: 1, ..one.clone() },
            TunnelSpec { apart: true, ..one.clone() },
        ];
        for other in others {
            assert_ne!(one.key(), other.key(), "{other:?}");
        }
        let odd = spec("a.very-long.name-of-a_host.example.net:22").key();
        assert!(odd.len() <= 25 && odd.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{odd}");
    }

    #[test]
    fn a_spec_survives_being_sent_and_a_bad_one_is_refused() {
        let spec = TunnelSpec { identity: Some("/key".into()), tls: true, ..spec("me@[::1]:22") };
        let text = serde_json::to_string(&spec.to_wire()).unwrap();
        let read: WireSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(TunnelSpec::from_wire(read).unwrap(), spec);
        for (name, bad) in [("target", "-oProxyCommand=id"), ("hostKeys", "any")] {
            let mut value = serde_json::to_value(spec.to_wire()).unwrap();
            value[name] = bad.into();
            assert!(TunnelSpec::from_wire(serde_json::from_value(value).unwrap()).is_err(), "{bad}");
        }
    }
}
