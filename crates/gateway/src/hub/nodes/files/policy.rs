//! Which files of a node may be read and written: patterns of paths by node. Nothing may that is not named.

use config::{FileAsk, FileCommand, FileKind, FileTransferConfig, NodeFilesConfig};
use fast_glob::glob_match;

/// Where the policy is in the configuration.
pub(crate) const KEY: &str = "plugins.entries.file-transfer.config";

/// What is to be done with which path of which node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) node_id: &'a str,
    /// The name that the node gives itself.
    pub(super) name: Option<&'a str>,
    pub(super) command: FileCommand,
    pub(super) path: &'a str,
}

/// On what grounds a path may be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grounds {
    /// A list names it; the place that it leads to has to be named as well.
    Named,
    /// Somebody allowed it, if it leads there.
    Granted(String),
    /// If people say so, who have to be asked.
    Asked,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) grounds: Grounds,
    /// Whether people are asked about this node's files at all, and whether what they allow for good counts.
    pub(super) asks: bool,
    pub(super) can_last: bool,
    /// Which entry of the configuration says so.
    pub(super) selector: String,
    pub(super) follow_symlinks: bool,
    pub(super) max_bytes: Option<u64>,
}

/// Why nothing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    /// Which rule it is, with its place in the configuration.
    pub(super) reason: String,
}

impl Refused {
    fn new(code: &'static str, reason: String) -> Self {
        Self { code, reason }
    }
}

impl Wish<'_> {
    /// `Read` or `Write`, as in `allowReadPaths`.
    fn kind(&self) -> &'static str {
        if self.writes() { "Write" } else { "Read" }
    }

    /// Whether it changes anything.
    pub(super) fn writes(&self) -> bool {
        self.command.kind() == FileKind::Write
    }
}

/// Whether the path may be touched.
///
/// # Errors
/// The rule that says no, or that there is none that says yes.
pub(super) fn evaluate(config: &FileTransferConfig, wish: Wish<'_>) -> Result<Allowed, Refused> {
    let (selector, node) = entry(config, wish)?;
    deny(selector, node, wish)?;
    let allowed = |grounds: Grounds| Allowed {
        grounds,
        asks: matches!(node.ask, Some(FileAsk::OnMiss | FileAsk::Always)),
        can_last: node.ask != Some(FileAsk::Always),
        selector: selector.to_owned(),
        follow_symlinks: node.follow_symlinks,
        max_bytes: node.max_bytes,
    };
    if node.ask == Some(FileAsk::Always) {
        return Ok(allowed(Grounds::Asked));
    }
    let missed = match listed(selector, node, wish) {
        Ok(()) => return Ok(allowed(Grounds::Named)),
        Err(missed) => missed,
    };
    if let Some(canonical) = granted(config, wish) {
        return Ok(allowed(Grounds::Granted(canonical.to_owned())));
    }
    let is_pending = config.pending.iter().any(|pending| {
        pending.kind == wish.command.kind() && pending.path == wish.path && pending.selector == selector
    });
    if node.ask == Some(FileAsk::OnMiss) || is_pending {
        return Ok(allowed(Grounds::Asked));
    }
    Err(missed)
}

/// Where the path has to lead, if somebody allowed it for good.
pub(super) fn granted<'a>(config: &'a FileTransferConfig, wish: Wish<'_>) -> Option<&'a str> {
    let mut grants = config.grants.iter().filter(|_| config.is_current);
    let grant = grants.find(|grant| {
        grant.node_id == wish.node_id && grant.command == wish.command && grant.requested == wish.path
    });
    grant.map(|grant| grant.canonical.as_str())
}

/// Whether a list names the path and nothing denies it.
///
/// # Errors
/// As [`evaluate`].
pub(super) fn named(config: &FileTransferConfig, wish: Wish<'_>) -> Result<(), Refused> {
    let (selector, node) = entry(config, wish)?;
    deny(selector, node, wish)?;
    listed(selector, node, wish)
}

/// Whether a list of the node's entry names the path.
fn listed(selector: &str, node: &NodeFilesConfig, wish: Wish<'_>) -> Result<(), Refused> {
    let (key, kind) = (key_of(selector), wish.kind());
    let list = if wish.writes() { &node.allow_write } else { &node.allow_read };
    if list.iter().any(|pattern| matches(pattern, wish.path)) {
        return Ok(());
    }
    let reason = match list.is_empty() {
        true => format!("{key}.allow{kind}Paths names nothing"),
        false => format!("no pattern of {key}.allow{kind}Paths matches {:?}", wish.path),
    };
    Err(Refused::new("POLICY_DENIED", reason))
}

fn key_of(selector: &str) -> String {
    format!("{KEY}.nodes.{selector}")
}

