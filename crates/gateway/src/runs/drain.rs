//! The end of a gateway, as far as turns go: those that run may end, and none begins any more. What arrives meanwhile waits
//! on disk, and the next start takes it up.

use super::Runs;
use std::time::Duration;

impl Runs {
    /// Lets turns that run end; gives in how many sessions one still runs after this time.
    pub(crate) async fn drain(&self, at_most: Duration) -> usize {
        self.draining.cancel();
        let busy = || self.slots().values().filter(|slot| slot.has_worker).count();
        let idle = self.until(|| (busy() == 0).then_some(()));
        // Too late is no error: the number says it.
        let _ = tokio::time::timeout(at_most, idle).await;
        busy()
    }

    /// Whether no turn begins any more.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}
