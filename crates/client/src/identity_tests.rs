//! Tests of [`super`].

use super::*;
use ed25519_dalek::{Signature, Verifier};
use std::os::unix::fs::PermissionsExt;

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("identity").join("device.json")
}

#[test]
fn the_first_start_makes_an_identity_and_later_ones_keep_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = Identity::load_or_create(&path(&dir)).unwrap();
    let second = Identity::load_or_create(&path(&dir)).unwrap();
    assert_eq!(first.device_id(), second.device_id());
    assert_eq!(first.public_key(), second.public_key());
    assert_eq!(std::fs::metadata(path(&dir)).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(path(&dir).parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays behind");
}

#[test]
fn starts_at_once_agree_on_one_identity() {
    let dir = tempfile::tempdir().unwrap();
    let path = path(&dir);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Identity::load_or_create(&path).unwrap().device_id().to_owned()))
            .collect();
        starts.into_iter().map(|s| s.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
}

#[test]
fn the_id_is_the_hash_of_the_key_and_signatures_verify() {
    let identity = Identity::generate().unwrap();
    let raw = URL_SAFE_NO_PAD.decode(identity.public_key()).unwrap();
    assert_eq!(identity.device_id(), hex::encode(Sha256::digest(&raw)));
    let signature = URL_SAFE_NO_PAD.decode(identity.sign("v3|text")).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&raw.try_into().unwrap()).unwrap();
    key.verify(b"v3|text", &signature).unwrap();
}

#[test]
fn what_is_shown_for_debugging_holds_no_key() {
    let identity = Identity::generate().unwrap();
    let shown = format!("{identity:?}");
    assert!(shown.contains(identity.device_id()));
    assert!(!shown.contains(&identity.stored().private_key));
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let good = Identity::generate().unwrap().stored();
    let other = Identity::generate().unwrap().stored();
    let mixed = Stored { private_key: other.private_key, ..good };
    let mixed = serde_json::to_string(&mixed).unwrap();
    let newer = mixed.replace("\"version\":1", "\"version\":9");
    let cases = ["", "{}", "nonsense", &mixed, &newer];
    for text in cases {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("device.json");
        std::fs::write(&file, text).unwrap();
        let error = Identity::load_or_create(&file).unwrap_err().to_string();
        assert!(error.contains("device.json") && error.contains("damaged"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}