/// Whether a place that a grant leads to may be touched: what denies counts for it, too.
///
/// # Errors
/// As [`evaluate`].
pub(super) fn constraints(config: &FileTransferConfig, wish: Wish<'_>) -> Result<(), Refused> {
    let (selector, node) = entry(config, wish)?;
    deny(selector, node, wish)
}

/// The node's own entry by id or name, else the one for all.
fn entry<'a>(
    config: &'a FileTransferConfig,
    wish: Wish<'_>,
) -> Result<(&'a str, &'a NodeFilesConfig), Refused> {
    if wish.path.split(['/', '\\']).any(|part| part == "..") {
        let reason = format!("{:?} has \"..\" in it; name the place itself", wish.path);
        return Err(Refused::new("POLICY_DENIED", reason));
    }
    if !config.enabled {
        let reason = "plugins.entries.file-transfer.enabled is false".to_owned();
        return Err(Refused::new("NO_POLICY", reason));
    }
    let selectors = [Some(wish.node_id), wish.name, Some("*")];
    let found = selectors.into_iter().flatten().find_map(|name| config.nodes.get_key_value(name));
    let Some((name, node)) = found else {
        let node = wish.name.unwrap_or(wish.node_id);
        let reason = format!("there is no entry for {node:?} in {KEY}.nodes, and none for \"*\"");
        return Err(Refused::new("NO_POLICY", reason));
    };
    let allows = !node.allow_read.is_empty() || !node.allow_write.is_empty();
    if !config.is_current && allows {
        let reason = format!("the paths of {KEY}.nodes count for nothing without {KEY}.policyVersion: 2");
        return Err(Refused::new("POLICY_MIGRATION_REQUIRED", reason));
    }
    Ok((name, node))
}

fn deny(selector: &str, node: &NodeFilesConfig, wish: Wish<'_>) -> Result<(), Refused> {
    // What denies all below a directory denies the directory.
    let below = format!("{}/", wish.path.trim_end_matches(['/', '\\']));
    let denies = |pattern: &&String| matches(pattern, wish.path) || matches(pattern, &below);
    match node.deny.iter().find(denies) {
        None => Ok(()),
        Some(pattern) => {
            let key = key_of(selector);
            let reason = format!("{key}.denyPaths has {pattern:?}, which matches {:?}", wish.path);
            Err(Refused::new("POLICY_DENIED", reason))
        }
    }
}

