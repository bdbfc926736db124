//! Whatever order things happen in, restarts included: request ids are stable, one request waits per device and role, nobody
//! gets more scopes than were approved, generations only grow, a good token ends only by the use of a later one, and a
//! revoked one at once: it comes back by a decision alone, and with what that gave.

use crate::support::{Fixture, ask, fixture};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use store::{ApprovedVia, Rotated, SetupAccess, Store};

const SCOPES: [&str; 4] = ["read", "write", "admin", "pairing"];

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, usize, u8),
    Pair(usize, usize, u8),
    Approve(usize),
    Reject(usize),
    /// With the generation seen now, or so many before it.
    Rotate(usize, usize, i64),
    /// With the generation that is so many before the newest.
    Use(usize, usize, i64),
    /// A device with the latest setup code.
    Redeem(usize),
    NewCode,
    Restart,
    Revoke(usize, usize),
    Remove(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (device, role, scopes) = (0..2usize, 0..2usize, 0..16u8);
    prop_oneof![
        4 => (device.clone(), role.clone(), scopes.clone()).prop_map(|(d, r, s)| Step::Ask(d, r, s)),
        1 => (device.clone(), role.clone(), scopes).prop_map(|(d, r, s)| Step::Pair(d, r, s)),
        // Ids of the past are tried too, not only those that wait.
        4 => (0..12usize).prop_map(Step::Approve),
        1 => (0..12usize).prop_map(Step::Reject),
        3 => (device.clone(), role.clone(), 0..2i64).prop_map(|(d, r, back)| Step::Rotate(d, r, back)),
        4 => (device.clone(), role.clone(), -1..4i64).prop_map(|(d, r, back)| Step::Use(d, r, back)),
        2 => device.clone().prop_map(Step::Redeem),
        1 => Just(Step::NewCode),
        1 => Just(Step::Restart),
        2 => (device.clone(), role).prop_map(|(d, r)| Step::Revoke(d, r)),
        1 => device.prop_map(Step::Remove),
    ]
}

fn name(device: usize) -> String {
    format!("d{device}")
}

fn role(role: usize) -> &'static str {
    if role == 0 { "operator" } else { "node" }
}

fn scopes(bits: u8) -> Vec<&'static str> {
    SCOPES.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, s)| *s).collect()
}

type Seat = (String, String);

/// What must hold, kept beside the store in the plainest way.
#[derive(Default)]
struct Book {
    ids: Vec<String>,
    waiting: BTreeMap<Seat, (String, BTreeSet<String>)>,
    /// What each token may do.
    approved: BTreeMap<Seat, BTreeSet<String>>,
    /// What each device was approved for as an operator.
    allowed: BTreeMap<String, BTreeSet<String>>,
    /// The generations that are good.
    good: BTreeMap<Seat, BTreeSet<i64>>,
    /// The newest one ever; outlives the device.
    newest: BTreeMap<Seat, i64>,
    /// The latest code, whose it is, and whether it is over.
    code: Option<(String, Option<String>, bool)>,
}

impl Book {
    fn grant(&mut self, seat: Seat, scopes: BTreeSet<String>, via: ApprovedVia) {
        self.waiting.remove(&seat);
        let is_revoked = self.good.get(&seat).is_some_and(BTreeSet::is_empty);
        if seat.1 == "operator" {
            let allowed = self.allowed.entry(seat.0.clone()).or_default();
            if is_revoked && via != ApprovedVia::Silent {
                allowed.clear();
            }
            allowed.extend(scopes.clone());
        }
        if is_revoked && via == ApprovedVia::Silent {
            return;
        }
        let has = self.approved.entry(seat.clone()).or_default();
        if is_revoked {
            has.clear();
        }
        has.extend(scopes);
        if self.good.get(&seat).is_none_or(BTreeSet::is_empty) {
            self.next_generation(seat);
        }
    }

    fn next_generation(&mut self, seat: Seat) {
        let newest = self.newest.entry(seat.clone()).or_default();
        *newest += 1;
        self.good.entry(seat).or_default().insert(*newest);
    }

    /// What was taken from a device, its code does not give back.
    fn end_code_of(&mut self, device: &str) {
        if let Some((_, Some(owner), over)) = &mut self.code
            && owner == device
        {
            *over = true;
        }
    }

    fn waits(&self, id: &str) -> Option<Seat> {
        self.waiting.iter().find(|(_, (waiting, _))| waiting == id).map(|(seat, _)| seat.clone())
    }

    fn id(&self, n: usize) -> String {
        self.ids.iter().rev().nth(n).cloned().unwrap_or_default()
    }
}

fn owned(scopes: &[&str]) -> BTreeSet<String> {
    scopes.iter().map(|s| (*s).to_owned()).collect()
}

async fn take(f: Fixture, book: &mut Book, step: &Step) -> Fixture {
    if matches!(step, Step::Restart) {
        return f.restarted().await;
    }
    act(&f.store, book, step).await;
    f
}

