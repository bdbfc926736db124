//! What is remembered of gateways' certificates, in one small file beside the device's identity: those that a person trusted,
//! and those that a gateway announced.
//!
//! An announcement counts for whoever has pinned what it was learned by: with other pins it is as if it had not been made. The
//! identity of the first one stays; another's is refused, and so is an older one.

use super::Seen;
use super::offer::Offer;
use crate::files;
use model::Pin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u32 = 1;
/// Gateways that are remembered; beyond that, the file is a sign of something gone wrong.
const MAX_GATEWAYS: usize = 256;
/// Clocks differ; one that is further ahead is wrong.
const FAR_AHEAD_MS: i64 = 24 * 3600 * 1000;

/// A file (mode 0600): `{version, gateways: {"<name>": {trusted, learned: {by, identity, issuedAtMs, pins}}}}`. The name is the
/// gateway's address, or what it is known as where that would be the same for any gateway behind a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinStore {
    path: PathBuf,
}

/// Why pins could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum PinStoreError {
    /// The file cannot be read or understood.
    #[error("cannot read the certificates' fingerprints {}: {problem}; move the file away and trust the gateways again (openclaw remote trust URL)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file cannot be written.
    #[error("cannot keep fingerprints in {}: {source}; check that its directory may be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The announcement is another gateway's, or somebody's who has the certificate's key and not the gateway.
    #[error(
        "the announcement is signed by another identity than the one that this gateway had; if the gateway was set up anew, trust it again: openclaw remote trust {url}"
    )]
    OtherIdentity {
        /// Where the gateway is, or its name where only that is known.
        url: String,
    },
    /// It comes from a clock that is wrong, or goes to one. Kept, it would have all later ones refused.
    #[error(
        "the announcement is dated {} hours ahead of this computer's clock; set the clock right, here or on the gateway's host, and start the gateway again if it was there", .ahead_ms / 3_600_000
    )]
    Ahead {
        /// By so many milliseconds.
        ahead_ms: i64,
    },
    /// Something else was announced later, or by a gateway whose clock was wrong.
    #[error(
        "the announcement says something else than a later one that is kept; if the gateway's clock was ahead then, or its state was taken from a backup, trust it again: openclaw remote trust {url}"
    )]
    Older {
        /// The gateway.
        url: String,
    },
    /// Too many gateways.
    #[error("{MAX_GATEWAYS} gateways are remembered already in {}; remove some", .0.display())]
    Full(PathBuf),
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    #[serde(default)]
    gateways: BTreeMap<String, Gateway>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Gateway {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trusted: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Learned {
    /// The pins that it was learned by: those that were right then.
    by: Vec<String>,
    identity: String,
    issued_at_ms: i64,
    pins: Vec<String>,
}

impl Learned {
    fn belongs_to(&self, base: &[Pin]) -> bool {
        parsed(&self.by).iter().chain(&parsed(&self.pins)).any(|pin| base.contains(pin))
    }
}

impl PinStore {
    /// The store in `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a person trusted for this gateway.
    ///
    /// # Errors
    /// The file is there and cannot be read or understood.
    pub fn trusted(&self, name: &str) -> Result<Vec<Pin>, PinStoreError> {
        Ok(self.read()?.gateways.get(&key(name)).map(|g| parsed(&g.trusted)).unwrap_or_default())
    }

    /// Whether this gateway's announcements were kept.
    ///
    /// # Errors
    /// The file is there and cannot be read or understood.
    pub fn has_learned(&self, name: &str) -> Result<bool, PinStoreError> {
        Ok(self.read()?.gateways.get(&key(name)).is_some_and(|gateway| gateway.learned.is_some()))
    }

    /// Trusts these from now on, in place of what was trusted and learned before.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn trust(&self, name: &str, pins: &[Pin]) -> Result<(), PinStoreError> {
        let _alone = self.lock()?;
        let mut stored = self.read()?;
        stored.gateways.insert(key(name), Gateway { trusted: texts(pins), learned: None });
        self.write(stored)
    }

    /// The pins, and those that were learned by them.
    ///
    /// # Errors
    /// The file is there and cannot be read or understood.
    pub fn accepted(&self, name: &str, base: &[Pin]) -> Result<Vec<Pin>, PinStoreError> {
        let mut pins = base.to_vec();
        let learned = self.read()?.gateways.remove(&key(name)).and_then(|g| g.learned);
        if let Some(learned) = learned.filter(|learned| learned.belongs_to(base)) {
            pins.extend(parsed(&learned.pins).into_iter().filter(|pin| !base.contains(pin)));
        }
        Ok(pins)
    }

    /// Keeps an announcement that came over a connection on which `seen` was accepted by these pins (`base`, `now_ms` in
    /// milliseconds since 1970); whether the file changed.
    pub(super) fn learn(
        &self,
        name: &str,
        (base, now_ms): (&[Pin], i64),
        seen: &Seen,
        offer: &Offer,
    ) -> Result<bool, PinStoreError> {
        let ahead_ms = offer.issued_at_ms.saturating_sub(now_ms);
        if ahead_ms > FAR_AHEAD_MS {
            return Err(PinStoreError::Ahead { ahead_ms });
        }
        let _alone = self.lock()?;
        let mut stored = self.read()?;
        let gateway = stored.gateways.entry(key(name)).or_default();
        // Of a list, those that the gateway has shown to be right; the others may be anybody's.
        let right: Vec<Pin> = base.iter().copied().filter(|pin| seen.is_one_of(&[*pin])).collect();
        let known = gateway.learned.as_ref().filter(|known| known.belongs_to(base));
        let by = match known {
            Some(known) if known.identity != offer.identity => {
                return Err(PinStoreError::OtherIdentity { url: name.to_owned() });
            }
            Some(known) if offer.issued_at_ms < known.issued_at_ms => {
                let is_same = known.pins == texts(&offer.pins);
                return if is_same { Ok(false) } else { Err(PinStoreError::Older { url: name.to_owned() }) };
            }
            Some(known) => merged(known.by.clone(), texts(&right)),
            // It was accepted by something that has been forgotten meanwhile.
            None if right.is_empty() => return Ok(false),
            None => texts(&right),
        };
        let learned = Learned {
            by,
            identity: offer.identity.clone(),
            issued_at_ms: offer.issued_at_ms,
            pins: texts(&offer.pins),
        };
        if gateway.learned.as_ref() == Some(&learned) {
            return Ok(false);
        }
        gateway.learned = Some(learned);
        self.write(stored).map(|()| true)
    }

    fn lock(&self) -> Result<files::Lock, PinStoreError> {
        files::lock(&self.path, files::LOCK_PATIENCE)
            .map_err(|source| PinStoreError::Write { path: self.path.clone(), source })
    }

    fn read(&self) -> Result<Stored, PinStoreError> {
        let error = |problem: String| PinStoreError::Read { path: self.path.clone(), problem };
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| error(e.to_string())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Stored::default()),
            Err(e) => Err(error(e.to_string())),
        }
    }

    fn write(&self, mut stored: Stored) -> Result<(), PinStoreError> {
        if stored.gateways.len() > MAX_GATEWAYS {
            return Err(PinStoreError::Full(self.path.clone()));
        }
        stored.version = VERSION;
        let error = |source| PinStoreError::Write { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(&stored).map_err(|e| error(e.into()))?;
        files::replace(&self.path, text.as_bytes()).map_err(error)
    }
}