/// `*` within a name, `**` over directories; names with a dot at the beginning are names as others.
fn matches(pattern: &str, path: &str) -> bool {
    let home = || std::env::var("HOME").unwrap_or_else(|_| "/".into());
    let expanded = match pattern.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", home()),
        _ => pattern.to_owned(),
    };
    let slashes = |text: &str| text.replace('\\', "/");
    glob_match(&expanded, path) || glob_match(slashes(&expanded), slashes(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{FileGrant, PendingReapproval};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn policy(name: &str, read: &[&str], deny: &[&str]) -> FileTransferConfig {
        let node =
            NodeFilesConfig { allow_read: texts(read), deny: texts(deny), ..NodeFilesConfig::default() };
        let nodes = BTreeMap::from([(name.to_owned(), node)]);
        FileTransferConfig { is_current: true, nodes, ..FileTransferConfig::default() }
    }

    fn read(config: &FileTransferConfig, path: &str) -> Result<Allowed, Refused> {
        evaluate(config, Wish { node_id: "id", name: Some("laptop"), command: FileCommand::Fetch, path })
    }

    fn grounds(config: &FileTransferConfig, path: &str) -> Option<Grounds> {
        read(config, path).ok().map(|allowed| allowed.grounds)
    }

    #[test]
    fn patterns_are_those_of_openclaw() {
        for (pattern, path, matched) in [
            ("/srv/*", "/srv/a", true),
            ("/srv/*", "/srv/.hidden", true),
            ("/srv/*", "/srv/a/b", false),
            ("/srv/**", "/srv/a/b", true),
            ("/srv/**", "/srv/.git/config", true),
            ("/srv/**", "/srvx", false),
            ("/srv/**/*.md", "/srv/a/b/c.md", true),
            ("/srv/**/*.md", "/srv/c.md", true),
            ("/srv/{a,b}/x", "/srv/b/x", true),
            ("/srv/a?c", "/srv/abc", true),
            ("/srv/a?c", "/srv/a/c", false),
            ("/srv/[ab]", "/srv/a", true),
            ("/srv/file", "/srv/file", true),
            ("/srv/file", "/srv/file2", false),
            ("**", "/etc/shadow", true),
            ("C:\\data\\*", "C:\\data\\x", true),
            ("C:/data/*", "C:\\data\\x", true),
        ] {
            assert_eq!(matches(pattern, path), matched, "{pattern} {path}");
        }
    }

    #[test]
    fn what_denies_wins_and_the_rule_is_named() {
        let config = policy("laptop", &["/srv/**"], &["/srv/secret/**", "**/.ssh/**"]);
        assert!(read(&config, "/srv/a").is_ok());
        for (path, code, says) in [
            ("/srv/secret/a", "POLICY_DENIED", "nodes.laptop.denyPaths has \"/srv/secret/**\""),
            ("/srv/secret", "POLICY_DENIED", "nodes.laptop.denyPaths has \"/srv/secret/**\""),
            ("/srv/.ssh/id", "POLICY_DENIED", "nodes.laptop.denyPaths has \"**/.ssh/**\""),
            (
                "/etc/hosts",
                "POLICY_DENIED",
                "no pattern of plugins.entries.file-transfer.config.nodes.laptop.allowReadPaths",
            ),
            ("/srv/../etc/hosts", "POLICY_DENIED", "\"..\""),
        ] {
            let refused = read(&config, path).unwrap_err();
            assert!(refused.code == code && refused.reason.contains(says), "{path}: {refused:?}");
        }
        let write = Wish { node_id: "id", name: None, command: FileCommand::Write, path: "/srv/a" };
        let starred = policy("*", &["/srv/**"], &[]);
        let refused = evaluate(&starred, write).unwrap_err();
        assert!(refused.reason.ends_with("nodes.*.allowWritePaths names nothing"), "{refused:?}");
    }

    #[test]
    fn without_a_policy_or_its_version_nothing_is_allowed() {
        assert_eq!(read(&FileTransferConfig::default(), "/a").unwrap_err().code, "NO_POLICY");
        assert_eq!(read(&policy("other", &["**"], &[]), "/a").unwrap_err().code, "NO_POLICY");
        let config = FileTransferConfig { enabled: false, ..policy("*", &["**"], &[]) };
        assert_eq!(read(&config, "/a").unwrap_err().code, "NO_POLICY");
        let config = FileTransferConfig { is_current: false, ..policy("*", &["**"], &[]) };
        assert_eq!(read(&config, "/a").unwrap_err().code, "POLICY_MIGRATION_REQUIRED");
        for ask in [FileAsk::Always, FileAsk::OnMiss] {
            let mut config = policy("*", &["/srv/**"], &[]);
            config.nodes.values_mut().for_each(|node| node.ask = Some(ask));
            let there = if ask == FileAsk::OnMiss { Grounds::Named } else { Grounds::Asked };
            assert_eq!(grounds(&config, "/srv/a"), Some(there));
            assert_eq!(grounds(&config, "/a"), Some(Grounds::Asked));
            config.nodes.values_mut().for_each(|node| node.deny = texts(&["/a"]));
            assert_eq!(grounds(&config, "/a"), None, "nobody is asked about what is denied");
        }
    }

    #[test]
    fn a_path_that_is_to_be_allowed_anew_is_asked_about_and_no_other() {
        let mut config = policy("laptop", &["/srv/**"], &[]);
        let pending = |selector: &str, kind, path: &str| PendingReapproval {
            selector: selector.into(),
            kind,
            path: path.into(),
        };
        config.pending = vec![
            pending("laptop", FileKind::Read, "/a"),
            pending("*", FileKind::Read, "/b"),
            pending("laptop", FileKind::Write, "/c"),
        ];
        for (path, asked) in [("/a", true), ("/b", false), ("/c", false)] {
            assert_eq!(grounds(&config, path), asked.then_some(Grounds::Asked), "{path}");
        }
    }

    #[test]
    fn a_grant_is_for_one_path_of_one_command_and_one_node_and_says_where_it_leads() {
        let grant = FileGrant {
            node_id: "id".into(),
            command: FileCommand::Fetch,
            requested: "/etc/hosts".into(),
            canonical: "/private/etc/hosts".into(),
        };
        let mut config = policy("*", &["/srv/**"], &["/etc/s*"]);
        config.grants = vec![grant.clone(), FileGrant { requested: "/etc/shadow".into(), ..grant }];
        assert_eq!(grounds(&config, "/etc/hosts"), Some(Grounds::Granted("/private/etc/hosts".into())));
        assert!(read(&config, "/etc/shadow").is_err(), "what denies wins over grants");
        let wish = Wish { node_id: "id", name: None, command: FileCommand::Stat, path: "/etc/hosts" };
        assert!(evaluate(&config, wish).is_err());
        let wish = Wish { node_id: "other", command: FileCommand::Fetch, ..wish };
        assert!(evaluate(&config, wish).is_err());
    }

    proptest! {
        #[test]
        fn nothing_outside_of_a_tree_is_allowed_by_it(path in "(/[a-c.]{1,3}){1,5}") {
            let config = policy("*", &["/a/b/**"], &["/a/b/c/**"]);
            let parts: Vec<&str> = path.split('/').skip(1).collect();
            let within = parts.len() > 2 && parts[..2] == ["a", "b"];
            let denied = parts.contains(&"..") || parts.get(2) == Some(&"c");
            prop_assert_eq!(read(&config, &path).is_ok(), within && !denied);
        }
    }
}
