//! What a request is about: a place, and how it must still stand since it was looked at.

use super::binding::{self, Binding};
use super::problem::Problem;
use super::walk::{self, Opened};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The parameters that every request about a path has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    #[serde(default)]
    pub(super) path: String,
    #[serde(default)]
    pub(super) follow_symlinks: bool,
    /// It is looked at, and nothing of its content is told or changed.
    #[serde(default)]
    pub(super) preflight_only: bool,
    #[serde(default)]
    pub(super) expected_canonical_path: Option<String>,
    #[serde(default)]
    pub(super) expected_binding: Option<Binding>,
}

impl Target {
    /// Where it is.
    ///
    /// # Errors
    /// It is no place that can be named, or there is nothing.
    pub(super) fn place(&self) -> Result<PathBuf, Problem> {
        walk::canonical(&walk::asked(&self.path)?, self.follow_symlinks)
    }

    /// Opens what is at this place by `open`, if place and thing are those that are meant.
    ///
    /// # Errors
    /// Others are there, or it cannot be opened.
    pub(super) fn open_at(
        &self,
        path: &Path,
        open: impl FnOnce(&Path) -> Result<Opened, Problem>,
    ) -> Result<Opened, Problem> {
        walk::check_expected(self.expected_canonical_path.as_deref(), path)?;
        let opened = open(path)?;
        binding::check(self.expected_binding.as_ref(), &opened.stat, path)?;
        Ok(opened)
    }
}
