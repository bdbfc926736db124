//! `GET /snapshot`: a page as its accessibility tree has it, in lines, with names for what can be acted on.

use super::error::Refusal;
use super::page::Page;
use super::pages;
use super::request::Request;
use super::routes::Given;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Characters of a snapshot where nobody says.
const MAX_CHARS: usize = 40_000;
/// The same for an efficient one, and how deep it looks.
const EFFICIENT_CHARS: usize = 8_000;
const EFFICIENT_DEPTH: usize = 6;
/// Characters of a name or value in a line.
const MAX_TEXT: usize = 300;
/// Bytes of the list of links, and characters of one.
const MAX_LINKS: usize = 20_000;
const MAX_URL: usize = 500;
/// Nodes of the other format, where nobody says.
const MAX_NODES: usize = 500;

/// What can be acted on.
const INTERACTIVE: &[&str] = &[
    "button",
    "checkbox",
    "combobox",
    "link",
    "listbox",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "treeitem",
];
/// What can be pointed at where it has a name.
const CONTENT: &[&str] = &[
    "article",
    "cell",
    "columnheader",
    "dialog",
    "gridcell",
    "heading",
    "img",
    "image",
    "listitem",
    "main",
    "navigation",
    "region",
    "rowheader",
];
/// What stands for nothing by itself.
const TRANSPARENT: &[&str] = &["none", "generic", "presentation", "RootWebArea", "InlineTextBox"];

/// How a page is to be shown.
#[derive(Debug, Default)]
struct Plan {
    interactive: bool,
    compact: bool,
    depth: Option<usize>,
    max_chars: Option<usize>,
}

/// A page in lines.
#[derive(Debug, Default)]
struct Built {
    text: String,
    refs: Map<String, Value>,
    elements: HashMap<String, i64>,
    interactive: usize,
    truncated: bool,
}

/// Takes a snapshot.
pub(super) async fn snapshot(page: &Page<'_>, request: &Request) -> Result<Given, Refusal> {
    let labels = request.is_set("labels");
    let efficient = request.query("mode") == Some("efficient");
    let aria = request.query("format") == Some("aria");
    if aria && (efficient || labels) {
        return Err(Refusal::invalid("labels/mode=efficient require format=ai"));
    }
    let frame = match request.query("frame") {
        None => None,
        Some(selector) => Some(frame(page, selector).await?),
    };
    let of = frame.as_ref().map_or_else(|| json!({}), |(_, id)| json!({ "frameId": id }));
    let tree = page.call("Accessibility.getFullAXTree", of).await?;
    let nodes = tree["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let below = match request.query("selector") {
        None => nodes.first().map(|root| root["nodeId"].clone()),
        // What is not there is shown as nothing.
        Some(selector) => match page.select_in(frame.as_ref().map(|(element, _)| *element), selector).await {
            Ok(element) => {
                nodes.iter().find(|n| n["backendDOMNodeId"] == element).map(|n| n["nodeId"].clone())
            }
            Err(refusal) if refusal.status == 404 => None,
            Err(refusal) => return Err(refusal),
        },
    };
    let nodes = from(nodes, below.as_ref());
    let nodes = nodes.as_slice();
    let base = json!({"ok": true, "targetId": page.tab.target, "url": page.url()});
    if aria {
        return Ok(with(base, flat(page, nodes, request.number("limit").unwrap_or(MAX_NODES))).into());
    }
    let otherwise = if efficient { EFFICIENT_CHARS } else { MAX_CHARS };
    let plan = Plan {
        interactive: request.flag("interactive").unwrap_or(efficient),
        compact: request.flag("compact").unwrap_or(efficient),
        depth: request.number("depth").or(efficient.then_some(EFFICIENT_DEPTH)),
        // 0 is without a bound of the caller's.
        max_chars: match request.number("maxChars") {
            Some(0) => None,
            asked => Some(asked.unwrap_or(otherwise)),
        },
    };
    let mut built = build(nodes, &plan);
    if request.is_set("urls") {
        built.text.push_str(&links(nodes));
    }
    let about = built.refs.clone();
    page.with_tab(|tab| (tab.refs, tab.about) = (built.elements, about));
    let stats = json!({"lines": built.text.lines().count(), "chars": built.text.chars().count(),
        "refs": built.refs.len(), "interactive": built.interactive});
    let mut shown = json!({"format": "ai", "snapshot": built.text, "refs": built.refs, "stats": stats});
    if built.truncated {
        shown["truncated"] = json!(true);
    }
    let result = with(base, shown);
    if !labels {
        return Ok(result.into());
    }
    let params = json!({"format": "png", "captureBeyondViewport": false});
    let (file, labels) = pages::picture(page, params, true).await?;
    let picture = json!({"imagePath": file["path"], "imageType": "png"});
    Ok((with(with(result, labels), picture), file).into())
}

