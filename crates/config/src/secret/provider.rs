//! `secrets.providers`: where references are followed to.

use model::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An entry with `source: "file"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileProvider {
    pub(crate) path: PathBuf,
    /// The whole file is the secret, instead of JSON that an id points into.
    pub(crate) single_value: bool,
    /// Largest file that is read.
    pub(crate) max_bytes: u64,
}

impl FileProvider {
    /// Largest file, where the config does not say.
    pub(crate) const MAX_BYTES: u64 = 1024 * 1024;
}

/// An entry with `source: "exec"`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ExecProvider {
    pub(crate) command: PathBuf,
    pub(crate) args: Vec<String>,
    /// All that the program's environment holds: `env`, and what `passEnv` takes over.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) trusted_dirs: Vec<PathBuf>,
    pub(crate) json_only: bool,
    pub(crate) timeout: Duration,
    pub(crate) max_output_bytes: usize,
}

impl ExecProvider {
    /// How long an answer may take, where the config does not say, in milliseconds.
    pub(crate) const TIMEOUT_MS: u64 = 5000;
    /// How long an answer may take at most, whatever the config says: all secrets together have no more.
    pub(crate) const LONGEST_MS: u64 = 20_000;
    /// Largest answer, where the config does not say.
    pub(crate) const MAX_OUTPUT_BYTES: u64 = 1024 * 1024;
}

/// An entry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Provider {
    /// Variables, all or only those listed.
    Env {
        allowlist: Option<Vec<String>>,
    },
    File(FileProvider),
    Exec(Box<ExecProvider>),
    /// Another kind, by its name.
    Other(String),
}

/// What the references of one document are looked up in.
#[derive(Default)]
pub(crate) struct SecretSources {
    pub(crate) vars: Arc<BTreeMap<String, SecretString>>,
    pub(crate) providers: BTreeMap<String, Provider>,
    /// The provider that is meant when a reference names none, by source.
    pub(crate) defaults: BTreeMap<String, String>,
}
