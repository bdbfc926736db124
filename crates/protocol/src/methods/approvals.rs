//! Methods about approving commands before they run.

use super::MethodSpec;

/// Methods about approving commands before they run.
pub(super) const METHODS: &[MethodSpec] = &[];
