//! Which published definition belongs to which answer and event, and what has none.

/// What is published about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published<T> {
    /// It is as this definition says.
    Whole(T),
    /// Nothing, or parts of it ([`PARTS`]) alone.
    Nothing,
    /// No row here names it.
    Unknown,
}

/// Answers whose definition is not called as the method is: `sessions.create` → `SessionsCreateResult`.
const IRREGULAR: &[(&str, &str)] = &[
    ("agent.identity.get", "AgentIdentityResult"),
    ("config.schema", "ConfigSchemaResponse"),
    ("connect", "HelloOk"),
    ("conversations.list", "ConversationListResult"),
    ("conversations.send", "ConversationSendResult"),
    ("conversations.turn", "ConversationTurnResult"),
    ("conversations.turn.cancel", "ConversationTurnCancelResult"),
    ("cron.get", "CronJob"),
    ("cron.update", "CronJob"),
    ("device.scopes.requestUpgrade", "ScopeUpgradeRegistration"),
    ("device.scopes.waitUpgrade", "ScopeUpgradeResult"),
    ("exec.approvals.get", "ExecApprovalsSnapshot"),
    ("exec.approvals.node.get", "ExecApprovalsNodeSnapshot"),
    ("exec.approvals.node.set", "ExecApprovalsNodeSnapshot"),
    ("exec.approvals.set", "ExecApprovalsSnapshot"),
    ("openclaw.changes.list", "SystemChangesListResult"),
    ("openclaw.chat", "SystemAgentChatResult"),
    ("openclaw.chat.history", "SystemAgentChatHistoryResult"),
    ("secrets.store.delete", "SecretsStoreMutationResult"),
    ("secrets.store.set", "SecretsStoreMutationResult"),
    ("session.members.add", "SessionMemberMutationResult"),
    ("session.members.remove", "SessionMemberMutationResult"),
    ("sessions.groups.delete", "SessionsGroupsMutationResult"),
    ("sessions.groups.put", "SessionsGroupsMutationResult"),
    ("sessions.groups.rename", "SessionsGroupsMutationResult"),
    ("sessions.viewers.set", "SessionsViewerPresenceSetResult"),
    ("terminal.close", "TerminalAckResult"),
    ("terminal.input", "TerminalAckResult"),
    ("terminal.resize", "TerminalAckResult"),
];

/// Published methods whose answers have no published shape.
const NO_SHAPE: &str = "
    agent agent.wait assistant.media.get attach.grant attach.revoke board.action board.data.read board.event
    board.get board.prompt.authorize board.update board.widget.grant channels.logout channels.start channels.stop
    chat.abort chat.history chat.inject chat.metadata chat.send chat.startup config.apply config.get config.openFile
    config.patch config.set controlUi.githubPreview controlUi.sessionPreview controlUi.sessionPullRequests.subscribe
    cron.list cron.remove cron.run cron.runs cron.status desktop.launch device.pair.approve device.pair.list
    device.pair.reject device.pair.remove device.pair.rename device.token.revoke diagnostics.lanes
    diagnostics.stability doctor.memory.backfillDreamDiary doctor.memory.dedupeDreamDiary doctor.memory.dreamDiary
    doctor.memory.repairDreamingArtifacts doctor.memory.resetDreamDiary doctor.memory.resetGroundedShortTerm
    doctor.memory.status exec.approval.get exec.approval.list exec.approval.request exec.approval.resolve
    exec.approval.waitDecision gateway.identity.get gateway.restart.preflight gateway.restart.request health
    hooks.status last-heartbeat mcp.app.callTool mcp.app.listResourceTemplates mcp.app.listResources
    mcp.app.listTools mcp.app.readResource mcp.app.updateModelContext mcp.app.view memory.search message.action
    models.authLogout models.authStatus nativeHook.invoke node.describe node.invoke node.invoke.progress
    node.invoke.result node.list node.pair.approve node.pair.list node.pair.reject node.pair.remove node.pending.ack
    node.pending.pull node.pluginSurface.refresh node.pluginTools.update node.rename node.runnerInventory.update
    node.skills.update openclaw.approval.list openclaw.setup.activate openclaw.setup.activate.start
    openclaw.setup.auth.start openclaw.setup.detect openclaw.setup.prepare.start openclaw.setup.verify
    plugin.approval.list plugin.approval.request plugin.approval.resolve plugin.approval.waitDecision
    plugin.surface.refresh poll push.web.preferences.get push.web.preferences.set push.web.subscribe push.web.test
    push.web.unsubscribe push.web.vapidPublicKey secrets.reload send sessions.abort sessions.cleanup
    sessions.compact sessions.describe sessions.get sessions.github.confirm sessions.github.options
    sessions.github.publish sessions.github.status sessions.goal.clear sessions.goal.update sessions.list
    sessions.messages.subscribe sessions.messages.unsubscribe sessions.patch sessions.preview sessions.reset
    sessions.send sessions.steer sessions.subscribe sessions.usage sessions.usage.logs sessions.usage.timeseries
    set-heartbeats skills.curator.pin skills.curator.restore skills.curator.unpin skills.install
    skills.library.activate skills.library.import skills.library.list skills.library.mutate skills.library.read
    skills.library.save skills.library.upload skills.proposals.apply skills.proposals.create
    skills.proposals.evaluate skills.proposals.events.list skills.proposals.historyScan
    skills.proposals.historyStatus skills.proposals.inspect skills.proposals.quarantine skills.proposals.reject
    skills.proposals.requestRevision skills.proposals.revise skills.proposals.update skills.status skills.update
    skills.upload.begin skills.upload.chunk skills.upload.commit status system-event system-presence
    talk.client.close talk.client.steer talk.client.transcript talk.mode talk.session.acknowledgeMark
    talk.session.appendAudio talk.session.close talk.session.steer talk.session.submitToolResult tasks.dismiss
    tasks.retry tools.github.authorize.cancel tools.github.authorize.poll tools.github.authorize.start
    tools.github.configure tools.github.status tts.convert tts.disable tts.enable tts.personas tts.providers
    tts.setPersona tts.setProvider tts.status update.run usage.cost usage.status users.github.authorize.cancel
    users.github.authorize.poll users.github.authorize.start users.github.disconnect users.github.status
    users.linkEmail users.list users.prefs.get users.prefs.set users.self users.setAvatar users.setDisplayName
    users.setRole voicewake.get voicewake.routing.get voicewake.set wake web.login.start web.login.wait
    wizard.cancel worktrees.create worktrees.restore
