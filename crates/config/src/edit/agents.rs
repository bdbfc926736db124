//! Changing the agents: entries of `agents.entries`, or of the older `agents.list` where a config has that.

use super::EditError;
use crate::sections::MAIN_AGENT;
use serde_json::{Map, Value, json};

/// Agents that there may be: each has a workspace that is prepared at every start.
const MAX_AGENTS: usize = 200;

/// What to do to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentChange {
    /// A new one. Where the config names none, the one that there is anyway is named first and stays the default.
    Create {
        /// Its id; see [`agent_id`].
        id: String,
        /// What it says of it.
        values: AgentValues,
    },
    /// Other values for one that the config names, or for the one that there is where it names none.
    Update {
        /// Its id.
        id: String,
        /// Those that change.
        values: AgentValues,
    },
    /// One that the config names goes, and with it the bindings and permissions that name it. Not the default one, nor
    /// `main`.
    Delete {
        /// Its id.
        id: String,
    },
}

/// Values of an agent; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentValues {
    /// `name`.
    pub name: Option<String>,
    /// `workspace`.
    pub workspace: Option<String>,
    /// `model`, as `provider/model`; the inner `None` goes back to that of all agents.
    pub model: Option<Option<String>>,
    /// `identity.emoji`.
    pub emoji: Option<String>,
    /// `identity.avatar`.
    pub avatar: Option<String>,
}

/// The id that a name makes: small letters, digits, `-` and `_`, 64 at most. `None` where nothing of it is left, or where letters of
/// it would be: what is left of those is another word.
pub fn agent_id(name: &str) -> Option<String> {
    if name.chars().any(|c| c.is_alphanumeric() && !c.is_ascii()) {
        return None;
    }
    let mut id = String::new();
    for c in name.trim().chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_' | '-') => id.push(c),
            _ if id.ends_with('-') => {}
            _ => id.push('-'),
        }
    }
    let id: String = id.trim_matches('-').chars().take(64).collect();
    let id = id.trim_end_matches('-');
    (!id.is_empty()).then(|| id.to_owned())
}

/// How many `bindings` of a config send their messages to this agent.
pub fn agent_bindings(config: &Value, id: &str) -> usize {
    let all = config.get("bindings").and_then(Value::as_array);
    all.map_or(0, |all| all.iter().filter(|binding| binding["agentId"] == id).count())
}

/// Makes the change in a whole config.
pub(super) fn apply(config: &mut Value, change: &AgentChange) -> Result<(), EditError> {
    match change {
        AgentChange::Create { id, values } => create(config, id, values),
        AgentChange::Update { id, values } => update(config, id, values),
        AgentChange::Delete { id } => delete(config, id),
    }
}

fn create(config: &mut Value, id: &str, values: &AgentValues) -> Result<(), EditError> {
    let named = ids(config);
    if id == MAIN_AGENT {
        return Err(refused(id, format!("\"{MAIN_AGENT}\" is reserved; choose another name")));
    }
    if named.iter().any(|known| known == id) {
        return Err(refused(id, format!("agent \"{id}\" already exists")));
    }
    if named.len() >= MAX_AGENTS {
        return Err(refused(id, format!("there are {MAX_AGENTS} agents already; delete one first")));
    }
    let mut agent = json!({});
    fill(&mut agent, id, values)?;
    let agents = object(config, "agents", "agents")?;
    if let Some(Value::Array(list)) = agents.get_mut("list").filter(|list| !is_empty(list)) {
        agent["id"] = json!(id);
        list.push(agent);
        return Ok(());
    }
    let Some(agents) = config.get_mut("agents") else { return Err(unknown(id)) };
    let entries = object(agents, "entries", "agents.entries")?;
    if named.is_empty() {
        entries.insert(MAIN_AGENT.to_owned(), json!({}));
    }
    entries.insert(id.to_owned(), agent);
    Ok(())
}

fn update(config: &mut Value, id: &str, values: &AgentValues) -> Result<(), EditError> {
    if id == MAIN_AGENT && ids(config).is_empty() {
        let agents = object(config, "agents", "agents")?;
        // The older list, empty, would be a second place where agents are named.
        drop(agents.shift_remove("list"));
        let Some(agents) = config.get_mut("agents") else { return Err(unknown(id)) };
        object(agents, "entries", "agents.entries")?.insert(MAIN_AGENT.to_owned(), json!({}));
    }
    let agent = entry(config, id).ok_or_else(|| unknown(id))?;
    fill(agent, id, values)
}

