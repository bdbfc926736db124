use super::*;
use QueueMode::*;
use Submitted::*;
use proptest::prelude::*;

fn from(route: &str, run_id: &str) -> Submission<()> {
    let route = (!route.is_empty()).then(|| route.to_owned());
    Submission { run_id: run_id.into(), route, payload: () }
}

fn ids(turn: Vec<Submission<()>>) -> Vec<String> {
    turn.into_iter().map(|s| s.run_id).collect()
}

fn next(queue: &mut SessionQueue<()>) -> Vec<String> {
    queue.start_next().map(ids).unwrap_or_default()
}

/// A queue whose turn `r0` of route `a` runs.
fn busy() -> SessionQueue<()> {
    let mut queue = SessionQueue::new(200);
    assert_eq!(queue.submit(from("a", "r0"), Steer), Start);
    assert_eq!(next(&mut queue), ["r0"]);
    queue
}

#[test]
fn modes_are_read_from_their_configured_names() {
    for (text, mode) in
        [("steer", Steer), ("followup", FollowUp), ("collect", Collect), ("interrupt", Interrupt)]
    {
        assert_eq!(text.parse(), Ok(mode));
    }
    let error = "queue".parse::<QueueMode>().unwrap_err().to_string();
    assert!(error.contains("messages.queue.mode") && error.contains("followup"), "{error}");
}

#[test]
fn what_becomes_of_a_message_depends_on_mode_and_route() {
    for (route, mode, expected) in [
        ("a", Steer, Steering),
        ("b", Steer, Queued { position: 1 }),
        ("", Steer, Queued { position: 1 }),
        ("a", FollowUp, Queued { position: 1 }),
        ("", Collect, Queued { position: 1 }),
        ("a", Interrupt, Interrupts),
        ("b", Interrupt, Queued { position: 1 }),
        ("", Interrupt, Queued { position: 1 }),
    ] {
        assert_eq!(busy().submit(from(route, "r1"), mode), expected, "{route:?} {mode:?}");
    }
}

#[test]
fn steering_that_was_not_taken_becomes_a_turn_before_what_came_later() {
    let mut queue = busy();
    queue.submit(from("b", "r1"), FollowUp);
    queue.submit(from("a", "r2"), Steer);
    queue.submit(from("b", "r3"), FollowUp);
    queue.finished();
    let order: Vec<String> = std::iter::from_fn(|| {
        let turn = queue.start_next().map(ids);
        queue.finished();
        turn
    })
    .flatten()
    .collect();
    assert_eq!(order, ["r1", "r2", "r3"]);
}

#[test]
fn steering_does_not_overtake_what_its_sender_queued_before() {
    let mut queue = busy();
    queue.submit(from("a", "r1"), FollowUp);
    assert_eq!(queue.submit(from("a", "r2"), Steer), Queued { position: 2 });
}

#[test]
fn an_interrupt_is_next_but_does_not_overtake_its_own_chat() {
    let mut queue = busy();
    for (route, id, mode) in
        [("b", "r1", FollowUp), ("", "r2", FollowUp), ("c", "r3", Interrupt), ("", "r4", Interrupt)]
    {
        queue.submit(from(route, id), mode);
    }
    queue.submit(from("d", "r5"), FollowUp);
    queue.submit(from("d", "r6"), Interrupt);
    let mut order = Vec::new();
    while !queue.is_empty() {
        queue.finished();
        order.extend(next(&mut queue));
    }
    assert_eq!(order, ["r3", "r4", "r5", "r6", "r1", "r2"]);
}

#[test]
fn collected_messages_of_one_chat_get_one_turn() {
    let mut queue = busy();
    for (route, id, mode) in [
        ("a", "r1", Collect),
        ("a", "r2", Collect),
        ("b", "r3", Collect),
        ("a", "r4", Collect),
        ("a", "r5", FollowUp),
    ] {
        queue.submit(from(route, id), mode);
    }
    let mut turns = Vec::new();
    while !queue.is_empty() {
        queue.finished();
        turns.push(next(&mut queue).join("+"));
    }
    assert_eq!(turns, ["r1+r2", "r3", "r4", "r5"]);
}

