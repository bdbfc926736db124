//! What the gateway says of itself.

use config::{Env, MdnsMode};
use protocol::discovery::MAX_TXT;
use std::net::{IpAddr, SocketAddr};

/// The machine, as far as it is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// A DNS label.
    pub(super) label: String,
    /// The name to show.
    pub(super) name: String,
    pub(super) addr: SocketAddr,
    pub(super) ssh_port: String,
    pub(super) cli_path: Option<String>,
    pub(super) tailnet: Option<String>,
    /// The certificate that it shows, as SHA-256 in hex; `None` without TLS.
    pub(super) certificate: Option<String>,
}

impl Host {
    /// This machine and a gateway that listens there.
    pub(super) fn of(env: &Env, addr: SocketAddr, certificate: Option<String>) -> Self {
        let system = exec::host::hostname();
        let name = env.get_filled("OPENCLAW_MDNS_HOSTNAME").unwrap_or(&system);
        let own = || std::env::current_exe().ok().map(|path| path.display().to_string());
        Self {
            label: label(name),
            name: if system.is_empty() { "OpenClaw".to_owned() } else { system.clone() },
            addr,
            ssh_port: env.get_filled("OPENCLAW_SSH_PORT").unwrap_or("22").to_owned(),
            cli_path: env.get_filled("OPENCLAW_CLI_PATH").map(str::to_owned).or_else(own),
            tailnet: env.get_filled("OPENCLAW_TAILNET_DNS").map(str::to_owned),
            certificate,
        }
    }

    /// What is told in a TXT record; `lan_host` where it is told in its own network.
    pub(super) fn txt(&self, mode: MdnsMode, lan_host: Option<String>) -> Vec<(&'static str, String)> {
        let mut txt = vec![
            ("role", "gateway".to_owned()),
            ("transport", "gateway".to_owned()),
            ("displayName", self.name.clone()),
        ];
        txt.extend(lan_host.map(|host| ("lanHost", host)));
        txt.push(("gatewayPort", self.addr.port().to_string()));
        if let Some(certificate) = &self.certificate {
            txt.extend([("gatewayTls", "1".to_owned()), ("gatewayTlsSha256", certificate.clone())]);
        }
        if !self.addr.ip().is_loopback() {
            txt.push(("gatewayDirectReachable", "1".to_owned()));
        }
        if mode == MdnsMode::Full {
            txt.push(("sshPort", self.ssh_port.clone()));
            txt.extend(self.cli_path.clone().map(|path| ("cliPath", path)));
            txt.extend(self.tailnet.clone().map(|name| ("tailnetDns", name)));
        }
        // What does not fit is not told: half a path leads elsewhere.
        txt.retain(|(key, value)| key.len() + 1 + value.len() <= MAX_TXT);
        txt
    }
}

/// An announcement by mDNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beacon {
    /// The instance's name.
    pub(super) instance: String,
    /// `LABEL.local.`
    pub(super) host: String,
    pub(super) port: u16,
    /// The one address that it listens on; `None` where all of the machine's will do.
    pub(super) ip: Option<IpAddr>,
    pub(super) txt: Vec<(&'static str, String)>,
}

impl Beacon {
    pub(super) fn new(host: &Host, mode: MdnsMode) -> Self {
        let ip = host.addr.ip();
        Self {
            instance: instance(&host.name),
            host: format!("{}.local.", host.label),
            port: host.addr.port(),
            ip: (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip),
            txt: host.txt(mode, Some(format!("{}.local", host.label))),
        }
    }
}

/// An instance's name: a label, which may hold anything but may not be longer than 63 bytes.
pub(super) fn instance(name: &str) -> String {
    // Room for what tells instances of one name apart.
    let mut end = name.len().min(50);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// The first label of a host's name, if it is one.
fn label(name: &str) -> String {
    let first = name.split('.').next().unwrap_or_default();
    let good = (1..=63).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !first.starts_with('-')
        && !first.ends_with('-');
    if good { first.to_owned() } else { "openclaw".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(vars: &[(&str, &str)], addr: &str) -> Host {
        Host::of(&vars.iter().copied().collect(), addr.parse().unwrap(), None)
    }

    #[test]
    fn a_gateway_with_tls_says_so_and_which_certificate_it_shows() {
        let host = Host { certificate: Some("ab".repeat(32)), ..host(&[], "0.0.0.0:5") };
        let txt = Beacon::new(&host, MdnsMode::Minimal).txt;
        assert!(txt.contains(&("gatewayTls", "1".to_owned())), "{txt:?}");
        assert!(txt.contains(&("gatewayTlsSha256", "ab".repeat(32))), "{txt:?}");
    }

    #[test]
    fn little_is_told_unless_all_of_it_is_wanted() {
        let vars = [
            ("OPENCLAW_SSH_PORT", "2222"),
            ("OPENCLAW_CLI_PATH", "/bin/oc"),
            ("OPENCLAW_TAILNET_DNS", "h.ts.net"),
        ];
        let host = host(&vars, "0.0.0.0:5");
        let keys = |mode| -> Vec<&str> { Beacon::new(&host, mode).txt.iter().map(|(key, _)| *key).collect() };
        let minimal =
            ["role", "transport", "displayName", "lanHost", "gatewayPort", "gatewayDirectReachable"];
        assert_eq!(keys(MdnsMode::Minimal), minimal);
        assert_eq!(keys(MdnsMode::Full), [&minimal[..], &["sshPort", "cliPath", "tailnetDns"]].concat());
        assert!(keys(MdnsMode::Full).iter().all(|key| protocol::discovery::TXT_KEYS.contains(key)));
    }

    #[test]
    fn what_is_told_fits_into_dns() {
        let long = "x".repeat(300);
        let host = Host { name: "ä".repeat(40), ..host(&[("OPENCLAW_CLI_PATH", &long)], "127.0.0.1:5") };
        let beacon = Beacon::new(&host, MdnsMode::Full);
        assert!(beacon.instance.len() <= 50 && beacon.txt.iter().all(|(key, _)| *key != "cliPath"));
        assert!(
            beacon.txt.iter().all(|(key, _)| *key != "gatewayDirectReachable"),
            "on loopback nobody gets there"
        );
        for (name, good) in
            [("box", "box"), ("box.lan", "box"), ("my box", "openclaw"), ("-x", "openclaw"), ("", "openclaw")]
        {
            assert_eq!(label(name), good);
        }
    }
}
