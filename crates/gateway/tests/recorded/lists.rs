//! What is different on purpose, with the reason: the places that it holds for, a field together with what is in it.
//! `*.name` is a field of this name wherever it is.

/// Recorded methods that are not called here, with the reason.
pub(crate) const ROWS_LEFT_OUT: &[(&str, &str)] = &[
    (
        "message.action",
        "the recorded reaction failed on its platform; crates/gateway/tests/message_actions.rs has one",
    ),
    ("poll", "the recorded poll failed on its platform; crates/gateway/tests/message_actions.rs has some"),
    (
        "agents.create",
        "the recorded workspace is a folder of the host; crates/gateway/tests/agents.rs makes one of its own",
    ),
    ("agents.delete", "the recorded agent was made a moment before and not found; here it is found"),
    ("config.patch", "the recorded patch is one of the recorded file"),
    ("exec.approval.request", "its parameters were not recorded"),
    (
        "exec.approvals.node.get",
        "the node of this test keeps no policy; that of crates/cli/tests/approvals.rs does",
    ),
];

/// What the recording has and ours has not.
pub(crate) const NOT_HERE: &[(&str, &[&str])] = &[
    ("The published shape of a file has no such property.", &["agents.files.get.file.hash"]),
    (
        "No platform is given a menu of commands.",
        &["commands.list.commands[0].nativeName", "chat.metadata.commands[0].nativeName"],
    ),
    ("No second program asks over a socket of its own.", &["exec.approvals.get.file.socket"]),
    (
        "A tool answers with what the model reads, and with nothing beside it.",
        &["tools.invoke.output.details"],
    ),
    (
        "The schema is made from the reader of the configuration, which knows names and kinds and has no texts for a page.",
        &["config.schema.lookup"],
    ),
    (
        "One runtime, on this host, asked without extra thinking or fast modes.",
        &[
            "*.agentRuntime",
            "*.runtime",
            "*.runtimeSelectionLocked",
            "*.thinkingLevels",
            "*.thinkingDefault",
            "*.thinkingOptions",
            "*.effectiveFastMode",
            "*.effectiveFastModeSource",
            "*.fastAutoOnSeconds",
            "*.effectiveResponseUsage",
            "*.modelSelectionTarget",
            "*.modelSelectionReason",
            "*.configuredModel",
            "*.selectedModel",
            "*.modelOverrideSource",
            "*.placement",
            "*.swarmEnabled",
            "*.accountSelection",
            "*.workerPools",
            "*.modelRuntime",
        ],
    ),
    (
        "Who takes part in a session, and what they have read, is not kept: it belongs to its agent.",
        &[
            "*.participants",
            "*.expandedParticipants",
            "*.participantCount",
            "*.createdActor",
            "*.byCreator",
            "*.creatorOptions",
            "*.creatorKey",
            "*.visibility",
            "*.sharingRole",
            "*.hiddenFromInvolvingMe",
            "*.owners",
            "*.origin",
            "*.lastReadAt",
            "*.lastActivityAt",
            "*.lastInteractionAt",
            "*.activitySummary",
            "*.activity",
            "*.senderId",
            "*.senderIdentity",
            "*.senderIsOwner",
            "*.senderName",
            "*.senderUsername",
        ],
    ),
    (
        "One set of permissions for all sessions of an agent; approvals are not shown with a session.",
        &["*.permissionModePending", "*.defaultPermissionMode", "*.approvalReplay", "*.scheduledToolPolicy"],
    ),
    (
        "A transcript is one line of entries: no branches, cursors, positions or revisions.",
        &[
            "*.activeLeafEntryId",
            "*.deltaCursor",
            "*.transcriptPosition",
            "*.pendingInputs",
            "*.lifecycleRevision",
            "*.transport",
            "*.skillLibrarySelections",
            "*.sessionRoot",
        ],
    ),
    (
        "Measurements that are not made: of the event loop of another language, of memory, of single steps of an answer.",
        &[
            "*.eventLoop",
            "*.processMemory",
            "*.serverTiming",
            "*.latency",
            "*.dailyLatency",
            "*.modelDaily",
            "*.cacheStatus",
            "*.shutdownBudget",
        ],
    ),
    (
        "Background tasks, system events and a desktop of the host are not features here.",
        &[
            "status.tasks",
            "status.taskAudit",
            "status.queuedSystemEvents",
            "status.degradedSecretOwners",
            "status.hostDesktop",
            "status.heartbeat.agents[0].waitingForRoute",
        ],
    ),
    (
        "How full the context is, is told by its tokens alone.",
        &["*.contextBudgetStatus", "*.contextTokens", "*.totalTokensVersion", "*.totalTokensFresh"],
    ),
    (
        "What a session came from and whether jobs belong to it is not kept with it.",
        &[
            "*.hasAutomation",
            "*.childSessions",
            "*.isBackground",
            "*.systemSent",
            "*.spawnDepth",
            "*.parentSessionKey",
            "*.delivery",
            "*.chatType",
            "*.flags",
            "*.abortedLastRun",
        ],
    ),
    (
        "A reset begins with an empty session, which no model has answered in.",
        &["sessions.reset.entry.model", "sessions.reset.entry.modelProvider"],
    ),
    (
        "The first message of the page is another one: the recorded session was longer, and its first was the agent's.",
        &[
            "chat.startup.messages[0]",
            "chat.history.messages[0].__openclaw.idempotencyKey",
            "chat.startup.nextOffset",
        ],
    ),
    ("Commands have a method of their own.", &["chat.startup.metadata.commands"]),
    (
        "`openclaw.json` is shown as it was read, once: no schema fills it up, and includes are not told apart.",
        &["config.get"],
    ),
    (
        "Agents have no icons, git or groups that are told here; a channel has no picture.",
        &[
            "agents.list.agents[0].workspaceGit",
            "channels.status.channelSystemImages",
            "channels.status.channelMeta[0].systemImage",
            "*.allowUnmentionedGroups",
        ],
    ),
    ("The time of the last probe is not kept.", &["*.lastProbeAt"]),
    (
        "The recorded jobs were others: declared ones, run before, with triggers; the transcript of a run has its model.",
        &[
            "cron.list.deliveryPreviews",
            "cron.status.triggersEnabled",
            "cron.runs.entries[0].diagnostics",
            "cron.runs.entries[0].model",
            "cron.runs.entries[0].provider",
            "cron.update",
        ],
    ),
    (
        "The disk that holds the gateway's state is the one that is shown, and no smaller model is kept for small tasks.",
        &["system.info.disks", "system.info.defaultAgentUtilityModel"],
    ),
    ("Nothing can be plugged in, so that there are no generations of it.", &["plugins.list.generation"]),
    (
        "The gateway neither looks for updates nor installs them, so it follows no channel of them.",
        &["update.status.effectiveChannel", "update.status.schedule"],
    ),
    (
        "The operator of the test has no device, and the node of the test reports nothing by itself.",
        &[
            "device.pair.list.paired[0].lastSeenAtMs",
            "device.pair.list.paired[0].lastSeenReason",
            "*.hostStats",
            "*.pathEnv",
            "system-presence[0].ip",
            "system-presence[0].deviceFamily",
        ],
    ),
];

