//! The methods: one file each. The table in `protocol::methods` says who may call what and with which parameters; here
//! stands which function answers.

mod agent;
mod agent_identity_get;
mod agent_wait;
mod agents_list;
mod channels_pairing;
mod channels_status;
mod chat_abort;
mod chat_history;
mod chat_send;
mod config_get;
mod device_pair;
mod gateway_identity_get;
mod health;
mod logs_tail;
mod models_list;
mod node_event;
mod node_invoke;
mod node_invoke_result;
mod node_list;
mod node_pair;
mod send;
mod sessions_describe;
pub(crate) mod sessions_list;
mod sessions_reset;
mod sessions_subscribe;
mod status;
mod submit;
mod system_presence;

use crate::connection::hello::to_raw;
use crate::connection::outbound::ConnHandle;
use crate::shared::Shared;
use protocol::methods::{Access, MethodSpec};
use protocol::{ErrorCode, ErrorShape};
use serde::de::DeserializeOwned;
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
}

type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

macro_rules! handlers {
    ($($name:literal => $path:path),* $(,)?) => {
        &[$(($name, |call| Box::pin($path(call)))),*]
    };
}

/// Which function answers which method.
const HANDLERS: &[(&str, Handler)] = handlers! {
    "connect" => connect_again,
    "health" => health::handle,
    "status" => status::handle,
    "system-presence" => system_presence::handle,
    "gateway.identity.get" => gateway_identity_get::handle,
    "channels.status" => channels_status::handle,
    "channels.pairing.list" => channels_pairing::list,
    "channels.pairing.approve" => channels_pairing::approve,
    "models.list" => models_list::handle,
    "agents.list" => agents_list::handle,
    "agent.identity.get" => agent_identity_get::handle,
    "sessions.list" => sessions_list::handle,
    "sessions.describe" => sessions_describe::handle,
    "sessions.reset" => sessions_reset::handle,
    "sessions.subscribe" => sessions_subscribe::subscribe,
    "sessions.unsubscribe" => sessions_subscribe::unsubscribe,
    "sessions.messages.subscribe" => sessions_subscribe::subscribe_messages,
    "sessions.messages.unsubscribe" => sessions_subscribe::unsubscribe_messages,
    "chat.startup" => chat_history::startup,
    "chat.history" => chat_history::handle,
    "chat.send" => chat_send::handle,
    "chat.abort" => chat_abort::handle,
    "agent" => agent::handle,
    "agent.wait" => agent_wait::handle,
    "send" => send::handle,
    "node.list" => node_list::list,
    "node.describe" => node_list::describe,
    "node.invoke" => node_invoke::handle,
    "node.invoke.result" => node_invoke_result::handle,
    "node.event" => node_event::handle,
    "node.pair.list" => node_pair::list,
    "node.pair.approve" => node_pair::approve,
    "node.pair.reject" => node_pair::reject,
    "node.pair.remove" => node_pair::remove,
    "device.pair.list" => device_pair::list,
    "device.pair.approve" => device_pair::approve,
    "device.pair.reject" => device_pair::reject,
    "device.pair.remove" => device_pair::remove,
    "logs.tail" => logs_tail::handle,
    "config.get" => config_get::handle,
};

/// The table and the functions, by name.
static METHODS: LazyLock<HashMap<&'static str, (&'static MethodSpec, Handler)>> = LazyLock::new(|| {
    HANDLERS
        .iter()
        .filter_map(|(name, handler)| protocol::methods::find(name).map(|spec| (*name, (spec, *handler))))
        .collect()
});

/// Whether there is such a method.
pub(crate) fn is_known(method: &str) -> bool {
    METHODS.contains_key(method)
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
    match spec.access {
        Access::Anyone => Ok(()),
        Access::Node if principal.is_node() => Ok(()),
        Access::Node => Err(ErrorShape::new(
            ErrorCode::Forbidden,
            format!("{} is for nodes; this connection is an operator's", spec.name),
        )
        .with_details(json!({"code": "ROLE_REQUIRED", "requiredRole": "node"}))),
        Access::Operator(_) if principal.is_node() => Err(ErrorShape::new(
            ErrorCode::Forbidden,
            format!("{} is for operators; this connection is a node's", spec.name),
        )
        .with_details(json!({"code": "ROLE_REQUIRED", "requiredRole": "operator"}))),
        Access::Operator(scope) if principal.may(scope) => Ok(()),
        Access::Operator(scope) => Err(ErrorShape::missing_scope(scope.as_str(), &[scope.as_str()])),
    }
}

async fn connect_again(_: Call) -> Answer {
    Err(ErrorShape::invalid("connect is only valid as the first request"))
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
        let mut listed: Vec<&str> = protocol::methods::METHODS.iter().map(|m| m.name).collect();
        let mut answered: Vec<&str> = HANDLERS.iter().map(|(name, _)| *name).collect();
        listed.sort_unstable();
        answered.sort_unstable();
        assert_eq!(listed, answered);
    }
}
