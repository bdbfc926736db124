//! The state directory without a gateway: what an operator on the host decides by hand when no gateway runs. Whoever can
//! read and write these files needs nobody's permission; the lock keeps a gateway away meanwhile.

use crate::pairing::{device_json, request_json};
use model::SharedClock;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use store::Soundness;
use store::{ApprovedVia, LockError, LockInfo, StateLock, Store, StoreError};

/// An open state directory that nobody else has open.
pub struct HostState {
    store: Store,
    notices: Vec<String>,
    _lock: StateLock,
}

/// Why it could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum HostStateError {
    /// A gateway has it, at this port where it says so: ask that.
    #[error("a gateway runs on this state directory")]
    Running(Option<u16>),
    /// There is nothing in it.
    #[error("there is no state in {}: no gateway has run with it; --profile NAME chooses another", .0.display())]
    Nothing(PathBuf),
    /// The lock cannot be had.
    #[error(transparent)]
    Lock(LockError),
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has a state directory open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Since when, in ms since the epoch.
    pub started_at_ms: i64,
    /// Where it listens, once it does.
    pub port: Option<u16>,
    /// What was started.
    pub command: String,
}

impl HostState {
    /// Who has `state_dir` open now. Looks only.
    pub fn holder(state_dir: &Path) -> Option<Holder> {
        let LockInfo { pid, started_at_ms, port, command } = StateLock::holder(state_dir)?;
        Some(Holder { pid, started_at_ms, port, command })
    }

    /// How the state file in `state_dir` is, read for at most `within`, in the calling thread. Looks only.
    ///
    /// # Errors
    /// It is there and cannot be opened.
    pub fn soundness(state_dir: &Path, within: Duration) -> Result<Soundness, StoreError> {
        store::soundness(state_dir, within)
    }

    /// Sets a damaged state file aside and begins a new one, as the next start would. What was done, as whole sentences; none
    /// where the file turns out to be sound. `command` is what others are told holds the directory meanwhile.
    ///
    /// # Errors
    /// See [`HostStateError`]; where a gateway runs, it stays as it is.
    pub async fn set_aside_if_damaged(
        state_dir: &Path,
        reason: &str,
        command: &str,
        clock: SharedClock,
    ) -> Result<Vec<String>, HostStateError> {
        if let Some(holder) = Self::holder(state_dir) {
            return Err(HostStateError::Running(holder.port));
        }
        let failed = |error: std::io::Error| StoreError::Open {
            path: state_dir.to_owned(),
            reason: format!("no word of the damage could be left: {error}"),
        };
        store::suspect(state_dir, reason).map_err(failed)?;
        let state = Self::open(state_dir, command, clock)?;
        let notices = state.notices().to_vec();
        state.close().await;
        Ok(notices)
    }

    /// Opens it. Makes no state where there is none. `command` is what others are told holds the directory meanwhile.
    ///
    /// # Errors
    /// See [`HostStateError`].
    pub fn open(state_dir: &Path, command: &str, clock: SharedClock) -> Result<Self, HostStateError> {
        if !Store::is_in(state_dir) {
            return Err(HostStateError::Nothing(state_dir.to_owned()));
        }
        let info = LockInfo {
            pid: std::process::id(),
            started_at_ms: clock.now_ms(),
            port: None,
            command: command.to_owned(),
        };
        let lock = StateLock::acquire(state_dir, &info).map_err(|error| match error {
            LockError::Held { holder, .. } => HostStateError::Running(holder.and_then(|h| h.port)),
            other => HostStateError::Lock(other),
        })?;
        let opened = Store::open(state_dir, clock)?;
        Ok(Self { store: opened.store, notices: opened.notices, _lock: lock })
    }

    /// What should be known about the opening, such as a damaged file that was set aside.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Who waits and who is paired, as `device.pair.list` tells it.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn devices(&self) -> Result<Value, StoreError> {
        let pending: Vec<Value> = self.store.device_requests().await?.iter().map(request_json).collect();
        let paired = self.store.devices().await?;
        let paired: Vec<Value> = paired
            .iter()
            .map(|device| {
                let mut out = device_json(device);
                out.insert("connected".into(), json!(false));
                Value::Object(out)
            })
            .collect();
        Ok(json!({"pending": pending, "paired": paired}))
    }

    /// Lets a device in, as `device.pair.approve` does. `None` where no such request waits.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn approve(&self, request_id: &str) -> Result<Option<Value>, StoreError> {
        let approved = self.store.approve_device(request_id, ApprovedVia::Owner).await?;
        Ok(approved.map(
            |(request, device)| json!({"requestId": request.request_id, "device": device_json(&device)}),
        ))
    }

    /// Closes it; a gateway may start then.
    pub async fn close(self) {
        self.store.close().await;
    }
}
