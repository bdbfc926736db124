//! One run of the agent on a session: the model is asked, its tools are run, until it answers or is stopped.
//!
//! What is durable when: an answer that calls tools is committed before any of them starts; their results are committed
//! together when all have ended. The last answer is not committed here: it goes back in [`TurnOutcome::messages`], so
//! that the caller can commit it together with the run's end and the reply.

mod ask;
mod compaction;
mod conclude;
mod drive;
mod events;
mod failover;
mod outcome;
mod request;
mod run;
mod setup;
mod stream;
mod toolphase;
mod transcript;

#[cfg(test)]
mod tests;

pub use events::{CompactionPhase, Events, TurnEvent};
pub use failover::{Failover, FailoverFuture};
pub use outcome::{CompactOutcome, Compacted, Keep, TurnEnd, TurnError, TurnErrorKind, TurnOutcome};
pub use setup::{Limits, RetryPolicy, TurnSetup};
pub use transcript::{CallKind, ModelCall, Transcript, TranscriptError, TranscriptFuture};

use conclude::conclude;
use model::Message;
use run::{Run, State, Stop};
use tokio_util::sync::CancellationToken;

/// Runs one turn and says how it ended. `messages` is the whole transcript, the new user messages included, all of it
/// durable already.
///
/// Tool calls at the end of `messages` that have no result (a run that was cut) are dealt with first, as
/// [`crate::resume`] describes. Cancelling `cancel` ends the turn within a few seconds with everything committed that
/// was finished. Dropping the future instead is safe too: tools are aborted, and the transcript is left in a state that
/// [`crate::resume::plan_resume`] can go on from.
pub async fn run_turn(
    setup: &TurnSetup,
    messages: Vec<Message>,
    transcript: &dyn Transcript,
    events: &dyn Events,
    cancel: &CancellationToken,
) -> TurnOutcome {
    let deadline = tokio::time::Instant::now() + setup.limits.turn_deadline;
    let run = Run { setup, transcript, events, cancel, deadline };
    let mut state = State::new(setup, messages);
    let end = drive::drive(&run, &mut state).await;
    conclude(&run, state, end)
}

/// Makes a transcript shorter because somebody asks for it, by the way that a turn does it when the window is full.
/// `messages` is the whole transcript, and no turn may be on it meanwhile. Of `setup`, the system prompt and the tools
/// are not used.
pub async fn compact(
    setup: &TurnSetup,
    messages: Vec<Message>,
    transcript: &dyn Transcript,
    events: &dyn Events,
    cancel: &CancellationToken,
    keep: Keep,
) -> CompactOutcome {
    let deadline = tokio::time::Instant::now() + setup.limits.turn_deadline;
    let run = Run { setup, transcript, events, cancel, deadline };
    let mut state = State::new(setup, messages);
    let result = compaction::on_demand(&run, &mut state, keep).await.map_err(|stop| match stop {
        Stop::Aborted => TurnEnd::Aborted,
        Stop::Failed(error) => TurnEnd::Failed(error),
    });
    CompactOutcome { result, calls: state.ledger.pending }
}
