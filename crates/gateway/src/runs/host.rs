//! The gateway, as the agent's tools see it.

use crate::approvals;
use crate::hub::nodes::{By, Invoke, foreground};
use crate::shared::Shared;
use exec::policy::{Ask, Request, Security};
use model::{Message, SessionKey};
use protocol::ErrorShape;
use serde_json::{Value, json};
use std::sync::{Arc, Weak};
use tools::{
    AdmittedCommand, BoxFuture, CommandToRun, CronCall, Host, HostError, NodeApproval, NodeCall, NodeInfo,
    NodeQuestion, OutgoingMessage, SessionInfo,
};

/// A way back to the gateway that does not keep it alive.
pub(crate) struct GatewayHost(pub(crate) Weak<Shared>);

impl GatewayHost {
    fn shared(&self) -> Result<Arc<Shared>, HostError> {
        self.0.upgrade().ok_or_else(|| HostError {
            code: "UNAVAILABLE".into(),
            message: "the gateway is stopping".into(),
        })
    }
}

/// A command that was sent may have run, whatever became of its answer: the model must not simply try again.
pub(super) fn host_error(error: ErrorShape) -> HostError {
    let dispatched = error.details.as_ref().is_some_and(|d| d["nodeCommandDispatched"] == true);
    let silent = dispatched && matches!(error.detail_code(), Some("DISCONNECTED" | "TIMEOUT"));
    let warning = "; the command was sent and may have run: find out before repeating it";
    let written = error.details.as_ref().and_then(|d| d["partialOutput"].as_str());
    let written = written.map(|text| format!("\nuntil then it had written:\n{text}")).unwrap_or_default();
    let warning = if silent { warning } else { "" };
    let message = format!("{}{warning}{written}", error.message);
    HostError { code: error.code.as_str().to_owned(), message }
}

pub(super) fn store_error(error: store::StoreError) -> HostError {
    HostError { code: "UNAVAILABLE".into(), message: error.to_string() }
}

