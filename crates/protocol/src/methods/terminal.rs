//! Methods about terminals on the host.

use super::MethodSpec;

/// Methods about terminals on the host.
pub(super) const METHODS: &[MethodSpec] = &[];
