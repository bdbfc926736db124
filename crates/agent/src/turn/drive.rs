//! The loop of a turn: ask, run tools, take steering, ask again.

use super::ask::ask;
use super::compaction;
use super::run::{Run, State, Stop};
use super::toolphase::{self, Call};
use crate::resume;
use model::{AssistantMessage, Message};

/// Runs the turn to its end and gives the last answer, which is not durable.
pub(super) async fn drive(run: &Run<'_>, state: &mut State) -> Result<AssistantMessage, Stop> {
    finish_cut_calls(run, state).await?;
    loop {
        compaction::make_room(run, state).await?;
        state.item += 1;
        let answer = ask(run, state).await?;
        let calls: Vec<Call> = answer.tool_calls().map(Call::from).collect();
        if calls.is_empty() {
            return Ok(answer);
        }
        run.append(state, vec![Message::Assistant(answer)]).await?;
        let done = toolphase::run_tools(run, state, calls).await;
        run.append(state, done.results).await?;
        done.stop.map_or(Ok(()), Err)?;
        steer(run, state).await?;
    }
}

/// Gives results to the calls at the end of the transcript that have none, and marks the cut.
async fn finish_cut_calls(run: &Run<'_>, state: &mut State) -> Result<(), Stop> {
    let open = resume::open_calls(&state.messages);
    if open.is_empty() {
        return Ok(());
    }
    let (again, lost): (Vec<_>, Vec<_>) = open
        .into_iter()
        .partition(|(_, name, arguments)| resume::may_repeat(&run.setup.tools, name, arguments));
    let now = run.setup.clock.now_ms();
    let mut results: Vec<Message> =
        lost.into_iter().map(|(id, name, _)| resume::lost_result(id, name, now)).collect();
    let calls = again.into_iter().map(Call::from).collect();
    let done = toolphase::run_tools(run, state, calls).await;
    results.extend(done.results);
    results.push(resume::restart_note(run.setup.clock.now_ms()));
    run.append(state, results).await?;
    done.stop.map_or(Ok(()), Err)?;
    steer(run, state).await
}

async fn steer(run: &Run<'_>, state: &mut State) -> Result<(), Stop> {
    let arrived = run.stored(run.transcript.take_steering()).await?;
    state.messages.extend(arrived);
    Ok(())
}
