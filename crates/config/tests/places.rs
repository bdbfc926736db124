//! Where things are, and the token that is kept there.
// A helper that cannot do its part fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use config::{Config, Env, Paths, TokenError, ensure_gateway_token, gateway_port, read_gateway_token};
use model::ExposeSecret;

fn state(dir: &Path) -> Paths {
    let env = Env::from([("OPENCLAW_STATE_DIR", dir.to_str().expect("a UTF-8 path"))]);
    Paths::resolve(&env, None, false).expect("paths")
}

#[test]
fn profiles_and_variables_decide_where_everything_is() {
    // (variables, profile, dev) and (state directory, config file, default port)
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, bool, &'a str, &'a str, u16);
    let rows: &[Row<'_>] = &[
        (&[("HOME", "/h")], None, false, "/h/.openclaw", "/h/.openclaw/openclaw.json", 18789),
        (&[("HOME", "/h")], Some("default"), false, "/h/.openclaw", "/h/.openclaw/openclaw.json", 18789),
        (&[("HOME", "/h")], Some("ops"), false, "/h/.openclaw-ops", "/h/.openclaw-ops/openclaw.json", 18789),
        (&[("HOME", "/h")], None, true, "/h/.openclaw-dev", "/h/.openclaw-dev/openclaw.json", 19001),
        (&[("HOME", "/h")], Some("dev"), false, "/h/.openclaw-dev", "/h/.openclaw-dev/openclaw.json", 19001),
        (
            &[("HOME", "/h"), ("OPENCLAW_PROFILE", "p")],
            None,
            false,
            "/h/.openclaw-p",
            "/h/.openclaw-p/openclaw.json",
            18789,
        ),
        (
            &[("HOME", "/h"), ("OPENCLAW_HOME", "~/o")],
            None,
            false,
            "/h/o/.openclaw",
            "/h/o/.openclaw/openclaw.json",
            18789,
        ),
        (
            &[("HOME", "/h"), ("OPENCLAW_STATE_DIR", "/s")],
            Some("ops"),
            false,
            "/s",
            "/s/openclaw.json",
            18789,
        ),
        (&[("HOME", "/h"), ("OPENCLAW_STATE_DIR", "~/s")], None, true, "/h/s", "/h/s/openclaw.json", 19001),
        (
            &[("HOME", "/h"), ("OPENCLAW_CONFIG_PATH", "/c.json")],
            None,
            false,
            "/h/.openclaw",
            "/c.json",
            18789,
        ),
        (&[("OPENCLAW_STATE_DIR", "/s")], None, false, "/s", "/s/openclaw.json", 18789),
    ];
    for (vars, profile, dev, dir, file, port) in rows {
        let env: Env = vars.iter().copied().collect();
        let paths = Paths::resolve(&env, *profile, *dev).expect("paths");
        let got = (paths.state_dir.to_str(), paths.config_file.to_str(), paths.default_port());
        assert_eq!(got, (Some(*dir), Some(*file), *port), "{vars:?} {profile:?} {dev}");
    }
}

#[test]
fn what_cannot_be_a_place_is_refused() {
    let home = Env::from([("HOME", "/h")]);
    for name in ["", "../x", "a b", "-a", "ä", &"a".repeat(65)] {
        let error = Paths::resolve(&home, Some(name), false).expect_err(name).to_string();
        assert!(error.contains("is not allowed; use letters"), "{error}");
    }
    let clash = Paths::resolve(&home, Some("ops"), true).expect_err("two profiles").to_string();
    assert!(clash.contains("exclude each other"), "{clash}");
    let homeless = Paths::resolve(&Env::default(), None, false).expect_err("no home").to_string();
    assert!(homeless.contains("set HOME"), "{homeless}");
}

#[test]
fn the_workspace_is_configured_or_beside_the_state() {
    let paths = state(Path::new("/s"));
    let mut config = Config::default();
    assert_eq!(paths.workspace(&config), Path::new("/s/workspace"));
    config.agents.defaults.workspace = Some("/w".into());
    assert_eq!(paths.workspace(&config), Path::new("/w"));
}

#[test]
fn the_port_of_the_gateway_is_flag_variable_config_default() {
    let paths = state(Path::new("/s"));
    let mut config = Config::default();
    let port = |flag, env: &Env, config: &Config| gateway_port(flag, env, &config.gateway, &paths).ok();
    let (set, unset) = (Env::from([("OPENCLAW_GATEWAY_PORT", "2")]), Env::default());
    assert_eq!(port(None, &unset, &config), Some(18789));
    config.gateway.port = Some(3);
    assert_eq!(port(None, &unset, &config), Some(3));
    assert_eq!(port(None, &set, &config), Some(2));
    assert_eq!(port(Some(1), &set, &config), Some(1));
    for wrong in ["0", "65536", "-1", "x"] {
        assert_eq!(port(None, &Env::from([("OPENCLAW_GATEWAY_PORT", wrong)]), &config), None, "{wrong}");
    }
}

#[test]
fn a_token_is_made_once_and_read_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = state(&dir.path().join("not-there-yet"));
    assert!(read_gateway_token(&paths).expect("no error").is_none());
    let (first, file, created) = ensure_gateway_token(&paths).expect("a token");
    assert!(created && file == paths.gateway_token_file() && first.expose_secret().len() == 43);
    let (second, _, again) = ensure_gateway_token(&paths).expect("the token");
    let read = read_gateway_token(&paths).expect("no error").expect("the token");
    assert!(!again && second.expose_secret() == first.expose_secret());
    assert_eq!(read.expose_secret(), first.expose_secret());
    let names: Vec<_> = std::fs::read_dir(paths.credentials_dir()).expect("the directory").collect();
    assert_eq!(names.len(), 1, "nothing temporary is left over");
}

#[cfg(unix)]
#[test]
fn the_token_is_for_its_owner_alone_even_if_it_was_open_before() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let paths = state(dir.path());
    let mode = |path: &Path| std::fs::metadata(path).expect("the file").permissions().mode() & 0o777;
    ensure_gateway_token(&paths).expect("a token");
    let file = paths.gateway_token_file();
    assert_eq!((mode(&file), mode(&paths.credentials_dir())), (0o600, 0o700));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    ensure_gateway_token(&paths).expect("the token");
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn starts_at_the_same_time_agree_on_one_token() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = state(dir.path());
    let made: Vec<(String, bool)> = std::thread::scope(|scope| {
        let start = || ensure_gateway_token(&paths).expect("a token");
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("a thread");
        threads
            .into_iter()
            .map(join)
            .map(|(token, _, made)| (token.expose_secret().to_owned(), made))
            .collect()
    });
    assert!(made.windows(2).all(|pair| pair[0].0 == pair[1].0));
    assert_eq!(made.iter().filter(|(_, made)| *made).count(), 1);
}

#[test]
fn a_file_that_is_no_token_is_named_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = state(dir.path());
    std::fs::create_dir_all(paths.credentials_dir()).expect("a directory");
    for damage in [
        "",
        "short",
        "two words that are long enough",
        "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
    ] {
        std::fs::write(paths.gateway_token_file(), damage).expect("a file");
        let error = ensure_gateway_token(&paths).expect_err("no token");
        assert!(
            matches!(error, TokenError::Damaged { .. }) && error.to_string().contains("remove it"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(paths.gateway_token_file()).ok().as_deref(), Some(damage));
    }
}
