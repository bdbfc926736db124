//! Methods about what was used and what it cost.

use super::{MethodSpec, read};
use crate::shape::{EMPTY, Kind, Shape, opt};

/// Methods about what was used and what it cost.
pub(super) const METHODS: &[MethodSpec] = &[
    read("usage.cost", &USAGE_COST).gives(&["updatedAt", "days", "daily", "totals"]),
    read("usage.status", &EMPTY).gives(&["updatedAt", "providers"]),
];

const USAGE_COST: Shape = Shape {
    fields: &[
        opt("days", Kind::Int(1)),
        opt("startDate", Kind::Date),
        opt("endDate", Kind::Date),
        opt("range", Kind::OneOf(&["7d", "30d", "90d", "1y", "all"])),
        opt("mode", Kind::OneOf(&["utc", "gateway", "specific"])),
        opt("timeZone", Kind::Label),
        opt("utcOffset", Kind::Label),
        opt("agentId", Kind::Name),
        opt("agentScope", Kind::OneOf(&["all"])),
    ],
    ignored: &[],
};
