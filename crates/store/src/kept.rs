//! What was read last, kept for as long as nothing is committed. Screens ask for the same list again and again, and each
//! call of a node's command asks what is approved; between two commits the answer cannot change.

use std::sync::{Mutex, PoisonError};

/// A few values by their keys, all read at the same version of the store ([`crate::Store::version`]): as new as a fresh
/// read by whoever got an answer to a write.
pub(crate) struct Kept<K, V, const MOST: usize>(Mutex<AtVersion<K, V>>);

struct AtVersion<K, V> {
    version: u64,
    /// So few that looking through them is quicker than hashing.
    values: Vec<(K, V)>,
}

impl<K, V, const MOST: usize> Default for Kept<K, V, MOST> {
    fn default() -> Self {
        Self(Mutex::new(AtVersion { version: 0, values: Vec::new() }))
    }
}

impl<K: PartialEq, V: Clone, const MOST: usize> Kept<K, V, MOST> {
    /// The value of this key, if it was read at this version.
    pub(crate) fn get<Q>(&self, version: u64, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: PartialEq + ?Sized,
    {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version != version {
            return None;
        }
        kept.values.iter().find(|(k, _)| k.borrow() == key).map(|(_, value)| value.clone())
    }

    /// Keeps a value. `version` is the one before the read: a commit during the read makes it a value that nobody gets.
    pub(crate) fn set(&self, version: u64, key: K, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version > version {
            return;
        }
        if kept.version < version {
            kept.version = version;
            kept.values.clear();
        }
        kept.values.retain(|(k, _)| *k != key);
        if kept.values.len() >= MOST {
            kept.values.remove(0);
        }
        kept.values.push((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_until_the_next_commit_and_never_comes_back() {
        let kept: Kept<String, u32, 2> = Kept::default();
        kept.set(7, "a".into(), 1);
        kept.set(7, "b".into(), 2);
        assert_eq!((kept.get(7, "a"), kept.get(7, "b"), kept.get(8, "a")), (Some(1), Some(2), None));
        kept.set(8, "a".into(), 3);
        assert_eq!((kept.get(8, "a"), kept.get(8, "b"), kept.get(7, "b")), (Some(3), None, None));
        // A slow read that began before the commit.
        kept.set(7, "b".into(), 2);
        assert_eq!((kept.get(7, "b"), kept.get(8, "b"), kept.get(8, "a")), (None, None, Some(3)));
    }

    #[test]
    fn only_a_few_are_kept() {
        let kept: Kept<String, u32, 2> = Kept::default();
        for (n, key) in ["a", "b", "b", "c"].into_iter().enumerate() {
            kept.set(1, key.into(), u32::try_from(n).unwrap());
        }
        assert_eq!((kept.get(1, "a"), kept.get(1, "b"), kept.get(1, "c")), (None, Some(2), Some(3)));
    }
}
