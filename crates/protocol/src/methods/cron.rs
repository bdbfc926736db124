//! Methods about jobs that run by themselves.

use super::{MethodSpec, admin, read};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about jobs that run by themselves.
pub(super) const METHODS: &[MethodSpec] = &[
    read("cron.list", &LIST).gives(&[
        "jobs",
        "snapshotRevision",
        "total",
        "offset",
        "limit",
        "hasMore",
        "nextOffset",
        "deliveryPreviews?",
    ]),
    read("cron.status", &EMPTY).gives(&[
        "enabled",
        "storePath",
        "storage",
        "sqlitePath",
        "jobs",
        "nextWakeAtMs",
    ]),
    read("cron.get", &JOB).gives(JOB_PROPERTIES).fails(&["CRON_JOB_NOT_FOUND"]),
    admin("cron.add", &ADD).gives(ADDED),
    admin("cron.update", &UPDATE).gives(JOB_PROPERTIES).fails(&["CRON_JOB_NOT_FOUND", "CRON_JOB_CHANGED"]),
    admin("cron.remove", &JOB).gives(&["ok", "removed"]),
    admin("cron.run", &RUN)
        .gives(&["ok", "enqueued?", "ran?", "reason?", "runId?", "processInstanceId?"])
        .fails(&["CRON_JOB_NOT_FOUND", "PROCESS_INSTANCE_CHANGED"]),
    read("cron.runs", &RUNS).gives(&["entries", "total", "offset", "limit", "hasMore", "nextOffset"]),
];

/// A job.
const JOB_PROPERTIES: &[&str] = &[
    "id",
    "declarationKey?",
    "displayName?",
    "agentId?",
    "sessionKey?",
    "name",
    "description?",
    "enabled",
    "deleteAfterRun?",
    "createdAtMs",
    "updatedAtMs",
    "configRevision",
    "schedule",
    "sessionTarget",
    "wakeMode",
    "payload",
    "delivery?",
    "failureAlert?",
    "state",
    "nextRunAtMs?",
    "lastRunAtMs?",
    "lastRunStatus?",
    "lastRunError?",
];

/// The job as it is; a declared one under `job`, with what was made of the declaration.
const ADDED: &[&str] = &[
    "id?",
    "declarationKey?",
    "displayName?",
    "agentId?",
    "sessionKey?",
    "name?",
    "description?",
    "enabled?",
    "deleteAfterRun?",
    "createdAtMs?",
    "updatedAtMs?",
    "configRevision?",
    "schedule?",
    "sessionTarget?",
    "wakeMode?",
    "payload?",
    "delivery?",
    "failureAlert?",
    "state?",
    "nextRunAtMs?",
    "lastRunAtMs?",
    "lastRunStatus?",
    "lastRunError?",
    "deliveryPreview",
    "created?",
    "updated?",
    "job?",
];

const LIST: Shape = Shape {
    fields: &[
        opt("includeDisabled", Kind::Bool),
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("query", Kind::Text),
        opt("enabled", Kind::OneOf(&["all", "enabled", "disabled"])),
        opt("scheduleKind", Kind::OneOf(&["all", "at", "every", "cron", "on-exit", "stream"])),
        opt("lastRunStatus", Kind::OneOf(&["all", "ok", "error", "skipped", "unknown"])),
        opt("trigger", Kind::OneOf(&["all", "conditional", "unconditional"])),
        opt("sortBy", Kind::OneOf(&["nextRunAtMs", "updatedAtMs", "name"])),
        opt("sortDir", Kind::OneOf(&["asc", "desc"])),
        opt("agentId", Kind::Name),
        opt("includeDeliveryPreviews", Kind::Bool),
    ],
    ignored: &["compact"],
};

const JOB: Shape = Shape { fields: &[opt("id", Kind::Name), opt("jobId", Kind::Name)], ignored: &[] };

const ADD: Shape = Shape {
    fields: &[
        req("name", Kind::Filled),
        opt("declarationKey", Kind::Label),
        opt("displayName", Kind::Label),
        opt("agentId", Kind::Any),
        opt("sessionKey", Kind::Any),
        opt("description", Kind::Text),
        opt("enabled", Kind::Bool),
        opt("deleteAfterRun", Kind::Bool),
        req("schedule", Kind::Map),
        req("sessionTarget", Kind::Name),
        req("wakeMode", Kind::OneOf(&["next-heartbeat", "now"])),
        req("payload", Kind::Map),
        opt("delivery", Kind::Map),
        opt("failureAlert", Kind::Any),
        opt("pacing", Kind::Any),
        opt("trigger", Kind::Any),
    ],
    ignored: &["owner"],
};

const UPDATE: Shape = Shape {
    fields: &[
        opt("id", Kind::Name),
        opt("jobId", Kind::Name),
        req("patch", Kind::Object(&PATCH)),
        opt("expectedConfigRevision", Kind::Text),
    ],
    ignored: &[],
};

const PATCH: Shape = Shape {
    fields: &[
        opt("name", Kind::Filled),
        opt("displayName", Kind::Any),
        opt("agentId", Kind::Any),
        opt("sessionKey", Kind::Any),
        opt("description", Kind::Text),
        opt("enabled", Kind::Bool),
        opt("deleteAfterRun", Kind::Bool),
        opt("schedule", Kind::Map),
        opt("sessionTarget", Kind::Name),
        opt("wakeMode", Kind::OneOf(&["next-heartbeat", "now"])),
        opt("payload", Kind::Map),
        opt("delivery", Kind::Map),
        opt("failureAlert", Kind::Any),
        opt("pacing", Kind::Any),
        opt("trigger", Kind::Any),
        opt("state", Kind::Any),
    ],
    ignored: &[],
};

const RUN: Shape = Shape {
    fields: &[
        opt("id", Kind::Name),
        opt("jobId", Kind::Name),
        opt("mode", Kind::OneOf(&["due", "force", "if-enabled"])),
        opt("expectedProcessInstanceId", Kind::Name),
    ],
    ignored: &[],
};

const RUNS: Shape = Shape {
    fields: &[
        opt("agentId", Kind::Name),
        opt("scope", Kind::OneOf(&["job", "all"])),
        opt("id", Kind::Name),
        opt("jobId", Kind::Name),
        opt("runId", Kind::Name),
        opt("limit", Kind::Int(1)),
        opt("offset", Kind::Int(0)),
        opt("statuses", Kind::Names),
        opt("status", Kind::OneOf(&["all", "ok", "error", "skipped"])),
        opt("deliveryStatuses", Kind::Names),
        opt("deliveryStatus", Kind::OneOf(&["delivered", "not-delivered", "unknown", "not-requested"])),
        opt("query", Kind::Text),
        opt("sortDir", Kind::OneOf(&["asc", "desc"])),
    ],
    ignored: &[],
};
