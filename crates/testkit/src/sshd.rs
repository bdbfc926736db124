//! A real `sshd` of the system, in the foreground, with a configuration and host keys of its own, and somebody who signs in
//! there with the real `ssh`. Nothing of the host's sshd and of anybody's `~/.ssh` is read or changed.

// Only tests use this: what cannot be set up ends them with the reason.
#![allow(clippy::panic)]

mod user;

use crate::process::{Descendant, Process};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub use user::SshUser;

/// Where Debian has it; it insists on being started by its whole path.
const SSHD: &str = "/usr/sbin/sshd";
/// How many ports are tried: another program may take one between our look and sshd's start.
const PORTS: usize = 5;

/// What an [`Sshd`] is started with.
#[derive(Debug, Clone)]
pub struct SshdOptions {
    /// Lines of `sshd_config` that come before our own, such as `AllowTcpForwarding no`. The first of a kind counts.
    pub config: Vec<String>,
    /// Where it listens.
    pub address: IpAddr,
    /// The network namespace that it runs in; that of the test by default.
    pub namespace: Option<String>,
}

impl Default for SshdOptions {
    fn default() -> Self {
        Self { config: Vec::new(), address: Ipv4Addr::LOCALHOST.into(), namespace: None }
    }
}

/// A server that runs, or did; whatever of it runs ends when this is dropped.
pub struct Sshd {
    dir: TempDir,
    options: SshdOptions,
    port: u16,
    listener: Option<Process>,
    /// Sessions that outlived their listener, as they do when a service manager restarts it.
    sessions: Vec<Descendant>,
}

impl Sshd {
    /// Starts one on a free port of the loopback.
    pub fn start() -> Self {
        Self::with(SshdOptions::default())
    }

    /// Starts one on a free port of the loopback, with this line in its configuration.
    pub fn configured(line: &str) -> Self {
        Self::with(SshdOptions { config: vec![line.to_owned()], ..SshdOptions::default() })
    }