/// What ours has alone.
pub(crate) const OURS_ALONE: &[(&str, &[&str])] = &[
    ("What became of the last change of the configuration.", &["config.get.reload", "status.configReload"]),
    (
        "What one gateway tells of itself.",
        &[
            "status.authMode",
            "status.connections",
            "status.model",
            "status.nodes",
            "status.outbox",
            "status.runs",
            "status.startedAtMs",
            "status.stateDir",
            "status.uptimeMs",
            "*.modelProvider",
        ],
    ),
    (
        "The recording shows these of a session elsewhere: in lists, in other answers.",
        &[
            "*.compactionCount",
            "*.derivedTitle",
            "*.lastMessagePreview",
            "*.activeRunIds",
            "*.hasActiveRun",
            "*.displayName",
            "sessions.create.entry",
            "sessions.list.sessions[0]",
            "*.input",
            "sessions.usage.sessions[0].model",
        ],
    ),
    (
        "A message names the run that it belongs to, and the key that it came with.",
        &["*.__openclaw.runId", "chat.history.messages[0]", "chat.startup.messages[0].idempotencyKey"],
    ),
    (
        "The recorded jobs were others, and their model told nothing of caches.",
        &["cron.list.deliveryPreviews", "cron.runs.entries[0].usage"],
    ),
    (
        "The recorded device and node said less of themselves.",
        &[
            "device.pair.list.paired[0].deviceFamily",
            "node.pair.list.paired[0].displayName",
            "node.pair.list.paired[0].lastConnectedAtMs",
        ],
    ),
];

/// Fields that hold another kind of value: the first message of a page is a person's here, whose content is a text.
pub(crate) const OTHERS: &[&str] = &["chat.startup.messages[0].content"];
