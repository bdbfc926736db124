//! Which node is meant.

use crate::NodeInfo;

/// Finds a node by its id, its display name (letter case aside), or a beginning of its id that only one has; without a
/// name it is the only connected one. Node ids come first, so that no name can stand in for one.
///
/// # Errors
/// None, or more than one: the names to choose from, for the model.
pub(crate) fn choose<'a>(nodes: &'a [NodeInfo], wanted: Option<&str>) -> Result<&'a NodeInfo, String> {
    match wanted.map(str::trim).filter(|w| !w.is_empty()) {
        Some(wanted) => named(nodes, wanted),
        None => {
            let connected: Vec<_> = nodes.iter().filter(|n| n.connected).collect();
            match connected.as_slice() {
                [one] => Ok(one),
                [] => Err(format!("No node is connected. {}", known(nodes))),
                many => Err(format!("Several nodes are connected; name one of: {}.", names(many))),
            }
        }
    }
}

fn named<'a>(nodes: &'a [NodeInfo], wanted: &str) -> Result<&'a NodeInfo, String> {
    if let Some(node) = nodes.iter().find(|n| n.node_id == wanted) {
        return Ok(node);
    }
    let lower = wanted.to_lowercase();
    let by_name = |n: &&NodeInfo| n.display_name.as_ref().is_some_and(|d| d.to_lowercase() == lower);
    let mut found: Vec<_> = nodes.iter().filter(by_name).collect();
    if found.is_empty() {
        found = nodes.iter().filter(|n| n.node_id.starts_with(wanted)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("There is no node {wanted:?}. {}", known(nodes))),
        many => Err(format!("{wanted:?} fits several nodes; give the id of one of: {}.", names(many))),
    }
}

fn known(nodes: &[NodeInfo]) -> String {
    if nodes.is_empty() {
        return "No nodes are paired; pair one with `openclaw node run` on its machine.".to_owned();
    }
    format!("Known nodes: {}.", names(&nodes.iter().collect::<Vec<_>>()))
}

fn names(nodes: &[&NodeInfo]) -> String {
    let shown = nodes.iter().map(|n| {
        let state = if n.connected { "" } else { ", not connected" };
        match &n.display_name {
            Some(name) => format!("{name} ({}{state})", short(&n.node_id)),
            None => format!("{}{state}", short(&n.node_id)),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Enough of an id to tell nodes apart.
fn short(id: &str) -> &str {
    crate::text::head(id, 12)
}

/// How a node is called in what the model reads.
pub(crate) fn label(node: &NodeInfo) -> &str {
    node.display_name.as_deref().unwrap_or(&node.node_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::node;

    #[test]
    fn a_node_is_found_by_id_name_and_beginning() {
        let nodes = [node("aa11", Some("Kitchen")), node("aa22", Some("Office")), node("bb33", None)];
        for (wanted, id) in [("aa11", "aa11"), ("kitchen", "aa11"), (" OFFICE ", "aa22"), ("b", "bb33")] {
            assert_eq!(choose(&nodes, Some(wanted)).unwrap().node_id, id, "{wanted}");
        }
    }

    #[test]
    fn an_id_comes_before_a_name_that_looks_like_it() {
        let nodes = [node("aa", Some("bb")), node("bb", None)];
        assert_eq!(choose(&nodes, Some("bb")).unwrap().node_id, "bb");
    }

    #[test]
    fn without_a_name_it_is_the_only_connected_one() {
        let mut nodes = vec![node("aa", None), node("bb", Some("B"))];
        let many = choose(&nodes, None).unwrap_err();
        assert!(many.contains("aa") && many.contains("B (bb)"), "{many}");
        nodes[0].connected = false;
        assert_eq!(choose(&nodes, Some("")).unwrap().node_id, "bb");
        nodes[1].connected = false;
        assert!(choose(&nodes, None).unwrap_err().contains("aa, not connected"));
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_told_with_names() {
        let nodes = [node("aa11", Some("twin")), node("aa22", Some("Twin"))];
        for wanted in ["twin", "aa", "other"] {
            let error = choose(&nodes, Some(wanted)).unwrap_err();
            assert!(error.contains("aa11") && error.contains("aa22"), "{error}");
        }
        assert!(choose(&[], Some("x")).unwrap_err().contains("No nodes are paired"));
    }
}
