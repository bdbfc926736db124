//! Methods about files of the host and of sessions.

use super::MethodSpec;

/// Methods about files of the host and of sessions.
pub(super) const METHODS: &[MethodSpec] = &[];
