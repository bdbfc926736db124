//! A real gateway, devices with keys, and the model beside them.

use super::model::{BY_CODE, Model, Outcome, Scopes, Seat, Shown, Wish, covers};
use super::{DEVICES, ROLES, SCOPES, Step};
use crate::support::Raw;
use crate::support::ask::{Ask, Device};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use testkit::gateway::{TestGateway, TestOptions};

/// All of it.
pub(crate) struct World {
    directory: tempfile::TempDir,
    gateway: Option<TestGateway>,
    owner: Option<Raw>,
    model: Model,
    /// What each seat was given and has kept, the oldest first.
    held: BTreeMap<Seat, Vec<(u32, String)>>,
    /// Requests that are decided or overtaken.
    past: Vec<String>,
    /// The credential of the setup code that was made last.
    code: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        let mut world = Self {
            directory: tempfile::tempdir().unwrap(),
            gateway: None,
            owner: None,
            model: Model::default(),
            held: BTreeMap::new(),
            past: Vec::new(),
            code: Value::Null,
        };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let token = testkit::gateway::TOKEN;
        let config = format!(
            r#"{{ gateway: {{ nodes: {{ pairing: {{ autoApproveLocal: false }} }}, auth: {{ mode: "token", token: "{token}" }} }} }}"#
        );
        let state_dir = Some(self.directory.path().to_owned());
        let gateway = TestGateway::with(TestOptions { config, state_dir, ..TestOptions::default() }).await;
        self.owner = Some(Raw::connected(gateway.port(), &Ask::operator()).await);
        self.gateway = Some(gateway);
    }

    fn port(&self) -> u16 {
        self.gateway.as_ref().unwrap().port()
    }

    /// A command of an operator on the host.
    async fn command(&mut self, method: &str, params: Value) -> Value {
        self.owner.as_mut().unwrap().call_frame(method, params).await
    }

    pub(crate) async fn take(&mut self, step: &Step) {
        match *step {
            Step::Connect { device, role, scopes, shown, elsewhere, lost } => {
                let seat = (device, ROLES[role]);
                let wish = wish(seat, scopes, elsewhere);
                let shown = self.shown(seat, shown);
                self.connect(seat, &wish, shown, lost).await;
            }
            Step::Approve(n) => {
                if let Some((seat, id)) = self.nth_waiting(n) {
                    assert_eq!(
                        self.command("device.pair.approve", json!({"requestId": id})).await["ok"],
                        true
                    );
                    self.model.approve(seat);
                    self.past.push(id);
                }
            }
            Step::Reject(n) => {
                if let Some((seat, id)) = self.nth_waiting(n) {
                    assert_eq!(
                        self.command("device.pair.reject", json!({"requestId": id})).await["ok"],
                        true
                    );
                    self.model.waiting.remove(&seat);
                    self.past.push(id);
                }
            }
            Step::ApproveAgain(n) => {
                let Some(id) = self.past.iter().rev().nth(n).cloned() else { return };
                assert_eq!(self.command("device.pair.approve", json!({"requestId": id})).await["ok"], false);
            }
            Step::Code { device, role, scopes, lost } => {
                if self.model.code.is_none() {
                    self.make_code("ws://192.168.1.9:18789").await;
                }
                let seat = (device, ROLES[role]);
                self.connect(seat, &wish(seat, scopes, false), Shown::Code, lost).await;
            }
            Step::Remove(device, live) => {
                let raw = if live { self.live((device, "operator")).await } else { None };
                let done =
                    self.command("device.pair.remove", json!({"deviceId": Device::new(device).id()})).await;
                let gone = self.model.waiting.iter().filter(|(seat, _)| seat.0 == device);
                self.past.extend(gone.map(|(_, (id, _))| id.clone()).collect::<Vec<_>>());
                assert_eq!(done["ok"], self.model.remove(device));
                ends(raw, Some(1008)).await;
            }
            Step::Rotate(device, role, live, scopes) => {
                let seat = (device, ROLES[role]);
                let raw = if live { self.live(seat).await } else { None };
                let narrowed = scopes.map(|bits| wish(seat, bits, false).scopes);
                ends(raw, self.rotate(seat, narrowed).await).await;
            }
            Step::Revoke(device, role, live) => {
                let seat = (device, ROLES[role]);
                let raw = if live { self.live(seat).await } else { None };
                let done = self.command("device.token.revoke", of(seat)).await;
                assert_eq!(done["ok"], self.model.revoke(seat), "{done}");
                ends(raw, Some(1008)).await;
            }
            Step::Escalate(device) => self.escalate((device, "operator")).await,
            Step::Restart => {
                self.owner = None;
                self.gateway.take().unwrap().stop().await;
                self.start().await;
            }
        }
    }

    /// Gives the code that a connection with the token is closed with; none where nothing was changed.
    async fn rotate(&mut self, seat: Seat, narrowed: Option<Scopes>) -> Option<u16> {
        let mut params = of(seat);
        if let Some(scopes) = &narrowed {
            params["scopes"] = json!(scopes);
        }
        let done = self.command("device.token.rotate", params).await;
        let is_rotated = match &narrowed {
            Some(scopes) => self.model.narrow(seat, scopes),
            None => self.model.renew(seat),
        };
        assert_eq!(done["ok"], is_rotated, "{seat:?} {narrowed:?}: {done}");
        is_rotated.then_some(1012)
    }

    async fn make_code(&mut self, address: &str) {
        let made = self.command("device.pair.setupCode", json!({"publicUrl": address})).await;
        self.code = super::bootstrap_token(&made["payload"]["setupCode"]);
        self.model.code = Some(None);
    }

    /// A connection with the newest good token that the seat holds.
    async fn live(&mut self, seat: Seat) -> Option<Raw> {
        let device = self.model.paired.get(&seat.0)?.clone();
        let token = device.tokens.get(seat.1)?;
        let held = self.held.get(&seat)?.iter().rev();
        let generation = held.map(|(g, _)| *g).find(|g| token.good.contains(g))?;
        let wish = Wish { scopes: token.scopes.clone(), platform: device.platform };
        let ask = self.ask(seat, &wish, Shown::Token(seat, generation));
        let raw = Raw::connected(self.port(), &ask).await;
        self.model.used(seat, generation);
        Some(raw)
    }

    fn nth_waiting(&self, n: usize) -> Option<(Seat, String)> {
        let all: Vec<_> = self.model.waiting.iter().collect();
        let (seat, (id, _)) = all.get(n % all.len().max(1))?;
        Some((**seat, id.clone()))
    }

    /// What a device shows by a number: the secret, one of its tokens, another's, or nonsense.
    fn shown(&self, seat: Seat, number: usize) -> Shown {
        let held = |seat: &Seat| self.held.get(seat).filter(|h| !h.is_empty());
        match number {
            0..=2 => Shown::Secret,
            3..=7 => match held(&seat) {
                Some(held) => Shown::Token(seat, held[held.len() - 1 - (number - 3) % held.len()].0),
                None => Shown::Secret,
            },
            8 => {
                let mut others = self.held.iter().filter(|(other, held)| **other != seat && !held.is_empty());
                others
                    .next_back()
                    .map_or(Shown::Nonsense, |(other, held)| Shown::Token(*other, held[held.len() - 1].0))
            }
            // Also one that is over.
            9 if !self.code.is_null() => Shown::Code,
            _ => Shown::Nonsense,
        }
    }

    fn token(&self, seat: Seat, generation: u32) -> String {
        self.held[&seat].iter().find(|(g, _)| *g == generation).unwrap().1.clone()
    }

    fn ask(&self, seat: Seat, wish: &Wish, shown: Shown) -> Ask {
        let device = Device::new(seat.0);
        let ask = if seat.1 == "node" {
            Ask::node(device, &[])
        } else {
            let scopes: Vec<&str> = wish.scopes.iter().copied().collect();
            Ask::operator().device(device).scopes(&scopes)
        };
        let ask = ask.with("/client/platform", json!(wish.platform));
        match shown {
            Shown::Secret => ask,
            Shown::Token(of, generation) => ask.auth(json!({"token": self.token(of, generation)})),
            Shown::Nonsense => ask.auth(json!({"token": "made-up"})),
            Shown::Code => ask.auth(json!({"bootstrapToken": self.code})),
        }
    }

    /// Connects, and holds what comes of it against the model. `lost`: the device never hears the answer.
    async fn connect(&mut self, seat: Seat, wish: &Wish, shown: Shown, lost: bool) -> Outcome {
        let expected = self.model.outcome(seat, wish, shown);
        let what = format!("{seat:?} {wish:?} {shown:?}: expected {expected:?}");
        let mut raw = Raw::open(self.port()).await;
        let answer = raw.shake(&self.ask(seat, wish, shown)).await;
        match &expected {
            Outcome::In(given) => {
                assert_eq!(answer["ok"], true, "{what}: {answer}");
                let auth = &answer["payload"]["auth"];
                if shown == Shown::Code {
                    let waiting = self.model.waiting.iter().filter(|_| self.model.code == Some(None));
                    let answered = waiting.filter(|(waits, _)| waits.0 == seat.0);
                    self.past.extend(answered.map(|(_, (id, _))| id.clone()).collect::<Vec<_>>());
                    self.model.redeem(seat.0, wish.platform);
                }
                let approved = &self.model.paired[&seat.0].scopes;
                assert_eq!(names(&auth["scopes"]), wish.scopes, "{what}: {auth}");
                assert!(wish.scopes.iter().all(|s| covers(approved, s)), "{what}: {auth}");
                assert!(auth["deviceToken"].is_string(), "{what}: {auth}");
                if let Shown::Token(_, generation) = shown {
                    self.model.used(seat, generation);
                }
                if !lost {
                    self.keep(seat, *given, auth["deviceToken"].as_str().unwrap());
                }
                raw.leave().await;
            }
            Outcome::Waits(id) => {
                let details = &answer["error"]["details"];
                assert_eq!(details["code"], "PAIRING_REQUIRED", "{what}: {answer}");
                let request = details["requestId"].as_str().unwrap().to_owned();
                match id {
                    Some(id) => assert_eq!(*id, request, "{what}"),
                    None => assert!(!self.past.contains(&request), "{what}: an id that was decided about"),
                }
                if let Some((old, _)) = self.model.waiting.insert(seat, (request.clone(), wish.clone()))
                    && old != request
                {
                    self.past.push(old);
                }
            }
            Outcome::Refused(code) => {
                assert_eq!(answer["error"]["details"]["code"], **code, "{what}: {answer}")
            }
        }
        expected
    }

    fn keep(&mut self, seat: Seat, generation: u32, token: &str) {
        let held = self.held.entry(seat).or_default();
        match held.iter().find(|(g, _)| *g == generation) {
            Some((_, known)) => assert_eq!(known, token, "a generation is one token"),
            None => {
                assert!(held.iter().all(|(_, other)| other != token), "another generation is another token");
                held.push((generation, token.to_owned()));
                held.sort();
            }
        }
    }

    /// A device with a good token asks for a token that may do everything.
    async fn escalate(&mut self, seat: Seat) {
        let Some(device) = self.model.paired.get(&seat.0).cloned() else { return };
        let Some(token) = device.tokens.get(seat.1) else { return };
        let held = self.held.get(&seat).into_iter().flatten();
        let Some(generation) = held.map(|(g, _)| *g).find(|g| token.good.contains(g)) else { return };
        let wish = Wish { scopes: token.scopes.clone(), platform: device.platform };
        let mut raw =
            Raw::connected(self.port(), &self.ask(seat, &wish, Shown::Token(seat, generation))).await;
        self.model.used(seat, generation);
        let mut params = of(seat);
        params["scopes"] = json!(["operator.admin"]);
        let answer = raw.call_frame("device.token.rotate", params).await;
        let may = covers(&token.scopes, "operator.admin") && covers(&device.scopes, "operator.admin");
        assert_eq!(answer["ok"], may, "{seat:?} with {:?}: {answer}", token.scopes);
        if may {
            self.model.renew(seat);
            let token = self.model.paired.get_mut(&seat.0).unwrap().tokens.get_mut(seat.1).unwrap();
            token.scopes = Scopes::from(["operator.admin"]);
            let generation = *token.good.last().unwrap();
            self.keep(seat, generation, answer["payload"]["token"].as_str().unwrap());
        }
        raw.leave().await;
    }

    /// The gateway's own lists say what the model says.
    pub(crate) async fn compare(&mut self) {
        let listed = self.command("device.pair.list", json!({})).await["payload"].clone();
        let pending: BTreeSet<&str> =
            listed["pending"].as_array().unwrap().iter().map(|r| r["requestId"].as_str().unwrap()).collect();
        let waiting: BTreeSet<&str> = self.model.waiting.values().map(|(id, _)| id.as_str()).collect();
        assert_eq!(pending, waiting);
        let paired = listed["paired"].as_array().unwrap();
        assert_eq!(paired.len(), self.model.paired.len());
        for (number, device) in &self.model.paired {
            let id = Device::new(*number).id();
            let shown = paired.iter().find(|d| d["deviceId"] == id).unwrap();
            assert_eq!(names(&shown["scopes"]), device.scopes, "{shown}");
            for token in shown["tokens"].as_array().unwrap() {
                let known = &device.tokens[token["role"].as_str().unwrap()];
                assert_eq!(names(&token["scopes"]), known.scopes, "{shown}");
                assert_eq!(token["revokedAtMs"].is_i64(), known.good.is_empty(), "{shown}");
            }
        }
    }

    /// Every token that was ever given out is as good as it must be: the older ones first, since using one ends those before.
    pub(crate) async fn try_all_tokens(&mut self) {
        for (seat, held) in self.held.clone() {
            let device = self.model.paired.get(&seat.0).cloned().unwrap_or_default();
            let platform = if device.platform.is_empty() { "linux" } else { device.platform };
            let wish = Wish { scopes: Scopes::new(), platform };
            for (generation, _) in held {
                self.connect(seat, &wish, Shown::Token(seat, generation), false).await;
            }
        }
    }

    /// From here, one command on the host gives every device a working pairing: with the shared secret, and without it.
    pub(crate) async fn recover_all(&mut self) {
        for seat in DEVICES.into_iter().flat_map(|d| ROLES.map(|role| (d, role))) {
            let wish = wish(seat, 1, false);
            match self.connect(seat, &wish, Shown::Secret, false).await {
                Outcome::Waits(_) => {
                    let (id, _) = self.model.waiting[&seat].clone();
                    self.command("device.pair.approve", json!({"requestId": id})).await;
                    self.model.approve(seat);
                }
                Outcome::In(_) => {}
                Outcome::Refused(code) => panic!("{seat:?}: {code}"),
            }
            let done = self.connect(seat, &wish, Shown::Secret, false).await;
            assert!(matches!(done, Outcome::In(_)), "{seat:?}: {done:?}");
        }
        for seat in DEVICES.into_iter().flat_map(|d| ROLES.map(|role| (d, role))) {
            // One that was revoked is out with the secret too, until it is given another token.
            self.command("device.token.revoke", of(seat)).await;
            self.model.revoke(seat);
            let wish = wish(seat, 1, false);
            let out = self.connect(seat, &wish, Shown::Secret, false).await;
            assert!(matches!(out, Outcome::Waits(_)), "{seat:?}: {out:?}");
            self.command("device.token.rotate", of(seat)).await;
            self.model.renew(seat);
            let done = self.connect(seat, &wish, Shown::Secret, false).await;
            assert!(matches!(done, Outcome::In(_)), "{seat:?}: {done:?}");
        }
        for seat in DEVICES.into_iter().flat_map(|d| ROLES.map(|role| (d, role))) {
            // Whatever tokens there were, it has none of them now, nor the secret.
            self.command("device.token.revoke", of(seat)).await;
            self.model.revoke(seat);
            self.make_code("ws://192.168.1.9:18789").await;
            let wish = wish(seat, 1, false);
            let Outcome::In(generation) = self.connect(seat, &wish, Shown::Code, false).await else {
                panic!("{seat:?}: a code lets it in and gives it a token");
            };
            let done = self.connect(seat, &wish, Shown::Token(seat, generation), false).await;
            assert_eq!(done, Outcome::In(generation), "{seat:?}");
            self.compare().await;
        }
    }
}

/// It ends at once, and says so; without a code it stays.
async fn ends(raw: Option<Raw>, code: Option<u16>) {
    match (raw, code) {
        (Some(mut raw), Some(code)) => assert_eq!(raw.closed().await.0, code),
        (Some(mut raw), None) => {
            raw.assert_open().await;
            raw.leave().await;
        }
        (None, _) => {}
    }
}

fn of(seat: Seat) -> Value {
    json!({"deviceId": Device::new(seat.0).id(), "role": seat.1})
}

fn wish(seat: Seat, bits: usize, elsewhere: bool) -> Wish {
    let scopes = SCOPES.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, s)| *s);
    let scopes = if seat.1 == "node" { Scopes::new() } else { scopes.collect() };
    Wish { scopes, platform: if elsewhere { "macos" } else { "linux" } }
}

fn names(list: &Value) -> Scopes {
    let known = |name: &Value| SCOPES.iter().chain(&BY_CODE).find(|s| **s == name).copied().unwrap();
    list.as_array().unwrap().iter().map(known).collect()
}
