//! Whatever order things happen in: request ids are stable, one request waits per device and role, nobody gets more
//! scopes than were approved, and generations only grow.

use crate::support::{ask, fixture};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use store::{ApprovedVia, Store};

const SCOPES: [&str; 4] = ["read", "write", "admin", "pairing"];

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, usize, u8),
    Pair(usize, usize, u8),
    Approve(usize),
    Reject(usize),
    Rotate(usize, usize),
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
        2 => (device.clone(), role.clone()).prop_map(|(d, r)| Step::Rotate(d, r)),
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
    approved: BTreeMap<Seat, BTreeSet<String>>,
    revoked: BTreeSet<Seat>,
    generation: BTreeMap<Seat, i64>,
}

impl Book {
    fn grant(&mut self, seat: Seat, scopes: BTreeSet<String>) {
        self.waiting.remove(&seat);
        let known = self.approved.contains_key(&seat);
        self.approved.entry(seat.clone()).or_default().extend(scopes);
        if self.revoked.remove(&seat) || !known {
            *self.generation.entry(seat).or_default() += 1;
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

async fn take(store: &Store, book: &mut Book, step: &Step) {
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
            book.grant(seat, owned(&wish));
        }
        Step::Approve(n) => {
            let id = book.id(n);
            let approved = store.approve_device(&id, ApprovedVia::Owner).await.unwrap();
            let seat = book.waits(&id);
            assert_eq!(approved.is_some(), seat.is_some());
            if let (Some(seat), Some((request, _))) = (seat, approved) {
                book.grant(seat, request.ask.scopes.into_iter().collect());
            }
        }
        Step::Reject(n) => {
            let id = book.id(n);
            let rejected = store.reject_device(&id).await.unwrap();
            let seat = book.waits(&id);
            assert_eq!(rejected.is_some(), seat.is_some());
            seat.map(|seat| book.waiting.remove(&seat));
        }
        Step::Rotate(d, r) => {
            let seat = (name(d), role(r).to_owned());
            let token = store.rotate_device_token(&seat.0, &seat.1).await.unwrap();
            assert_eq!(token.is_some(), book.approved.contains_key(&seat));
            if token.is_some() {
                book.revoked.remove(&seat);
                *book.generation.entry(seat).or_default() += 1;
            }
        }
        Step::Revoke(d, r) => {
            let seat = (name(d), role(r).to_owned());
            if store.revoke_device_token(&seat.0, &seat.1).await.unwrap().is_some() {
                book.revoked.insert(seat);
            }
        }
        Step::Remove(d) => {
            let removed = store.remove_device(&name(d)).await.unwrap();
            assert_eq!(removed, book.approved.keys().any(|seat| seat.0 == name(d)));
            book.approved.retain(|seat, _| seat.0 != name(d));
            book.waiting.retain(|seat, _| seat.0 != name(d));
            book.revoked.retain(|seat| seat.0 != name(d));
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
        let operator = book.approved.get(&(device.device_id.clone(), "operator".to_owned()));
        let allowed = operator.cloned().unwrap_or_default();
        assert_eq!(device.scopes.into_iter().collect::<BTreeSet<_>>(), allowed);
        for token in device.tokens {
            let seat = (device.device_id.clone(), token.role.clone());
            assert_eq!(token.scopes.into_iter().collect::<BTreeSet<_>>(), book.approved[&seat]);
            assert_eq!(token.generation, book.generation[&seat]);
            assert_eq!(token.revoked_at_ms.is_some(), book.revoked.contains(&seat));
            seats.insert(seat);
        }
    }
    assert_eq!(seats, book.approved.keys().cloned().collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pairing_holds_in_any_order(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let f = fixture();
            let mut book = Book::default();
            for step in &steps {
                take(&f.store, &mut book, step).await;
                compare(&f.store, &book).await;
            }
        });
    }
}