/// The frame that the first element shows which this CSS selector fits: the element, and the browser's name for the frame.
async fn frame(page: &Page<'_>, selector: &str) -> Result<(i64, String), Refusal> {
    let element = page.select(selector).await?;
    // One from elsewhere is a page of its own to the browser, whose elements cannot be pointed at from here.
    let shown =
        "function() { return this.contentDocument ? 'here' : this.contentWindow ? 'elsewhere' : 'none' }";
    match page.on_element(element, shown, &[]).await?.as_str() {
        Some("here") => {}
        Some("elsewhere") => return Err(Refusal::unsupported("a snapshot of a frame from another site")),
        _ => return Err(Refusal::invalid(format!("{selector:?} is no frame"))),
    }
    let node = page.call("DOM.describeNode", json!({"backendNodeId": element})).await?;
    let id = node["node"]["frameId"].as_str().ok_or_else(|| Refusal::failed("the frame has no name"))?;
    Ok((element, id.to_owned()))
}

/// One object, of two.
pub(super) fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

/// The tree with this node as its first.
fn from(nodes: &[Value], root: Option<&Value>) -> Vec<Value> {
    let Some(at) = nodes.iter().position(|node| Some(&node["nodeId"]) == root) else { return Vec::new() };
    let mut rest = nodes.to_vec();
    rest.swap(0, at);
    rest
}

/// Where the links lead.
fn links(nodes: &[Value]) -> String {
    let mut text = String::new();
    for (node, _) in in_order(nodes).into_iter().filter(|(node, _)| node["role"]["value"] == "link") {
        let properties = node["properties"].as_array().into_iter().flatten();
        let url = properties.filter(|p| p["name"] == "url").find_map(|p| p["value"]["value"].as_str());
        let Some(url) = url.filter(|_| text.len() < MAX_LINKS) else { continue };
        let head = if text.is_empty() { "\nLinks:\n" } else { "" };
        text.push_str(&format!(
            "{head}- {}: {}\n",
            self::text(node, "name"),
            url.chars().take(MAX_URL).collect::<String>()
        ));
    }
    text
}

/// The tree as a list of nodes, each with a name to act by.
fn flat(page: &Page<'_>, nodes: &[Value], limit: usize) -> Value {
    let (mut elements, mut about) = (HashMap::new(), Map::new());
    let mut shown = Vec::new();
    for (node, depth) in in_order(nodes) {
        if shown.len() >= limit {
            break;
        }
        let (role, name) = (text(node, "role"), text(node, "name"));
        if is_transparent(node, &role, &name) {
            continue;
        }
        let id = format!("ax{}", shown.len() + 1);
        let mut entry = json!({"ref": id, "role": role, "name": name, "depth": depth});
        let value = text(node, "value");
        if !value.is_empty() {
            entry["value"] = json!(value);
        }
        if let Some(element) = node["backendDOMNodeId"].as_i64() {
            about.insert(id.clone(), json!({"role": role, "name": name}));
            elements.insert(id, element);
        }
        shown.push(entry);
    }
    page.with_tab(|tab| (tab.refs, tab.about) = (elements, about));
    json!({"format": "aria", "nodes": shown})
}

fn build(nodes: &[Value], plan: &Plan) -> Built {
    let mut built = Built::default();
    let mut above: Vec<String> = Vec::new();
    for (node, depth) in in_order(nodes) {
        let (role, name) = (text(node, "role"), text(node, "name"));
        if is_transparent(node, &role, &name) || plan.depth.is_some_and(|most| depth > most) {
            continue;
        }
        let is_interactive = INTERACTIVE.contains(&role.as_str());
        let is_text = role == "StaticText";
        let repeats = is_text
            && above.get(..depth).and_then(|names| names.last()).is_some_and(|above| above.contains(&name));
        above.truncate(depth);
        above.resize(depth, String::new());
        above.push(name.clone());
        let structural = !is_interactive && name.is_empty();
        if repeats || (plan.interactive && !is_interactive) || (plan.compact && structural) {
            continue;
        }
        let points = is_interactive || (CONTENT.contains(&role.as_str()) && !name.is_empty());
        let element = node["backendDOMNodeId"].as_i64().filter(|_| points);
        let id = element.map(|_| format!("e{}", built.refs.len() + 1));
        let indent = "  ".repeat(if plan.interactive { 0 } else { depth });
        let line = line(node, (&role, &name), id.as_deref(), &indent);
        if plan.max_chars.is_some_and(|most| built.text.chars().count() + line.chars().count() > most) {
            built.truncated = true;
            built.text.push_str("[... the rest of the page is left out ...]\n");
            break;
        }
        built.text.push_str(&line);
        built.interactive += usize::from(is_interactive);
        if let (Some(id), Some(element)) = (id, element) {
            let mut entry = json!({"role": role});
            if !name.is_empty() {
                entry["name"] = json!(name);
            }
            built.refs.insert(id.clone(), entry);
            built.elements.insert(id, element);
        }
    }
    built
}

