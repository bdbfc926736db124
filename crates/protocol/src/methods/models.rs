//! Methods about models.

use super::{MethodSpec, read};
use crate::shape::{Kind, Shape, opt};

/// Methods about models.
pub(super) const METHODS: &[MethodSpec] = &[
    read("models.list", &MODELS_LIST).gives(&["models"]),
    read("models.authStatus", &AUTH_STATUS).gives(&["ts", "providers", "providerCapabilities"]),
];

/// There is nothing to refresh: it is looked up each time.
const AUTH_STATUS: Shape = Shape { fields: &[opt("agentId", Kind::Name)], ignored: &["refresh"] };

const MODELS_LIST: Shape = Shape {
    fields: &[opt("agentId", Kind::Name)],
    ignored: &["includeProviderCapabilities", "preparedOnly", "refresh", "view"],
};
