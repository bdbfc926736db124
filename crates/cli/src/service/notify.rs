//! What a service tells the systemd that started it: that it works, that it still does, and that it ends. The protocol is
//! lines of text in datagrams to the socket that `NOTIFY_SOCKET` names. Without one, nobody is told.

use config::Env;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whom to tell, and how often.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says. A socket that cannot be used is logged, and nobody is told.
    pub(crate) fn of(env: &Env) -> Self {
        let Some(name) = env.get_filled("NOTIFY_SOCKET") else { return Self::default() };
        match open(name) {
            Ok(to) => Self { to: Some(to), watchdog: watchdog(env) },
            Err(error) => {
                tracing::warn!(socket = name, %error, "systemd cannot be told how the service is");
                Self::default()
            }
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.to.is_some()
    }

    /// Without a word for this long, systemd takes the service for dead.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells these lines, such as `READY=1`. What cannot be told is logged.
    pub(crate) fn tell(&self, lines: &[&str]) {
        let Some((socket, to)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(lines.join("\n").as_bytes(), to) {
            tracing::warn!(%error, "systemd was not told {lines:?}");
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let socket = UnixDatagram::unbound()?;
    // A systemd that does not read must not hold the service up.
    socket.set_nonblocking(true)?;
    Ok((socket, address(name)?))
}

/// `/a/path`, or `@name` for a name without a file.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        None if name.starts_with('/') => SocketAddr::from_pathname(name),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor @NAME")),
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "names without a file are Linux's")),
    }
}

/// `WATCHDOG_USEC`, unless `WATCHDOG_PID` says that it is meant for another process.
fn watchdog(env: &Env) -> Option<Duration> {
    let whose = env.get_filled("WATCHDOG_PID").map(str::parse::<u32>);
    if whose.is_some_and(|pid| pid != Ok(std::process::id())) {
        return None;
    }
    let micros = env.get_filled("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let mut env = Env::default();
        pairs.iter().for_each(|(name, value)| env.add_missing(name, value));
        env
    }

    fn heard(by: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = by.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn lines_arrive_at_a_path_and_at_a_name_without_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("openclaw-test-{}", std::process::id());
        use std::os::linux::net::SocketAddrExt;
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (listener, socket) in [(by_path, path.display().to_string()), (by_name, format!("@{name}"))] {
            let notifier = Notifier::of(&env(&[("NOTIFY_SOCKET", &socket)]));
            assert!(notifier.is_heard());
            notifier.tell(&["READY=1", "STATUS=well"]);
            assert_eq!(heard(&listener), "READY=1\nSTATUS=well");
        }
    }

    #[test]
    fn the_watchdog_is_whom_it_is_meant_for() {
        let socket = ("NOTIFY_SOCKET", "/nowhere");
        let own = std::process::id().to_string();
        for (more, watchdog) in [
            (&[][..], None),
            (&[("WATCHDOG_USEC", "60000000")], Some(Duration::from_secs(60))),
            (&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", &own)], Some(Duration::from_secs(60))),
            (&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "1")], None),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_USEC", "soon")], None),
        ] {
            assert_eq!(Notifier::of(&env(&[&[socket], more].concat())).watchdog(), watchdog, "{more:?}");
        }
    }

    #[test]
    fn nobody_is_told_where_nobody_listens_and_nothing_breaks() {
        for name in ["", "relative/path", "/nowhere/at/all"] {
            Notifier::of(&env(&[("NOTIFY_SOCKET", name)])).tell(&["READY=1"]);
        }
    }
}