fn line(node: &Value, (role, name): (&str, &str), id: Option<&str>, indent: &str) -> String {
    if role == "StaticText" {
        return format!("{indent}- text: {name}\n");
    }
    let mut line = format!("{indent}- {role}");
    if !name.is_empty() {
        line.push_str(&format!(" {name:?}"));
    }
    if let Some(id) = id {
        line.push_str(&format!(" [ref={id}]"));
    }
    for property in node["properties"].as_array().into_iter().flatten() {
        let (what, value) = (property["name"].as_str().unwrap_or_default(), &property["value"]["value"]);
        match what {
            "checked" | "pressed" | "expanded" | "selected" | "disabled" | "required"
                if *value == json!(true) || *value == json!("true") =>
            {
                line.push_str(&format!(" [{what}]"));
            }
            "level" if role == "heading" => line.push_str(&format!(" [level={value}]")),
            _ => {}
        }
    }
    let value = text(node, "value");
    if !value.is_empty() && value != name {
        line.push_str(&format!(": {value}"));
    }
    line.push('\n');
    line
}

/// The nodes from the top, each with how many that stand for something are above it.
fn in_order(nodes: &[Value]) -> Vec<(&Value, usize)> {
    let by_id: HashMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node["nodeId"].as_str()?, node))).collect();
    let mut out = Vec::new();
    let mut todo: Vec<(&Value, usize)> = nodes.first().map(|root| (root, 0)).into_iter().collect();
    while let Some((node, depth)) = todo.pop() {
        // A tree has each node once; what is none must not keep us for ever.
        if out.len() >= nodes.len() {
            break;
        }
        out.push((node, depth));
        let below =
            if is_transparent(node, &text(node, "role"), &text(node, "name")) { depth } else { depth + 1 };
        let children = node["childIds"].as_array().into_iter().flatten();
        let children = children.filter_map(|id| by_id.get(id.as_str()?).copied());
        todo.extend(children.map(|child| (child, below)).rev());
    }
    out
}

fn is_transparent(node: &Value, role: &str, name: &str) -> bool {
    let nothing = role.is_empty() || TRANSPARENT.contains(&role);
    let named = !name.is_empty() && role == "generic";
    node["ignored"] == true || (nothing && !named) || (role == "StaticText" && name.is_empty())
}

fn text(node: &Value, key: &str) -> String {
    let value = match &node[key]["value"] {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if value.chars().count() > MAX_TEXT {
        value.chars().take(MAX_TEXT).chain(['…']).collect()
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Vec<Value> {
        let node = |id: &str, role: &str, name: &str, children: &[&str]| {
            json!({"nodeId": id, "role": {"value": role}, "name": {"value": name}, "childIds": children,
                "backendDOMNodeId": id.parse::<i64>().unwrap()})
        };
        let mut field = node("5", "textbox", "Name", &[]);
        field["value"] = json!({"value": "Ada"});
        field["properties"] = json!([{"name": "required", "value": {"value": true}}, {"name": "checked", "value": {"value": "false"}}]);
        let mut heading = node("3", "heading", "Sign in", &["6"]);
        heading["properties"] = json!([{"name": "level", "value": {"value": 1}}]);
        vec![
            node("1", "RootWebArea", "Page", &["2"]),
            node("2", "generic", "", &["3", "4", "7", "9"]),
            heading,
            node("4", "form", "", &["5"]),
            field,
            node("6", "StaticText", "Sign in", &["10"]),
            node("7", "paragraph", "", &["8"]),
            node("8", "StaticText", "Welcome\n back", &[]),
            node("9", "button", "Go", &["9"]),
            node("10", "InlineTextBox", "Sign in", &[]),
        ]
    }

    #[test]
    fn a_page_is_shown_in_lines_with_names_for_what_can_be_acted_on() {
        let all = build(&page(), &Plan::default());
        assert_eq!(
            all.text,
            "- heading \"Sign in\" [ref=e1] [level=1]\n- form\n  - textbox \"Name\" [ref=e2] [required]: Ada\n- paragraph\n  - text: Welcome back\n- button \"Go\" [ref=e3]\n"
        );
        assert_eq!(all.elements["e2"], 5);
        assert_eq!(all.refs["e3"], json!({"role": "button", "name": "Go"}));
        let few = build(&page(), &Plan { interactive: true, compact: true, ..Plan::default() });
        assert_eq!(few.text, "- textbox \"Name\" [ref=e1] [required]: Ada\n- button \"Go\" [ref=e2]\n");
        let shallow = build(&page(), &Plan { depth: Some(0), compact: true, ..Plan::default() });
        assert_eq!(shallow.text, "- heading \"Sign in\" [ref=e1] [level=1]\n- button \"Go\" [ref=e2]\n");
        let short = build(&page(), &Plan { max_chars: Some(60), ..Plan::default() });
        assert!(short.truncated && short.text.ends_with("left out ...]\n") && short.elements.len() == 1);
    }
}
