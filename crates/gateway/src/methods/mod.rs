//! The methods: one folder for each area, one file for each method or pair of them. The table in `protocol::methods` has
//! the same areas and says who may call what and with which parameters; here stands which function answers.

pub(crate) mod agents;
mod approvals;
mod audit;
mod browser;
pub(crate) mod channels;
mod chat;
pub(crate) mod config;
mod cron;
pub(crate) mod devices;
mod files;
pub(crate) mod models;
mod nodes;
pub(crate) mod over_funnel;
mod request;
pub(crate) mod sessions;
mod submit;
mod system;
mod tasks;
mod terminal;
mod tools;
mod turn;
mod usage;

use crate::connection::hello::to_raw;
use crate::connection::outbound::{ConnHandle, Principal};
use crate::shared::Shared;
use protocol::ErrorShape;
use protocol::limits::CloseCode;
use protocol::methods::{Access, MethodSpec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

/// A payload, JSON already.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Arc<RawValue>);

impl Reply {
    /// The JSON.
    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self(Arc::from(to_raw(&value)))
    }
}

impl From<Arc<RawValue>> for Reply {
    fn from(raw: Arc<RawValue>) -> Self {
        Self(raw)
    }
}

impl From<Box<RawValue>> for Reply {
    fn from(raw: Box<RawValue>) -> Self {
        Self(Arc::from(raw))
    }
}

/// What a method answers.
pub(crate) type Answer = Result<Reply, ErrorShape>;

/// A request on its way through a method.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) conn: ConnHandle,
    pub(crate) request_id: String,
    pub(crate) params: Value,
}

impl Call {
    /// The parameters, which the table's shape has checked.
    pub(crate) fn params<T: DeserializeOwned>(&mut self) -> Result<T, ErrorShape> {
        serde_json::from_value(self.params.take())
            .map_err(|e| ErrorShape::invalid(format!("invalid params: {e}")))
    }

    /// Answers and closes the connection, which an answer in the usual way would not outlive. Never returns: the request
    /// ends with its connection.
    pub(crate) async fn answer_and_close(&self, reply: &Reply, code: CloseCode, reason: &str) -> Answer {
        self.conn.respond(&self.request_id, Ok(reply.raw()));
        self.conn.close_after_queue(code, reason);
        std::future::pending().await
    }
}

type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

macro_rules! handlers {
    ($($name:literal => $path:path),* $(,)?) => {
        &[$(($name, |call| Box::pin($path(call)))),*]
    };
}
use handlers;

/// Which function answers which method, by area.
const AREAS: &[&[(&str, Handler)]] = &[
    handlers! { "connect" => connect_again },
    agents::HANDLERS,
    approvals::HANDLERS,
    audit::HANDLERS,
    browser::HANDLERS,
    channels::HANDLERS,
    chat::HANDLERS,
    config::HANDLERS,
    cron::HANDLERS,
    devices::HANDLERS,
    files::HANDLERS,
    models::HANDLERS,
    nodes::HANDLERS,
    sessions::HANDLERS,
    system::HANDLERS,
    tasks::HANDLERS,
    terminal::HANDLERS,
    tools::HANDLERS,
    usage::HANDLERS,
];

fn all_handlers() -> impl Iterator<Item = &'static (&'static str, Handler)> {
    AREAS.iter().copied().flatten()
}

/// The table and the functions, by name.
static METHODS: LazyLock<HashMap<&'static str, (&'static MethodSpec, Handler)>> = LazyLock::new(|| {
    all_handlers()
        .filter_map(|(name, handler)| protocol::methods::find(name).map(|spec| (*name, (spec, *handler))))
        .collect()
});

/// Whether there is such a method, and it is for clients of this role.
pub(crate) fn suits(method: &str, principal: &Principal) -> bool {
    METHODS.get(method).is_some_and(|(spec, _)| match spec.access {
        Access::Anyone => true,
        Access::Node => principal.is_node(),
        Access::Operator(_) => !principal.is_node(),
    })
}

/// Finds the method, checks who calls and with what, and begins. Nothing has happened yet where this refuses.
pub(crate) fn dispatch(
    method: &str,
    call: Call,
) -> Result<Pin<Box<dyn Future<Output = Answer> + Send>>, ErrorShape> {
    let Some((spec, handler)) = METHODS.get(method) else {
        let name: String = method.chars().take(100).collect();
        return Err(ErrorShape::invalid(format!("unknown method: {name}")));
    };
    check_access(spec, &call)?;
    over_funnel::check(spec, &call.params, call.conn.principal())?;
    if method == "chat.send" && call.params["sessionKey"].as_str().is_none_or(str::is_empty) {
        return Err(ErrorShape::invalid("session mutation target is unavailable")
            .with_details(json!({"code": "SESSION_MUTATION_TARGET_REQUIRED", "method": method})));
    }
    if method != "connect" {
        spec.params
            .check(&call.params)
            .map_err(|problem| ErrorShape::invalid(format!("invalid {method} params: {problem}")))?;
    }
    Ok(handler(call))
}

fn check_access(spec: &MethodSpec, call: &Call) -> Result<(), ErrorShape> {
    let principal = call.conn.principal();
    match spec.access_for(&call.params) {
        Access::Anyone => Ok(()),
        Access::Node if principal.is_node() => Ok(()),
        Access::Node => Err(unauthorized_role("operator")),
        Access::Operator(_) if principal.is_node() => Err(unauthorized_role("node")),
        Access::Operator(scope) if principal.may(scope) => Ok(()),
        Access::Operator(scope) => Err(ErrorShape::missing_scope(scope.as_str(), &[scope.as_str()])),
    }
}

/// The refusal of a method that is not for clients of this role.
fn unauthorized_role(role: &str) -> ErrorShape {
    ErrorShape::invalid(format!("unauthorized role: {role}"))
}

async fn connect_again(_: Call) -> Answer {
    Err(ErrorShape::invalid("connect is only valid as the first request"))
}

/// Reads a parameter where null and nothing are two things.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// A failure of the store, as clients see it.
pub(crate) fn store_error(error: store::StoreError) -> ErrorShape {
    tracing::error!(%error, "store");
    ErrorShape::unavailable(error.to_string()).retryable()
}

/// A failure of the store, as those see it who are not let in yet: where the state lies is not their business.
pub(crate) fn store_error_unseen(error: store::StoreError) -> ErrorShape {
    tracing::error!(%error, "store");
    ErrorShape::unavailable("the gateway's state cannot be used; see its log").retryable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_table_is_answered_and_no_other() {
        let mut listed: Vec<&str> = protocol::methods::all().map(|m| m.name).collect();
        let mut answered: Vec<&str> = all_handlers().map(|(name, _)| *name).collect();
        listed.sort_unstable();
        answered.sort_unstable();
        assert_eq!(listed, answered);
    }
}