    /// Starts one on a free port.
    ///
    /// # Panics
    /// It does not start, or OpenSSH's server is not installed.
    pub fn with(options: SshdOptions) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: install openssh-server (scripts/test does)");
        // As root it insists on this directory, which a service manager makes otherwise.
        if !Path::new("/run/sshd").exists() {
            // Not being allowed to make it, one need not have it either.
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        let dir = TempDir::with_prefix("sshd-").unwrap_or_else(|e| panic!("no directory: {e}"));
        std::fs::write(dir.path().join("authorized_keys"), "").unwrap_or_else(|e| panic!("{e}"));
        make_key(&dir.path().join("host_key"), "ed25519", "");
        let mut sshd = Self { dir, options, port: 0, listener: None, sessions: Vec::new() };
        for _ in 0..PORTS {
            sshd.port = free_port(sshd.options.address, sshd.options.namespace.is_some());
            if sshd.listen() {
                return sshd;
            }
        }
        panic!("no port was free {PORTS} times in a row")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `user@host:port` for whoever runs the test.
    pub fn target(&self) -> String {
        format!("{}:{}", self.destination(), self.port)
    }

    /// `user@host`, which takes a `-p`.
    pub fn destination(&self) -> String {
        format!("{}@{}", user::own_name(), self.options.address)
    }

    /// As `known_hosts` names it.
    pub fn known_as(&self) -> String {
        if self.port == 22 {
            self.options.address.to_string()
        } else {
            format!("[{}]:{}", self.options.address, self.port)
        }
    }

    /// Its public host key, as in `known_hosts` after the name.
    pub fn host_key(&self) -> String {
        let file = self.dir.path().join("host_key.pub");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// `SHA256:…` of its host key.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.dir.path().join("host_key.pub"))
    }

    /// Lets a public key in (the text of a `.pub` file), with options such as `restrict` before it.
    pub fn permit(&self, options: &str, public_key: &str) {
        let file = self.dir.path().join("authorized_keys");
        let mut text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = writeln!(text, "{options} {}", public_key.trim());
        std::fs::write(&file, text.trim_start()).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }

    /// Lets nobody in any more; who is in stays.
    pub fn permit_nobody(&self) {
        let file = self.dir.path().join("authorized_keys");
        std::fs::write(&file, "").unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }

    /// The listening process.
    ///
    /// # Panics
    /// It was stopped.
    pub fn process(&self) -> &Process {
        self.listener.as_ref().unwrap_or_else(|| panic!("this sshd was stopped"))
    }

    /// Another host key, as after a host was set up anew; sessions end.
    pub fn change_host_key(&mut self) {
        self.kill();
        let key = self.dir.path().join("host_key");
        for file in [key.clone(), key.with_extension("pub")] {
            std::fs::remove_file(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
        make_key(&key, "ed25519", "");
        self.start_again();
    }

    /// Other lines of configuration from the next start on.
    pub fn configure(&mut self, lines: &[&str]) {
        self.options.config = lines.iter().map(ToString::to_string).collect();
    }

    /// Ends the listener as a service manager does: nobody gets in, and who is in stays.
    pub fn stop(&mut self) {
        let Some(mut listener) = self.listener.take() else { return };
        // Stopped, it takes nobody in while its sessions are gathered.
        listener.signal(Signal::STOP);
        self.sessions.extend(listener.descendants());
        listener.signal(Signal::TERM);
        listener.signal(Signal::CONT);
        listener.ended();
    }

    /// Ends everything at once, as when the host goes down.
    pub fn kill(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            listener.kill();
        }
        self.sessions.drain(..).for_each(|session| session.kill());
    }

    /// Ends the sessions; the listener stays.
    pub fn end_sessions(&mut self) {
        self.sessions.drain(..).for_each(|session| session.kill());
        if let Some(listener) = &self.listener {
            listener.descendants().iter().for_each(Descendant::kill);
        }
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// Somebody has the port.
    pub fn start_again(&mut self) {
        assert!(self.listener.is_none() && self.listen(), "sshd does not listen on port {} again", self.port);
    }

    /// Ends everything and starts it again on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts the listener; false if the port is taken.
    fn listen(&mut self) -> bool {
        let config = self.write_config();
        let mut command = match &self.options.namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, SSHD]);
                command
            }
            None => Command::new(SSHD),
        };
        command.args(["-D", "-e", "-f"]).arg(&config);
        let process = Process::start("sshd", command);
        let listens = process.wait_for("start", 0, |line| {
            let listens = line.starts_with("Server listening on ");
            (listens || line.contains("Address already in use")).then_some(listens)
        });
        self.listener = listens.then_some(process);
        listens
    }

    fn write_config(&self) -> PathBuf {
        let dir = self.dir.path().display();
        let mut text = self.options.config.iter().fold(String::new(), |text, line| text + line + "\n");
        // StrictModes would refuse keys below a directory that all may write to, as that of temporary files is.
        let _ = write!(
            text,
            "Port {}\nListenAddress {}\nHostKey {dir}/host_key\nAuthorizedKeysFile {dir}/authorized_keys\nStrictModes no\nPidFile none\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUseDNS no\nLogLevel VERBOSE\n",
            self.port, self.options.address
        );
        let file = self.dir.path().join("sshd_config");
        std::fs::write(&file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        file
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port on which nothing listens. In a namespace of its own everything is free but what the test put there.
fn free_port(address: IpAddr, is_elsewhere: bool) -> u16 {
    if is_elsewhere {
        return 22;
    }
    let listener = TcpListener::bind((address, 0)).unwrap_or_else(|e| panic!("{address}: {e}"));
    listener.local_addr().unwrap_or_else(|e| panic!("{address}: {e}")).port()
}

fn make_key(file: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(file);
    let made = command.output().unwrap_or_else(|e| panic!("ssh-keygen: {e}"));
    assert!(made.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&made.stderr));
}

fn fingerprint(public: &Path) -> String {
    let made = Command::new("ssh-keygen").arg("-lf").arg(public).output();
    let text = made.map(|made| String::from_utf8_lossy(&made.stdout).into_owned()).unwrap_or_default();
    let word = text.split_whitespace().nth(1);
    word.unwrap_or_else(|| panic!("ssh-keygen says no fingerprint of {}", public.display())).to_owned()
}
