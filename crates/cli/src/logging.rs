//! Where log lines go: to standard error for people, and as JSON lines to a file that `openclaw logs` reads. The file
//! is written by one thread behind a bounded queue, so that a slow disk never holds the gateway up.

pub(crate) mod civil;
mod files;
mod json_lines;
mod writer;

use crate::args::LogLevel;
use crate::failure::{Exit, Failure};
use model::SharedClock;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};
use writer::Writer;

/// Libraries that say much and mean little below `warn`.
const QUIET: &[&str] = &["hyper", "reqwest", "rustls", "tungstenite", "tokio_tungstenite", "mio"];

/// What to log where.
pub(crate) struct LogOptions {
    /// On standard error.
    pub(crate) console: LogLevel,
    /// In the file.
    pub(crate) file: LogLevel,
    /// Where the file goes.
    pub(crate) place: Place,
    /// The time of day.
    pub(crate) clock: SharedClock,
    /// Whether standard error may be coloured.
    pub(crate) colour: bool,
}

/// Where the file goes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// One file a day in this directory.
    Dir(PathBuf),
    /// This file.
    File(PathBuf),
}

/// The running log. Dropping it writes out what waits, a second at most.
pub(crate) struct Logging {
    writer: Writer,
    path: PathBuf,
    levels: Levels,
}

/// How much goes where, while the program runs.
#[derive(Clone)]
pub(crate) struct Levels {
    set_console: Arc<dyn Fn(Targets) + Send + Sync>,
    set_file: Arc<dyn Fn(Targets) + Send + Sync>,
}

impl Levels {
    /// From now on.
    pub(crate) fn set(&self, console: LogLevel, file: LogLevel) {
        (self.set_console)(filter(console));
        (self.set_file)(filter(file));
    }
}

/// The filter whose handle this is; one that is gone belongs to a log that has ended.
fn setter<S: 'static>(handle: reload::Handle<Targets, S>) -> Arc<dyn Fn(Targets) + Send + Sync> {
    Arc::new(move |filter| {
        if let Err(error) = handle.reload(filter) {
            tracing::warn!(%error, "the log goes on with its level");
        }
    })
}

impl Logging {
    /// Where the newest lines are: for `logs.tail`. The path stays the same over rotations.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Sets how much is logged.
    pub(crate) fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// Writes out what waits, a second at most.
    pub(crate) fn finish(self) {
        drop(self.writer);
    }
}

/// Starts logging for a program that stays up.
///
/// # Errors
/// The log file cannot be made.
pub(crate) fn start(options: LogOptions) -> Result<Logging, Failure> {
    let (files, path) = files::Files::open(options.place, options.clock.now_ms())?;
    let (writer, sink) = Writer::start(files, options.clock.clone())?;
    let (file_filter, file_handle) = reload::Layer::new(filter(options.file));
    let (console_filter, console_handle) = reload::Layer::new(filter(options.console));
    let file = json_lines::JsonLines::new(sink, options.clock).with_filter(file_filter);
    let console = console(options.colour).with_filter(console_filter);
    init(tracing_subscriber::registry().with(console).with(file))?;
    let levels = Levels { set_console: setter(console_handle), set_file: setter(file_handle) };
    Ok(Logging { writer, path, levels })
}

/// Starts logging to standard error alone: for a command, where that was asked for, and for a node.
///
/// # Errors
/// Logging was started before.
pub(crate) fn start_console(level: LogLevel, colour: bool) -> Result<(), Failure> {
    init(tracing_subscriber::registry().with(console(colour).with_filter(filter(level))))
}

/// For every other command: what its connection warns of, such as a gateway whose certificates are not kept.
///
/// # Errors
/// Logging was started before.
pub(crate) fn start_warnings() -> Result<(), Failure> {
    let plain = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let plain = plain.without_time().with_target(false);
    init(
        tracing_subscriber::registry()
            .with(plain.with_filter(Targets::new().with_target("client", LevelFilter::WARN))),
    )
}

fn console(colour: bool) -> impl Layer<Registry> {
    let ansi = colour && std::io::stderr().is_terminal();
    tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi)
}

fn init(subscriber: impl SubscriberInitExt) -> Result<(), Failure> {
    subscriber
        .try_init()
        .map_err(|e| Failure::new(Exit::Failed, "LOGGING", format!("cannot start logging: {e}")))
}

fn filter(level: LogLevel) -> Targets {
    let own = level.filter();
    let quiet = match level {
        LogLevel::Silent | LogLevel::Error | LogLevel::Trace => own,
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug => LevelFilter::WARN,
    };
    Targets::new().with_default(own).with_targets(QUIET.iter().map(|name| (*name, quiet)))
}

impl From<config::LogLevel> for LogLevel {
    fn from(level: config::LogLevel) -> LogLevel {
        match level {
            config::LogLevel::Silent => LogLevel::Silent,
            config::LogLevel::Fatal | config::LogLevel::Error => LogLevel::Error,
            config::LogLevel::Warn => LogLevel::Warn,
            config::LogLevel::Info => LogLevel::Info,
            config::LogLevel::Debug => LogLevel::Debug,
            config::LogLevel::Trace => LogLevel::Trace,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn libraries_are_quieter_than_the_program() {
        for (level, target, shown, hidden) in [
            (LogLevel::Debug, "gateway::start", Level::DEBUG, Level::TRACE),
            (LogLevel::Debug, "hyper::client", Level::WARN, Level::INFO),
            (LogLevel::Error, "hyper", Level::ERROR, Level::WARN),
        ] {
            assert!(filter(level).would_enable(target, &shown), "{target} {shown}");
            assert!(!filter(level).would_enable(target, &hidden), "{target} {hidden}");
        }
        for target in ["gateway", "hyper"] {
            assert!(!filter(LogLevel::Silent).would_enable(target, &Level::ERROR), "{target}");
            assert!(filter(LogLevel::Trace).would_enable(target, &Level::TRACE), "{target}");
        }
    }
}
