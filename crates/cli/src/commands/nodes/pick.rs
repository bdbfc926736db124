//! Which node is meant: an id, an address, a name, or the beginning of an id.

use crate::failure::Failure;
use crate::view::{flag, text};
use serde_json::Value;

/// Fewer characters of an id are a name or a mistake.
const SHORTEST_PREFIX: usize = 6;

/// The id of the node that `wanted` names. A whole id or an address beats a name, a name beats the beginning of an
/// id; among equals a connected node beats one that is away.
///
/// # Errors
/// No node is called so, or several are.
pub(in crate::commands) fn pick(nodes: &[Value], wanted: &str) -> Result<String, Failure> {
    let wanted = wanted.trim();
    let ways: [&dyn Fn(&Value) -> bool; 3] = [
        &|n| text(n, "/nodeId") == Some(wanted) || text(n, "/remoteIp") == Some(wanted),
        &|n| text(n, "/displayName").is_some_and(|name| name.eq_ignore_ascii_case(wanted)),
        &|n| wanted.len() >= SHORTEST_PREFIX && text(n, "/nodeId").is_some_and(|id| id.starts_with(wanted)),
    ];
    for way in ways {
        let mut found: Vec<&Value> = nodes.iter().filter(|n| way(n)).collect();
        if found.len() > 1 && found.iter().any(|n| flag(n, "/connected")) {
            found.retain(|n| flag(n, "/connected"));
        }
        let ids: Vec<&str> = found.iter().filter_map(|n| text(n, "/nodeId")).collect();
        match ids.as_slice() {
            [] => {}
            [id] => return Ok((*id).to_owned()),
            many => {
                return Err(Failure::usage(format!(
                    "several nodes are called {wanted:?}: {}",
                    many.join(", ")
                ))
                .hint("give the whole id with --node"));
            }
        }
    }
    Err(Failure::not_found(format!("there is no node {wanted:?}"))
        .hint("see which there are: openclaw nodes status"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_is_found_by_id_address_name_or_the_beginning_of_its_id() {
        let nodes = [
            json!({"nodeId":"abcdef1234","displayName":"Mac","remoteIp":"10.0.0.2","connected":true}),
            json!({"nodeId":"abcdff5678","displayName":"mac","connected":false}),
            json!({"nodeId":"mac","displayName":"other"}),
            json!({"nodeId":"n4","displayName":"twin"}),
            json!({"nodeId":"n5","displayName":"twin"}),
        ];
        for (wanted, id) in [
            ("abcdef1234", Some("abcdef1234")),
            ("10.0.0.2", Some("abcdef1234")),
            ("mac", Some("mac")),
            ("Mac", Some("abcdef1234")),
            (" abcdff ", Some("abcdff5678")),
            ("abcd", None),
            ("twin", None),
            ("", None),
        ] {
            assert_eq!(pick(&nodes, wanted).ok().as_deref(), id, "{wanted:?}");
        }
    }
}
