//! Which files of a node may be read and written: patterns of paths by node. Nothing may that is not named.

use config::{FileAsk, FileCommand, FileTransferConfig, NodeFilesConfig};
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

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Where the path has to lead, where a grant says so; else the place that it leads to has to be allowed as well.
    pub(super) canonical: Option<String>,
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
        matches!(self.command, FileCommand::Write | FileCommand::Create)
    }
}

/// Whether the path may be touched.
///
/// # Errors
/// The rule that says no, or that there is none that says yes.
pub(super) fn evaluate(config: &FileTransferConfig, wish: Wish<'_>) -> Result<Allowed, Refused> {
    let (key, node) = entry(config, wish)?;
    deny(&key, node, wish)?;
    let allowed = |canonical: Option<&String>| Allowed {
        canonical: canonical.cloned(),
        follow_symlinks: node.follow_symlinks,
        max_bytes: node.max_bytes,
    };
    let refused = |reason: String| Err(Refused::new("POLICY_DENIED", reason));
    if node.ask == Some(FileAsk::Always) {
        return refused(format!("{key}.ask is \"always\", and {NO_ASKING}"));
    }
    let list = if wish.writes() { &node.allow_write } else { &node.allow_read };
    if list.iter().any(|pattern| matches(pattern, wish.path)) {
        return Ok(allowed(None));
    }
    let grant = config.grants.iter().filter(|_| config.is_current).find(|grant| {
        grant.node_id == wish.node_id && grant.command == wish.command && grant.requested == wish.path
    });
    if let Some(grant) = grant {
        return Ok(allowed(Some(&grant.canonical)));
    }
    let kind = wish.kind();
    if list.is_empty() {
        return refused(format!("{key}.allow{kind}Paths names nothing"));
    }
    let asking = if node.ask == Some(FileAsk::OnMiss) { format!("; {NO_ASKING}") } else { String::new() };
    refused(format!("no pattern of {key}.allow{kind}Paths matches {:?}{asking}", wish.path))
}

/// People are not asked about files; the key is known so that a configuration of OpenClaw refuses more here, never less.
const NO_ASKING: &str = "this gateway asks nobody about files: name the path in an allow list";

/// Whether a place that a grant leads to may be touched: what denies counts for it, too.
///
/// # Errors
/// As [`evaluate`].
pub(super) fn constraints(config: &FileTransferConfig, wish: Wish<'_>) -> Result<(), Refused> {
    let (key, node) = entry(config, wish)?;
    deny(&key, node, wish)
}

/// The node's own entry by id or name, else the one for all.
fn entry<'a>(
    config: &'a FileTransferConfig,
    wish: Wish<'_>,
) -> Result<(String, &'a NodeFilesConfig), Refused> {
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
    Ok((format!("{KEY}.nodes.{name}"), node))
}

fn deny(key: &str, node: &NodeFilesConfig, wish: Wish<'_>) -> Result<(), Refused> {
    // What denies all below a directory denies the directory.
    let below = format!("{}/", wish.path.trim_end_matches(['/', '\\']));
    let denies = |pattern: &&String| matches(pattern, wish.path) || matches(pattern, &below);
    match node.deny.iter().find(denies) {
        None => Ok(()),
        Some(pattern) => {
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
    use config::FileGrant;
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
            let (there, elsewhere) = (read(&config, "/srv/a"), read(&config, "/a").unwrap_err());
            assert_eq!(there.is_ok(), ask == FileAsk::OnMiss);
            assert!(elsewhere.reason.contains("asks nobody"), "{elsewhere:?}");
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
        assert_eq!(read(&config, "/etc/hosts").unwrap().canonical.as_deref(), Some("/private/etc/hosts"));
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
