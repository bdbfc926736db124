//! Methods about tools and commands of agents.

use super::MethodSpec;

/// Methods about tools and commands of agents.
pub(super) const METHODS: &[MethodSpec] = &[];
