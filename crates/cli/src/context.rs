//! What every command gets: the environment, where state and configuration are, how to print, what time it is.

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;
use config::{Env, Loaded, Paths};
use model::{SharedClock, SystemClock};
use std::sync::Arc;

/// What every command gets.
pub(crate) struct Context {
    /// The environment variables, and behind them those of `.env` in the state directory.
    pub(crate) env: Env,
    /// Where state and configuration are.
    pub(crate) paths: Paths,
    /// How to print.
    pub(crate) out: Output,
    /// The time of day.
    pub(crate) clock: SharedClock,
    /// The global flags.
    pub(crate) global: Global,
}

impl Context {
    /// Finds the places, and reads the variables that are kept there.
    ///
    /// # Errors
    /// There is no home directory, or the profile's name is none.
    pub(crate) fn new(global: &Global, env: Env, out: Output) -> Result<Self, Failure> {
        let paths = Paths::resolve(&env, global.profile.as_deref(), global.dev)?;
        let mut env = env;
        for warning in env.add_file(&paths.env_file()) {
            out.remark(&warning);
        }
        Ok(Self { env, paths, out, clock: Arc::new(SystemClock), global: global.clone() })
    }

    /// A variable of whoever started this command, as long as something is in it; not one of the state directory's.
    pub(crate) fn of_shell(&self, name: &str) -> Option<&str> {
        self.env.get_filled(name).filter(|_| !self.env.is_kept(name))
    }

    /// Reads the configuration file; a missing one is empty.
    ///
    /// # Errors
    /// It cannot be read, or holds something that is not allowed: exit code 6.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        Ok(config::load(&self.paths, &self.env)?)
    }

    /// An empty configuration, for what must not depend on the file.
    ///
    /// # Errors
    /// None that is known of; the reader's own are passed on.
    pub(crate) fn without_config(&self) -> Result<Loaded, Failure> {
        Ok(config::parse("{}", &self.paths.config_file, &self.env)?)
    }

    /// A command line of this program for the same installation, to be pasted.
    pub(crate) fn command(&self, rest: &str) -> String {
        format!("openclaw{} {rest}", self.paths.profile_flags())
    }

    /// Now, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
