//! What the platform saw, judged: nothing lost, nothing out of order, and nothing twice but where nobody can know.

#![allow(clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use testkit::fake_telegram::Sent;
use tokio::time::Instant;

/// An acceptance this long before a kill would have been committed by then.
const LAST_MOMENTS: Duration = Duration::from_millis(1000);

/// A message: its chat and its number in it.
pub(crate) type Tag = (i64, usize);

/// The tag in a text: `… #101:3# …`.
pub(crate) fn tag_in(text: &str) -> Option<Tag> {
    let (_, behind) = text.split_once('#')?;
    let (chat, nth) = behind.split_once('#')?.0.split_once(':')?;
    Some((chat.parse().ok()?, nth.parse().ok()?))
}

/// Goes through every chat's answers; gives how many were sent twice. `kills[n]` is the moment before the end of the
/// gateway that sends by the way `n`.
pub(crate) fn check(sent: &[Sent], kills: &[Instant], counts: &BTreeMap<i64, usize>) -> usize {
    let mut doubts = BTreeSet::new();
    for (&chat, &count) in counts {
        let mut next = 0;
        let mut before: Option<&Sent> = None;
        for answer in sent.iter().filter(|s| s.chat_id == chat) {
            let nth = match tag_in(&answer.plain) {
                Some((of, nth)) if of == chat => nth,
                _ => panic!("chat {chat} got what is no answer to it: {:?}", answer.plain),
            };
            if nth == next {
                next += 1;
            } else {
                // The only other answer that may come is the one just before, once more: what was sent after it shows
                // that the gateway had marked all earlier ones.
                let first = before.filter(|_| nth + 1 == next);
                let first = first.unwrap_or_else(|| panic!("chat {chat}: {nth} came where {next} was due"));
                let kill = died_between(first, answer, kills);
                assert!(doubts.insert((kill, chat)), "chat {chat}: two answers sent twice for kill {kill}");
            }
            before = Some(answer);
        }
        assert_eq!(next, count, "chat {chat}: answers");
    }
    doubts.len()
}

/// The kill that came after the platform had accepted `first` and before the gateway could mark it.
fn died_between(first: &Sent, second: &Sent, kills: &[Instant]) -> usize {
    let life = |sent: &Sent| sent.via.parse::<usize>().unwrap_or(usize::MAX);
    let (one, other) = (life(first), life(second));
    assert!(one < other, "{:?} was sent twice by the same gateway", first.plain);
    let ago = kills[one].saturating_duration_since(first.accepted_at);
    assert!(ago < LAST_MOMENTS, "{:?} was accepted {ago:?} before the kill and sent again", first.plain);
    one
}

/// Goes through the lines that commands left; gives how many there are.
pub(crate) fn check_effects(lines: &str) -> usize {
    let mut seen = BTreeSet::new();
    for line in lines.lines() {
        assert!(seen.insert(line), "the command of message {line} ran twice");
    }
    seen.len()
}

mod tests {
    use super::*;

    fn sent(via: usize, nth: usize, at: Instant) -> Sent {
        let text = format!("answer to #7:{nth}#");
        let (via, plain) = (via.to_string(), text.clone());
        let (thread_id, reply_to, parse_mode) = (None, None, None);
        let (message_id, seq, accepted_at) = (1, 0, at);
        let chat_id = 7;
        Sent { chat_id, thread_id, reply_to, text, plain, parse_mode, message_id, via, at, accepted_at, seq }
    }

    #[test]
    fn the_verdict_knows_lost_disordered_and_repeated_answers_from_those_that_nobody_can_know_of() {
        let start = Instant::now();
        let kill = start + Duration::from_secs(10);
        let just = kill - Duration::from_millis(5);
        for (good, answers) in [
            (true, vec![(0, 0, start), (0, 1, just)]),
            (true, vec![(0, 0, start), (0, 1, just), (1, 1, kill)]),
            (true, vec![(0, 0, kill), (1, 0, kill), (1, 1, kill)]),
            // Lost; out of order; twice by the same gateway; long before the kill; not the last before it.
            (false, vec![(0, 0, start)]),
            (false, vec![(0, 1, start), (0, 0, start)]),
            (false, vec![(0, 0, start), (0, 1, just), (0, 1, just)]),
            (false, vec![(0, 0, start), (0, 1, start), (1, 1, kill)]),
            (false, vec![(0, 0, just), (0, 1, just), (1, 0, kill)]),
        ] {
            let sent: Vec<Sent> = answers.iter().map(|&(via, nth, at)| sent(via, nth, at)).collect();
            let verdict = std::panic::catch_unwind(|| check(&sent, &[kill], &BTreeMap::from([(7, 2)])));
            assert_eq!(verdict.is_ok(), good, "{answers:?}");
        }
        assert!(std::panic::catch_unwind(|| check_effects("a\nb\na\n")).is_err());
    }
}
