//! What is different on purpose, with the reason, field by field.

use Differs::{EmptyHere, EmptyThere, Kind, NotHere, NullHere, NullThere, OursAlone};

/// Recorded methods that are not called here, with the reason.
pub(crate) const ROWS_LEFT_OUT: &[(&str, &str)] = &[
    (
        "message.action",
        "the recorded reaction failed on its platform; crates/gateway/tests/telegram/message_actions.rs has one",
    ),
    (
        "poll",
        "the recorded poll failed on its platform; crates/gateway/tests/telegram/message_actions.rs has some",
    ),
    (
        "agents.create",
        "the recorded workspace is a folder of the host; crates/gateway/tests/agent/agents.rs makes one of its own",
    ),
    ("agents.delete", "the recorded agent was made a moment before and not found; here it is found"),
    ("config.patch", "the recorded patch is one of the recorded file"),
    ("exec.approval.request", "its parameters were not recorded"),
    (
        "exec.approvals.node.get",
        "the node of this test keeps no policy; that of crates/cli/tests/commands/approvals.rs does",
    ),
];

/// Places whose inside is data: the names in it are not those of the protocol.
pub(crate) const DATA: &[(&str, &str)] = &[
    ("config.get.parsed", "the configuration of the test, and of the recorded host"),
    ("config.get.sourceConfig", "the same"),
    ("config.get.resolved", "the same"),
    ("config.get.config", "the same; the recorded one was filled up with what is so by default"),
    ("cron.list.deliveryPreviews", "its names are the ids of jobs"),
];

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Differs {
    /// The recording has it.
    NotHere,
    /// The recording has it not.
    OursAlone,
    /// Null here alone, or in the recording alone.
    NullHere,
    NullThere,
    /// A list without items here alone, or in the recording alone.
    EmptyHere,
    EmptyThere,
    /// Another kind of value, such as a text for a list.
    Kind,
}

