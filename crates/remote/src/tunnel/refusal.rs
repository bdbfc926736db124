//! What stands in a tunnel's way, as one named reason with the way out. What ssh and sshd say is read in `heard`; nothing is
//! run here, and nothing here makes a check of host keys weaker.
//!
//! ssh has to be started with `-v`. Only from there on it says which fingerprint an unknown host showed, which keys it
//! offered, and that one of them was accepted but could not sign; without, all of these are "failed" and "denied". It costs
//! some forty lines a connection and three a forwarded one, and none of them holds a secret. The locale does not matter: ssh
//! translates nothing and sets no language for the messages of the system.

mod heard;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// What was asked of ssh, for the commands that people are told to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// As ssh gets it: `user@host`, or a name of the user's ssh configuration.
    pub destination: String,
    /// The port of sshd, where it was said.
    pub ssh_port: Option<u16>,
    /// The port of this host that the tunnel listens on.
    pub local_port: u16,
    /// The port of the gateway on the far host.
    pub far_port: u16,
}

/// What is wrong with a private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityProblem {
    /// The file is not there, or not for this user.
    Missing,
    /// Others may read it.
    TooOpen,
    /// It is encrypted and nobody was there to ask.
    Passphrase,
    /// ssh or the agent says this of it.
    Other(String),
}

/// Why there is no tunnel. `Display` is the reason, [`Refusal::fix`] the way out; texts of others are bounded and without
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host showed a key that this user's files do not know.
    #[error("the host key of {host} is not known here; it showed {}", or_unseen(.seen))]
    UnknownHostKey {
        /// As `known_hosts` would name it.
        host: String,
        /// `SHA256:…`.
        seen: Option<String>,
        /// The command by which a person connects.
        ssh: String,
    },
    /// The host showed another key than the known one.
    #[error("the host key of {host} has changed: known is {}, it showed {}", or_unseen(.known), or_unseen(.seen))]
    ChangedHostKey {
        /// As `known_hosts` names it.
        host: String,
        /// `SHA256:…` of the key in `known_hosts`, where it can be read.
        known: Option<String>,
        /// `SHA256:…` of the key that was shown.
        seen: Option<String>,
        /// The command that forgets the known key.
        forget: String,
        /// The command by which a person connects.
        ssh: String,
    },
    /// sshd let none of the offered keys in.
    #[error("permission denied for {login}: sshd takes {methods}, and ssh offered {}", or_no_key(.offered))]
    PermissionDenied {
        /// `user@host` as ssh resolved it.
        login: String,
        /// What sshd would take, as it says it: `publickey,password`.
        methods: String,
        /// File or comment, kind and fingerprint of each key that ssh offered.
        offered: Vec<String>,
        /// The command that gives the far host a key.
        copy: String,
    },
    /// sshd gave up before the right key came.
    #[error("sshd ended the attempt after too many keys: {}", or_no_key(.offered))]
    TooManyKeys {
        /// As in [`Refusal::PermissionDenied`].
        offered: Vec<String>,
    },
    /// A key that was meant to be used cannot be.
    #[error("the key {file} cannot be used: {}", .problem.reason())]
    IdentityUnusable {
        /// The file as ssh names it.
        file: String,
        /// What is wrong with it.
        problem: IdentityProblem,
    },
    /// Signed in, but sshd forwards nothing.
    #[error(
        "sshd on the far host does not allow forwarding to 127.0.0.1:{far_port}{}",
        if *.by_key { ": the key's line in authorized_keys there restricts it" } else { "" }
    )]
    ForwardingForbidden {
        /// The gateway's port there.
        far_port: u16,
        /// Whether the key's own line in `authorized_keys` forbids it, and not sshd's configuration.
        by_key: bool,
    },
    /// Signed in, and nobody listens there.
    #[error("nothing listens on 127.0.0.1:{far_port} of the far host")]
    NothingListening {
        /// The port that was tried.
        far_port: u16,
    },
    /// No address.
    #[error("the name {host} has no address ({text})")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        text: String,
    },
    /// No way there.
    #[error("{host} port {port} cannot be reached ({text})")]
    Unreachable {
        /// The host.
        host: String,
        /// sshd's port.
        port: u16,
        /// What the system said.
        text: String,
    },
    /// No answer, at the start or later.
    #[error("{host} does not answer (timed out)")]
    TimedOut {
        /// The host.
        host: String,
        /// The command by which a person tries it.
        ssh: String,
    },
    /// The host is there, sshd is not.
    #[error("{host} refuses connections to port {port}")]
    ConnectionRefused {
        /// The host.
        host: String,
        /// sshd's port, as it was tried.
        port: u16,
    },
    /// The connection stood, or nearly, and went.
    #[error("the connection to {destination} ended ({text})")]
    Lost {
        /// The far host as it was asked for.
        destination: String,
        /// What ssh said.
        text: String,
    },
    /// The user's ssh configuration cannot be used.
    #[error("ssh cannot use its configuration: {0}")]
    BadConfig(String),
    /// The program `ssh` is not there.
    #[error("there is no ssh on this host")]
    NoSsh,
    /// Somebody has the port already.
    #[error("port {port} of this host is taken")]
    LocalPortTaken {
        /// The port.
        port: u16,
    },
    /// Something that has no name here: the last words of ssh.
    #[error("ssh made no tunnel: {0}")]
    Unknown(String),
}

