//! `node.skills.update`: which skills a node has, all of them at once.

use crate::hub::nodes::skills::NodeSkill;
use crate::methods::{Answer, Call};
use model::{MAX_SKILL, MAX_SKILL_DESCRIPTION, is_skill_name, skill_head};
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

/// Skills of one node.
const MAX_SKILLS: usize = 64;

#[derive(Deserialize)]
struct Params {
    skills: Vec<Value>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    if p.skills.len() > MAX_SKILLS {
        return Err(invalid(&format!("at /skills: must not have more than {MAX_SKILLS} items")));
    }
    let node_id = call.conn.principal().device_id.clone();
    let mut skills: Vec<NodeSkill> = Vec::new();
    for (at, skill) in p.skills.into_iter().enumerate() {
        let skill: NodeSkill =
            serde_json::from_value(skill).map_err(|e| invalid(&format!("at /skills/{at}: {e}")))?;
        if let Some(problem) = problem(&skill) {
            return Err(invalid(&format!("at /skills/{at}/{problem}")));
        }
        let head = skill_head(&skill.content);
        let agrees =
            head.is_some_and(|head| head.name == skill.name && head.description == skill.description);
        if agrees && !skills.iter().any(|other| other.name == skill.name) {
            skills.push(skill);
        } else {
            tracing::warn!(
                node = node_id,
                skill = skill.name,
                "a skill is left out: its text does not say the same of it, or it came twice"
            );
        }
    }
    // Where the owner wants none of them, none is shown. They are kept for when that changes.
    let shown = if call.shared.settings().node_skills { json!(skills) } else { json!([]) };
    if !call.shared.hub.nodes.has_skills(&call.conn, skills) {
        return Err(ErrorShape::invalid(
            "unknown nodeId: another connection of this node has taken this one's place",
        ));
    }
    Ok(json!({"nodeId": node_id, "skills": shown}).into())
}

fn problem(skill: &NodeSkill) -> Option<String> {
    if !is_skill_name(&skill.name) {
        return Some("name: must be of small letters, digits and single dashes, 64 at most".into());
    }
    let length = skill.description.chars().count();
    if length == 0 || length > MAX_SKILL_DESCRIPTION {
        return Some(format!("description: must have 1 to {MAX_SKILL_DESCRIPTION} characters"));
    }
    let fits = (1..=MAX_SKILL).contains(&skill.content.len());
    (!fits).then(|| format!("content: must have 1 to {MAX_SKILL} bytes"))
}

fn invalid(problem: &str) -> ErrorShape {
    ErrorShape::invalid(format!("invalid node.skills.update params: {problem}"))
}
