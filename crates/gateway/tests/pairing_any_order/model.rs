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
}

/// What must come of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// In, and it is given this generation; none where its token is revoked.
    In(Option<u32>),
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
    /// The newest generation that a seat ever had; outlives the device.
    newest: BTreeMap<Seat, u32>,
}

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
            (Shown::Secret, Some(token)) if device.is_some_and(is_fit) => {
                Outcome::In(token.good.last().copied())
            }
            (Shown::Secret, _) => waits,
            (Shown::Token(of, generation), Some(token)) if of == seat && token.good.contains(&generation) => {
                if !covered(&token.scopes) {
                    Outcome::Refused("AUTH_SCOPE_MISMATCH")
                } else if device.is_some_and(is_fit) {
                    Outcome::In(token.good.last().copied())
                } else {
                    waits
                }
            }
            _ => Outcome::Refused("AUTH_TOKEN_MISMATCH"),
        }
    }

    /// The device came with this generation: it has it, so that those before it end.
    pub(crate) fn used(&mut self, seat: Seat, generation: u32) {
        if let Some(token) = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1)) {
            token.good.retain(|g| *g >= generation);
        }
    }

    pub(crate) fn approve(&mut self, seat: Seat) {
        let (_, wish) = self.waiting.remove(&seat).unwrap();
        self.grant(seat, &wish);
    }

    pub(crate) fn grant(&mut self, seat: Seat, wish: &Wish) {
        self.waiting.remove(&seat);
        let device = self.paired.entry(seat.0).or_default();
        device.platform = wish.platform;
        device.scopes.extend(&wish.scopes);
        let token = device.tokens.entry(seat.1).or_default();
        token.scopes.extend(&wish.scopes);
        if token.good.is_empty() {
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

    /// False where there is no such token.
    pub(crate) fn revoke(&mut self, seat: Seat) -> bool {
        let token = self.paired.get_mut(&seat.0).and_then(|d| d.tokens.get_mut(seat.1));
        token.map(|token| token.good.clear()).is_some()
    }

    pub(crate) fn remove(&mut self, device: u8) -> bool {
        self.waiting.retain(|seat, _| seat.0 != device);
        self.paired.remove(&device).is_some()
    }
}