impl Host for GatewayHost {
    fn nodes<'a>(&'a self) -> BoxFuture<'a, Vec<NodeInfo>> {
        Box::pin(async move {
            let Ok(shared) = self.shared() else { return vec![] };
            let approved = shared.store.nodes().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the list of nodes is incomplete");
                vec![]
            });
            let mut nodes: Vec<NodeInfo> = shared
                .hub
                .nodes
                .all()
                .into_iter()
                .map(|n| NodeInfo {
                    connected: true,
                    approved: n.approved.is_some(),
                    commands: n.commands(),
                    node_id: n.declared.node_id,
                    display_name: n.declared.display_name,
                    platform: n.declared.platform.unwrap_or_default(),
                    caps: n.declared.caps,
                })
                .collect();
            for surface in approved {
                let d = surface.declaration;
                if !nodes.iter().any(|n| n.node_id == d.node_id) {
                    nodes.push(NodeInfo {
                        node_id: d.node_id,
                        display_name: d.display_name,
                        platform: d.platform.unwrap_or_default(),
                        connected: false,
                        approved: true,
                        caps: d.caps,
                        commands: d.commands,
                    });
                }
            }
            // The operator's own names, where there are some.
            match shared.store.devices().await {
                Ok(devices) => {
                    for device in devices.into_iter().filter(|d| d.label.is_some()) {
                        if let Some(node) = nodes.iter_mut().find(|n| n.node_id == device.device_id) {
                            node.display_name = device.label;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "nodes go by the names that they give themselves"),
            }
            nodes
        })
    }

    fn invoke_node<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            approvals::nodes::check_claims(&shared, &call.node_id, &call.command, Some(&call.params))
                .await
                .map_err(host_error)?;
            let cancel = call.context.cancel.clone();
            let invoke = Invoke {
                by: By::Agent(call.context),
                node_id: call.node_id,
                command: call.command,
                params: Some(call.params),
                timeout: call.timeout,
                idempotency_key: call.idempotency_key,
            };
            let answer = tokio::select! {
                answer = foreground::invoke(&shared, invoke) => answer.map_err(host_error)?,
                () = cancel.cancelled() => {
                    return Err(HostError { code: "ABORTED".into(), message: "the run was aborted".into() });
                }
            };
            match answer {
                None => Ok(Value::Null),
                Some(text) => serde_json::from_str(&text).map_err(|e| HostError {
                    code: "UNAVAILABLE".into(),
                    message: format!("the node's answer is no JSON: {e}"),
                }),
            }
        })
    }

    fn own_browser<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let failed = |message: String| HostError { code: "UNAVAILABLE".into(), message };
            let browser = self.shared()?.browser.clone();
            let browser = browser.ok_or_else(|| failed("there is no browser beside the gateway".into()))?;
            tokio::select! {
                answer = browser.request(&call.command, call.params, call.timeout) => answer.map_err(failed),
                () = call.context.cancel.cancelled() => {
                    Err(HostError { code: "ABORTED".into(), message: "the run was aborted".into() })
                }
            }
        })
    }

    fn own_tool<'a>(&'a self, call: NodeCall) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let failed = |message: String| HostError { code: "UNAVAILABLE".into(), message };
            let servers = self.shared()?.own_servers.clone();
            let servers =
                servers.ok_or_else(|| failed("there are no servers of tools beside the gateway".into()))?;
            tokio::select! {
                answer = servers.call(call.params, call.timeout) => answer.map_err(failed),
                () = call.context.cancel.cancelled() => {
                    Err(HostError { code: "ABORTED".into(), message: "the run was aborted".into() })
                }
            }
        })
    }

    fn send_message<'a>(&'a self, message: OutgoingMessage) -> BoxFuture<'a, Result<String, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            super::said::send(&shared, message).await
        })
    }

    fn reactions<'a>(&'a self, session: SessionKey) -> BoxFuture<'a, Result<tools::Reactions, HostError>> {
        Box::pin(async move { super::said::reactions(self.shared()?.as_ref(), &session).await })
    }

    fn read_messages<'a>(
        &'a self,
        run_id: String,
        asked: tools::ReadMessages,
    ) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move { super::said::read(self.shared()?.as_ref(), &run_id, asked).await })
    }

    fn stickers<'a>(
        &'a self,
        session: SessionKey,
        account: Option<String>,
        query: String,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<model::Sticker>, HostError>> {
        Box::pin(async move {
            super::said::stickers(self.shared()?.as_ref(), &session, account, &query, limit).await
        })
    }

    fn sessions<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<SessionInfo>, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            let filter = store::SessionFilter { limit, ..store::SessionFilter::default() };
            let sessions = shared.store.sessions(filter).await.map_err(store_error)?;
            let info = |s: store::Session| SessionInfo {
                active: !shared.runs.running(&s.key).is_empty(),
                updated_at_ms: s.updated_at_ms,
                title: s.title,
                model: [s.provider, s.model].into_iter().flatten().collect::<Vec<_>>().join("/"),
                total_tokens: s.context_tokens,
                key: s.key,
            };
            Ok(sessions.into_iter().map(info).collect())
        })
    }

    fn history<'a>(
        &'a self,
        key: SessionKey,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            let (entries, _) = shared.store.history(&key, limit, None).await.map_err(store_error)?;
            Ok(entries.into_iter().map(|e| e.message).collect())
        })
    }

    fn cron<'a>(&'a self, call: CronCall, session: SessionKey) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            crate::cron::tool::call(&shared, call, &session)
                .await
                .map_err(|refusal| HostError { code: "INVALID_REQUEST".into(), message: refusal.to_string() })
        })
    }

    fn admit_command<'a>(
        &'a self,
        command: CommandToRun,
    ) -> BoxFuture<'a, Result<AdmittedCommand, HostError>> {
        Box::pin(async move { approvals::admission::admit(&self.shared()?, command).await })
    }

    /// Nothing runs on nodes on the word of a gateway that is stopping, or for an agent that is not there.
    fn node_policy(&self, agent_id: &str) -> Request {
        let settings = self.shared().ok().map(|shared| shared.settings());
        settings
            .filter(|settings| settings.has_agent(agent_id))
            .map_or(Request { security: Security::Deny, ask: Ask::Off }, |settings| settings.exec_request)
    }

    fn ask_about<'a>(&'a self, question: NodeQuestion) -> BoxFuture<'a, Result<NodeApproval, HostError>> {
        Box::pin(async move { approvals::nodes::ask_about(&self.shared()?, question).await })
    }

    fn skill_text(&self, location: &str) -> Option<String> {
        crate::node_skills::text(self.shared().ok()?.as_ref(), location)
    }

    fn session_status<'a>(&'a self, key: SessionKey) -> BoxFuture<'a, Result<Value, HostError>> {
        Box::pin(async move {
            let shared = self.shared()?;
            let session =
                shared.store.session(&key).await.map_err(store_error)?.ok_or_else(|| HostError {
                    code: "INVALID_REQUEST".into(),
                    message: format!("no session {key}; sessions_list names those that there are"),
                })?;
            let model = shared.models().info_for_run(key.agent_id(), session.model_choice.as_deref());
            let window = model.as_ref().map(|m| m.context_window);
            Ok(json!({
                "key": key, "model": model.as_ref().map(|m| format!("{}/{}", m.provider, m.id)),
                "contextTokens": session.context_tokens, "contextWindow": window,
                "inputTokens": session.usage.input, "outputTokens": session.usage.output,
                "costUsd": session.usage.cost, "messages": session.message_count,
                "compactions": session.compactions, "startedAtMs": session.started_at_ms,
                "updatedAtMs": session.updated_at_ms, "nodesConnected": shared.hub.nodes.all().len(),
            }))
        })
    }
}
