//! Where the method table is not the published one: what, and why.

/// Methods, parameters, and the reason. `a/b` is the property `b` of the parameter `a`.
type Choices = &'static [(&'static [&'static str], &'static [&'static str], &'static str)];

/// Methods whose scope the published table leaves to the gateway, or that are open to others here: who may call them, and
/// why.
pub(crate) const OWN_CHOICE: &[(&str, &str, &str)] = &[
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

/// Methods whose parameters have no published definition.
pub(crate) const NO_PARAMS: &str = "
    browser.request channels.deadLetters.drop channels.deadLetters.list channels.deadLetters.resubmit chat.startup device.scopes.requestUpgrade device.scopes.waitUpgrade exec.approval.list exec.approval.waitDecision
    gateway.identity.get health last-heartbeat models.keys.probe node.pending.pull plugin.approval.list sessions.subscribe sessions.unsubscribe set-heartbeats status
    system-event
    system-presence terminal.list usage.cost usage.status users.self voicewake.get
    voicewake.set
";

/// Parameters that the published definition has not, and why they are taken all the same.
pub(crate) const OURS: Choices = &[
    (&["chat.history"], &["includeMetadata", "maxBytes"], "chat.startup takes it, and both are asked alike"),
    (
        &["sessions.cleanup"],
        &["dryRun"],
        "the gateway alone knows what is under way: it says what would be done",
    ),
    (
        &["sessions.messages.unsubscribe"],
        &["includeApprovals"],
        "a client may undo with what it subscribed with",
    ),
];

/// Published parameters that are refused as unknown, so that nobody believes that something was done.
pub(crate) const REFUSED: Choices = &[];

/// Texts of which fewer are taken than are published: the others ask for what is not here.
pub(crate) const NARROWER: Choices = &[
    (
        &["agent"],
        &["promptMode", "sessionEffects", "sourceReplyDeliveryMode"],
        "there is one way in which a turn goes",
    ),
    (&["sessions.create"], &["visibility"], "every operator sees every session"),
];

/// Published with one type, and taken as any JSON.
pub(crate) const LOOSE: Choices = &[
    (&["cron.add"], &["pacing", "trigger"], "refused by name, whatever it is"),
    (&["cron.update"], &["patch/state"], "refused by name, whatever it is"),
    (
        &["node.event", "node.invoke.result"],
        &["payloadJSON"],
        "a node that has done its part has answered, also where it wrote null for nothing",
    ),
    (&["node.invoke.result"], &["error"], "a node that has failed has answered, whatever it says of it"),
];

/// Parameters that change nothing: what they ask for is so anyway, or is only about what is not here.
pub(crate) const IGNORED: Choices = &[
    (
        &["agent", "chat.send", "sessions.send"],
        &["thinking"],
        "apps send a level with each message, whatever the model is; models are asked without",
    ),
    (
        &["agent"],
        &[
            "groupId",
            "groupChannel",
            "groupSpace",
            "label",
            "voiceWakeTrigger",
            "acpTurnSource",
            "inputProvenance",
        ],
        "where a message came from, or what it is called: nothing is decided by it",
    ),
    (&["agent"], &["lane"], "turns of one session wait for each other, and for no others"),
    (&["agent"], &["cleanupBundleMcpOnRunEnd"], "no servers of tools are started for a run"),
    (&["agent"], &["bootstrapContextRunKind"], "the workspace's files are shown to every turn alike"),
    (
        &["agent"],
        &[
            "internalRuntimeHandoffId",
            "internalExecutionIdentityRetry",
            "internalExecutionIdentityRecoveryAttempt",
            "execApprovalFollowupExpectedSessionId",
        ],
        "what one part of OpenClaw's gateway tells another; a client has none of it",
    ),
    (&["chat.abort"], &["preserveSideRuns"], "a session has no runs beside its own"),
    (
        &["chat.history", "chat.startup"],
        &["pendingBefore", "inputRunIds"],
        "they choose among messages that wait, which are not part of the answer",
    ),
    (
        &["chat.history", "chat.startup"],
        &["includeMetadata"],
        "chat.startup has it always, chat.history never",
    ),
    (
        &["chat.send"],
        &["systemInputProvenance", "systemProvenanceReceipt"],
        "who speaks is known from the connection",
    ),
    (
        &["commands.list"],
        &["sessionKey", "provider"],
        "the commands are the same in every session and on every platform",
    ),
    (&["cron.add"], &["owner"], "a job is its agent's"),
    (&["cron.list"], &["compact"], "jobs are told whole"),
    (&["device.pair.setupCode"], &["includeQr"], "the picture of a code is the business of whoever shows it"),
    (&["exec.approval.request"], &["commandSpans"], "commands are shown as they are, without marks"),
    (
        &["exec.approval.request"],
        &["deliverToApprovalClientsOnly"],
        "what a client asks is shown to those who approve, and in no chat",
    ),
    (
        &["exec.approval.request"],
        &[
            "scope",
            "sessionId",
            "turnSourceChannel",
            "turnSourceTo",
            "turnSourceAccountId",
            "turnSourceThreadId",
        ],
        "claims about who is behind it: the command is what is decided about",
    ),
    (&["exec.approval.waitDecision"], &["timeoutMs"], "it waits until the question is decided or over"),
    (&["health"], &["includeSensitive"], "what is told follows from the scopes of the caller"),
    (
        &["message.action"],
        &[
            "requesterAccountId",
            "requesterSenderId",
            "senderIsOwner",
            "sessionKey",
            "sessionId",
            "inboundTurnKind",
            "agentId",
            "toolContext",
            "conversationReadOrigin",
        ],
        "claims about who is behind it: the caller's own authority counts",
    ),
    (&["message.action"], &["reply/source", "reply/mode"], "there is one way to answer a message"),
    (&["models.authStatus"], &["refresh"], "it is looked up each time"),
    (
        &["models.list"],
        &["includeProviderCapabilities", "preparedOnly", "refresh", "view"],
        "the list is that of the configuration, whole, and nothing is fetched for it",
    ),
    (&["node.pending.enqueue"], &["wake"], "a node that sleeps is not woken"),
    (&["update.status"], &["refreshCheckout"], "there is no checkout"),
    (
        &["node.invoke"],
        &["sessionKey", "turnSourceChannel", "turnSourceTo", "turnSourceAccountId", "turnSourceThreadId"],
        "claims about who is behind it: the caller's own authority counts",
    ),
    (&["send"], &["gifPlayback", "contentType"], "a file is what its bytes and its name say"),
    (&["sessions.create"], &["emitCommandHooks", "succeedsParent"], "there are no hooks of commands"),
    (&["sessions.delete"], &["emitLifecycleHooks"], "there are no hooks of sessions"),
    (
        &["sessions.list", "sessions.describe"],
        &["includeDerivedTitles", "includeLastMessage"],
        "every row has both",
    ),
    (
        &["sessions.list", "sessions.resolve"],
        &["includeGlobal", "includeUnknown"],
        "there are no sessions of these kinds",
    ),
    (
        &["sessions.list"],
        &["requireLastInteraction", "sortBy"],
        "one time is kept of a session, its last change; behind the pinned ones they are in its order",
    ),
    (&["sessions.list"], &["configuredAgentsOnly"], "sessions of agents that are gone are shown too"),
    (&["sessions.list"], &["ownerFirst", "includePeople"], "who takes part in a session is not kept"),
    (
        &["sessions.messages.subscribe", "sessions.messages.unsubscribe"],
        &["includeApprovals"],
        "who may decide is told of every question",
    ),
    (&["sessions.usage"], &["includeContextWeight"], "it is not measured"),
    (&["status"], &["deep"], "nothing is left out without it"),
    (
        &["system-event"],
        &[
            "deviceId",
            "instanceId",
            "host",
            "ip",
            "version",
            "platform",
            "deviceFamily",
            "modelIdentifier",
            "mode",
            "reason",
            "tags",
            "roles",
            "scopes",
            "lastInputSeconds",
        ],
        "who is there is known from the connections",
    ),
    (&["tools.catalog"], &["includePlugins"], "there are no plugins"),
    (
        &["tools.invoke"],
        &["confirm", "conversationReadOrigin"],
        "nothing is asked back, and a claim opens nothing",
    ),
    (
        &["config.apply", "config.patch"],
        &["sessionKey", "deliveryContext"],
        "the gateway does not start anew by itself, so that nobody has to be told afterwards",
    ),
];
