//! The gateway's certificate as `openclaw doctor` sees it, and the files that only this user should read.

use super::{CLEAN, TOKEN, configure, doctor, finding, found, fs, lived_in, mode, set_mode, with_gateway};
use crate::live::Gateway;
use crate::support::Home;
use config::{Paths, TlsConfig};
use gateway::tls::{Certificate, TlsFiles, switch};
use std::os::unix::fs::chown;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn with_tls(home: &Home, tls: &str) {
    configure(
        home,
        &with_gateway(&format!("auth: {{ token: \"{TOKEN}\" }}, tls: {{ enabled: true, {tls} }}")),
    );
}

/// A state directory whose gateway has made its certificate.
fn certified() -> (Home, TlsFiles) {
    let home = lived_in();
    with_tls(&home, "");
    assert_eq!(found(&home, &[]), CLEAN, "the first start makes it");
    assert_eq!(Gateway::start_with(&home, &[]).program.stop("-TERM"), Some(0));
    let (state_dir, config_file) = (home.state(), home.state().join("openclaw.json"));
    let paths = Paths { state_dir, config_file, dev: false, profile: None };
    (home, TlsFiles::of(&TlsConfig::default(), &paths))
}

/// Has the certificate made as it would have been so many days ago.
fn made_days_ago(files: &TlsFiles, days: i64) {
    #[allow(clippy::disallowed_methods, reason = "certificates are judged by the real clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    switch(files, &[], now - days * DAY_MS).unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_its_file() {
    let (home, files) = certified();
    assert_eq!(found(&home, &["--deep"]), CLEAN);
    let unusable = (vec!["gateway.tls_unusable".to_owned()], 9);
    let key = fs::read(&files.key).unwrap();
    fs::copy(&files.next_key, &files.key).unwrap();
    assert_eq!(found(&home, &["--fix"]), unusable, "it is another pair's key");
    // As a crash leaves it in the middle of a first start, which the next one finishes.
    fs::write(&files.key, &key).unwrap();
    set_mode(&files.key, 0o600);
    fs::rename(&files.cert, &files.next_cert).unwrap();
    assert_eq!(found(&home, &[]), unusable);
    let told = finding(&home, "gateway.tls_unusable");
    assert!(told.to_string().contains("start the gateway, which puts"), "{told}");
    assert_eq!(Gateway::start_with(&home, &[]).program.stop("-TERM"), Some(0));
    assert_eq!(found(&home, &["--deep"]), CLEAN);
    fs::write(&files.key, "half a key").unwrap();
    assert_eq!(found(&home, &["--fix"]), unusable);
    fs::remove_file(&files.key).unwrap();
    assert_eq!(found(&home, &["--fix"]), unusable);
    let told = finding(&home, "gateway.tls_unusable");
    assert!(told["message"].as_str().unwrap().contains(files.key.to_str().unwrap()), "{told}");
    fs::write(&files.key, key).unwrap();
    set_mode(&files.key, 0o600);
    assert_eq!(found(&home, &[]), CLEAN);
    with_tls(&home, "autoGenerate: false, certPath: \"/none/cert.pem\", keyPath: \"/none/key.pem\"");
    assert_eq!(found(&home, &[]), unusable);
}

#[test]
fn an_expired_certificate_of_the_gateways_own_is_made_anew_and_one_that_still_counts_is_left_alone() {
    let (home, files) = certified();
    for (days, id) in [(3653 - 10, "gateway.tls_expires_soon"), (-10, "gateway.tls_not_yet_valid")] {
        made_days_ago(&files, days);
        let before = fs::read(&files.cert).unwrap();
        assert_eq!(found(&home, &["--fix"]), (vec![id.to_owned()], 9));
        assert_eq!(fs::read(&files.cert).unwrap(), before, "{id}: clients may have pinned it");
    }
    made_days_ago(&files, 4000);
    assert_eq!(found(&home, &[]), (vec!["gateway.tls_expired".to_owned()], 9));
    let prepared = Certificate::read(&files.cert).unwrap();
    let ran = doctor(&home, &["--fix"]);
    assert!(ran.code == 0 && ran.out.contains("is a new one, for ten years"), "{}{}", ran.out, ran.err);
    assert_ne!(
        Certificate::read(&files.cert).unwrap().spki,
        prepared.spki,
        "clients were told of the next key"
    );
    assert_eq!(found(&home, &[]), CLEAN);
    assert_eq!(Gateway::start_with(&home, &[]).program.stop("-TERM"), Some(0));
}

#[test]
fn keys_stored_credentials_and_logs_are_closed_wherever_they_are() {
    let (home, files) = certified();
    let (state, elsewhere) = (home.state(), home.path().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    for dir in ["agents", "agents/main"] {
        fs::create_dir(state.join(dir)).unwrap();
        set_mode(&state.join(dir), 0o700);
    }
    fs::write(state.join("agents/main/auth-profiles.json"), "{}").unwrap();
    for (file, to) in [(&files.cert, "cert.pem"), (&files.key, "key.pem"), (&files.key, "key.pem.next")] {
        fs::copy(file, elsewhere.join(to)).unwrap();
    }
    let (key, log) = (elsewhere.join("key.pem"), elsewhere.join("gateway.log"));
    fs::write(&log, "").unwrap();
    let gateway = with_gateway(&format!(
        "auth: {{ token: \"{TOKEN}\" }}, tls: {{ enabled: true, certPath: {:?}, keyPath: {key:?} }}",
        elsewhere.join("cert.pem")
    ));
    configure(&home, &gateway.replacen("{ gateway", &format!("{{ logging: {{ file: {log:?} }}, gateway"), 1));
    let open = [
        (state.join("agents/main"), 0o770, 0o700, "fs.auth_profiles.perms_writable"),
        (state.join("agents/main/auth-profiles.json"), 0o644, 0o600, "fs.auth_profiles.perms_readable"),
        (files.key.clone(), 0o640, 0o600, "fs.tls_key.perms_readable"),
        (files.served.clone(), 0o622, 0o600, "fs.tls_key.perms_writable"),
        (key.clone(), 0o604, 0o600, "fs.tls_key.perms_readable"),
        (elsewhere.join("key.pem.next"), 0o604, 0o600, "fs.tls_key.perms_readable"),
        (log, 0o644, 0o600, "fs.log_file.perms_readable"),
    ];
    for (file, bits, ..) in &open {
        set_mode(file, *bits);
    }
    // A certificate is shown to everybody anyway.
    set_mode(&files.cert, 0o644);
    let (mut ids, _) = found(&home, &[]);
    let mut wanted: Vec<&str> = open.iter().map(|(.., id)| *id).collect();
    ids.sort();
    wanted.sort_unstable();
    assert_eq!(ids, wanted);
    assert_eq!(doctor(&home, &["--fix"]).code, 0);
    for (file, _, closed, _) in &open {
        assert_eq!(mode(file), *closed, "{}", file.display());
    }
    // Other programs may use a key that lies elsewhere: its group is its owner's decision, and everybody is nobody's.
    set_mode(&key, 0o640);
    assert_eq!(found(&home, &[]), CLEAN);
    set_mode(&key, 0o644);
    assert_eq!((doctor(&home, &["--fix"]).code, mode(&key)), (0, 0o640));
    chown(&key, Some(12345), Some(12345)).unwrap();
    assert_eq!(found(&home, &[]), CLEAN);
    set_mode(&key, 0o644);
    assert_eq!(found(&home, &["--fix"]), (vec!["fs.tls_key.perms_readable".to_owned()], 9));
    assert_eq!(mode(&key), 0o644, "it is another user's");
}
