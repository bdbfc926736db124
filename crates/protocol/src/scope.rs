//! What an operator's connection may do.

/// An operator scope that this program knows. Others may be asked for and are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Look.
    Read,
    /// Send messages, run the agent.
    Write,
    /// Everything.
    Admin,
    /// Decide about commands.
    Approvals,
    /// Answer the agent's questions.
    Questions,
    /// Decide about devices and nodes.
    Pairing,
    /// Speak.
    Talk,
    /// Read the keys of speech providers.
    TalkSecrets,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 8] = [
        Scope::Read,
        Scope::Write,
        Scope::Admin,
        Scope::Approvals,
        Scope::Questions,
        Scope::Pairing,
        Scope::Talk,
        Scope::TalkSecrets,
    ];

    /// The scope of this name, where there is one.
    pub fn named(name: &str) -> Option<Scope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "operator.read",
            Scope::Write => "operator.write",
            Scope::Admin => "operator.admin",
            Scope::Approvals => "operator.approvals",
            Scope::Questions => "operator.questions",
            Scope::Pairing => "operator.pairing",
            Scope::Talk => "operator.talk",
            Scope::TalkSecrets => "operator.talk.secrets",
        }
    }
}

/// Whether `granted` covers `needed`: `write` implies `read`, `admin` implies all.
pub fn covers<S: AsRef<str>>(granted: &[S], needed: Scope) -> bool {
    granted.iter().any(|g| {
        let g = g.as_ref();
        g == needed.as_str()
            || g == Scope::Admin.as_str()
            || (needed == Scope::Read && g == Scope::Write.as_str())
    })
}

/// Whether `granted` covers a scope by its name, known or not.
pub fn covers_name<S: AsRef<str>>(granted: &[S], needed: &str) -> bool {
    granted.iter().any(|g| {
        let g = g.as_ref();
        g == needed
            || (g == Scope::Admin.as_str() && needed.starts_with("operator."))
            || (g == Scope::Write.as_str() && needed == Scope::Read.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_implies_read_and_admin_implies_all() {
        assert!(covers(&["operator.write"], Scope::Read));
        assert!(!covers(&["operator.read"], Scope::Write));
        assert!(!covers(&["operator.write"], Scope::Pairing));
        assert!(covers(&["operator.admin"], Scope::Approvals));
        assert!(!covers(&["operator.nuke"], Scope::Read));
        assert!(!covers(&["OPERATOR.ADMIN"], Scope::Read));
    }
}
