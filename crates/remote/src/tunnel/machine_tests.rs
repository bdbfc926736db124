//! What the machine does, by name and for any order of events.

use super::*;
use proptest::prelude::*;

fn ended(reason: &str) -> Event {
    Event::Ended { lasting: false, reason: reason.to_owned() }
}

fn refused() -> Event {
    Event::Ended { lasting: true, reason: "permission denied".to_owned() }
}

fn no_answer(way: Way) -> Event {
    Event::NoAnswer { way, reason: "nothing came back".to_owned() }
}

/// A machine that is up since `now`.
fn up(now: u64) -> Machine {
    let (mut machine, steps) = Machine::begin(now, false);
    assert_eq!(steps, [Step::Start]);
    assert_eq!(machine.on(now, Event::Linked, 0), []);
    assert_eq!(machine.on(now, Event::Listening, 0), [Step::Probe(PROBE_WITHIN)]);
    assert_eq!(machine.on(now, Event::Answered, 0), []);
    assert_eq!(machine.phase(), Phase::Up);
    machine
}

#[test]
fn it_is_up_when_the_far_gateway_answers_and_not_before() {
    let (mut machine, _) = Machine::begin(0, false);
    machine.on(10, Event::Linked, 0);
    assert_eq!(machine.phase(), Phase::Connecting);
    machine.on(20, Event::Listening, 0);
    assert_eq!(machine.phase(), Phase::Connecting);
    machine.on(30, no_answer(Way::Good), 0);
    assert_eq!((machine.phase(), machine.since()), (Phase::Degraded, 30));
    let due = machine.due();
    assert_eq!(machine.on(due, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
    machine.on(due + 5, Event::Answered, 0);
    assert_eq!((machine.phase(), machine.since()), (Phase::Up, due + 5));
}

#[test]
fn an_ssh_that_does_not_get_through_in_time_is_given_up_and_one_that_is_up_is_not() {
    let (mut machine, _) = Machine::begin(0, false);
    assert!(!machine.gives_up(PATIENT_LINK - 1) && machine.gives_up(PATIENT_LINK));
    machine.on(10, Event::Linked, 0);
    assert!(!machine.gives_up(PATIENT_LINK) && machine.gives_up(10 + LOGIN_WITHIN));
    assert_eq!(machine.on(10 + LOGIN_WITHIN, Event::Due, 0), [Step::Stop]);
    assert_eq!(machine.phase(), Phase::BackingOff);
    assert!(!machine.gives_up(NEVER) && !up(0).gives_up(NEVER));
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
    // Who asks for it does not wait for what was before.
    machine.on(now, Event::Listening, 0);
    machine.on(now, Event::Answered, 0);
    assert_eq!(machine.on(now, Event::TryNow, 0), [Step::Probe(PROBE_WITHIN)]);
    assert!(waited(&mut machine, now + 10) < 300);
}

#[test]
fn a_lasting_refusal_is_tried_again_rarely_and_when_somebody_asks() {
    let (mut machine, _) = Machine::begin(0, false);
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
fn an_ssh_that_takes_in_nothing_is_left_within_seven_seconds() {
    let mut dead = up(0);
    let due = dead.due();
    assert_eq!(dead.on(due, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
    assert_eq!(dead.on(due + PROBE_WITHIN, no_answer(Way::Dead), 0), [Step::Stop, Step::Start]);
    assert!(due + PROBE_WITHIN <= 7_000, "{due}");
    // Where nothing tells what ssh took in, it is asked once more.
    let mut silent = up(0);
    silent.on(due, Event::Due, 0);
    assert_eq!(silent.on(due + PROBE_WITHIN, no_answer(Way::Silent), 0), []);
    assert_eq!(silent.phase(), Phase::Degraded);
    let again = silent.due();
    silent.on(again, Event::Due, 0);
    assert_eq!(silent.on(again + PROBE_WITHIN, no_answer(Way::Silent), 0), [Step::Stop, Step::Start]);
}

#[test]
fn whatever_was_before_a_tunnel_that_was_up_is_not_waited_for_longer() {
    let mut machine = up(0);
    for round in 1..200 {
        let now = round * 50_000;
        machine.on(now, ended("cut"), 0);
        machine.on(machine.due(), Event::Due, 0);
        machine.on(now + 400, Event::Listening, 0);
        machine.on(now + 500, Event::Answered, 0);
    }
    let due = machine.due();
    machine.on(due, Event::Due, 0);
    assert_eq!(machine.on(due + PROBE_WITHIN, no_answer(Way::Dead), 0), [Step::Stop, Step::Start]);
}

#[test]
fn a_gateway_that_says_no_or_nothing_keeps_its_ssh_while_the_way_is_good() {
    let mut machine = up(0);
    let mut now = PROBE_EVERY;
    for round in 0..100 {
        assert_eq!(machine.on(now, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
        if round % 3 == 0 {
            assert_eq!(machine.on(now + 1, Event::PathChanged, 0), [Step::Probe(HURRIED_PROBE)]);
        }
        now += PROBE_WITHIN;
        assert_eq!(machine.on(now, no_answer(Way::Good), 0), []);
        assert!(machine.due() <= now + PROBE_EVERY);
        now = machine.due();
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
    // Asking that is under way may have got through before.
    dead.on(2_990, Event::TryNow, 0);
    assert_eq!(dead.on(3_000, Event::PathChanged, 0), [Step::Probe(HURRIED_PROBE)]);
    // A packet or two may be lost to the change, and the ssh be as good as before.
    assert_eq!(dead.on(4_200, no_answer(Way::Dead), 0), [Step::Probe(HURRIED_AGAIN)]);
    assert_eq!(dead.clone().on(4_900, Event::Answered, 0), []);
    assert_eq!(dead.on(4_300, Event::PathChanged, 0), []);
    assert_eq!(dead.on(5_000, no_answer(Way::Dead), 0), [Step::Stop, Step::Start]);
    // The new ssh is still reaching out when the network comes back.
    assert_eq!(dead.on(5_100, Event::PathChanged, 0), []);
    assert_eq!(dead.on(5_600, Event::PathChanged, 0), [Step::Stop, Step::Start]);
    dead.on(5_700, ended("no route"), 0);
    assert_eq!(dead.on(5_701, Event::PathChanged, 0), [Step::Start]);
}

#[test]
fn a_hurried_probe_that_is_missed_over_a_slow_way_costs_no_ssh() {
    let mut slow = up(0);
    assert_eq!(slow.on(3_000, Event::PathChanged, 0), [Step::Probe(HURRIED_PROBE)]);
    assert_eq!(slow.on(4_200, no_answer(Way::Good), 0), []);
    let due = slow.due();
    assert_eq!(slow.on(due, Event::Due, 0), [Step::Probe(PROBE_WITHIN)]);
    assert_eq!(slow.on(due + 3_000, Event::Answered, 0), []);
    // Where nothing tells, a whole one follows.
    let mut unknown = up(0);
    unknown.on(3_000, Event::PathChanged, 0);
    assert_eq!(unknown.on(4_200, no_answer(Way::Silent), 0), [Step::Probe(PROBE_WITHIN)]);
    assert_eq!(unknown.on(7_700, no_answer(Way::Silent), 0), [Step::Stop, Step::Start]);
}

#[test]
fn a_login_is_not_waited_for_long_once_the_network_has_changed() {
    for (asks, within) in [(false, LOGIN_AFTER_CHANGE), (true, LOGIN_WITHIN - 1_000)] {
        let (mut machine, _) = Machine::begin(0, asks);
        machine.on(0, Event::Linked, 0);
        assert_eq!(machine.due(), LOGIN_WITHIN);
        assert_eq!(machine.on(1_000, Event::PathChanged, 0), []);
        assert_eq!(machine.due(), 1_000 + within, "{asks}");
        // Let in meanwhile, it goes on.
        assert_eq!(machine.clone().on(2_000, Event::Listening, 0), [Step::Probe(PROBE_WITHIN)]);
        let due = machine.due();
        assert_eq!(machine.on(due, Event::Due, 0), [Step::Stop]);
    }
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

#[test]
fn a_server_that_is_near_is_tried_in_short_turns_however_long_it_is_away() {
    let mut machine = up(0);
    machine.on(100_000, ended("cut"), 0);
    let mut patient = 0;
    while machine.due() < 160_000 {
        let started = machine.due();
        assert_eq!(machine.on(started, Event::Due, 0), [Step::Start]);
        patient += usize::from(machine.due() == started + PATIENT_LINK);
        let given_up = machine.due();
        machine.on(given_up, Event::Due, 0);
        assert!(machine.due() - given_up <= 300, "{} after {given_up}", machine.due());
    }
    assert_eq!(patient, 0);
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Linked),
        Just(Event::Listening),
        Just(Event::Answered),
        prop_oneof![Just(Way::Good), Just(Way::Dead), Just(Way::Silent)].prop_map(no_answer),
        any::<bool>().prop_map(|lasting| Event::Ended { lasting, reason: "why".to_owned() }),
        Just(Event::Due),
        Just(Event::Due),
        Just(Event::PathChanged),
        Just(Event::TryNow),
        Just(Event::Changed),
    ]
}

proptest! {
    /// A driver that does what it is told has at most one ssh, always has something to wait for, and does
    /// not hammer at what refused it.
    #[test]
    fn it_never_loses_its_way(
        events in proptest::collection::vec((any_event(), 0u64..20_000, any::<u64>()), 0..200)
    ) {
        let (mut machine, _) = Machine::begin(0, false);
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
                        prop_assert!(ssh && *within > 0);
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