";

/// Methods that may answer `null`.
pub(super) const MAY_BE_NULL: &[&str] = &[
    // Before the first one.
    "last-heartbeat",
];

/// Methods that are not in the published list at all.
pub const NOT_PUBLISHED: &[&str] = &[
    // The opposite of sessions.subscribe.
    "sessions.unsubscribe",
    // In OpenClaw a plugin's, which its command line and its interface in the browser use.
    "browser.request",
    // What could not be sent: OpenClaw's command line reads it from the files of its own gateway.
    "channels.deadLetters.drop",
    "channels.deadLetters.list",
    "channels.deadLetters.resubmit",
    // OpenClaw's command line asks by itself; its `models.probe` is another one.
    "models.keys.probe",
];

/// Parts of answers that have a definition: method, place (`*` for every item), definition. A place that is not there is
/// left out.
pub const PARTS: &[(&str, &str, &str)] = &[
    ("cron.list", "/jobs/*", "CronJob"),
    ("cron.runs", "/entries/*", "CronRunLogEntry"),
    ("sessions.describe", "/session", "SessionRow"),
    ("sessions.list", "/sessions/*", "SessionRow"),
    ("system-presence", "/*", "PresenceEntry"),
];

/// Events that have a definition.
const EVENTS: &[(&str, &str)] = &[
    ("agent", "AgentEvent"),
    ("chat", "ChatEvent"),
    ("device.pair.requested", "DevicePairRequestedEvent"),
    ("device.pair.resolved", "DevicePairResolvedEvent"),
    ("device.pair.setup.completed", "DevicePairSetupCompletedEvent"),
    ("device.pair.setup.deliveryUncertain", "DevicePairSetupDeliveryUncertainEvent"),
    ("node.invoke.input", "NodeInvokeInputEvent"),
    ("node.invoke.request", "NodeInvokeRequestEvent"),
    ("session.approval", "SessionApprovalEvent"),
    ("session.operation", "SessionOperationEvent"),
    ("shutdown", "ShutdownEvent"),
    ("terminal.data", "TerminalDataEvent"),
    ("terminal.exit", "TerminalExitEvent"),
    ("tick", "TickEvent"),
];

/// Events that have no published shape. `heartbeat`, `task` and what follows them are known from recordings alone.
const EVENTS_WITHOUT: &[&str] = &[
    "chat.metadata.changed",
    "config.changed",
    "connect.challenge",
    "cron",
    "exec.approval.requested",
    "exec.approval.resolved",
    "health",
    "heartbeat",
    "node.hostStats",
    "node.invoke.cancel",
    "node.pair.requested",
    "node.pair.resolved",
    "node.runnerInventory.changed",
    "plugin.approval.requested",
    "plugin.approval.resolved",
    "presence",
    "session.message",
    "session.tool",
    "sessions.changed",
    "task",
    "voicewake.changed",
    "voicewake.routing.changed",
];