fn delete(config: &mut Value, id: &str) -> Result<(), EditError> {
    let named = ids(config);
    if id == MAIN_AGENT {
        return Err(refused(id, format!("\"{MAIN_AGENT}\" cannot be deleted")));
    }
    if entry(config, id).is_none() {
        return Err(unknown(id));
    }
    if named.len() == 1 {
        let problem = format!("Agent \"{id}\" is the only configured agent and cannot be deleted.");
        return Err(refused(id, problem));
    }
    if default_id(config).as_deref() == Some(id) {
        let problem = format!(
            "Agent \"{id}\" is the default agent and cannot be deleted. Make another one the default first: config set agents.entries.ID.default true"
        );
        return Err(refused(id, problem));
    }
    if let Some(entries) = config.pointer_mut("/agents/entries").and_then(Value::as_object_mut) {
        entries.shift_remove(id);
    }
    for (list, key) in [("/agents/list", "id"), ("/bindings", "agentId")] {
        if let Some(items) = config.pointer_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| item[key] != id);
        }
    }
    if let Some(allowed) = config.pointer_mut("/tools/agentToAgent/allow").and_then(Value::as_array_mut) {
        allowed.retain(|item| item != id);
    }
    Ok(())
}

/// Writes the values into an agent's entry.
fn fill(agent: &mut Value, id: &str, values: &AgentValues) -> Result<(), EditError> {
    let at = format!("agents.entries.{id}");
    if agent.is_null() {
        *agent = json!({});
    }
    let Some(map) = agent.as_object_mut() else {
        return Err(EditError::place(&at, format!("{at} is no object; use an editor")));
    };
    for (key, value) in [("name", &values.name), ("workspace", &values.workspace)] {
        if let Some(value) = value {
            map.insert(key.to_owned(), json!(value));
        }
    }
    match &values.model {
        Some(Some(model)) => choose_model(map, model),
        Some(None) => drop(map.shift_remove("model")),
        None => {}
    }
    for (key, value) in [("emoji", &values.emoji), ("avatar", &values.avatar)] {
        if let Some(value) = value {
            object(agent, "identity", &format!("{at}.identity"))?.insert(key.to_owned(), json!(value));
        }
    }
    Ok(())
}

/// Of a model with others to fall back to, those stay.
fn choose_model(agent: &mut Map<String, Value>, model: &str) {
    match agent.get_mut("model") {
        Some(Value::Object(choice)) => drop(choice.insert("primary".to_owned(), json!(model))),
        _ => drop(agent.insert("model".to_owned(), json!(model))),
    }
}

/// The object under a key, made where there is none.
pub(super) fn object<'a>(
    value: &'a mut Value,
    key: &str,
    path: &str,
) -> Result<&'a mut Map<String, Value>, EditError> {
    let slot = value.as_object_mut().map(|map| map.entry(key.to_owned()).or_insert(Value::Null));
    if let Some(slot) = slot {
        if slot.is_null() {
            *slot = json!({});
        }
        if let Value::Object(map) = slot {
            return Ok(map);
        }
    }
    Err(EditError::place(path, format!("{path} is no object; use an editor")))
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

/// The ids that a config names, in the order in which the reader takes them.
fn ids(config: &Value) -> Vec<String> {
    let entries = config.pointer("/agents/entries").and_then(Value::as_object);
    let list = config.pointer("/agents/list").and_then(Value::as_array);
    let of_list = list.into_iter().flatten().filter_map(|item| item["id"].as_str());
    entries.into_iter().flat_map(Map::keys).map(String::as_str).chain(of_list).map(str::to_owned).collect()
}

fn default_id(config: &Value) -> Option<String> {
    let named = ids(config);
    let marked = named.iter().find(|id| find(config, id).is_some_and(|agent| agent["default"] == true));
    marked.or(named.first()).cloned()
}

fn find<'a>(config: &'a Value, id: &str) -> Option<&'a Value> {
    let entries = config.pointer("/agents/entries").and_then(|entries| entries.get(id));
    let list = config.pointer("/agents/list").and_then(Value::as_array);
    entries.or_else(|| list?.iter().find(|item| item["id"] == id))
}

fn entry<'a>(config: &'a mut Value, id: &str) -> Option<&'a mut Value> {
    let is_entry = config.pointer("/agents/entries").is_some_and(|entries| entries.get(id).is_some());
    if is_entry {
        return config.pointer_mut("/agents/entries")?.get_mut(id);
    }
    let list = config.pointer_mut("/agents/list").and_then(Value::as_array_mut)?;
    list.iter_mut().find(|item| item["id"] == id)
}

