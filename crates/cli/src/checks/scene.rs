//! What checks look at: the places, the configuration as it is (a broken one too), and who holds the state directory.

use crate::args::ConnectArgs;
use crate::context::Context;
use config::{Config, ConfigError, Loaded};
use std::path::Path;

/// What checks look at. It was true when it was made; after mending, a new one is made.
pub(crate) struct Scene<'a> {
    /// Environment, places, clock.
    pub(crate) ctx: &'a Context,
    /// The configuration, or why there is none that can be used.
    pub(crate) loaded: Result<Loaded, ConfigError>,
    /// Whether to look longer, and at what is only worth knowing.
    pub(crate) deep: bool,
    /// Which gateway is asked, and with what.
    #[allow(dead_code, reason = "for the checks that ask a running gateway")]
    pub(crate) connect: &'a ConnectArgs,
}

impl<'a> Scene<'a> {
    /// Reads what all checks need.
    pub(crate) fn of(ctx: &'a Context, connect: &'a ConnectArgs, deep: bool) -> Self {
        let loaded = config::load(&ctx.paths, &ctx.env);
        Self { ctx, loaded, deep, connect }
    }

    /// The configuration, where it can be used.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.loaded.as_ref().ok().map(|loaded| &loaded.config)
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.ctx.paths.state_dir
    }
}