/// Addresses that differ in case or in a slash at the end are one gateway.
fn key(name: &str) -> String {
    name.trim().trim_end_matches('/').to_lowercase()
}

fn texts(pins: &[Pin]) -> Vec<String> {
    pins.iter().map(Pin::to_string).collect()
}

/// What is no pin here was written by somebody else, and counts for nothing.
fn parsed(texts: &[String]) -> Vec<Pin> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

fn merged(mut all: Vec<String>, more: Vec<String>) -> Vec<String> {
    for text in more {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: i64 = 1_000;

    fn pin(n: u8) -> Pin {
        Pin::leaf([n; 32])
    }

    fn seen(n: u8) -> Seen {
        Seen { leaf: pin(n), spki: Pin::spki([n; 32]) }
    }

    fn offer(identity: &str, issued_at_ms: i64, pins: &[Pin]) -> Offer {
        Offer { identity: identity.into(), issued_at_ms, pins: pins.to_vec() }
    }

    #[test]
    fn what_is_learned_counts_for_those_pins_and_that_gateway_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = PinStore::new(dir.path().join("deep/gateway-pins.json"));
        let url = "wss://a:1";
        assert!(store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 5, &[pin(1), pin(2)])).unwrap());
        assert_eq!(store.accepted("WSS://a:1/", &[pin(1)]).unwrap(), [pin(1), pin(2)]);
        assert_eq!(store.accepted(url, &[pin(9)]).unwrap(), [pin(9)], "learned by another pin");
        assert_eq!(store.accepted("wss://b:1", &[pin(1)]).unwrap(), [pin(1)]);
        let mode = std::fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn another_identity_and_an_older_announcement_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = PinStore::new(dir.path().join("pins.json"));
        let url = "wss://a:1";
        store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 5, &[pin(2)])).unwrap();
        let error = store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("other", 6, &[pin(3)])).unwrap_err();
        assert!(error.to_string().contains("openclaw remote trust wss://a:1"), "{error}");
        assert!(
            !store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 4, &[pin(2)])).unwrap(),
            "the same"
        );
        let error = store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 4, &[pin(4)])).unwrap_err();
        assert!(matches!(error, PinStoreError::Older { .. }), "{error}");
        assert!(error.to_string().contains("openclaw remote trust wss://a:1"), "{error}");
        // A wrong clock on the gateway's host must not have all that comes later refused.
        let far = offer("k", NOW + FAR_AHEAD_MS + 1, &[pin(8)]);
        let error = store.learn(url, (&[pin(1)], NOW), &seen(1), &far).unwrap_err();
        assert!(matches!(error, PinStoreError::Ahead { .. }), "{error}");
        assert_eq!(store.accepted(url, &[pin(1)]).unwrap(), [pin(1), pin(2)]);
        assert!(store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 7, &[pin(2), pin(5)])).unwrap());
        assert!(
            !store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 7, &[pin(2), pin(5)])).unwrap(),
            "nothing new"
        );
        // Whoever writes the new pin into the configuration goes on from there.
        assert_eq!(store.accepted(url, &[pin(2)]).unwrap(), [pin(2), pin(5)]);
        assert!(matches!(
            store.learn(url, (&[pin(2)], NOW), &seen(2), &offer("other", 8, &[pin(6)])),
            Err(PinStoreError::OtherIdentity { .. })
        ));
    }

    #[test]
    fn a_pin_that_was_only_named_beside_the_right_one_gains_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = PinStore::new(dir.path().join("pins.json"));
        let url = "wss://a:1";
        let (wrong, right) = (pin(1), Pin::spki([2; 32]));
        store.learn(url, (&[wrong, right], NOW), &seen(2), &offer("k", 5, &[pin(3)])).unwrap();
        assert_eq!(store.accepted(url, &[wrong]).unwrap(), [wrong]);
        assert_eq!(store.accepted(url, &[right]).unwrap(), [right, pin(3)]);
        // The one that was learned leads on, and what stands for it stays what was right.
        store.learn(url, (&[right], NOW), &seen(3), &offer("k", 6, &[pin(3), pin(4)])).unwrap();
        assert_eq!(store.accepted(url, &[right]).unwrap(), [right, pin(3), pin(4)]);
        assert_eq!(store.accepted(url, &[wrong]).unwrap(), [wrong]);
        assert!(
            !store.learn(url, (&[pin(7)], NOW), &seen(8), &offer("k", 9, &[pin(8)])).unwrap(),
            "accepted by nothing"
        );
    }

    #[test]
    fn trusting_and_learning_at_once_lose_nothing_of_each_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pins.json");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (trusting, learning) = (PinStore::new(&path), PinStore::new(&path));
                scope.spawn(move || trusting.trust(&format!("wss://trusted:{n}"), &[pin(n)]).unwrap());
                scope.spawn(move || {
                    let url = format!("wss://learned:{n}");
                    assert!(
                        learning.learn(&url, (&[pin(n)], NOW), &seen(n), &offer("k", 5, &[pin(99)])).unwrap()
                    );
                });
            }
        });
        let store = PinStore::new(&path);
        for n in 0..8 {
            assert_eq!(store.trusted(&format!("wss://trusted:{n}")).unwrap(), [pin(n)]);
            assert_eq!(store.accepted(&format!("wss://learned:{n}"), &[pin(n)]).unwrap(), [pin(n), pin(99)]);
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing is left behind: {left:?}");
    }

    #[test]
    fn trusting_anew_forgets_what_was_learned() {
        let dir = tempfile::tempdir().unwrap();
        let store = PinStore::new(dir.path().join("pins.json"));
        let url = "wss://a:1";
        assert!(store.trusted(url).unwrap().is_empty());
        store.trust(url, &[pin(1)]).unwrap();
        store.learn(url, (&[pin(1)], NOW), &seen(1), &offer("k", 5, &[pin(2)])).unwrap();
        assert_eq!(store.trusted(url).unwrap(), [pin(1)]);
        store.trust(url, &[pin(3)]).unwrap();
        assert_eq!(store.accepted(url, &[pin(3)]).unwrap(), [pin(3)]);
        std::fs::write(store.path(), "{").unwrap();
        assert!(store.trusted(url).unwrap_err().to_string().contains("pins.json"));
    }
}
