//! The method table: name, who may call it, whether it changes anything, and the shape of its parameters; one file for each
//! area. The list in `hello-ok`, the permission check, the parameter check and the reference all come from here; scopes are
//! those of OpenClaw's published schema.

mod agents;
mod approvals;
mod audit;
mod browser;
mod channels;
mod chat;
mod config;
mod cron;
mod devices;
mod files;
mod models;
mod nodes;
mod sessions;
mod system;
mod tasks;
mod terminal;
mod tools;
mod usage;

use crate::scope::Scope;
use crate::shape::{Kind, Shape, req};
use serde_json::Value;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone who is connected.
    Anyone,
    /// Operators with this scope.
    Operator(Scope),
    /// Nodes.
    Node,
}

/// The codes in `error.details.code` or `.reason` that any method may refuse with.
pub const COMMON_ERRORS: &[&str] = &[
    // The operator lacks the method's scope.
    "MISSING_SCOPE",
    // It runs commands or drives a browser, and the connection came from the internet.
    "NOT_OVER_FUNNEL",
    // The same idempotency key again, and the first answer was too large to be kept.
    "ANSWER_NOT_KEPT",
];

/// A method.
#[derive(Debug, Clone, Copy)]
pub struct MethodSpec {
    /// Its name.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether a call with these parameters asks for `operator.admin` instead.
    pub elevates: Option<fn(&Value) -> bool>,
    /// Whether the same `idempotencyKey` again gives the first answer instead of doing it again.
    pub idempotent: bool,
    /// What its parameters must look like.
    pub params: &'static Shape,
    /// The properties of its answer, all that there may be: `name` is always there, `name?` is not ([`MethodSpec::answer`]).
    /// `[]` where the answer is a list, `*` where it is an object of whatever somebody else says.
    pub result: &'static [&'static str],
    /// The codes in `error.details.code` or `.reason` with which it refuses, beside those that any method may give
    /// ([`COMMON_ERRORS`]). `*` where codes that a node gave are passed on, as they stand in `error.details.nodeError.code`.
    pub errors: &'static [&'static str],
}

impl MethodSpec {
    const fn new(name: &'static str, access: Access, params: &'static Shape) -> Self {
        Self { name, access, elevates: None, idempotent: false, params, result: &[], errors: &[] }
    }

    const fn keyed(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// To do it twice does no harm: it takes no key.
    const fn unkeyed(mut self) -> Self {
        self.idempotent = false;
        self
    }

    /// Asks for `operator.admin` where the parameters are so.
    const fn elevated_by(mut self, test: fn(&Value) -> bool) -> Self {
        self.elevates = Some(test);
        self
    }

    /// Who may call it with these parameters.
    pub fn access_for(&self, params: &Value) -> Access {
        match self.elevates {
            Some(test) if test(params) => Access::Operator(Scope::Admin),
            _ => self.access,
        }
    }

    /// The properties of its answer, and whether each is always there.
    pub fn answer(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.result.iter().map(|name| match name.strip_suffix('?') {
            Some(name) => (name, false),
            None => (*name, true),
        })
    }

    const fn gives(mut self, result: &'static [&'static str]) -> Self {
        self.result = result;
        self
    }

    const fn fails(mut self, errors: &'static [&'static str]) -> Self {
        self.errors = errors;
        self
    }
}

const fn read(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Read), params)
}

const fn write(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Write), params).keyed()
}

const fn pairing(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Pairing), params)
}

const fn node(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Node, params)
}

/// Changes something; the same call again does it again, or finds it done.
const fn act(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Write), params)
}

const fn admin(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Operator(Scope::Admin), params)
}

/// Asks for no scope: probes, which hold none, may call it.
const fn anyone(name: &'static str, params: &'static Shape) -> MethodSpec {
    MethodSpec::new(name, Access::Anyone, params)
}

/// Every method there is, by area; each with its heading in the reference.
const AREAS: &[(&str, &[MethodSpec])] = &[
    ("Agents", agents::METHODS),
    ("Approvals of commands", approvals::METHODS),
    ("What was done", audit::METHODS),
    ("Tasks", tasks::METHODS),
    ("Browsers", browser::METHODS),
    ("Channels", channels::METHODS),
    ("Chat", chat::METHODS),
    ("Configuration", config::METHODS),
    ("Jobs that run by themselves", cron::METHODS),
    ("Devices", devices::METHODS),
    ("Files", files::METHODS),
    ("Models", models::METHODS),
    ("Nodes", nodes::METHODS),
    ("Sessions", sessions::METHODS),
    ("The gateway itself", system::METHODS),
    ("Terminals", terminal::METHODS),
    ("Tools", tools::METHODS),
    ("Usage", usage::METHODS),
];

/// The areas and their methods.
pub fn areas() -> impl Iterator<Item = (&'static str, &'static [MethodSpec])> {
    AREAS.iter().copied()
}

/// Every method there is.
pub fn all() -> impl Iterator<Item = &'static MethodSpec> {
    areas().flat_map(|(_, methods)| methods)
}

/// Looks a method up.
pub fn find(name: &str) -> Option<&'static MethodSpec> {
    all().find(|m| m.name == name)
}

/// What a call to a node may be refused with, by the gateway or by the node.
const NODE_CALL: &[&str] = &[
    "NOT_CONNECTED",
    "DISCONNECTED",
    "TIMEOUT",
    "NODE_ERROR",
    "PAIRING_CHANGED",
    "POLICY_CHANGED",
    "QUEUED_UNTIL_FOREGROUND",
    "APPROVAL_MISMATCH",
    "command not allowlisted",
    "command not declared by node",
    "command not approved",
    // Codes of the node's own.
    "*",
];

/// Used in several areas.
const REQUEST_ID: Shape = Shape { fields: &[req("requestId", Kind::Name)], ignored: &[] };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_idempotent_method_demands_its_key() {
        let mut names: Vec<&str> = all().map(|m| m.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for method in all().filter(|m| m.idempotent) {
            let key = method.params.fields.iter().find(|f| f.name == "idempotencyKey");
            assert!(key.is_some_and(|f| f.required && matches!(f.kind, Kind::Label)), "{}", method.name);
        }
    }
}
