//! `user@host[:port]`: whom ssh is asked for. Read strictly, because it becomes an argument of a program.

use std::fmt;

/// A destination for ssh that cannot be taken for an option.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshTarget {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// What is wrong with a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no ssh destination: {problem}; write user@host, user@host:port or an alias of ~/.ssh/config"
)]
pub struct SshTargetError {
    text: String,
    problem: &'static str,
}

/// Longer than any name: a host may have 253 characters.
const LONGEST: usize = 512;

impl SshTarget {
    /// Reads `[user@]host[:port]`, where the host is a name, an alias, an IPv4 address, or an IPv6 address (in
    /// brackets where a port follows).
    ///
    /// # Errors
    /// A part is empty, begins with `-` (ssh would take it for an option), or has characters that no name has.
    pub fn parse(text: &str) -> Result<Self, SshTargetError> {
        let wrong = |problem| SshTargetError { text: text.chars().take(80).collect(), problem };
        let all = text.trim();
        if all.len() > LONGEST {
            return Err(wrong("it is too long"));
        }
        let (user, place) = match all.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, all),
        };
        if let Some(user) = user {
            name(user, |c| c.is_ascii_alphanumeric() || "._-+@\\$".contains(c)).map_err(wrong)?;
        }
        let (host, port) = split_port(place).map_err(wrong)?;
        name(host, |c| c.is_ascii_alphanumeric() || "._-:%".contains(c)).map_err(wrong)?;
        Ok(Self { user: user.map(str::to_owned), host: host.to_owned(), port })
    }

    /// `user@host` or `host`, as ssh takes it.
    pub fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }

    /// The host's name, alias or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => {
                let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                write!(f, "{user}[{}]:{port}", self.host)
            }
            Some(port) => write!(f, "{}:{port}", self.destination()),
            None => f.write_str(&self.destination()),
        }
    }
}

fn name(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), &'static str> {
    match text.chars().next() {
        None => Err("a part of it is empty"),
        Some('-') => Err("a part of it begins with \"-\" and would be taken for an option"),
        Some(_) if text.chars().all(allowed) => Ok(()),
        Some(_) => Err("it has characters that no name has"),
    }
}

/// Host and port. A text with more than one colon and no brackets is an IPv6 address.
fn split_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("its bracket is not closed")?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err("only a port may follow the bracket"),
            }
        }
        None => match place.split_once(':') {
            Some((_, rest)) if rest.contains(':') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err("its port is no number from 1 to 65535"),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_hosts_and_ports_are_told_apart() {
        for (text, destination, port) in [
            ("me@host", "me@host", None),
            ("host", "host", None),
            (" me@host:2222 ", "me@host", Some(2222)),
            ("claw@10.0.0.2:22", "claw@10.0.0.2", Some(22)),
            ("me@[fd00::1]:22", "me@fd00::1", Some(22)),
            ("me@[fd00::1]", "me@fd00::1", None),
            ("me@fd00::1", "me@fd00::1", None),
            ("me@fe80::1%eth0", "me@fe80::1%eth0", None),
            ("me@corp.example@bastion", "me@corp.example@bastion", None),
            ("my_alias-2", "my_alias-2", None),
        ] {
            let target = SshTarget::parse(text).unwrap();
            assert_eq!((target.destination().as_str(), target.port()), (destination, port), "{text}");
            assert_eq!(SshTarget::parse(&target.to_string()).unwrap(), target, "{text}");
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_refused() {
        for text in [
            "",
            " ",
            "@host",
            "me@",
            "-oProxyCommand=touch$IFS/tmp/x",
            "me@-oProxyCommand=x",
            "-l@host",
            "me@host:",
            "me@host:0",
            "me@host:99999",
            "me@host:-22",
            "host name",
            "me@host;id",
            "me@$(id)",
            "`id`@host",
            "me@host/path",
            "ssh://me@host",
            "me@[::1",
            "me@[::1]22",
            "me@ho\nst",
            "a'b@host",
        ] {
            assert!(SshTarget::parse(text).is_err(), "{text:?}");
        }
        let error = SshTarget::parse("-oX").unwrap_err().to_string();
        assert!(error.contains("taken for an option") && error.contains("user@host:port"), "{error}");
    }
}
