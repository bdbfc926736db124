//! One account's place: what was made of its configuration, and the task that receives for it.

use super::telegram::TelegramAccount;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// See the module.
#[derive(Default)]
pub(super) struct Account {
    pub(super) made: Option<Arc<TelegramAccount>>,
    /// Why there is none, where one is configured.
    pub(super) problem: Option<String>,
    /// The task that receives.
    pub(super) receiving: Option<Receiving>,
    /// What tells that the tasks before it have ended, which were told to and may not have.
    ending: Vec<CancellationToken>,
    /// An operator has stopped it: only an operator starts it again.
    pub(super) held: bool,
}

/// A task that receives: what ends it, and what tells that it has ended.
pub(super) struct Receiving {
    pub(super) cancel: CancellationToken,
    pub(super) ended: CancellationToken,
}

impl Account {
    /// Takes what a configuration makes of it, `None` where it has none. False: it is the same and goes on.
    pub(super) fn replace(&mut self, made: Option<Result<TelegramAccount, String>>) -> bool {
        let (made, problem) = match made {
            Some(Ok(made)) => (Some(made), None),
            Some(Err(problem)) => (None, Some(problem)),
            None => (None, None),
        };
        self.problem = problem;
        match (&self.made, &made) {
            (Some(now), Some(wanted)) if now.is(wanted) => return false,
            (None, None) => return false,
            _ => {}
        }
        // Kept here: what comes next waits for it.
        let _ended = self.stop();
        self.made = made.map(Arc::new);
        true
    }

    /// Stops receiving; gives what tells that it has ended, be it for this call or for one before.
    pub(super) fn stop(&mut self) -> Vec<CancellationToken> {
        if let Some(receiving) = self.receiving.take() {
            receiving.cancel.cancel();
            self.ending.push(receiving.ended);
        }
        self.still_ending()
    }

    pub(super) fn still_ending(&mut self) -> Vec<CancellationToken> {
        self.ending.retain(|ended| !ended.is_cancelled());
        self.ending.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_to_end_is_waited_for_until_it_has() {
        let ended = CancellationToken::new();
        let receiving = Receiving { cancel: CancellationToken::new(), ended: ended.clone() };
        let mut account = Account { receiving: Some(receiving), ..Account::default() };
        assert_eq!(account.stop().len(), 1);
        assert_eq!(account.stop().len(), 1, "by whoever stops it again");
        assert_eq!(account.still_ending().len(), 1, "and by whoever starts it meanwhile");
        ended.cancel();
        assert!(account.still_ending().is_empty() && account.stop().is_empty());
    }
}
