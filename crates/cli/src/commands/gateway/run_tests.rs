//! What the flags of `gateway run` do to the configuration.

use super::*;
use clap::Parser;
use config::Env;
use std::path::Path;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    run: RunArgs,
}

fn after(flags: &[&str], file: &str) -> Result<Loaded, Failure> {
    let line = std::iter::once("run").chain(flags.iter().copied());
    let args = Line::parse_from(line).run;
    let mut loaded = config::parse(file, Path::new("openclaw.json"), &Env::default()).unwrap();
    override_config(&args, &mut loaded)?;
    Ok(loaded)
}

#[test]
fn flags_go_over_the_configuration() {
    let file = "{gateway:{bind:\"loopback\",auth:{mode:\"password\",password:\"p\"}}}";
    let cases: [(&[&str], Bind, Option<AuthMode>); 6] = [
        (&[], Bind::Loopback, Some(AuthMode::Password)),
        (&["--bind", "lan"], Bind::Lan, Some(AuthMode::Password)),
        (&["--token", "t"], Bind::Loopback, Some(AuthMode::Token)),
        (&["--password", "q"], Bind::Loopback, Some(AuthMode::Password)),
        (&["--auth", "none"], Bind::Loopback, Some(AuthMode::None)),
        (&["--auth", "token", "--token", "t"], Bind::Loopback, Some(AuthMode::Token)),
    ];
    for (flags, bind, mode) in cases {
        let gateway = after(flags, file).unwrap().config.gateway;
        assert_eq!((gateway.bind, gateway.auth.mode), (bind, mode), "{flags:?}");
    }
    let auth = after(&["--token", "t"], "{}").unwrap().config.gateway.auth;
    let token = auth.token.unwrap().resolve(&Env::default()).unwrap().unwrap();
    assert_eq!(token.expose_secret(), "t");
}

#[test]
fn flags_that_do_not_fit_together_are_refused() {
    let cases: [&[&str]; 6] = [
        &["--auth", "none", "--token", "t"],
        &["--auth", "password", "--token", "t"],
        &["--token", "t", "--password", "p"],
        &["--token", " "],
        &["--password", ""],
        &["--bind", "custom"],
    ];
    for flags in cases {
        assert_eq!(after(flags, "{}").err().map(|f| f.exit), Some(Exit::Usage), "{flags:?}");
    }
}

#[test]
fn a_host_in_remote_mode_runs_no_gateway() {
    let remote = "{gateway:{mode:\"remote\",remote:{url:\"ws://127.0.0.1:1\"}}}";
    let failure = local_mode(&after(&[], remote).unwrap()).err().unwrap();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Config, "REMOTE_MODE"));
    assert_eq!(local_mode(&after(&[], "{}").unwrap()), Ok(()));
}
