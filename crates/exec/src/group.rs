//! The process group of a command. It is killed when this is dropped, so that no path out of a run, cancelled futures
//! included, leaves anything running.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// A process group that we started and still answer for.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// The group that the child with this id leads; empty where the child has ended already.
    pub(crate) fn led_by(child: Option<u32>) -> Self {
        Self(child.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Asks all of the group to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends all of the group (SIGKILL).
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Whether anyone is left in the group. Ended processes that nobody has waited for count.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.is_some_and(|pid| test_kill_process_group(pid).is_ok())
    }

    /// Lets go of the group: what is left in it lives on.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // Fails only where nobody is left in the group, which is what was wanted.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
