//! What a crash leaves of making a certificate and of switching to another: the next start finishes it.

use super::{TlsFiles, config, start_at};
use config::{Paths, TlsConfig};
use gateway::tls::{Certificate, prepare, switch};
use model::{Clock, Pin, SystemClock};
use std::fs;
use std::path::Path;

pub(super) fn files(state_dir: &Path) -> TlsFiles {
    let config_file = state_dir.join("openclaw.json");
    let paths = Paths { state_dir: state_dir.to_owned(), config_file, dev: false, profile: None };
    TlsFiles::of(&TlsConfig::default(), &paths)
}

/// Starts a gateway there, and gives what it shows.
async fn shown(state_dir: &Path) -> Certificate {
    let gateway = start_at(state_dir, &config("enabled: true"), 0).await.expect("it starts");
    let certificate = gateway.certificate().unwrap();
    gateway.shutdown().await;
    certificate
}

#[tokio::test]
async fn a_first_pair_that_was_cut_is_finished_or_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let first = shown(dir.path()).await;
    // The certificate waits for its place, and its key is there.
    fs::rename(&files.cert, &files.next_cert).unwrap();
    assert_eq!(shown(dir.path()).await, first, "nothing is made anew");
    assert!(!files.next_cert.exists());
    // The key was not written yet: nobody has it, and nobody has seen the certificate.
    let next = prepare(&files).unwrap().next.unwrap();
    fs::rename(&files.cert, &files.next_cert).unwrap();
    fs::remove_file(&files.key).unwrap();
    let second = shown(dir.path()).await;
    assert_ne!(second.spki, first.spki);
    assert_eq!(prepare(&files).unwrap().next, Some(next), "the next key stays what it was");
    assert!(!files.next_cert.exists(), "it would be taken for the next key's");
    let switched = switch(&files, &[], SystemClock.now_ms()).unwrap();
    assert_eq!(switched.current.spki, next);
}

#[tokio::test]
async fn a_switch_that_was_cut_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let first = shown(dir.path()).await;
    let next = prepare(&files).unwrap().next.unwrap();
    let before = fs::read(&files.cert).unwrap();
    let switched = switch(&files, &[], SystemClock.now_ms()).unwrap().current;
    // As between the two renames: the key has moved, its certificate has not, and no other key is prepared.
    fs::rename(&files.cert, &files.next_cert).unwrap();
    fs::write(&files.cert, before).unwrap();
    fs::remove_file(&files.next_key).unwrap();
    let shown = shown(dir.path()).await;
    assert_eq!((shown.leaf, shown.spki), (switched.leaf, next));
    let former = files.cert.with_extension("pem.previous");
    assert_eq!(Certificate::read(&former).unwrap(), first, "what was replaced stays beside");
    // Whoever repeats the command is not led to a key that nobody was told of.
    assert!(switch(&files, &[], SystemClock.now_ms()).unwrap_err().to_string().contains("prepare one first"));
}

#[tokio::test]
async fn a_certificate_that_waits_for_another_key_is_left_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let first = shown(dir.path()).await;
    fs::rename(&files.cert, &files.next_cert).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(&files.key, other.serialize_pem()).unwrap();
    let error = start_at(dir.path(), &config("enabled: true"), 0).await.err().expect("no start").to_string();
    assert!(error.contains("the certificate") && error.contains("is missing"), "{error}");
    assert_eq!(Certificate::read(&files.next_cert).unwrap(), first);
    // Nor is one that cannot be read a reason not to start.
    fs::remove_file(&files.key).unwrap();
    fs::write(&files.next_cert, "half a certif").unwrap();
    let made: Pin = shown(dir.path()).await.leaf;
    fs::write(&files.next_cert, "half a certif").unwrap();
    assert_eq!(shown(dir.path()).await.leaf, made);
}
