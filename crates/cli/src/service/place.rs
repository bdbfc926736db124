//! Hosts without a service manager for users, and what to do there instead.

use std::path::Path;

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lacking {
    /// No such program, or another one runs the host.
    Manager,
    /// There is one, and this user's has not been started.
    Session,
}

/// What kind of host this is, as far as that changes the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Container,
    Wsl,
    Plain,
}

/// The next steps for this host.
pub(super) fn advice(lacking: Lacking, run: &str) -> Vec<String> {
    advice_for(host(Path::new("/")), lacking, run)
}

fn advice_for(host: Host, lacking: Lacking, run: &str) -> Vec<String> {
    let foreground = format!("or run it in the foreground, under whatever starts programs here: {run}");
    match (host, lacking) {
        (Host::Container, _) => vec![
            format!("in a container, make it the container's own program: {run}"),
            "and let the container's engine start it again: docker run --init --restart unless-stopped …".into(),
        ],
        (Host::Wsl, _) => vec![
            "switch systemd on in WSL: \"[boot]\" and \"systemd=true\" in /etc/wsl.conf, then wsl --shutdown in Windows".into(),
            foreground,
        ],
        (Host::Plain, Lacking::Session) => vec![
            "start this user's services without a login, and log in anew: sudo loginctl enable-linger \"$USER\"".into(),
            "after su or sudo, the session is another user's; use a login of its own: ssh or machinectl shell USER@".into(),
            foreground,
        ],
        (Host::Plain, Lacking::Manager) => vec![foreground],
    }
}

fn host(root: &Path) -> Host {
    let has = |file: &str| root.join(file).exists();
    if has(".dockerenv") || has("run/.containerenv") {
        return Host::Container;
    }
    let kernel = std::fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    if kernel.to_ascii_lowercase().contains("microsoft") { Host::Wsl } else { Host::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_for_the_host_that_it_is_given_on() {
        let root = tempfile::tempdir().unwrap();
        let kernel = root.path().join("proc/sys/kernel");
        std::fs::create_dir_all(&kernel).unwrap();
        assert_eq!(host(root.path()), Host::Plain);
        std::fs::write(kernel.join("osrelease"), "5.15.90.1-microsoft-standard-WSL2\n").unwrap();
        assert_eq!(host(root.path()), Host::Wsl);
        std::fs::write(root.path().join(".dockerenv"), "").unwrap();
        assert_eq!(host(root.path()), Host::Container);
        for (host, lacking, word) in [
            (Host::Container, Lacking::Manager, "--restart"),
            (Host::Wsl, Lacking::Session, "wsl.conf"),
            (Host::Plain, Lacking::Session, "enable-linger"),
            (Host::Plain, Lacking::Manager, "openclaw gateway run"),
        ] {
            let text = advice_for(host, lacking, "openclaw gateway run").join("\n");
            assert!(text.contains(word) && text.contains("openclaw gateway run"), "{text}");
        }
    }
}
