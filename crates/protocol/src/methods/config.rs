//! Methods about `openclaw.json`.

use super::{MethodSpec, read};
use crate::shape::EMPTY;

/// Methods about `openclaw.json`.
pub(super) const METHODS: &[MethodSpec] = &[read("config.get", &EMPTY).gives(&[
    "path", "exists", "raw", "parsed", "resolved", "valid", "config", "hash", "issues", "warnings",
])];
