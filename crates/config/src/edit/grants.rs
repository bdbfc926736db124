//! Remembering single paths of nodes that somebody allowed for good: `literalGrants` of `plugins.entries.file-transfer.config`.

use super::EditError;
use super::agents::object;
use crate::sections::FileGrant;
use serde_json::{Map, Value, json};

/// Grants that there may be: each is looked through at every call about a file.
const MAX_GRANTS: usize = 1000;

/// What to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantChange {
    /// The grant. It takes the place of an earlier one for the same command and path of the same node.
    pub grant: FileGrant,
    /// The entry of `nodes` whose pending reapproval of the path this was, if it was one.
    pub selector: String,
}

/// Makes the change in a whole config.
pub(super) fn apply(config: &mut Value, change: &GrantChange) -> Result<(), EditError> {
    const AT: &str = "plugins.entries.file-transfer.config";
    let GrantChange { grant, selector } = change;
    let (mut entry, mut path) = (config, String::new());
    for key in ["plugins", "entries", "file-transfer"] {
        path = crate::doc::join_path(&path, key);
        object(entry, key, &path)?;
        entry = entry.get_mut(key).ok_or_else(|| EditError::place(&path, format!("{path} is not there")))?;
    }
    let policy = object(entry, "config", AT)?;
    if policy.get("policyVersion") != Some(&json!(2)) {
        // Patterns that counted for nothing must not begin to count by the way.
        let nodes = policy.get("nodes").and_then(Value::as_object);
        let filled = |node: &Value, key: &str| node[key].as_array().is_some_and(|paths| !paths.is_empty());
        let allows = |node: &Value| filled(node, "allowReadPaths") || filled(node, "allowWritePaths");
        if nodes.is_some_and(|nodes| nodes.values().any(allows)) {
            let problem = format!(
                "the paths of {AT}.nodes count for nothing without {AT}.policyVersion: 2; add it first"
            );
            return Err(EditError::place(&format!("{AT}.policyVersion"), problem));
        }
        policy.insert("policyVersion".into(), json!(2));
    }
    let command = grant.command.as_str();
    let is_earlier = |item: &Value| {
        item["nodeId"] == grant.node_id
            && item["command"] == command
            && item["requestedPath"] == grant.requested
    };
    let grants = list(policy, "literalGrants", AT)?;
    grants.retain(|item| !is_earlier(item));
    if grants.len() >= MAX_GRANTS {
        let problem = format!(
            "{AT}.literalGrants has {MAX_GRANTS} entries already; take some away, or name patterns in {AT}.nodes"
        );
        return Err(EditError::place(&format!("{AT}.literalGrants"), problem));
    }
    grants.push(json!({
        "nodeId": grant.node_id, "command": command, "requestedPath": grant.requested, "canonicalPath": grant.canonical,
    }));
    if policy.contains_key("pendingReapprovals") {
        let kind = grant.command.kind().as_str();
        let is_done = |item: &Value| {
            item["selector"] == *selector && item["kind"] == kind && item["path"] == grant.requested
        };
        list(policy, "pendingReapprovals", AT)?.retain(|item| !is_done(item));
    }
    Ok(())
}

/// The list under a key, made where there is none.
fn list<'a>(map: &'a mut Map<String, Value>, key: &str, at: &str) -> Result<&'a mut Vec<Value>, EditError> {
    let path = format!("{at}.{key}");
    match map.entry(key).or_insert_with(|| json!([])) {
        Value::Array(items) => Ok(items),
        _ => Err(EditError::place(&path, format!("{path} is no list; use an editor"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::FileCommand;

    fn remembered(mut config: Value, command: FileCommand, requested: &str, canonical: &str) -> Value {
        let grant = FileGrant {
            node_id: "n".into(),
            command,
            requested: requested.into(),
            canonical: canonical.into(),
        };
        apply(&mut config, &GrantChange { grant, selector: "laptop".into() }).unwrap();
        config["plugins"]["entries"]["file-transfer"]["config"].clone()
    }

    #[test]
    fn a_grant_takes_the_place_of_an_earlier_one_for_the_same_path_and_of_what_was_pending_for_it() {
        let first = remembered(json!({}), FileCommand::Write, "/a", "/b");
        let grant =
            json!({"nodeId": "n", "command": "file.write", "requestedPath": "/a", "canonicalPath": "/b"});
        assert_eq!(first, json!({"policyVersion": 2, "literalGrants": [grant]}));
        let pending = |selector: &str, kind: &str| json!({"selector": selector, "kind": kind, "path": "/a"});
        let mut policy = first;
        policy["pendingReapprovals"] =
            json!([pending("laptop", "write"), pending("laptop", "read"), pending("*", "write")]);
        let config = json!({"plugins": {"entries": {"file-transfer": {"config": policy}}}});
        let again = remembered(config.clone(), FileCommand::Write, "/a", "/c");
        assert_eq!(again["literalGrants"][0]["canonicalPath"], "/c");
        assert_eq!(again["literalGrants"].as_array().map(Vec::len), Some(1));
        assert_eq!(again["pendingReapprovals"], json!([pending("laptop", "read"), pending("*", "write")]));
        let other = remembered(config, FileCommand::Fetch, "/a", "/b");
        assert_eq!(other["literalGrants"].as_array().map(Vec::len), Some(2));
    }
}
