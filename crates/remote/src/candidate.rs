//! What was looked at on the way to a decision: every place and every credential, taken or passed over, and why. Never a
//! secret.

use url::Url;

/// What a candidate would have decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Where to connect.
    Place,
    /// What goes into `auth.token`.
    Token,
    /// What goes into `auth.password`.
    Password,
}

impl Kind {
    /// As programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Place => "place",
            Kind::Token => "token",
            Kind::Password => "password",
        }
    }
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// This is the one.
    Taken,
    /// It is not set.
    Unset,
    /// It does not count, for this reason.
    PassedOver(String),
    /// It was its turn and it cannot be used, for this reason; nothing is taken in its place.
    Failed(String),
}

impl Standing {
    /// As programs read it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::Taken => "taken",
            Standing::Unset => "unset",
            Standing::PassedOver(_) => "passed-over",
            Standing::Failed(_) => "failed",
        }
    }

    /// Why it does not count.
    pub fn why(&self) -> Option<&str> {
        match self {
            Standing::Taken | Standing::Unset => None,
            Standing::PassedOver(why) | Standing::Failed(why) => Some(why),
        }
    }
}

/// A flag, variable or config key that could have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it would have decided on.
    pub kind: Kind,
    /// The flag, variable or key; `default` for the default port and `generated token` for the token that the gateway
    /// of this host made for itself.
    pub name: &'static str,
    /// For a place that is set: scheme, host and port at most.
    pub place: Option<String>,
    /// What became of it.
    pub standing: Standing,
}

/// Scheme, host and port: whatever else is in a URL may be secret.
pub fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url.trim()) else { return "(no URL)".to_owned() };
    let Some(host) = url.host() else { return "(no URL)".to_owned() };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}://{host}{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_shows_nothing_that_may_be_secret() {
        for (url, text) in [
            ("wss://u:hush@h.example:5/hush?token=hush#hush", "wss://h.example:5"),
            (" ws://[::1]:1 ", "ws://[::1]:1"),
            ("hush", "(no URL)"),
            ("data:hush", "(no URL)"),
        ] {
            assert_eq!(shown(url), text);
        }
    }
}
