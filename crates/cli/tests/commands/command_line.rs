//! The command line itself: help, what is refused, and what errors look like to people and to programs.

use crate::support::{Home, free_port};

#[test]
fn help_names_every_command_and_every_exit_code() {
    let ran = Home::new().run(&["--help"]);
    assert_eq!(ran.code, 0);
    for word in [
        "gateway", "health", "status", "agent", "nodes", "devices", "pairing", "node", "config", "logs",
        "demo",
    ] {
        assert!(ran.out.contains(&format!("\n  {word}")), "{word}: {}", ran.out);
    }
    assert!(ran.out.contains("Exit codes:") && ran.out.contains("  3  no gateway can be reached there"));
    let table = Home::new().run(&["help", "exit-codes"]);
    assert!(table.code == 0 && table.out.contains("130  interrupted"), "{}", table.out);
}

#[test]
fn an_unknown_flag_or_command_is_refused_with_the_nearest_name() {
    for (args, nearest) in [
        (&["helth"][..], "health"),
        (&["health", "--tiemout", "5"], "--timeout"),
        (&["gateway", "run", "--bint", "lan"], "--bind"),
        (&["gateway", "run", "--bind", "everywhere"], "loopback"),
    ] {
        let ran = Home::new().run(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.err.contains(nearest) && ran.out.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn with_json_a_wrong_command_line_is_json_too() {
    let ran = Home::new().run(&["health", "--json", "--tiemout", "5"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.json()["ok"], false);
    assert_eq!(ran.json()["error"]["code"], "USAGE");
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn no_gateway_is_exit_code_3_with_the_command_that_starts_one() {
    let home = Home::new();
    let port = free_port();
    for command in
        [&["health"][..], &["gateway", "health"], &["nodes", "list"], &["agent", "-m", "hi"], &["logs"]]
    {
        let ran = home.run(&[command, &["--port", &port]].concat());
        assert_eq!(ran.code, 3, "{command:?}: {}", ran.err);
        assert!(ran.err.contains("hint: start it: openclaw gateway run"), "{command:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{command:?}: {}", ran.out);
    }
    let ran = home.run(&["--dev", "health", "--port", &port]);
    assert!(ran.err.contains("openclaw --dev gateway run"), "{}", ran.err);
}

#[test]
fn no_gateway_is_json_on_standard_output_where_json_is_asked_for() {
    let ran = Home::new().run(&["health", "--json", "--port", &free_port()]);
    assert_eq!(ran.code, 3);
    let error = ran.json();
    assert_eq!((&error["ok"], &error["error"]["code"]), (&false.into(), &"UNREACHABLE".into()));
    assert_eq!(error["error"]["details"]["via"], "--port");
    assert_eq!(error["hints"][0], "start it: openclaw gateway run");
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn status_says_what_it_knows_while_the_gateway_is_down() {
    let home = Home::with_config("{ agents: { defaults: { model: { primary: 'local/m' } } } }");
    let port = free_port();
    let ran = home.run(&["status", "--port", &port]);
    assert_eq!(ran.code, 3);
    assert!(ran.out.contains("does not answer") && ran.out.contains("local/m (configured)"), "{}", ran.out);
    assert!(ran.err.contains("openclaw gateway run"), "{}", ran.err);
    let json = home.run(&["status", "--json", "--port", &port]).json();
    assert_eq!(json["error"]["details"]["local"]["model"], "local/m");
    let ran = home.run(&["gateway", "status", "--port", &port]);
    assert!(ran.code == 3 && ran.out.contains("openclaw.json"), "{}", ran.out);
}

#[test]
fn a_url_borrows_no_credentials_from_anywhere() {
    let home = Home::with_config("{ gateway: { auth: { token: 'from-config' } } }");
    let vars = [("OPENCLAW_GATEWAY_TOKEN", "from-env")];
    let url = format!("ws://127.0.0.1:{}", free_port());
    let ran = home.run_with(&["health", "--url", &url], &vars);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--token") && ran.err.contains("--password"), "{}", ran.err);
    assert!(!ran.err.contains("from-"), "{}", ran.err);
    // With its own credential it is used, and then nothing listens there.
    assert_eq!(home.run(&["health", "--url", &url, "--token", "t"]).code, 3);
}

#[test]
fn a_url_works_beside_a_broken_configuration() {
    let home = Home::with_config("{ gateway: ");
    assert_eq!(home.run(&["health"]).code, 6);
    let url = format!("ws://127.0.0.1:{}", free_port());
    assert_eq!(home.run(&["health", "--url", &url, "--token", "t"]).code, 3);
}

#[test]
fn a_gateway_that_never_answers_is_exit_code_5_at_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = Home::new().run(&["health", "--port", &port, "--timeout", "200"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("--timeout"), "{}", ran.err);
    drop(listener);
}

#[test]
fn a_profile_that_cannot_be_one_is_a_usage_error() {
    let ran = Home::new().run(&["--profile", "../x", "health"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("../x"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let home = Home::new();
    let mut child =
        home.command(&["exit-codes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    assert_eq!(done.status.code(), Some(0));
}

#[test]
fn shells_get_scripts_that_they_understand_and_find() {
    let home = Home::new();
    for (shell, word) in
        [("bash", "onboard"), ("zsh", "#compdef openclaw"), ("fish", "onboard"), ("powershell", "onboard")]
    {
        let ran = home.run(&["completion", "--shell", shell]);
        assert!(ran.code == 0 && ran.out.contains(word), "{shell}: {}{}", ran.out, ran.err);
    }
    let done = home.run_with(&["completion", "--install"], &[("SHELL", "/usr/bin/bash")]);
    assert_eq!(done.code, 0, "{}", done.err);
    let file = home.path().join(".local/share/bash-completion/completions/openclaw");
    let complete = "source \"$0\"; COMP_WORDS=(openclaw onb); COMP_CWORD=1; _openclaw openclaw onb openclaw; echo \"${COMPREPLY[@]}\"";
    let ran = std::process::Command::new("bash").arg("-c").arg(complete).arg(&file).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout).trim(),
        "onboard",
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let none = home.run_with(&["completion"], &[("SHELL", "/bin/tcsh")]);
    assert!(none.code == 2 && none.err.contains("--shell"), "{}", none.err);
}

#[test]
fn every_command_has_a_manual_page_with_its_example() {
    let home = Home::new();
    assert_eq!(home.run(&["man", "--dir", "pages"]).code, 0);
    let page = |name: &str| std::fs::read_to_string(home.path().join("pages").join(name)).unwrap();
    assert!(page("openclaw.1").contains("onboard"));
    assert!(
        page("openclaw-gateway-run.1").contains("openclaw gateway run"),
        "{}",
        page("openclaw-gateway-run.1")
    );
}