fn unknown(id: &str) -> EditError {
    refused(id, format!("agent \"{id}\" not found"))
}

fn refused(id: &str, problem: String) -> EditError {
    EditError::place(&format!("agents.entries.{id}"), problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(mut config: Value, change: &AgentChange) -> Result<Value, String> {
        apply(&mut config, change).map(|()| config).map_err(|error| error.to_string())
    }

    fn create(id: &str) -> AgentChange {
        AgentChange::Create { id: id.into(), values: AgentValues::default() }
    }

    fn delete(id: &str) -> AgentChange {
        AgentChange::Delete { id: id.into() }
    }

    #[test]
    fn a_name_makes_an_id_or_none() {
        for (name, id) in [
            ("Ops", Some("ops")),
            (" Night watch / 2 ", Some("night-watch-2")),
            ("a_b-c", Some("a_b-c")),
            ("../x", Some("x")),
            ("🦞 !", None),
            ("🦞 ops", Some("ops")),
            ("ünïcode", None),
            ("Büro 2", None),
            ("", None),
        ] {
            assert_eq!(agent_id(name).as_deref(), id, "{name}");
        }
        assert_eq!(agent_id(&"x".repeat(80)).map(|id| id.len()), Some(64));
    }

    #[test]
    fn whoever_is_there_already_stays_and_stays_the_default() {
        let made = changed(json!({}), &create("ops")).unwrap();
        assert_eq!(made, json!({"agents": {"entries": {"main": {}, "ops": {}}}}));
        assert_eq!(
            changed(json!({}), &create("main")).unwrap_err(),
            "\"main\" is reserved; choose another name"
        );
        assert_eq!(changed(made, &create("ops")).unwrap_err(), "agent \"ops\" already exists");
        let list = json!({"agents": {"list": [{"id": "a"}]}});
        assert_eq!(
            changed(list, &create("b")).unwrap(),
            json!({"agents": {"list": [{"id": "a"}, {"id": "b"}]}})
        );
    }

    #[test]
    fn what_names_a_deleted_agent_goes_with_it_and_the_default_one_stays() {
        let config = json!({
            "agents": {"entries": {"a": {}, "b": {"default": true}, "c": {}, "main": {}}},
            "bindings": [{"agentId": "a"}, {"agentId": "c"}],
            "tools": {"agentToAgent": {"allow": ["a", "c"]}},
        });
        let left = changed(config.clone(), &delete("a")).unwrap();
        assert_eq!(left["agents"]["entries"], json!({"b": {"default": true}, "c": {}, "main": {}}));
        assert_eq!(changed(config.clone(), &delete("main")).unwrap_err(), "\"main\" cannot be deleted");
        assert_eq!(left["bindings"], json!([{"agentId": "c"}]));
        assert_eq!(left["tools"]["agentToAgent"]["allow"], json!(["c"]));
        assert!(changed(config.clone(), &delete("b")).unwrap_err().contains("is the default agent"));
        assert_eq!(changed(config, &delete("x")).unwrap_err(), "agent \"x\" not found");
        let sole = json!({"agents": {"entries": {"a": {}}}});
        assert!(changed(sole, &delete("a")).unwrap_err().contains("only configured agent"));
    }

    #[test]
    fn a_model_keeps_what_it_falls_back_to_and_can_go() {
        let config =
            json!({"agents": {"entries": {"a": {"model": {"primary": "x/1", "fallbacks": ["x/2"]}}}}});
        let to = |model: Option<&str>| AgentChange::Update {
            id: "a".into(),
            values: AgentValues { model: Some(model.map(str::to_owned)), ..AgentValues::default() },
        };
        let other = changed(config.clone(), &to(Some("x/3"))).unwrap();
        assert_eq!(other["agents"]["entries"]["a"]["model"], json!({"primary": "x/3", "fallbacks": ["x/2"]}));
        assert_eq!(changed(config, &to(None)).unwrap()["agents"]["entries"]["a"], json!({}));
    }

    #[test]
    fn the_agent_that_no_config_names_can_be_named() {
        let values = AgentValues { name: Some("Ann".into()), ..AgentValues::default() };
        let change = |id: &str| AgentChange::Update { id: id.into(), values: values.clone() };
        let want = json!({"agents": {"entries": {"main": {"name": "Ann"}}}});
        assert_eq!(changed(json!({}), &change("main")).unwrap(), want);
        assert_eq!(changed(json!({"agents": {"list": []}}), &change("main")).unwrap(), want);
        assert_eq!(changed(json!({}), &change("ops")).unwrap_err(), "agent \"ops\" not found");
    }
}
