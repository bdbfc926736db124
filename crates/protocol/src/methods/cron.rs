//! Methods about jobs that run by themselves.

use super::MethodSpec;

/// Methods about jobs that run by themselves.
pub(super) const METHODS: &[MethodSpec] = &[];
