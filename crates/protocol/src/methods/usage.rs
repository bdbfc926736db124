//! Methods about what was used and what it cost.

use super::MethodSpec;

/// Methods about what was used and what it cost.
pub(super) const METHODS: &[MethodSpec] = &[];
