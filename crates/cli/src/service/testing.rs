//! Services for tests.

use super::{Again, Identity, Readiness, Service};

/// A gateway of a profile.
pub(crate) fn gateway() -> Service {
    let words = ["/home/me/.local/bin/openclaw", "--profile", "work", "gateway", "run", "--port", "18790"];
    Service {
        identity: Identity {
            word: "gateway".into(),
            unit: "openclaw-gateway-work".into(),
            label: "ai.openclaw.work".into(),
        },
        description: "OpenClaw Gateway (profile: work)".into(),
        argv: words.map(String::from).to_vec(),
        environment: vec![("PATH".into(), "/home/me/.local/bin:/usr/bin:/bin".into())],
        directory: "/home/me".into(),
        errors: "/home/me/.openclaw-work/logs/gateway.err.log".into(),
        readiness: Readiness::Notifies,
        again: Again::Bounded,
        stop_seconds: 43,
    }
}

/// A node whose texts hold what service managers give a meaning to.
pub(super) fn odd() -> Service {
    let name = r#"a "b" \ 100% $HOME; 'x'"#;
    let words = ["/opt/my tools/openclaw", "node", "run", "--display-name", name, ""];
    Service {
        identity: Identity::of("node", None),
        description: "OpenClaw Node Host".into(),
        argv: words.map(String::from).to_vec(),
        environment: vec![("OPENCLAW_STATE_DIR".into(), "/srv/50 % \"claw\"".into())],
        directory: "/srv/my 100% home".into(),
        errors: "/srv/node.err.log".into(),
        readiness: Readiness::Runs,
        again: Again::Forever,
        stop_seconds: 15,
    }
}