/// Fields that differ in one way, for one reason.
pub(crate) struct Difference {
    pub(crate) differs: Differs,
    pub(crate) why: &'static str,
    /// What they are in, and their names: each of these in each of those. An empty name is the answer itself.
    pub(crate) places: &'static [(&'static [&'static str], &'static [&'static str])],
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        differs: NotHere,
        why: "The published shape of a file has no such property.",
        places: &[(&["agents.files.get.file"], &["hash"])],
    },
    Difference {
        differs: NotHere,
        why: "No platform is given a menu of commands.",
        places: &[(&["chat.metadata.commands[0]", "commands.list.commands[0]"], &["nativeName"])],
    },
    Difference {
        differs: NotHere,
        why: "No second program asks over a socket of its own.",
        places: &[(&["exec.approvals.get.file"], &["socket"])],
    },
    Difference {
        differs: NotHere,
        why: "A tool answers with what the model reads, and with nothing beside it.",
        places: &[(&["tools.invoke.output"], &["details"])],
    },
    Difference {
        differs: NotHere,
        why: "The schema is made from the reader of the configuration, which knows names and kinds and has no texts for a page.",
        places: &[
            (&["config.schema.lookup", "config.schema.lookup.children[0]"], &["hint", "hintPath"]),
            (&["config.schema.lookup.schema"], &["additionalProperties", "description", "title"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "`openclaw.json` is shown as it was read, once: no second reading beside it, and includes are not told apart.",
        places: &[(
            &["config.get"],
            &["agentRosterIncludeOwned", "bindingsIncludeOwned", "includeProvenance", "runtimeConfig"],
        )],
    },
    Difference {
        differs: NotHere,
        why: "The first message of the page is another one: the recorded session was longer, and its first was the agent's.",
        places: &[
            (&["chat.history.messages[0].__openclaw"], &["idempotencyKey"]),
            (&["chat.startup"], &["nextOffset"]),
            (
                &["chat.startup.messages[0]"],
                &["api", "model", "provider", "responseId", "stopReason", "usage"],
            ),
            (&["chat.startup.messages[0].__openclaw"], &["transcriptPosition"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "`chat.startup` has the models alone; `chat.metadata` has all of it.",
        places: &[(&["chat.startup.metadata"], &["commands", "runtimeSelectionLocked"])],
    },
    Difference {
        differs: NotHere,
        why: "A reset begins with an empty session, which no model has answered in.",
        places: &[(&["sessions.reset.entry"], &["model", "modelProvider"])],
    },
    Difference {
        differs: NotHere,
        why: "The recorded jobs were others: declared ones, run and delivered before, with triggers; the transcript of a run has its model.",
        places: &[
            (&["cron.runs.entries[0]"], &["delivery", "diagnostics", "model", "provider"]),
            (&["cron.status"], &["triggersEnabled"]),
            (
                &["cron.update", "cron.update.state"],
                &[
                    "lastDelivered",
                    "lastDeliveryError",
                    "lastDeliveryStatus",
                    "lastFailureNotificationDeliveryStatus",
                ],
            ),
            (
                &["cron.update.state"],
                &["consecutiveSkipped", "lastDiagnosticSummary", "lastDiagnostics", "scheduleActivatedAtMs"],
            ),
        ],
    },
    Difference {
        differs: NotHere,
        why: "The disk that holds the gateway's state is the one that is shown, and no smaller model is kept for small tasks.",
        places: &[(&["system.info"], &["defaultAgentUtilityModel", "disks"])],
    },
    Difference {
        differs: NotHere,
        why: "Nothing can be plugged in, so that there are no generations of it.",
        places: &[(&["plugins.list"], &["generation"])],
    },
    Difference {
        differs: NotHere,
        why: "The gateway neither looks for updates nor installs them, so it follows no channel of them.",
        places: &[(&["update.status"], &["effectiveChannel", "schedule"])],
    },
    Difference {
        differs: NotHere,
        why: "The operator of the test has no device, and the node of the test reports nothing by itself.",
        places: &[
            (&["device.pair.list.paired[0]"], &["lastSeenAtMs", "lastSeenReason"]),
            (&["node.describe", "node.list.nodes[0]"], &["hostStats", "pathEnv"]),
            (&["system-presence[0]"], &["deviceFamily", "ip"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "The time of the last probe is not kept.",
        places: &[(
            &[
                "channels.status.channels.telegram",
                "health.channels.telegram",
                "health.channels.telegram.accounts.default",
            ],
            &["lastProbeAt"],
        )],
    },
    Difference {
        differs: NotHere,
        why: "Agents have no icons, git or groups that are told here; a channel has no picture.",
        places: &[
            (&["agents.list.agents[0]"], &["workspaceGit"]),
            (&["channels.status"], &["channelSystemImages"]),
            (
                &[
                    "channels.status.channelAccounts.telegram[0]",
                    "health.channels.telegram",
                    "health.channels.telegram.accounts.default",
                ],
                &["allowUnmentionedGroups"],
            ),
            (&["channels.status.channelMeta[0]"], &["systemImage"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "Background tasks, system events and a desktop of the host are not features here.",
        places: &[
            (
                &["status"],
                &["degradedSecretOwners", "hostDesktop", "queuedSystemEvents", "taskAudit", "tasks"],
            ),
            (&["status.heartbeat.agents[0]"], &["waitingForRoute"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "Measurements that are not made: of the event loop of another language, of memory, of single steps of an answer.",
        places: &[
            (&["system.info"], &["eventLoop", "processMemory"]),
            (&["channels.status", "health", "status"], &["eventLoop"]),
            (&["chat.send", "sessions.send"], &["serverTiming"]),
            (&["sessions.usage", "usage.cost"], &["cacheStatus"]),
            (&["sessions.usage.aggregates"], &["dailyLatency", "latency", "modelDaily"]),
            (&["status"], &["processMemory", "shutdownBudget"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "One set of permissions for all sessions of an agent; approvals are not shown with a session.",
        places: &[
            (&["agents.list.agents[0]"], &["defaultPermissionMode"]),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &["permissionModePending"],
            ),
            (&["cron.add", "cron.get", "cron.update"], &["scheduledToolPolicy"]),
            (&["sessions.messages.subscribe"], &["approvalReplay"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "A transcript is one line of entries: no branches, cursors, positions or revisions.",
        places: &[
            (&["chat.history", "chat.startup"], &["deltaCursor", "pendingInputs"]),
            (&["chat.history.messages[0].__openclaw"], &["transcriptPosition", "transport"]),
            (&["chat.history.sessionInfo", "chat.startup.sessionInfo"], &["activeLeafEntryId"]),
            (&["sessions.create.entry"], &["sessionRoot", "skillLibrarySelections"]),
            (&["sessions.create.entry", "sessions.reset.entry"], &["lifecycleRevision"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "Who takes part in a session, and what they have read, is not kept: it belongs to its agent.",
        places: &[
            (&["chat.history", "chat.startup"], &["activity"]),
            (
                &["chat.history.messages[0].__openclaw"],
                &["senderId", "senderIdentity", "senderIsOwner", "senderName", "senderUsername"],
            ),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.create.entry",
                    "sessions.describe.session",
                    "sessions.reset.entry",
                    "sessions.usage.sessions[0]",
                ],
                &["createdActor"],
            ),
            (
                &["chat.history.sessionInfo", "chat.startup.sessionInfo", "sessions.describe.session"],
                &["activitySummary", "lastReadAt", "origin"],
            ),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &[
                    "expandedParticipants",
                    "hiddenFromInvolvingMe",
                    "lastActivityAt",
                    "lastInteractionAt",
                    "participantCount",
                    "participants",
                    "sharingRole",
                    "visibility",
                ],
            ),
            (&["sessions.list"], &["owners"]),
            (&["sessions.usage"], &["creatorOptions"]),
            (&["sessions.usage.aggregates"], &["byCreator"]),
            (&["sessions.usage.sessions[0]"], &["creatorKey"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "A task is a run of an agent in its own session: it has no other session and no owner beside that, and no title but a job's. Whether an answer was delivered is said where it went nowhere.",
        places: &[(
            &["tasks.list.tasks[0]"],
            &[
                "childSessionKey",
                "deliveryStatus",
                "execution",
                "hasTranscript",
                "ownerKey",
                "runtime",
                "title",
            ],
        )],
    },
    Difference {
        differs: NotHere,
        why: "How full the context is, is told by its tokens alone.",
        places: &[
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &["contextBudgetStatus", "contextTokens"],
            ),
            (&["sessions.reset.entry"], &["totalTokensFresh", "totalTokensVersion"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "What a session came from and whether jobs belong to it is not kept with it.",
        places: &[
            (
                &["chat.history.sessionInfo", "chat.startup.sessionInfo", "sessions.describe.session"],
                &["hasAutomation"],
            ),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &["isBackground"],
            ),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.reset.entry",
                ],
                &["systemSent"],
            ),
            (&["sessions.create.entry"], &["parentSessionKey", "spawnDepth"]),
            (&["sessions.create.entry", "sessions.reset.entry"], &["delivery"]),
            (&["sessions.describe.session"], &["childSessions"]),
            (&["sessions.reset.entry"], &["chatType"]),
            (
                &[
                    "sessions.reset.entry",
                    "status.sessions.byAgent[0].recent[0]",
                    "status.sessions.recent[0]",
                ],
                &["abortedLastRun"],
            ),
            (&["status.sessions.byAgent[0].recent[0]", "status.sessions.recent[0]"], &["flags"]),
        ],
    },
    Difference {
        differs: NotHere,
        why: "One runtime, on this host, asked without extra thinking or fast modes.",
        places: &[
            (
                &[
                    "agents.list.agents[0]",
                    "chat.history.defaults",
                    "chat.history.sessionInfo",
                    "chat.startup.defaults",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.defaults",
                    "sessions.list.sessions[0]",
                ],
                &["agentRuntime", "thinkingDefault", "thinkingLevels", "thinkingOptions"],
            ),
            (
                &["chat.history.defaults", "chat.startup.defaults", "sessions.list.defaults"],
                &["modelSelectionTarget"],
            ),
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &[
                    "effectiveFastMode",
                    "effectiveFastModeSource",
                    "effectiveResponseUsage",
                    "fastAutoOnSeconds",
                    "placement",
                    "runtimeSelectionLocked",
                ],
            ),
            (&["chat.metadata", "chat.startup.metadata"], &["swarmEnabled"]),
            (&["chat.metadata", "chat.startup.metadata", "models.list"], &["accountSelection"]),
            (&["sessions.create.entry"], &["modelOverrideSource"]),
            (&["status"], &["modelRuntime", "workerPools"]),
            (
                &["status.sessions.byAgent[0].recent[0]", "status.sessions.recent[0]"],
                &["configuredModel", "modelSelectionReason", "runtime", "selectedModel"],
            ),
        ],
    },
    Difference {
        differs: OursAlone,
        why: "What became of the last change of the configuration, and of the route that Tailscale is to publish.",
        places: &[(&["config.get"], &["reload"]), (&["status"], &["configReload", "tailscale"])],
    },
    Difference {
        differs: OursAlone,
        why: "What one gateway tells of itself.",
        places: &[
            (
                &["status"],
                &[
                    "authMode",
                    "connections",
                    "model",
                    "nodes",
                    "outbox",
                    "runs",
                    "startedAtMs",
                    "stateDir",
                    "uptimeMs",
                ],
            ),
            (&["status.sessions.defaults"], &["modelProvider"]),
        ],
    },
    Difference {
        differs: OursAlone,
        why: "The model of the recorded runs told nothing of caches.",
        places: &[(&["cron.runs.entries[0].usage"], &["cache_read_tokens", "cache_write_tokens"])],
    },
    Difference {
        differs: OursAlone,
        why: "A message names the run that it belongs to, and the key that it came with.",
        places: &[
            (&["chat.history.messages[0].__openclaw"], &["runId"]),
            (&["chat.startup.messages[0]"], &["idempotencyKey"]),
        ],
    },
    Difference {
        differs: OursAlone,
        why: "The recorded device and node said less of themselves.",
        places: &[
            (&["device.pair.list.paired[0]"], &["deviceFamily"]),
            (&["node.pair.list.paired[0]"], &["displayName", "lastConnectedAtMs"]),
        ],
    },
    Difference {
        differs: OursAlone,
        why: "The first session of the test is one of a channel.",
        places: &[(
            &["sessions.list.sessions[0]"],
            &["channel", "chatType", "deliveryContext", "lastAccountId", "lastChannel", "lastTo"],
        )],
    },
    Difference {
        differs: OursAlone,
        why: "What a model takes is told with every model.",
        places: &[(
            &["chat.metadata.models[0]", "chat.startup.metadata.models[0]", "models.list.models[0]"],
            &["input"],
        )],
    },
    Difference {
        differs: OursAlone,
        why: "The recording shows these of a session elsewhere: in lists, in other answers.",
        places: &[
            (
                &[
                    "chat.history.sessionInfo",
                    "chat.startup.sessionInfo",
                    "sessions.create.entry",
                    "sessions.describe.session",
                    "sessions.list.sessions[0]",
                ],
                &["compactionCount"],
            ),
            (
                &["chat.history.sessionInfo", "chat.startup.sessionInfo", "sessions.describe.session"],
                &["derivedTitle", "lastMessagePreview"],
            ),
            (&["sessions.create.entry"], &["inputTokens", "outputTokens", "sessionStartedAt", "totalTokens"]),
            (&["sessions.describe.session"], &["activeRunIds", "hasActiveRun"]),
            (&["sessions.reset.entry", "sessions.resolve"], &["displayName"]),
            (&["sessions.usage.sessions[0]"], &["model", "modelProvider"]),
        ],
    },
    Difference {
        differs: NullHere,
        why: "No heartbeat has come yet.",
        places: &[(&["last-heartbeat"], &[""])],
    },
    Difference {
        differs: NullThere,
        why: "A message has come and gone here.",
        places: &[(
            &["health.channels.telegram", "health.channels.telegram.accounts.default"],
            &["lastInboundAt", "lastOutboundAt"],
        )],
    },
    Difference {
        differs: EmptyHere,
        why: "Nothing runs when it is asked.",
        places: &[(&["chat.abort"], &["runIds"])],
    },
    Difference {
        differs: EmptyHere,
        why: "The first device of the test is a node's, which has no scopes.",
        places: &[(&["device.pair.list.paired[0]", "device.pair.list.paired[0].tokens[0]"], &["scopes"])],
    },
    Difference {
        differs: EmptyHere,
        why: "There are no plugins.",
        places: &[(&["plugins.list"], &["diagnostics", "plugins"]), (&["health.plugins"], &["loaded"])],
    },
    Difference {
        differs: EmptyThere,
        why: "Its sessions had no channel.",
        places: &[(&["sessions.usage.aggregates"], &["byChannel"])],
    },
    Difference {
        differs: Kind,
        why: "The first message of the page is a person's here, whose content is a text.",
        places: &[(&["chat.startup.messages[0]"], &["content"])],
    },
];
