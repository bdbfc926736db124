//! The command line of ssh: the one place where it is made.

use super::TunnelSpec;
use config::HostKeyPolicy;
use std::ffi::OsString;

/// What ssh is told besides the forward. Each of these goes before what `~/.ssh/config` says.
const ALWAYS: &[&str] = &[
    // Without the forward there is nothing to stay for.
    "ExitOnForwardFailure=yes",
    // A shared connection would not be ours to end, and would not end with us.
    "ControlMaster=no",
    "ControlPath=none",
    // A host block may ask for a command or a terminal; a tunnel has neither.
    "RemoteCommand=none",
    "RequestTTY=no",
    // Only this host reaches the local end.
    "GatewayPorts=no",
    // `StrictHostKeyChecking=yes` does not keep a host that is known from adding keys.
    "UpdateHostKeys=no",
    // A server that is gone is noticed in 15 s where nothing else notices it before.
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ConnectTimeout=10",
];

/// An ssh that went into the background would not be ours any more. OpenSSH before 8.7 does not know this, and cannot be
/// configured to go there either.
const STAY: &str = "ForkAfterAuthentication=no";

/// Whether ssh says by this line that it is of before [`STAY`].
pub(super) fn cannot_fork(line: &str) -> bool {
    line.to_ascii_lowercase().contains("bad configuration option: forkafterauthentication")
}

/// What kind of ssh it is, and how it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// Whether it may ask questions on a terminal.
    pub(super) asks: bool,
    /// Whether it could be configured to go into the background.
    pub(super) forks: bool,
}

/// The arguments of ssh, without its own name.
pub(super) fn ssh_arguments(spec: &TunnelSpec, local_port: u16, manner: Manner) -> Vec<OsString> {
    // -v: ssh says nothing about having been let in otherwise.
    let mut line: Vec<OsString> = ["-N", "-T", "-v"].map(OsString::from).into();
    let mut option = |text: &str| line.extend([OsString::from("-o"), OsString::from(text)]);
    ALWAYS.iter().for_each(|text| option(text));
    if manner.forks {
        option(STAY);
    }
    option(if manner.asks { "BatchMode=no" } else { "BatchMode=yes" });
    match spec.host_keys {
        HostKeyPolicy::Strict => option("StrictHostKeyChecking=yes"),
        HostKeyPolicy::Openssh => {}
    }
    if let Some(identity) = &spec.identity {
        option("IdentitiesOnly=yes");
        line.extend([OsString::from("-i"), identity.clone().into_os_string()]);
    }
    if let Some(port) = spec.target.port() {
        line.extend([OsString::from("-p"), port.to_string().into()]);
    }
    let forward = format!("127.0.0.1:{local_port}:127.0.0.1:{}", spec.remote_port);
    line.extend([OsString::from("-L"), forward.into()]);
    line.extend([OsString::from("--"), spec.target.destination().into()]);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::SshTarget;

    fn line(spec: &TunnelSpec, asks: bool, forks: bool) -> String {
        let line = ssh_arguments(spec, 18790, Manner { asks, forks });
        line.iter().map(|a| a.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    fn spec(target: &str) -> TunnelSpec {
        TunnelSpec::new(SshTarget::parse(target).unwrap())
    }

    #[test]
    fn the_whole_line() {
        assert_eq!(
            line(&spec("me@host"), false, true),
            "-N -T -v -o ExitOnForwardFailure=yes -o ControlMaster=no -o ControlPath=none \
             -o RemoteCommand=none -o RequestTTY=no -o GatewayPorts=no \
             -o UpdateHostKeys=no -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o ConnectTimeout=10 \
             -o ForkAfterAuthentication=no -o BatchMode=yes \
             -o StrictHostKeyChecking=yes -L 127.0.0.1:18790:127.0.0.1:18789 -- me@host"
        );
    }

    #[test]
    fn what_is_configured_is_on_it() {
        let mut spec = spec("me@[fd00::1]:2222");
        spec.identity = Some("/keys/id with blank".into());
        spec.host_keys = HostKeyPolicy::Openssh;
        spec.remote_port = 9000;
        let line = line(&spec, true, false);
        let tail = "-o BatchMode=no -o IdentitiesOnly=yes -i /keys/id with blank -p 2222 \
                    -L 127.0.0.1:18790:127.0.0.1:9000 -- me@fd00::1";
        assert!(line.ends_with(tail), "{line}");
        assert!(!line.contains("StrictHostKeyChecking") && !line.contains("Fork"), "{line}");
        // The path is one argument, whatever is in it.
        let manner = Manner { asks: false, forks: true };
        assert!(ssh_arguments(&spec, 1, manner).contains(&OsString::from("/keys/id with blank")));
    }
}
