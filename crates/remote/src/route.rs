//! Whether `gateway.remote` leads through an ssh tunnel, and through which.

use config::{GatewayConfig, HostKeyPolicy, Paths, RemoteTransport};
use url::{Host, Url};

use crate::TargetError;
use crate::tunnel::TunnelSpec;

/// The tunnel of `gateway.remote`, where it has one: `transport: "ssh"`, or `sshTarget` without another transport and
/// without a URL that leads elsewhere. The port of a loopback `url` is the one wanted here, and the one there unless
/// `remotePort` says otherwise.
///
/// # Errors
/// `transport: "ssh"` beside a URL of another host, or a URL that is none.
pub fn ssh_route(gateway: &GatewayConfig, paths: &Paths) -> Result<Option<TunnelSpec>, TargetError> {
    let remote = &gateway.remote;
    let (Some(target), false) = (&remote.ssh_target, remote.transport == Some(RemoteTransport::Direct))
    else {
        return Ok(None);
    };
    let url = match &remote.url {
        None => None,
        Some(text) => {
            let via = "gateway.remote.url";
            let url = crate::check_url(text).map_err(|error| TargetError::Url { via, error })?;
            Url::parse(&url).ok()
        }
    };
    if let Some(url) = url.as_ref().filter(|url| !is_here(url)) {
        return match remote.transport {
            // It says where to go more plainly than the ssh target does.
            None => Ok(None),
            Some(_) => Err(TargetError::SshUrl { host: url.host_str().unwrap_or_default().to_owned() }),
        };
    }
    let port = url.as_ref().and_then(Url::port);
    let mut spec = TunnelSpec::new(target.clone());
    spec.remote_port = remote.remote_port.or(port).unwrap_or(spec.remote_port);
    spec.local_port = port.unwrap_or_else(|| paths.default_port());
    spec.identity.clone_from(&remote.ssh_identity);
    spec.host_keys = remote.ssh_host_keys.unwrap_or(HostKeyPolicy::Strict);
    // Who pins a certificate means that one is shown.
    spec.tls = url.map_or(!remote.tls_fingerprint.is_empty(), |url| url.scheme() == "wss");
    Ok(Some(spec))
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Env;

    fn route(remote: &str) -> Result<Option<TunnelSpec>, TargetError> {
        let env = Env::from([("HOME", "/home/me")]);
        let paths = Paths::resolve(&env, None, false).unwrap();
        let text = format!("{{ gateway: {{ mode: 'remote', remote: {remote} }} }}");
        let loaded = config::parse(&text, &paths.config_file, &env).unwrap();
        ssh_route(&loaded.config.gateway, &paths)
    }

    #[test]
    fn a_target_for_ssh_is_enough() {
        let spec = route("{ sshTarget: 'me@host' }").unwrap().unwrap();
        assert_eq!((spec.local_port, spec.remote_port), (18789, 18789));
        assert_eq!((spec.host_keys, spec.tls), (HostKeyPolicy::Strict, false));
        let all = "{ sshTarget: 'me@host:2222', url: 'ws://127.0.0.1:19000', remotePort: 5, transport: 'ssh',
            sshIdentity: '~/.ssh/id', sshHostKeyPolicy: 'openssh' }";
        let spec = route(all).unwrap().unwrap();
        assert_eq!((spec.local_port, spec.remote_port), (19000, 5));
        assert_eq!((spec.target.port(), spec.host_keys), (Some(2222), HostKeyPolicy::Openssh));
        assert_eq!(spec.identity.unwrap().to_str(), Some("/home/me/.ssh/id"));
        let spec = route("{ sshTarget: 'h', url: 'wss://localhost:19000' }").unwrap().unwrap();
        assert_eq!((spec.local_port, spec.remote_port, spec.tls), (19000, 19000, true));
        let pinned = format!("{{ sshTarget: 'h', tlsFingerprint: '{}' }}", "ab".repeat(32));
        assert!(route(&pinned).unwrap().unwrap().tls);
    }

    #[test]
    fn what_leads_elsewhere_is_no_tunnel() {
        for remote in [
            "{ url: 'ws://127.0.0.1:1' }",
            "{ url: 'ws://127.0.0.1:1', transport: 'ssh' }",
            "{ sshTarget: 'me@host', transport: 'direct', url: 'ws://127.0.0.1:1' }",
            "{ sshTarget: 'me@host', url: 'wss://gw.example.com' }",
        ] {
            assert_eq!(route(remote).unwrap(), None, "{remote}");
        }
        let error = route("{ sshTarget: 'me@host', transport: 'ssh', url: 'wss://gw.example.com' }");
        assert!(error.unwrap_err().to_string().contains("gw.example.com"));
    }
}
