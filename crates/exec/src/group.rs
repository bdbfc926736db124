//! The process group of a command. It is killed when this is dropped, so that no path out of a run, cancelled futures
//! included, leaves anything running.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// A process group that we started and still answer for.
#[derive(Debug)]
pub(crate) struct Group(GroupHandle);

/// Reaches a group without answering for it.
#[derive(Debug, Clone)]
pub(crate) struct GroupHandle(Arc<AtomicI32>);

/// The number of no group: let go of, or never there.
const NOBODY: i32 = 0;

impl Group {
    /// The group that the child with this id leads; empty where the child has ended already.
    pub(crate) fn led_by(child: Option<u32>) -> Self {
        let id = child.and_then(|id| i32::try_from(id).ok()).unwrap_or(NOBODY);
        Self(GroupHandle(Arc::new(AtomicI32::new(id))))
    }

    /// A way to reach the group from elsewhere.
    pub(crate) fn handle(&self) -> GroupHandle {
        self.0.clone()
    }

    /// Asks all of the group to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.0.signal(Signal::TERM);
    }

    /// Ends all of the group (SIGKILL).
    pub(crate) fn kill(&self) {
        self.0.kill();
    }

    /// Whether anyone is left in the group. Ended processes that nobody has waited for count.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.pid().is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }

    /// Lets go of the group: what is left in it lives on. Called as soon as its number may belong to others.
    pub(crate) fn release(&self) {
        self.0.0.store(NOBODY, Ordering::SeqCst);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        self.release();
    }
}

impl GroupHandle {
    /// Ends all of the group (SIGKILL), unless its owner has let go of it.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.0.load(Ordering::SeqCst))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // Fails only where nobody is left in the group, which is what was wanted.
            let _ = kill_process_group(pid, signal);
        }
    }
}
