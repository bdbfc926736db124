//! `plugins.entries.file-transfer`: which files of nodes may be read and written. Nothing may that is not named here.

use crate::choice::choice;
use crate::doc::Section;
use std::collections::BTreeMap;

choice! {
    /// Whether people are asked about a path.
    FileAsk {
        /// Never: a path that is not named is refused.
        Off => "off",
        /// About paths that are not named.
        OnMiss => "on-miss",
        /// About every path.
        Always => "always",
    }
}

choice! {
    /// What is done with a path.
    FileKind {
        /// It is read.
        Read => "read",
        /// It is written.
        Write => "write",
    }
}

choice! {
    /// The commands that a grant can be for.
    FileCommand {
        /// Reads a file.
        Fetch => "file.fetch",
        /// Reads what a file is.
        Stat => "file.stat",
        /// Lists a directory.
        List => "dir.list",
        /// Reads a directory with all below it.
        FetchDir => "dir.fetch",
        /// Writes a file.
        Write => "file.write",
        /// Writes a new file.
        Create => "file.create",
    }
}

/// `plugins.entries.file-transfer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTransferConfig {
    /// `enabled`: true by default.
    pub enabled: bool,
    /// `config.policyVersion` is 2: whoever wrote the paths knew that they are patterns. Without it none allows anything.
    pub is_current: bool,
    /// `config.nodes` by node id, name of the node, or `*` for those that have no entry.
    pub nodes: BTreeMap<String, NodeFilesConfig>,
    /// `config.literalGrants`: single paths that somebody allowed for good.
    pub grants: Vec<FileGrant>,
    /// `config.pendingReapprovals`: single paths that were allowed once and are asked about anew.
    pub pending: Vec<PendingReapproval>,
}

/// `plugins.entries.file-transfer.config.nodes.<node>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFilesConfig {
    /// `ask`: off by default.
    pub ask: Option<FileAsk>,
    /// `allowReadPaths`: patterns of paths that may be read.
    pub allow_read: Vec<String>,
    /// `allowWritePaths`: patterns of paths that may be written.
    pub allow_write: Vec<String>,
    /// `denyPaths`: patterns of paths that may be neither, whatever else allows them.
    pub deny: Vec<String>,
    /// `maxBytes` of what is read at once.
    pub max_bytes: Option<u64>,
    /// `followSymlinks`: whether links count as what they lead to, which has to be allowed as well.
    pub follow_symlinks: bool,
}

/// One of `plugins.entries.file-transfer.config.literalGrants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileGrant {
    /// `nodeId`.
    pub node_id: String,
    /// `command`.
    pub command: FileCommand,
    /// `requestedPath`: as it is asked for.
    pub requested: String,
    /// `canonicalPath`: where it has to lead.
    pub canonical: String,
}

/// One of `plugins.entries.file-transfer.config.pendingReapprovals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReapproval {
    /// `selector`: the entry of `nodes` that it belongs to.
    pub selector: String,
    /// `kind`.
    pub kind: FileKind,
    /// `path`, as it is asked for.
    pub path: String,
}

impl Default for FileTransferConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            is_current: false,
            nodes: BTreeMap::new(),
            grants: Vec::new(),
            pending: Vec::new(),
        }
    }
}

impl FileCommand {
    /// Whether it changes anything.
    pub fn kind(self) -> FileKind {
        match self {
            FileCommand::Write | FileCommand::Create => FileKind::Write,
            FileCommand::Fetch | FileCommand::Stat | FileCommand::List | FileCommand::FetchDir => {
                FileKind::Read
            }
        }
    }
}

impl FileTransferConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let config = s.section("config", |config| {
            config.unsupported("workspaces", "agents work in directories of the gateway's host");
            let is_current = config.integer("policyVersion", 2..=2).is_some();
            let nodes = config.entries("nodes", |name, node| (name.to_owned(), NodeFilesConfig::read(node)));
            let grants = config.items("literalGrants", FileGrant::read).into_iter().flatten().collect();
            let pending =
                config.items("pendingReapprovals", PendingReapproval::read).into_iter().flatten().collect();
            Self { enabled: true, is_current, nodes: nodes.into_iter().collect(), grants, pending }
        });
        let allows = |node: &NodeFilesConfig| !node.allow_read.is_empty() || !node.allow_write.is_empty();
        if !config.is_current && config.nodes.values().any(allows) {
            s.warn("config", "its allow paths count for nothing without policyVersion: 2; see that they are meant as patterns (`*` within a name, `**` over directories), and add it");
        }
        Self { enabled: s.boolean("enabled").unwrap_or(true), ..config }
    }
}

impl NodeFilesConfig {
    fn read(s: &Section<'_>) -> Self {
        Self {
            ask: s.choice("ask"),
            allow_read: patterns(s, "allowReadPaths"),
            allow_write: patterns(s, "allowWritePaths"),
            deny: patterns(s, "denyPaths"),
            max_bytes: s.integer("maxBytes", 1..=u64::from(u32::MAX)),
            follow_symlinks: s.boolean("followSymlinks").unwrap_or(false),
        }
    }
}

/// Patterns of absolute paths. One that begins with `!` would mean all others, which nobody means.
fn patterns(s: &Section<'_>, key: &'static str) -> Vec<String> {
    let patterns = s.texts(key).unwrap_or_default();
    for (index, pattern) in patterns.iter().enumerate() {
        let problem = match pattern.trim() {
            p if p.starts_with('!') => "a pattern cannot be turned round; use denyPaths",
            p if p.split('/').any(|part| part == "..") => {
                "paths with \"..\" are refused before they are compared"
            }
            p if p.starts_with(['/', '~', '*', '{', '[']) || p.get(1..2) == Some(":") => continue,
            _ => "use a pattern of absolute paths, like \"/srv/data/**\"",
        };
        s.error_at(&format!("{key}[{index}]"), format!("{pattern:?} is not allowed; {problem}"));
    }
    patterns.iter().map(|pattern| pattern.trim().to_owned()).collect()
}

impl FileGrant {
    fn read(s: &Section<'_>) -> Option<Self> {
        let (node_id, command) = (s.text("nodeId"), s.choice("command"));
        let (requested, canonical) = (s.text("requestedPath"), s.text("canonicalPath"));
        Some(Self { node_id: node_id?, command: command?, requested: requested?, canonical: canonical? })
    }
}

impl PendingReapproval {
    fn read(s: &Section<'_>) -> Option<Self> {
        let (selector, kind, path) = (s.text("selector"), s.choice("kind"), s.text("path"));
        Some(Self { selector: selector?, kind: kind?, path: path? })
    }
}