async fn act(store: &Store, book: &mut Book, step: &Step) {
    match *step {
        Step::Ask(d, r, bits) => {
            let (seat, wish) = ((name(d), role(r).to_owned()), scopes(bits));
            let (request, new) = store.request_device(ask(&seat.0, &seat.1, &wish)).await.unwrap();
            let same = book.waiting.get(&seat).filter(|(_, waiting)| *waiting == owned(&wish));
            assert_eq!(new, same.is_none());
            if let Some((id, _)) = same {
                assert_eq!(*id, request.request_id);
            } else {
                assert!(!book.ids.contains(&request.request_id));
                book.ids.push(request.request_id.clone());
            }
            book.waiting.insert(seat, (request.request_id, owned(&wish)));
        }
        Step::Pair(d, r, bits) => {
            let (seat, wish) = ((name(d), role(r).to_owned()), scopes(bits));
            store.pair_device(ask(&seat.0, &seat.1, &wish), ApprovedVia::Silent).await.unwrap();
            book.grant(seat, owned(&wish), ApprovedVia::Silent);
        }
        Step::Approve(n) => {
            let id = book.id(n);
            let approved = store.approve_device(&id, ApprovedVia::Owner).await.unwrap();
            let seat = book.waits(&id);
            assert_eq!(approved.is_some(), seat.is_some());
            if let (Some(seat), Some((request, _))) = (seat, approved) {
                book.grant(seat, request.ask.scopes.into_iter().collect(), ApprovedVia::Owner);
            }
        }
        Step::Reject(n) => {
            let id = book.id(n);
            let rejected = store.reject_device(&id).await.unwrap();
            let seat = book.waits(&id);
            assert_eq!(rejected.is_some(), seat.is_some());
            seat.map(|seat| book.waiting.remove(&seat));
        }
        Step::Rotate(d, r, back) => {
            let seat = (name(d), role(r).to_owned());
            let from = book.newest.get(&seat).copied().unwrap_or_default() - back;
            let rotated = store.rotate_device_token(&seat.0, &seat.1, from, None).await.unwrap();
            let is_there = book.approved.contains_key(&seat) && back == 0;
            assert_eq!(matches!(rotated, Rotated::Done(_)), is_there, "{rotated:?}");
            if is_there {
                book.next_generation(seat);
            }
        }
        Step::Use(d, r, back) => {
            let seat = (name(d), role(r).to_owned());
            let generation = book.newest.get(&seat).copied().unwrap_or_default() - back;
            let used = store.use_device_token(&seat.0, &seat.1, generation).await.unwrap();
            let good = book.good.get_mut(&seat);
            assert_eq!(used, good.as_ref().is_some_and(|good| good.contains(&generation)));
            if used {
                good.unwrap().retain(|other| *other >= generation);
                book.end_code_of(&seat.0);
            }
        }
        Step::NewCode => {
            let code = store.make_setup_code(SetupAccess::Limited, 600_000).await.unwrap();
            book.code = Some((code.setup_id, None, false));
        }
        Step::Redeem(d) => {
            let Some((id, owner, over)) = book.code.clone() else { return };
            let asks = vec![ask(&name(d), "operator", &["write"]), ask(&name(d), "node", &[])];
            let paired = store.redeem_setup_code(&id, asks).await.unwrap();
            let may = !over && owner.as_ref().is_none_or(|owner| *owner == name(d));
            assert_eq!(paired.is_some(), may);
            if may && owner.is_none() {
                book.code = Some((id, Some(name(d)), false));
                book.grant((name(d), "operator".into()), owned(&["write"]), ApprovedVia::Owner);
                book.grant((name(d), "node".into()), BTreeSet::new(), ApprovedVia::Owner);
            }
        }
        Step::Restart => {}
        Step::Revoke(d, r) => {
            let seat = (name(d), role(r).to_owned());
            if store.revoke_device_token(&seat.0, &seat.1).await.unwrap().is_some() {
                book.good.insert(seat.clone(), BTreeSet::new());
                book.end_code_of(&seat.0);
            }
        }
        Step::Remove(d) => {
            let removed = store.remove_device(&name(d)).await.unwrap();
            assert_eq!(removed, book.approved.keys().any(|seat| seat.0 == name(d)));
            book.approved.retain(|seat, _| seat.0 != name(d));
            book.waiting.retain(|seat, _| seat.0 != name(d));
            book.good.retain(|seat, _| seat.0 != name(d));
            book.allowed.remove(&name(d));
            book.end_code_of(&name(d));
        }
    }
}

async fn compare(store: &Store, book: &Book) {
    let waiting: BTreeMap<Seat, String> = store
        .device_requests()
        .await
        .unwrap()
        .into_iter()
        .map(|r| ((r.ask.device_id, r.ask.role), r.request_id))
        .collect();
    let expected: BTreeMap<Seat, String> =
        book.waiting.iter().map(|(seat, (id, _))| (seat.clone(), id.clone())).collect();
    assert_eq!(waiting, expected);
    let mut seats = BTreeSet::new();
    for device in store.devices().await.unwrap() {
        let allowed = book.allowed.get(&device.device_id).cloned().unwrap_or_default();
        assert_eq!(device.scopes.into_iter().collect::<BTreeSet<_>>(), allowed);
        for token in device.tokens {
            let seat = (device.device_id.clone(), token.role.clone());
            assert_eq!(token.scopes.iter().cloned().collect::<BTreeSet<_>>(), book.approved[&seat]);
            assert_eq!(token.generation, book.newest[&seat]);
            assert_eq!(token.good().collect::<BTreeSet<_>>(), book.good[&seat]);
            assert_eq!(token.revoked_at_ms.is_some(), book.good[&seat].is_empty());
            seats.insert(seat);
        }
    }
    assert_eq!(seats, book.approved.keys().cloned().collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pairing_holds_in_any_order(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut f = fixture();
            let mut book = Book::default();
            for step in &steps {
                f = take(f, &mut book, step).await;
                compare(&f.store, &book).await;
            }
        });
    }
}
