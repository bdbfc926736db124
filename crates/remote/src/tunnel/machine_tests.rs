//! What the machine does, by name and for any order of events.

use super::*;
use proptest::prelude::*;

fn ended(reason: &str) -> Event {
    Event::Ended { lasting: false, reason: reason.to_owned() }
}

fn refused() -> Event {
    Event::Ended { lasting: true, reason: "permission denied".to_owned() }
}

fn no_answer(silent: bool) -> Event {
    Event::NoAnswer { silent, reason: "nothing came back".to_owned() }
}

/// A machine that is up since `now`.
fn up(now: u64) -> Machine {
    let (mut machine, steps) = Machine::begin(now);
    assert_eq!(steps, [Step::Start]);
    assert_eq!(machine.on(now, Event::Linked, 0), []);
    assert_eq!(machine.on(now, Event::Listening, 0), [Step::Probe(PROBE_WITHIN)]);
    assert_eq!(machine.on(now, Event::Answered, 0), []);
    assert_eq!(machine.phase(), Phase::Up);
    machine
}

#[test]
fn it_is_up_when_the_far_gateway_answers_and_not_before() {
    let (mut machine, _) = Machine::begin(0);
    machine.on(10, Event::Linked, 0);
    assert_eq!(machine.phase(), Phase::Connecting);
    machine.on(20, Event::Listening, 0);
    assert_eq!(machine.phase(), Phase::Connecting);
    machine.on(30, no_answer(false), 0);
    assert_eq!((machine.phase(), machine.since()), (Phase::Degraded, 30));
    let due = machine.due();
    assert_eq!(machine.on(due, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
    machine.on(due + 5, Event::Answered, 0);
    assert_eq!((machine.phase(), machine.since()), (Phase::Up, due + 5));
}

#[test]
fn a_killed_ssh_is_started_again_at_once() {
    let mut machine = up(0);
    assert_eq!(machine.on(100_000, ended("killed"), 7), []);
    assert_eq!(machine.phase(), Phase::BackingOff);
    assert!(machine.due() <= 100_000 + 300, "{}", machine.due());
    let due = machine.due();
    assert_eq!(machine.on(due, Event::Due, 0), [Step::Start]);
}

#[test]
fn waits_grow_with_the_outage_and_begin_anew_after_a_minute_up() {
    let waited = |machine: &mut Machine, now: u64| {
        machine.on(now, ended("no route"), 0);
        machine.due() - now
    };
    let mut machine = up(0);
    let mut now = 200_000;
    let mut last = 0;
    for _ in 0..400 {
        let wait = waited(&mut machine, now);
        assert!(wait >= last, "{wait} after {last}");
        last = wait;
        now = machine.due();
        assert_eq!(machine.on(now, Event::Due, 0), [Step::Start]);
        now += 4_000;
    }
    assert!(last >= LONGEST_WAIT * 4 / 5, "{last}");
    for (stays, short) in [(59_999, false), (60_000, true)] {
        let mut machine = machine.clone();
        machine.on(now, Event::Listening, 0);
        machine.on(now, Event::Answered, 0);
        assert_eq!(waited(&mut machine, now + stays) < 300, short, "{stays}");
    }
}

#[test]
fn a_lasting_refusal_is_tried_again_rarely_and_when_somebody_asks() {
    let (mut machine, _) = Machine::begin(0);
    machine.on(10, refused(), 0);
    assert_eq!((machine.phase(), machine.reason()), (Phase::Refused, "permission denied"));
    assert!(machine.due() >= 240_000);
    assert_eq!(machine.on(1_000, Event::PathChanged, 0), []);
    assert_eq!(machine.on(2_000, Event::Due, 0), []);
    assert_eq!(machine.clone().on(2_000, Event::TryNow, 0), [Step::Start]);
    assert_eq!(machine.clone().on(2_000, Event::Changed, 0), [Step::Start]);
    assert_eq!(machine.on(100_000, Event::PathChanged, 0), [Step::Start]);
}

#[test]
fn a_dead_path_is_left_and_a_gateway_that_says_no_keeps_its_ssh() {
    let mut silent = up(0);
    silent.on(PROBE_EVERY, Event::Due, 0);
    assert_eq!(silent.on(14_000, no_answer(true), 0), []);
    assert_eq!(silent.phase(), Phase::Degraded);
    let due = silent.due();
    silent.on(due, Event::Due, 0);
    assert_eq!(silent.on(due + PROBE_WITHIN, no_answer(true), 0), [Step::Stop, Step::Start]);
    let mut says_no = up(0);
    let mut now = PROBE_EVERY;
    for _ in 0..100 {
        assert_eq!(says_no.on(now, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
        assert_eq!(says_no.on(now + 5, no_answer(false), 0), []);
        assert!(says_no.due() <= now + 5 + PROBE_EVERY);
        now = says_no.due();
    }
}

#[test]
fn a_change_of_the_network_is_looked_into_at_once() {
    let mut alive = up(0);
    assert_eq!(alive.on(3_000, Event::PathChanged, 0), [Step::Probe(HURRIED_PROBE)]);
    assert_eq!(alive.on(3_001, Event::PathChanged, 0), []);
    assert_eq!(alive.on(3_100, Event::Answered, 0), []);
    assert_eq!((alive.phase(), alive.since()), (Phase::Up, 0));
    let mut dead = up(0);
    dead.on(3_000, Event::PathChanged, 0);
    assert_eq!(dead.on(4_500, no_answer(true), 0), [Step::Stop, Step::Start]);
    // The new ssh is still reaching out when the network comes back.
    assert_eq!(dead.on(4_600, Event::PathChanged, 0), []);
    assert_eq!(dead.on(5_100, Event::PathChanged, 0), [Step::Stop, Step::Start]);
    dead.on(5_200, ended("no route"), 0);
    assert_eq!(dead.on(5_201, Event::PathChanged, 0), [Step::Start]);
}

#[test]
fn an_ssh_that_reaches_nobody_is_not_waited_for() {
    let mut machine = up(0);
    machine.on(100_000, ended("cut"), 0);
    let started = machine.due();
    machine.on(started, Event::Due, 0);
    assert_eq!(machine.due(), started + HASTY_LINK);
    assert_eq!(machine.on(started + HASTY_LINK, Event::Due, 0), [Step::Stop]);
    assert_eq!(machine.phase(), Phase::BackingOff);
    assert!(machine.reason().contains("did not answer within 2 s"), "{}", machine.reason());
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Linked),
        Just(Event::Listening),
        Just(Event::Answered),
        any::<bool>().prop_map(no_answer),
        any::<bool>().prop_map(|lasting| Event::Ended { lasting, reason: "why".to_owned() }),
        Just(Event::Due),
        Just(Event::Due),
        Just(Event::PathChanged),
        Just(Event::TryNow),
        Just(Event::Changed),
    ]
}

proptest! {
    /// A driver that does what it is told has at most one ssh and one probe, always has something to wait for, and does
    /// not hammer at what refused it.
    #[test]
    fn it_never_loses_its_way(
        events in proptest::collection::vec((any_event(), 0u64..20_000, any::<u64>()), 0..200)
    ) {
        let (mut machine, _) = Machine::begin(0);
        let (mut now, mut ssh, mut probing) = (0, true, false);
        let mut refused_at = None;
        for (event, later, jitter) in events {
            // Time goes by up to the event, but never beyond what was asked for.
            now = (now + later).min(machine.due().max(now));
            let real = match &event {
                Event::Answered | Event::NoAnswer { .. } => probing,
                Event::Linked | Event::Listening | Event::Ended { .. } => ssh,
                Event::Due => now >= machine.due(),
                _ => true,
            };
            if !real {
                continue;
            }
            match &event {
                Event::Answered | Event::NoAnswer { .. } => probing = false,
                Event::Ended { .. } => (ssh, probing) = (false, false),
                _ => {}
            }
            let before = (machine.phase(), machine.since());
            let steps = machine.on(now, event.clone(), jitter);
            for step in &steps {
                match step {
                    Step::Start => {
                        prop_assert!(!ssh, "two at once");
                        ssh = true;
                        if let (Some(at), Event::Due | Event::PathChanged) = (refused_at, &event) {
                            prop_assert!(now - at >= REFUSED_PATIENCE, "hammers after {}", now - at);
                        }
                    }
                    Step::Stop => {
                        prop_assert!(ssh);
                        (ssh, probing) = (false, false);
                    }
                    Step::Probe(within) => {
                        prop_assert!(ssh && !probing && *within > 0);
                        probing = true;
                    }
                }
            }
            let phase = machine.phase();
            prop_assert_eq!(ssh, matches!(phase, Phase::Connecting | Phase::Up | Phase::Degraded));
            prop_assert!(probing || machine.due() != NEVER, "nothing to wait for in {phase}");
            prop_assert!(probing || machine.due() - now <= REFUSED_WAIT * 6 / 5);
            prop_assert!(phase != Phase::Up || before.0 == Phase::Up || event == Event::Answered);
            prop_assert!(machine.since() == before.1 || machine.since() == now);
            prop_assert!(!machine.reason().is_empty());
            refused_at = (phase == Phase::Refused).then(|| machine.since());
        }
    }

    #[test]
    fn waits_are_a_fifth_more_or_less(outage in 0u64..10_000_000, jitter: u64) {
        let middle = (outage / 60).clamp(250, 30_000);
        let wait = wait(outage, jitter);
        prop_assert!(wait >= middle * 4 / 5 && wait <= middle * 6 / 5 + 1);
    }
}