impl Refusal {
    /// What the lines of one attempt mean: all that ssh wrote to standard error since its start, or since the tunnel was last
    /// seen to work. `exit` is there once it has ended. `None` where it still runs and nothing was refused.
    ///
    /// For a changed host key the known one is looked up in the file that ssh names (at most 4 MiB of it are read).
    pub fn read<'a>(
        asked: &Asked,
        lines: impl IntoIterator<Item = &'a str>,
        exit: Option<ExitStatus>,
    ) -> Option<Self> {
        heard::read(asked, lines, exit)
    }

    /// The far host did not answer in the time that there was.
    pub(super) fn timed_out(asked: &Asked) -> Self {
        Self::TimedOut { host: asked.host().to_owned(), ssh: asked.ssh() }
    }

    /// Why ssh could not even be started.
    pub fn not_started(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoSsh,
            _ => Self::Unknown(format!("it could not be started: {error}")),
        }
    }

    /// Its name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownHostKey { .. } => "SSH_UNKNOWN_HOST_KEY",
            Self::ChangedHostKey { .. } => "SSH_CHANGED_HOST_KEY",
            Self::PermissionDenied { .. } => "SSH_PERMISSION_DENIED",
            Self::TooManyKeys { .. } => "SSH_TOO_MANY_KEYS",
            Self::IdentityUnusable { .. } => "SSH_IDENTITY_UNUSABLE",
            Self::ForwardingForbidden { .. } => "SSH_FORWARDING_FORBIDDEN",
            Self::NothingListening { .. } => "SSH_NOTHING_LISTENING",
            Self::NameNotFound { .. } => "SSH_NAME_NOT_FOUND",
            Self::Unreachable { .. } => "SSH_UNREACHABLE",
            Self::TimedOut { .. } => "SSH_TIMED_OUT",
            Self::ConnectionRefused { .. } => "SSH_CONNECTION_REFUSED",
            Self::Lost { .. } => "SSH_CONNECTION_LOST",
            Self::BadConfig(_) => "SSH_BAD_CONFIG",
            Self::NoSsh => "SSH_NOT_INSTALLED",
            Self::LocalPortTaken { .. } => "LOCAL_PORT_TAKEN",
            Self::Unknown(_) => "SSH_FAILED",
        }
    }

    /// The way out, with the command where there is one.
    pub fn fix(&self) -> String {
        match self {
            Self::UnknownHostKey { ssh, .. } => format!(
                "compare that with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on that host, then run `{ssh}` once and answer yes"
            ),
            Self::ChangedHostKey { forget, ssh, .. } => format!(
                "do not connect if nobody can say why; if the host was set up anew, run `{forget}`, then `{ssh}` once and compare"
            ),
            Self::PermissionDenied { copy, .. } => format!(
                "put a public key there with `{copy}`, or set gateway.remote.sshIdentity to the key that it knows"
            ),
            Self::TooManyKeys { .. } => {
                "set gateway.remote.sshIdentity to the right key, or IdentityFile with `IdentitiesOnly yes` for this host in ~/.ssh/config".to_owned()
            }
            Self::IdentityUnusable { file, problem } => problem.way_out(file),
            Self::ForwardingForbidden { by_key: true, .. } => {
                "add `port-forwarding` to the options of the key's line in authorized_keys on the far host".to_owned()
            }
            Self::ForwardingForbidden { far_port, .. } => format!(
                "set `AllowTcpForwarding local` in sshd_config on the far host, and `PermitOpen 127.0.0.1:{far_port}` where PermitOpen is used; then `systemctl reload ssh`"
            ),
            Self::NothingListening { .. } => {
                "start the gateway there (`openclaw gateway status` on that host says where it listens), or set gateway.remote.remotePort".to_owned()
            }
            Self::NameNotFound { .. } => {
                "see whether gateway.remote.sshTarget is right and this host online".to_owned()
            }
            Self::Unreachable { .. } => {
                "see whether this host is online, and its VPN up if it takes one".to_owned()
            }
            Self::TimedOut { ssh, .. } => {
                format!("see whether that host runs and a firewall lets ssh through: `{ssh}`")
            }
            Self::ConnectionRefused { .. } => {
                "sshd does not run there or listens on another port; then write gateway.remote.sshTarget as user@host:port".to_owned()
            }
            Self::Lost { .. } => "nothing to do: it is made anew".to_owned(),
            Self::BadConfig(_) => "mend that; `ssh -G localhost` says whether it can be used".to_owned(),
            Self::NoSsh => {
                "install OpenSSH's client (Debian and Ubuntu: `apt install openssh-client`) and see that it is on PATH"
                    .to_owned()
            }
            Self::LocalPortTaken { port } => format!("`ss -ltnp 'sport = :{port}'` says by whom"),
            Self::Unknown(_) => "`openclaw remote logs` has all that ssh said".to_owned(),
        }
    }

    /// Whether it stays until somebody changes something, so that trying again by itself makes no sense and may do harm (far
    /// hosts lock out who is denied too often). All else may pass: a name has no address while a laptop is offline.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::UnknownHostKey { .. }
            | Self::ChangedHostKey { .. }
            | Self::PermissionDenied { .. }
            | Self::TooManyKeys { .. }
            | Self::IdentityUnusable { .. }
            | Self::ForwardingForbidden { .. }
            | Self::BadConfig(_)
            | Self::NoSsh => true,
            Self::NothingListening { .. }
            | Self::NameNotFound { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::ConnectionRefused { .. }
            | Self::Lost { .. }
            | Self::LocalPortTaken { .. }
            | Self::Unknown(_) => false,
        }
    }
}

