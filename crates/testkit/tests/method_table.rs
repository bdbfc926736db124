//! The method table beside the published one: the same scopes, and parameters that take what OpenClaw's clients send.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use protocol::Access;
use protocol::methods::{self, MethodSpec};
use protocol::shape::Kind;
use serde_json::Value;
use std::collections::BTreeMap;
use testkit::contract::published::schema;
use testkit::contract::table::{NOT_PUBLISHED, params_of};

/// Methods whose scope the published table leaves to the gateway, or that are open to others here: who may call them, and
/// why.
const OWN_CHOICE: &[(&str, &str, &str)] = &[
    ("agent", "operator.write", "it runs tools as chat.send does, which is published with this scope"),
    ("channels.pairing.approve", "operator.pairing", "who may see the requests may decide about them"),
    ("connect", "anyone", "it is how one gets in; called again it is refused"),
    ("health", "anyone", "probes hold no scope; what they see is cut to what they may see"),
    ("node.invoke", "operator.write", "commands that run programs ask for operator.admin on top"),
    (
        "fs.listDir",
        "operator.write",
        "it looks into the workspaces; all else, and a node's, asks for operator.admin on top",
    ),
    ("sessions.create", "operator.write", "a session is made as chat.send makes one"),
    (
        "sessions.delete",
        "operator.write",
        "what was put away may go; for everything else the method asks for operator.admin",
    ),
    ("sessions.patch", "operator.write", "names and labels are for whoever may write in the session"),
];

fn who(access: Access) -> &'static str {
    match access {
        Access::Anyone => "anyone",
        Access::Operator(scope) => scope.as_str(),
        Access::Node => "node",
    }
}

#[test]
fn whoever_may_call_a_method_is_who_the_published_table_says() {
    let published: BTreeMap<String, String> = schema().methods().into_iter().collect();
    let mut wrong = Vec::new();
    for method in methods::all() {
        let ours = who(method.access);
        let choice = OWN_CHOICE.iter().find(|row| row.0 == method.name).map(|row| row.1);
        match (published.get(method.name).map(String::as_str), choice) {
            (None, _) if NOT_PUBLISHED.contains(&method.name) => {}
            (None, _) => wrong.push(format!("{}: not published (table.rs, NOT_PUBLISHED)", method.name)),
            (Some(scope), None) if scope == ours => {}
            (Some(_), Some(choice)) if choice == ours => {}
            (Some(scope), _) => wrong.push(format!("{}: {ours}, published: {scope}", method.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Parameters that the published definition has not, and why they are taken all the same.
const OURS: &[(&str, &str, &str)] = &[
    ("chat.history", "includeMetadata", "chat.startup takes it, and both are asked alike"),
    ("chat.history", "maxBytes", "chat.startup takes it, and both are asked alike"),
    ("sessions.messages.unsubscribe", "includeApprovals", "a client may undo with what it subscribed with"),
];

/// Published parameters that are refused, so that nobody believes that something was done.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        "send",
        &["mediaUrl", "mediaUrls", "buffer", "filename", "contentType", "parseMode"],
        "texts alone are sent for now, and formatted in one way",
    ),
    ("device.pair.setupCode", &["joinUrl"], "there is no page behind such a link; the code itself is given"),
];

#[test]
fn every_published_parameter_is_taken_and_no_other() {
    let mut wrong = Vec::new();
    for method in methods::all().filter(|method| method.name != "connect") {
        let Some(definition) = params_of(method.name) else { continue };
        compare(method, &schema().definition(&definition).unwrap(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn compare(method: &MethodSpec, published: &Value, wrong: &mut Vec<String>) {
    // Alternatives are for the method's own code to tell apart.
    let Some(properties) = published["properties"].as_object() else { return };
    let is_required =
        |name: &str| published["required"].as_array().is_some_and(|r| r.iter().any(|n| n == name));
    for (name, property) in properties {
        match method.params.fields.iter().find(|field| field.name == name) {
            None if method.params.ignored.contains(&name.as_str()) => {}
            None if REFUSED.iter().any(|row| row.0 == method.name && row.1.contains(&name.as_str())) => {}
            None => wrong.push(format!("{}: '{name}' is published and refused here", method.name)),
            Some(field) if field.required && !is_required(name) => {
                wrong.push(format!("{}: '{name}' is optional, and demanded here", method.name));
            }
            Some(field) if !goes_with(field.kind, property) => {
                wrong.push(format!(
                    "{}: '{name}' is {:?} here, and published as {property}",
                    method.name, field.kind
                ));
            }
            Some(_) => {}
        }
    }
    let ours =
        method.params.fields.iter().map(|field| field.name).chain(method.params.ignored.iter().copied());
    for name in ours.filter(|name| {
        !properties.contains_key(*name) && !OURS.iter().any(|row| (row.0, row.1) == (method.name, *name))
    }) {
        wrong.push(format!("{}: '{name}' is not published", method.name));
    }
}

fn goes_with(kind: Kind, property: &Value) -> bool {
    let Some(published) = property["type"].as_str() else { return true };
    let ours = match kind {
        // Taken where it is unset, and refused by name otherwise.
        Kind::Any | Kind::Unset => return true,
        Kind::OrNull(inner) => return goes_with(*inner, property),
        Kind::Date => "string",
        Kind::Text | Kind::Filled | Kind::Name | Kind::Label | Kind::OneOf(_) => "string",
        Kind::Int(_) => "integer",
        Kind::Bool => "boolean",
        Kind::Names | Kind::List => "array",
        Kind::Map | Kind::Object(_) => "object",
    };
    ours == published || (ours == "integer" && published == "number")
}
