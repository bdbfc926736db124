//! Which changes a running gateway can take up, and which need another start.

use crate::{Config, Env, schema};

/// What a changed value needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadKind {
    /// The gateway must be started again.
    Restart,
    /// It applies while the gateway runs.
    Hot,
    /// Nothing: no part of the running gateway goes by it.
    None,
}

impl ReloadKind {
    /// The word for it on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ReloadKind::Restart => "restart",
            ReloadKind::Hot => "hot",
            ReloadKind::None => "none",
        }
    }
}

/// What cannot change while the gateway runs: where it listens, what its callers prove, where its log is.
const RESTART: &[&str] = &[
    "gateway.mode",
    "gateway.port",
    "gateway.bind",
    "gateway.customBindHost",
    "gateway.auth.mode",
    "gateway.auth.token",
    "gateway.auth.password",
    "gateway.tls",
    "gateway.tailscale",
    "logging.file",
];

/// What only clients and editors go by.
const NONE: &[&str] =
    &["gateway.remote", "gateway.reload", "nodeHost", "browser", "meta", "wizard", "$schema"];

/// What a change of the value at `path` needs.
pub fn reload_kind(path: &str) -> ReloadKind {
    let below = |prefix: &&str| {
        path.strip_prefix(*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if RESTART.iter().any(below) {
        ReloadKind::Restart
    } else if NONE.iter().any(below) || !schema::is_used(path) {
        ReloadKind::None
    } else {
        ReloadKind::Hot
    }
}

impl Config {
    /// What a change of the value at `path` to what it is in this config needs: as [`reload_kind`], but where the
    /// gateway's own secret is looked up counts from the next start, as that secret itself. `env` is the environment
    /// without the variables of the config.
    pub fn reload_kind(&self, path: &str, env: &Env) -> ReloadKind {
        let own = || self.gateway.auth.inputs().iter().any(|input| input.goes_by(path, env));
        match reload_kind(path) {
            ReloadKind::Hot if own() => ReloadKind::Restart,
            kind => kind,
        }
    }
}

/// Whether anything at or below `path` needs another start.
pub(crate) fn holds_restart(path: &str) -> bool {
    reload_kind(path) == ReloadKind::Restart
        || RESTART.iter().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}
