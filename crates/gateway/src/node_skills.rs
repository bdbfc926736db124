//! The skills of connected nodes, as agents have them: told in the prompt, read by the name that the prompt gives them.

use crate::current::Current;
use crate::hub::nodes::NodeConn;
use crate::shared::Shared;
use agent::prompt::Skill;
use exec::policy::Security;
use std::collections::HashMap;

/// Where the text of a node's skill is, as agents read it.
fn location(node_id: &str, name: &str) -> String {
    format!("node://{node_id}/skills/{name}/SKILL.md")
}

/// The skills that an agent is told of: those of nodes on which it may run commands. Of two of the same name each has its
/// node's id before it.
pub(crate) fn told(shared: &Shared, current: &Current) -> Vec<Skill> {
    let mut nodes = offered(shared, current);
    nodes.sort_by(|a, b| a.declared.node_id.cmp(&b.declared.node_id));
    let mut count: HashMap<&str, usize> = HashMap::new();
    for skill in nodes.iter().flat_map(|node| node.skills()) {
        *count.entry(&skill.name).or_default() += 1;
    }
    let mut told = Vec::new();
    for node in &nodes {
        let id = &node.declared.node_id;
        for skill in node.skills() {
            if model::skill_head(&skill.content).is_none_or(|head| !head.for_models) {
                continue;
            }
            let twice = count.get(skill.name.as_str()).is_some_and(|count| *count > 1);
            let short: String = id.chars().take(8).collect();
            let location = location(id, &skill.name);
            let folder = location.trim_end_matches("/SKILL.md").to_owned();
            let label = node.declared.display_name.as_deref().unwrap_or(id);
            told.push(Skill {
                name: if twice { format!("{short}-{}", skill.name) } else { skill.name.clone() },
                description: skill.description.clone(),
                note: format!(
                    "On node {label}: run what it names with exec, host node, node {id}, cwd {folder}."
                ),
                location,
            });
        }
    }
    told.sort_by(|a, b| a.name.cmp(&b.name));
    told
}

/// The text at such a location, as long as its node is connected and its skills are wanted.
pub(crate) fn text(shared: &Shared, location: &str) -> Option<String> {
    let nodes = offered(shared, &shared.current());
    let mut all = nodes.iter().flat_map(|node| node.skills().iter().map(move |skill| (node, skill)));
    let found = all.find(|(node, skill)| self::location(&node.declared.node_id, &skill.name) == location);
    found.map(|(_, skill)| skill.content.clone())
}

fn offered(shared: &Shared, current: &Current) -> Vec<NodeConn> {
    let settings = &current.settings;
    if !settings.node_skills || settings.exec_request.security == Security::Deny {
        return Vec::new();
    }
    shared.hub.nodes.all()
}
