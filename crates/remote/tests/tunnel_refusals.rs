//! Each named refusal, caused by a real sshd that is set up to cause it and read from what the real ssh says.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "tunnel_refusals/said.rs"]
mod said;

use remote::tunnel::{Asked, IdentityProblem, Refusal};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use testkit::process::{PATIENCE, Process};
use testkit::sshd::{SshUser, Sshd};

/// One attempt to make a tunnel to a server, with the real ssh.
struct Attempt {
    asked: Asked,
    command: Command,
}

impl Attempt {
    fn new(user: &SshUser, sshd: &Sshd) -> Self {
        Self::to(user, &sshd.destination(), sshd.port(), free_port())
    }

    /// To a far port on which nothing listens.
    fn to(user: &SshUser, destination: &str, port: u16, local_port: u16) -> Self {
        let far_port = free_port();
        let asked = Asked { destination: destination.to_owned(), ssh_port: Some(port), local_port, far_port };
        let mut command = user.ssh();
        let options =
            ["BatchMode=yes", "StrictHostKeyChecking=yes", "ExitOnForwardFailure=yes", "ConnectTimeout=20"];
        command.args(options.iter().flat_map(|option| ["-o", *option]));
        let forward = format!("127.0.0.1:{local_port}:127.0.0.1:{far_port}");
        command.args(["-N", "-v", "-L", &forward, "-p", &port.to_string(), destination]);
        Self { asked, command }
    }

