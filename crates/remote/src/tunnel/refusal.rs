//! What ssh or sshd refused, by what ssh said.

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server's key is not known.
    #[error("the host key of the ssh server is not known")]
    UnknownHostKey,
    /// It is another one than before.
    #[error("the host key of the ssh server changed")]
    ChangedHostKey,
    /// Nobody was let in.
    #[error("the ssh server does not let this user in: permission denied")]
    PermissionDenied,
    /// `AllowTcpForwarding no`.
    #[error("the ssh server forbids forwarding")]
    ForwardingForbidden,
    /// Nothing listens there.
    #[error("nothing listens on the gateway's port at the ssh host")]
    NothingListening,
    /// No ssh.
    #[error("there is no ssh on this host")]
    NoSsh,
}

impl Refusal {
    /// Reads what ssh said.
    pub fn read(lines: &[String], _exit: Option<i32>) -> Option<Self> {
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            return Some(Self::ChangedHostKey);
        }
        if has("Host key verification failed") {
            return Some(Self::UnknownHostKey);
        }
        if has("Permission denied") {
            return Some(Self::PermissionDenied);
        }
        if has("administratively prohibited") {
            return Some(Self::ForwardingForbidden);
        }
        has("open failed: connect failed").then_some(Self::NothingListening)
    }

    /// Whether another try ends in the same way.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::NothingListening)
    }

    /// Its name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownHostKey => "SSH_UNKNOWN_HOST_KEY",
            Self::ChangedHostKey => "SSH_CHANGED_HOST_KEY",
            Self::PermissionDenied => "SSH_PERMISSION_DENIED",
            Self::ForwardingForbidden => "SSH_FORWARDING_FORBIDDEN",
            Self::NothingListening => "SSH_NOTHING_LISTENING",
            Self::NoSsh => "SSH_NOT_INSTALLED",
        }
    }

    /// What to do.
    pub fn fix(&self) -> Option<String> {
        None
    }
}
