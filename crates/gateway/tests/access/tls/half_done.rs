//! What a crash leaves of making a certificate and of switching to another: the next start finishes it. And two programs that do
//! it at once.

use super::{TlsFiles, config, start_at};
use config::{Paths, TlsConfig};
use gateway::tls::{Certificate, prepare, switch};
use model::{Clock, Pin, SystemClock};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

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

#[tokio::test]
async fn switches_at_once_come_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    shown(dir.path()).await;
    for _ in 0..10 {
        let switched: Vec<Certificate> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| switch(&files, &[], SystemClock.now_ms()).unwrap().current))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let shown = shown(dir.path()).await;
        assert!(switched.contains(&shown), "the pair is that of one of them");
        let different: BTreeSet<String> = switched.iter().map(|one| one.leaf.to_string()).collect();
        assert_eq!(different.len(), 3, "each took another key into use");
    }
}

/// The key is a pipe, so that what a start has read is known: opening one waits for who reads it.
#[tokio::test]
async fn a_start_in_the_midst_of_a_renewal_waits_for_the_second_file() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let first = shown(dir.path()).await;
    let first_key = fs::read(&files.key).unwrap();
    let (cert, key) = super::pair("renewed.example");
    let second_pipe = files.key.with_extension("pipe");
    fs::remove_file(&files.key).unwrap();
    for pipe in [&files.key, &second_pipe] {
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let renewing = {
        let files = files.clone();
        std::thread::spawn(move || {
            let open = || fs::OpenOptions::new().write(true).open(&files.key).unwrap();
            let replace = |file: &Path, text: &str| {
                let new = file.with_extension("new");
                fs::write(&new, text).unwrap();
                fs::rename(&new, file).unwrap();
            };
            // The first look is whether a switch was cut.
            let mut looked = open();
            fs::rename(&second_pipe, &files.key).unwrap();
            looked.write_all(&first_key).unwrap();
            drop(looked);
            // Who reads now has the former certificate already.
            let mut read = open();
            replace(&files.cert, &cert);
            replace(&files.key, &key);
            read.write_all(key.as_bytes()).unwrap();
        })
    };
    let renewed = shown(dir.path()).await;
    renewing.join().unwrap();
    assert_ne!(renewed.leaf, first.leaf);
    assert_eq!(renewed, Certificate::read(&files.cert).unwrap());
}