#[test]
fn what_waits_can_be_taken_out_and_what_runs_cannot() {
    let mut queue = busy();
    queue.submit(from("a", "r1"), Steer);
    queue.submit(from("b", "r2"), FollowUp);
    assert!(queue.remove("r0").is_none());
    assert_eq!(queue.remove("r1").map(|s| s.run_id).as_deref(), Some("r1"));
    assert_eq!(queue.waiting_run_ids().collect::<Vec<_>>(), ["r2"]);
    assert_eq!((queue.is_running(), queue.running_run_id(), queue.len()), (true, Some("r0"), 1));
    assert!(queue.take_steering().is_empty());
    assert!(queue.start_next().is_none(), "one turn at a time");
}

#[test]
fn a_full_queue_refuses() {
    let mut queue = SessionQueue::new(2);
    assert_eq!(queue.submit(from("a", "1"), Steer), Start);
    assert_eq!(next(&mut queue), ["1"]);
    assert_eq!(queue.submit(from("a", "2"), Steer), Steering);
    assert_eq!(queue.submit(from("b", "3"), Steer), Queued { position: 1 });
    assert_eq!(queue.submit(from("a", "4"), Steer), Refused);
    assert_eq!(queue.submit(from("a", "5"), Interrupt), Refused);
}

#[derive(Debug, Clone)]
enum Step {
    Submit(Option<u8>, QueueMode),
    Start,
    Take,
    Finish,
    Remove(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![Just(Steer), Just(FollowUp), Just(Collect), Just(Interrupt)];
    prop_oneof![
        4 => (proptest::option::of(0u8..3), mode).prop_map(|(route, mode)| Step::Submit(route, mode)),
        2 => Just(Step::Start),
        1 => Just(Step::Take),
        2 => Just(Step::Finish),
        1 => (0usize..60).prop_map(Step::Remove),
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_given_twice_and_each_chat_keeps_its_order(steps in proptest::collection::vec(any_step(), 0..80)) {
        let mut queue: SessionQueue<usize> = SessionQueue::new(10);
        let (mut accepted, mut given, mut running) = (Vec::new(), Vec::new(), None);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Submit(route, mode) => {
                    let route = route.map(|r| r.to_string());
                    let s = Submission { run_id: n.to_string(), route: route.clone(), payload: n };
                    match queue.submit(s, mode) {
                        Refused => prop_assert!(queue.len() >= 10),
                        done => {
                            prop_assert_eq!(done == Start, !queue.is_running());
                            accepted.push((n, route));
                        }
                    }
                }
                Step::Start => if let Some(turn) = queue.start_next() {
                    prop_assert!(turn.iter().all(|s| s.route == turn[0].route));
                    prop_assert!(turn.len() == 1 || turn[0].route.is_some());
                    running = Some(turn[0].route.clone());
                    given.extend(turn.into_iter().map(|s| (s.payload, s.route)));
                },
                Step::Take => for s in queue.take_steering() {
                    prop_assert_eq!(Some(&s.route), running.as_ref());
                    given.push((s.payload, s.route));
                },
                Step::Finish => { queue.finished(); running = None; }
                Step::Remove(at) => if let Some(s) = queue.remove(&at.to_string()) {
                    accepted.retain(|(n, _)| *n != s.payload);
                },
            }
            prop_assert_eq!(queue.is_running(), running.is_some());
        }
        queue.finished();
        while let Some(turn) = queue.start_next() {
            given.extend(turn.into_iter().map(|s| (s.payload, s.route)));
            queue.finished();
        }
        for route in (0u8..3).map(|r| Some(r.to_string())) {
            let of = |list: &[(usize, Option<String>)]| -> Vec<usize> {
                list.iter().filter(|(_, r)| *r == route).map(|(n, _)| *n).collect()
            };
            prop_assert_eq!(of(&accepted), of(&given));
        }
        given.sort();
        accepted.sort();
        prop_assert_eq!(accepted, given);
    }
}