    fn with(mut self, args: &[&str]) -> Self {
        // The destination stays last.
        let old: Vec<_> = self.command.get_args().map(ToOwned::to_owned).collect();
        let mut command = Command::new(self.command.get_program());
        command.env_clear().envs(self.command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.args(args).args(old);
        self.command = command;
        self
    }

    /// Lets it end, and reads why.
    fn refused(self) -> Refusal {
        let mut ssh = Process::start("ssh", self.command);
        let exit = ssh.said_all();
        let lines = ssh.lines();
        let refusal = Refusal::read(&self.asked, lines.iter().map(String::as_str), Some(exit));
        refusal.unwrap_or_else(|| panic!("an end always has a reason: {lines:?}"))
    }

    /// Connects through it, and reads what is said about that while it stands.
    fn refused_inside(self) -> Refusal {
        let ssh = Process::start("ssh", self.command);
        ssh.wait_for_text("Entering interactive session", 0);
        let lines = ssh.lines();
        assert_eq!(Refusal::read(&self.asked, lines.iter().map(String::as_str), None), None, "{lines:?}");
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.asked.local_port)).unwrap();
        ssh.wait_for_text("open failed", 0);
        let lines = ssh.lines();
        Refusal::read(&self.asked, lines.iter().map(String::as_str), None).unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn assert_says(refusal: &Refusal, lasting: bool, parts: &[&str]) {
    let text = format!("{refusal}; {}", refusal.fix());
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert_eq!(refusal.is_lasting(), lasting, "{text}");
}

#[test]
fn an_unknown_host_key_is_refused_with_its_fingerprint_and_stays_unknown() {
    let sshd = Sshd::start();
    let user = SshUser::new();
    sshd.permit("", &user.public_key());
    let refusal = Attempt::new(&user, &sshd).refused();
    let seen = Some(sshd.fingerprint());
    let ssh = format!("ssh -p {} {}", sshd.port(), sshd.destination());
    assert_eq!(refusal, Refusal::UnknownHostKey { host: sshd.known_as(), seen, ssh });
    assert_says(&refusal, true, &[&sshd.fingerprint(), &sshd.known_as(), "answer yes"]);
    assert!(!user.file("known_hosts").exists(), "nothing was learned");
}

#[test]
fn where_ssh_would_ask_a_person_an_unknown_key_is_refused_too() {
    let sshd = Sshd::start();
    let user = SshUser::new();
    let attempt = Attempt::new(&user, &sshd).with(&["-o", "StrictHostKeyChecking=ask"]);
    assert!(
        matches!(attempt.refused(), Refusal::UnknownHostKey { seen, .. } if seen == Some(sshd.fingerprint()))
    );
}

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints() {
    let mut sshd = Sshd::start();
    let user = SshUser::of(&sshd);
    let known = sshd.fingerprint();
    sshd.change_host_key();
    assert_ne!(known, sshd.fingerprint());
    let forget = format!("ssh-keygen -f {} -R {}", user.file("known_hosts").display(), sshd.known_as());
    // Whoever told ssh to go on gets no forwarding, and the same reason.
    for options in [&[][..], &["-o", "StrictHostKeyChecking=no"]] {
        let refusal = Attempt::new(&user, &sshd).with(options).refused();
        assert_says(&refusal, true, &[&known, &sshd.fingerprint(), &forget]);
        assert_eq!(refusal.code(), "SSH_CHANGED_HOST_KEY");
    }
    assert!(Command::new("sh").args(["-c", &forget]).output().unwrap().status.success());
    assert_eq!(Attempt::new(&user, &sshd).refused().code(), "SSH_UNKNOWN_HOST_KEY");
}

#[test]
fn who_is_not_let_in_is_told_what_was_offered_and_what_would_do() {
    let sshd = Sshd::start();
    let user = SshUser::new();
    user.knows(&sshd);
    let refusal = Attempt::new(&user, &sshd).refused();
    let copy = format!("ssh-copy-id -p {} {}", sshd.port(), sshd.destination());
    assert_says(&refusal, true, &[&user.fingerprint("id"), "publickey", &copy]);
    assert!(matches!(refusal, Refusal::PermissionDenied { offered, .. } if offered.len() == 1));
}

#[test]
fn too_many_keys_are_not_called_the_wrong_key() {
    let sshd = Sshd::configured("MaxAuthTries 2");
    let user = SshUser::new();
    user.knows(&sshd);
    let more = ["a", "b", "c"].map(|name| user.make_key(name, "").display().to_string());
    user.configure(&more.map(|file| format!("IdentityFile {file}")).join("\n"));
    let refusal = Attempt::new(&user, &sshd).refused();
    assert_says(&refusal, true, &["too many keys", "IdentitiesOnly yes", &user.fingerprint("a")]);
    assert_eq!(refusal.code(), "SSH_TOO_MANY_KEYS");
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_what_is_wrong_with_it() {
    let sshd = Sshd::start();
    let user = SshUser::new();
    user.knows(&sshd);
    sshd.permit("", &user.public_key());
    let locked = user.make_key("locked", "a passphrase");
    sshd.permit("", &std::fs::read_to_string(user.file("locked.pub")).unwrap());
    std::fs::write(user.file("no-key"), "not a key\n").unwrap();
    user.set_mode("no-key", 0o600);
    let missing = user.file("missing");
    std::fs::copy(user.file("id"), user.file("open")).unwrap();
    user.set_mode("open", 0o644);
    let cases = [
        (missing, IdentityProblem::Missing, "not there"),
        (locked, IdentityProblem::Passphrase, "ssh-add"),
        (user.file("open"), IdentityProblem::TooOpen, "chmod 600"),
    ];
    // The home's own key would be let in.
    std::fs::rename(user.file("id"), user.file("away")).unwrap();
    std::fs::remove_file(user.file("id.pub")).unwrap();
    for (file, problem, way_out) in cases {
        let file = file.display().to_string();
        let refusal = Attempt::new(&user, &sshd).with(&["-i", &file]).refused();
        assert_eq!(refusal, Refusal::IdentityUnusable { file: file.clone(), problem });
        assert_says(&refusal, true, &[&file, way_out]);
    }
    let file = user.file("no-key").display().to_string();
    let refusal = Attempt::new(&user, &sshd).with(&["-i", &file]).refused();
    assert!(
        matches!(&refusal, Refusal::IdentityUnusable { problem: IdentityProblem::Other(_), .. }),
        "{refusal}"
    );
}

#[test]
fn a_server_that_forbids_forwarding_is_named_with_the_line_that_allows_it() {
    for line in ["AllowTcpForwarding no", "DisableForwarding yes", "PermitOpen 127.0.0.1:1"] {
        let sshd = Sshd::configured(line);
        let user = SshUser::of(&sshd);
        let refusal = Attempt::new(&user, &sshd).refused_inside();
        assert!(matches!(refusal, Refusal::ForwardingForbidden { by_key: false, .. }), "{line}: {refusal}");
        assert_says(&refusal, true, &["AllowTcpForwarding local", "sshd_config"]);
    }
    let sshd = Sshd::start();
    let user = SshUser::new();
    user.knows(&sshd);
    sshd.permit("restrict", &user.public_key());
    let refusal = Attempt::new(&user, &sshd).refused_inside();
    assert!(matches!(refusal, Refusal::ForwardingForbidden { by_key: true, .. }), "{refusal}");
    assert_says(&refusal, true, &["authorized_keys", "port-forwarding"]);
}

#[test]
fn a_server_without_sessions_still_forwards() {
    let sshd = Sshd::configured("MaxSessions 0");
    let user = SshUser::of(&sshd);
    let refusal = Attempt::new(&user, &sshd).refused_inside();
    assert_eq!(refusal.code(), "SSH_NOTHING_LISTENING", "it went as far as the far port");
}

#[test]
fn a_far_port_without_a_gateway_is_named() {
    let sshd = Sshd::start();
    let user = SshUser::of(&sshd);
    let attempt = Attempt::new(&user, &sshd);
    let port = attempt.asked.far_port;
    let refusal = attempt.refused_inside();
    assert_eq!(refusal, Refusal::NothingListening { far_port: port });
    assert_says(&refusal, false, &[&format!("127.0.0.1:{port}"), "gateway.remote.remotePort"]);
}

#[test]
fn a_host_without_sshd_is_told_from_one_that_does_not_answer() {
    let user = SshUser::new();
    let port = free_port();
    let refusal = Attempt::to(&user, "root@127.0.0.1", port, free_port()).refused();
    assert_eq!(refusal, Refusal::ConnectionRefused { host: "127.0.0.1".to_owned(), port });
    assert_says(&refusal, false, &[&port.to_string(), "user@host:port"]);
    // Takes connections and says nothing, as a host whose sshd hangs.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let attempt = Attempt::to(&user, "root@127.0.0.1", port, free_port());
    let refusal = attempt.with(&["-o", "ConnectTimeout=1"]).refused();
    assert_eq!(refusal.code(), "SSH_TIMED_OUT", "{refusal}");
    assert!(!refusal.is_lasting());
}

#[test]
fn a_name_without_an_address_is_named() {
    let user = SshUser::new();
    let refusal = Attempt::to(&user, "root@far.invalid", 22, free_port()).refused();
    assert!(matches!(&refusal, Refusal::NameNotFound { host, .. } if host == "far.invalid"), "{refusal}");
    assert_says(&refusal, false, &["gateway.remote.sshTarget"]);
}

#[test]
fn a_taken_local_port_is_told() {
    let sshd = Sshd::start();
    let user = SshUser::of(&sshd);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refusal = Attempt::to(&user, &sshd.destination(), sshd.port(), port).refused();
    assert_eq!(refusal, Refusal::LocalPortTaken { port });
    assert_says(&refusal, false, &[&port.to_string()]);
}

#[test]
fn a_connection_that_ends_is_lost_and_may_be_made_anew() {
    let mut sshd = Sshd::start();
    let user = SshUser::of(&sshd);
    let attempt = Attempt::new(&user, &sshd);
    let mut ssh = Process::start("ssh", attempt.command);
    ssh.wait_for_text("Entering interactive session", 0);
    let session = sshd.process().descendants();
    sshd.end_sessions();
    assert!(!session.is_empty() && session.iter().all(|session| session.has_ended_within(PATIENCE)));
    let exit = ssh.said_all();
    let lines = ssh.lines();
    let refusal = Refusal::read(&attempt.asked, lines.iter().map(String::as_str), Some(exit)).unwrap();
    assert_eq!(refusal.code(), "SSH_CONNECTION_LOST", "{refusal}");
    assert!(!refusal.is_lasting());
}

#[test]
fn a_broken_configuration_of_ssh_is_named_with_its_line() {
    let user = SshUser::new();
    user.configure("Nonsense yes");
    let refusal = Attempt::to(&user, "root@127.0.0.1", free_port(), free_port()).refused();
    assert_eq!(refusal.code(), "SSH_BAD_CONFIG");
    assert_says(&refusal, true, &["line 1", "nonsense"]);
}

#[test]
fn a_host_without_ssh_says_what_to_install() {
    let error = Command::new("/nowhere/ssh").spawn().unwrap_err();
    let refusal = Refusal::not_started(&error);
    assert_eq!(refusal, Refusal::NoSsh);
    assert_says(&refusal, true, &["openssh-client", "PATH"]);
}

#[test]
fn a_server_of_a_test_comes_back_on_its_port_and_leaves_nothing_behind() {
    let mut sshd = Sshd::start();
    let user = SshUser::of(&sshd);
    let port = sshd.port();
    let ssh = Process::start("ssh", Attempt::new(&user, &sshd).command);
    ssh.wait_for_text("Entering interactive session", 0);
    let sessions = sshd.process().descendants();
    sshd.stop();
    let refusal = Attempt::to(&user, &sshd.destination(), port, free_port()).refused();
    assert_eq!(refusal.code(), "SSH_CONNECTION_REFUSED");
    sshd.start_again();
    assert_eq!(sshd.port(), port);
    let again = Process::start("ssh", Attempt::new(&user, &sshd).command);
    again.wait_for_text("Entering interactive session", 0);
    let listener = sshd.process().id();
    drop(sshd);
    assert!(!sessions.is_empty() && sessions.iter().all(|session| session.has_ended_within(PATIENCE)));
    assert!(!std::path::Path::new(&format!("/proc/{listener}")).exists());
}