impl Asked {
    /// The command by which a person connects, for a shell.
    fn ssh(&self) -> String {
        match self.ssh_port {
            Some(port) => format!("ssh -p {port} {}", quoted(&self.destination)),
            None => format!("ssh {}", quoted(&self.destination)),
        }
    }

    /// The command that puts a public key on the far host.
    fn copy_key(&self) -> String {
        match self.ssh_port {
            Some(port) => format!("ssh-copy-id -p {port} {}", quoted(&self.destination)),
            None => format!("ssh-copy-id {}", quoted(&self.destination)),
        }
    }

    /// The far host alone.
    fn host(&self) -> &str {
        self.destination.rsplit_once('@').map_or(self.destination.as_str(), |(_, host)| host)
    }
}

impl IdentityProblem {
    fn reason(&self) -> &str {
        match self {
            Self::Missing => "it is not there",
            Self::TooOpen => "others may read it, so that ssh passes it over",
            Self::Passphrase => "it has a passphrase, and nobody can be asked",
            Self::Other(text) => text,
        }
    }

    fn way_out(&self, file: &str) -> String {
        let file = quoted(file);
        match self {
            Self::Missing => "see gateway.remote.sshIdentity, and IdentityFile in ~/.ssh/config; a key that an agent has must be in its list (`ssh-add -l`)".to_owned(),
            Self::TooOpen => format!("run `chmod 600 {file}`"),
            Self::Passphrase => format!("give it to an agent first: `ssh-add {file}`"),
            Self::Other(_) => format!("`ssh-keygen -yf {file}` says whether it is a key"),
        }
    }
}

fn or_unseen(fingerprint: &Option<String>) -> &str {
    fingerprint.as_deref().unwrap_or("a key whose fingerprint ssh did not say")
}

fn or_no_key(offered: &[String]) -> String {
    if offered.is_empty() { "no key".to_owned() } else { offered.join(", ") }
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._:/+=,%-[]~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Where a known key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownAt {
    file: PathBuf,
    /// From 1.
    line: usize,
}