/// Parts of events that have a definition, as [`PARTS`].
pub const EVENT_PARTS: &[(&str, &str, &str)] =
    &[("presence", "/presence/*", "PresenceEntry"), ("sessions.changed", "/session", "SessionRow")];

/// Properties that the published definition leaves out and OpenClaw 2026.9.6 sends all the same: definition, place,
/// property. Its clients read them, as recordings show; everything else that is not published is a fault of ours.
const RECORDED: &[(&str, &str, &str)] = &[
    // Without them no client could tell to which session the event belongs.
    ("AgentEvent", "", "sessionKey"),
    ("AgentEvent", "", "sessionId"),
    ("AgentEvent", "", "agentId"),
    // What is wrong with a channel that is configured.
    ("ChannelsStatusResult", "", "statusIssues"),
    // Jobs in `cron.list` name the agent that they run as.
    ("CronJob", "", "effectiveAgentId"),
    // How the client came in.
    ("HelloOk", "/auth", "method"),
    // The same health that `health` answers, whose shape is not published.
    ("HelloOk", "/snapshot/health", "modelRuntime"),
    ("HelloOk", "/snapshot/presence/*", "clientId"),
    ("PresenceEntry", "", "clientId"),
];

/// The definition of a method's answer.
pub fn answer_of(method: &str) -> Published<String> {
    if let Some((_, definition)) = IRREGULAR.iter().find(|(name, _)| *name == method) {
        return Published::Whole((*definition).to_owned());
    }
    let regular = format!("{}Result", camel(method));
    if super::published::schema().has(&regular) {
        Published::Whole(regular)
    } else if NO_SHAPE.split_whitespace().chain(NOT_PUBLISHED.iter().copied()).any(|name| name == method) {
        Published::Nothing
    } else {
        Published::Unknown
    }
}

/// Parameters whose definition is not called as the method is.
const IRREGULAR_PARAMS: &[(&str, &str)] = &[("agent.identity.get", "AgentIdentityParams")];

/// The definition of a method's parameters, where one is published.
pub fn params_of(method: &str) -> Option<String> {
    let irregular = IRREGULAR_PARAMS.iter().find(|(name, _)| *name == method);
    let name = irregular.map_or_else(|| format!("{}Params", camel(method)), |(_, name)| (*name).to_owned());
    super::published::schema().has(&name).then_some(name)
}

/// The definition of an event.
pub fn event_of(event: &str) -> Published<&'static str> {
    if let Some((_, definition)) = EVENTS.iter().find(|(name, _)| *name == event) {
        return Published::Whole(definition);
    }
    if EVENTS_WITHOUT.contains(&event) { Published::Nothing } else { Published::Unknown }
}

/// Whether recordings show a property that the definition leaves out.
pub(super) fn is_recorded(definition: &str, path: &str, property: &str) -> bool {
    RECORDED.contains(&(definition, path, property))
}

/// `sessions.messages.subscribe` → `SessionsMessagesSubscribe`.
fn camel(method: &str) -> String {
    let words = method.split(['.', '-']);
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::published::schema;

    #[test]
    fn every_published_method_has_exactly_one_row() {
        let listed: Vec<&str> =
            NO_SHAPE.split_whitespace().chain(IRREGULAR.iter().map(|row| row.0)).collect();
        let published: Vec<String> = schema().methods().into_iter().map(|(name, _)| name).collect();
        for name in &published {
            let regular = schema().has(&format!("{}Result", camel(name)));
            let rows = listed.iter().filter(|row| *row == name).count() + usize::from(regular);
            assert_eq!(rows, 1, "{name}");
        }
        for name in listed {
            assert!(published.iter().any(|p| p == name), "{name} is not published");
        }
        for name in NOT_PUBLISHED {
            assert!(!published.iter().any(|p| p == name), "{name} is published now");
        }
    }

    #[test]
    fn every_definition_that_a_row_names_can_be_used() {
        let parts = PARTS.iter().chain(EVENT_PARTS).map(|row| row.2);
        let names = IRREGULAR.iter().chain(EVENTS).map(|row| row.1).chain(parts);
        for name in names.chain(["ResponseFrame", "EventFrame", "GatewayErrorDetails"]) {
            schema().problems(name, &serde_json::Value::Null);
        }
    }
}
