//! What must hold, in the plainest way: who is approved for what, which tokens are good, which requests wait.

use std::collections::{BTreeMap, BTreeSet};

/// A device by its number, and its role.
pub(crate) type Seat = (u8, &'static str);
pub(crate) type Scopes = BTreeSet<&'static str>;

/// A device's wish, as far as a decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) scopes: Scopes,
    pub(crate) platform: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Token {
    pub(crate) scopes: Scopes,
    /// The generations that are good. None: it is revoked.
    pub(crate) good: BTreeSet<u32>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Paired {
    pub(crate) scopes: Scopes,
    pub(crate) platform: &'static str,
    pub(crate) tokens: BTreeMap<&'static str, Token>,
}

/// What a device shows at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The shared secret.
    Secret,
    /// The token of a seat, of this generation.
    Token(Seat, u32),
    /// Something that no gateway made.
    Nonsense,
    /// The setup code that was made last.
    Code,
}

/// What must come of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// In, and it is given this generation.
    In(u32),
    /// It must be approved; this is its request, where it is known already.
    Waits(Option<String>),
    /// Refused with this code.
    Refused(&'static str),
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) paired: BTreeMap<u8, Paired>,
    pub(crate) waiting: BTreeMap<Seat, (String, Wish)>,
    /// The setup code that may still let somebody in; within it, whose it has become.
    pub(crate) code: Option<Option<u8>>,
    /// The newest generation that a seat ever had; outlives the device.
    newest: BTreeMap<Seat, u32>,
}

/// What a setup code gives an operator where its way is not safe; a node gets none.
pub(crate) const BY_CODE: [&str; 4] =
    ["operator.approvals", "operator.read", "operator.talk.secrets", "operator.write"];

/// `admin` implies all, `write` implies `read`.
pub(crate) fn covers(granted: &Scopes, asked: &str) -> bool {
    granted.contains(asked)
        || granted.contains("operator.admin")
        || (asked == "operator.read" && granted.contains("operator.write"))
}

impl Model {
    /// What becomes of a connection. Nothing changes by asking.
    pub(crate) fn outcome(&self, seat: Seat, wish: &Wish, shown: Shown) -> Outcome {
        let device = self.paired.get(&seat.0);
        let token = device.and_then(|d| d.tokens.get(seat.1));
        let covered = |by: &Scopes| wish.scopes.iter().all(|s| covers(by, s));
        let is_fit = |d: &Paired| covered(&d.scopes) && d.platform == wish.platform;
        let same = self.waiting.get(&seat).filter(|(_, waiting)| waiting == wish);
        let waits = Outcome::Waits(same.map(|(id, _)| id.clone()));
        match (shown, token) {
            (Shown::Code, _) => self.by_code(seat, wish),
            // A revoked one is out until somebody lets it in again, whatever secret it has.
            (Shown::Secret, Some(Token { good, .. })) if device.is_some_and(is_fit) => {
                good.last().map_or(waits, |newest| Outcome::In(*newest))
            }
            (Shown::Secret, _) => waits,
            (Shown::Token(of, generation), Some(token)) if of == seat && token.good.contains(&generation) => {
                if !covered(&token.scopes) {
                    Outcome::Refused("AUTH_SCOPE_MISMATCH")
                } else if device.is_some_and(is_fit) {
                    Outcome::In(*token.good.last().unwrap())
                } else {
                    waits
                }
            }
            _ => Outcome::Refused("AUTH_TOKEN_MISMATCH"),
        }
    }

    /// A code is good for the first device, until that has come with a token, and for what it was made for.
    fn by_code(&self, seat: Seat, wish: &Wish) -> Outcome {
        let given = Scopes::from(BY_CODE);
        match self.code {
            None => Outcome::Refused("AUTH_BOOTSTRAP_TOKEN_INVALID"),
            Some(_) if !wish.scopes.iter().all(|s| covers(&given, s)) => {
                Outcome::Refused("AUTH_SCOPE_MISMATCH")
            }
            Some(Some(owner)) if owner != seat.0 => Outcome::Refused("AUTH_BOOTSTRAP_TOKEN_INVALID"),
            Some(Some(_)) => Outcome::In(*self.paired[&seat.0].tokens[seat.1].good.last().unwrap()),
            // One that is new to the seat, or was revoked there, gets the next generation; else it keeps its own.
            Some(None) => {
                let token = self.paired.get(&seat.0).and_then(|d| d.tokens.get(seat.1));
                let next = self.newest.get(&seat).copied().unwrap_or_default() + 1;
                Outcome::In(token.and_then(|t| t.good.last().copied()).unwrap_or(next))
            }
        }
    }

    /// The device came in by the code: the first time it is paired, in both roles.
    pub(crate) fn redeem(&mut self, device: u8, platform: &'static str) {
        if self.code == Some(None) {
            self.code = Some(Some(device));
            self.grant((device, "node"), &Wish { scopes: Scopes::new(), platform });
            self.grant((device, "operator"), &Wish { scopes: Scopes::from(BY_CODE), platform });
        }
    }

    fn end_code_of(&mut self, device: u8) {
        if self.code == Some(Some(device)) {
            self.code = None;
        }
    }

    /// The device came with this generation: it has it, so that those before it end.
    pub(crate) fn used(&mut self, seat: Seat, generation: u32) {
        if let Some(token) = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1)) {
            token.good.retain(|g| *g >= generation);
        }
        self.end_code_of(seat.0);
    }

    pub(crate) fn approve(&mut self, seat: Seat) {
        let (_, wish) = self.waiting.remove(&seat).unwrap();
        self.grant(seat, &wish);
    }

    pub(crate) fn grant(&mut self, seat: Seat, wish: &Wish) {
        self.waiting.remove(&seat);
        let device = self.paired.entry(seat.0).or_default();
        device.platform = wish.platform;
        let token = device.tokens.entry(seat.1).or_default();
        let is_new = token.good.is_empty();
        // What another role wishes is never an operator's; what was revoked is over.
        if seat.1 == "operator" {
            if is_new {
                device.scopes.clear();
            }
            device.scopes.extend(&wish.scopes);
        }
        if is_new {
            // A revoked one comes back with what was decided now.
            token.scopes.clear();
        }
        token.scopes.extend(&wish.scopes);
        if is_new {
            self.renew(seat);
        }
    }

    /// A new generation; false where there is no such token.
    pub(crate) fn renew(&mut self, seat: Seat) -> bool {
        let token = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1));
        let Some(token) = token else { return false };
        let newest = self.newest.entry(seat).or_default();
        *newest += 1;
        token.good.insert(*newest);
        true
    }

    /// A new generation that may do this from now on; false where that is more than the device is approved for.
    pub(crate) fn narrow(&mut self, seat: Seat, scopes: &Scopes) -> bool {
        let approved = self.paired.get(&seat.0).map(|d| d.scopes.clone()).unwrap_or_default();
        if !scopes.iter().all(|s| covers(&approved, s)) || !self.renew(seat) {
            return false;
        }
        if let Some(token) = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1)) {
            token.scopes.clone_from(scopes);
        }
        self.end_code_of(seat.0);
        true
    }

    /// False where there is no such token.
    pub(crate) fn revoke(&mut self, seat: Seat) -> bool {
        let token = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1));
        let is_there = token.map(|token| token.good.clear()).is_some();
        if is_there {
            self.end_code_of(seat.0);
        }
        is_there
    }

    pub(crate) fn remove(&mut self, device: u8) -> bool {
        self.waiting.retain(|seat, _| seat.0 != device);
        self.end_code_of(device);
        self.paired.remove(&device).is_some()
    }
}
