//! Methods about models.

use super::{MethodSpec, read};
use crate::shape::{Kind, Shape, opt};

/// Methods about models.
pub(super) const METHODS: &[MethodSpec] = &[read("models.list", &MODELS_LIST).gives(&["models"])];

const MODELS_LIST: Shape = Shape {
    fields: &[opt("agentId", Kind::Name)],
    ignored: &["includeProviderCapabilities", "preparedOnly", "refresh", "view"],
};
