//! Signing in at a server of tools, and what comes of it in the gateway.

use crate::live::Program;
use crate::support::Home;
use crate::world::{PAIRING, World};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::fake_mcp::{Asked, FakeMcp};

/// What a browser gets from an address.
fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where a page leads to once somebody has agreed.
fn agreed(page: &str) -> String {
    let answer = get(page);
    let to = answer.lines().find_map(|line| line.strip_prefix("location: "));
    to.unwrap_or_else(|| panic!("{page}: {answer}")).trim().to_owned()
}

/// A login that has shown its page.
fn begin(home: &Home) -> (Program, String) {
    let login = Program::start("login", home.command(&["mcp", "login", "docs"]));
    let page =
        login.wait_for("the page", |line| line.trim().starts_with("http://").then(|| line.trim().to_owned()));
    (login, page)
}

fn described(fake: &FakeMcp) -> String {
    let url = fake.url();
    format!(
        r#"mcp: {{ servers: {{ docs: {{ url: "{url}", transport: "streamable-http", auth: "oauth", headers: {{ Authorization: "Bearer of old" }} }} }} }}"#
    )
}

/// The file with the tokens.
fn file(home: &Home) -> PathBuf {
    let dir = home.state().join("mcp-oauth");
    let mut places = std::fs::read_dir(dir).unwrap().map(|place| place.unwrap().path().join("tokens.json"));
    places.next().unwrap()
}

fn count(fake: &FakeMcp, is: impl Fn(&Asked) -> bool) -> usize {
    fake.asked().iter().filter(|asked| is(asked)).count()
}

async fn found(world: &World) -> String {
    let params = r#"{"name": "docs__search", "args": {}}"#;
    world.run(&["gateway", "call", "tools.invoke", "--params", params]).out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_has_the_servers_tools_at_once_and_the_tokens_are_renewed_kept_and_sent_to_whom_they_are_for()
 {
    let fake = FakeMcp::start().await.unwrap();
    let world = World::with("openai-completions", PAIRING, &format!("{},", described(&fake))).await;
    let asks = |line: &str| line.contains("openclaw mcp login docs").then(|| line.to_owned());
    world.gateway.program.wait_for("that somebody is to sign in", asks);

    let (login, page) = begin(&world.home);
    assert!(
        page.starts_with(&format!("{}/authorize?", fake.issuer())) && page.contains("scope=docs.read"),
        "{page}"
    );
    let back = agreed(&page);
    let place = back.split('?').next().unwrap();
    assert!(place.ends_with("/oauth/callback"), "{back}");
    // Of another sign-in.
    assert!(get(&format!("{place}?code=stolen&state=other")).starts_with("HTTP/1.1 404"));
    assert!(get(&back).starts_with("HTTP/1.1 200"));
    login.wait_for_text("signed in at docs", 0);
    let mut said = login.lines();
    assert_eq!(login.ended(), Some(0), "{said:?}");

    // The gateway has noticed by itself.
    while !found(&world).await.contains("found behind the door") {}
    let mode = std::fs::metadata(file(&world.home)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Refused, a token is renewed, and the call is made all the same.
    fake.forgets(true);
    assert!(found(&world).await.contains("found behind the door"));
    // Over soon, it is renewed before.
    fake.lives(5);
    fake.forgets(true);
    assert!(found(&world).await.contains("found behind the door"));
    let renewed =
        || count(&fake, |asked| asked.fields.get("grant_type").is_some_and(|kind| kind == "refresh_token"));
    let before = renewed();
    assert!(before >= 2, "{:?}", fake.asked());
    assert!(found(&world).await.contains("found behind the door"));
    assert!(renewed() > before);

    for asked in fake.asked() {
        let all = format!("{asked:?}");
        let (access, renewing) = (all.contains("secret-access"), all.contains("secret-renewing"));
        assert!(!access || !asked.of_issuer && asked.path == "/mcp", "{asked:?}");
        assert!(!renewing || asked.of_issuer && asked.path == "/tenant/token", "{asked:?}");
        assert!(!all.contains("of old"), "{asked:?}");
    }

    // A token that may do more is wanted: nobody can renew that, and the one that there is stays good for what it was good for.
    fake.wants("docs.write");
    for _ in 0..2 {
        assert!(!found(&world).await.contains("found behind the door"));
    }
    world.gateway.program.wait_for("a wider sign-in", |line| {
        (line.contains("docs.write") && line.contains("openclaw mcp login docs")).then_some(())
    });
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(file(&world.home)).unwrap()).unwrap();
    assert_eq!(
        (&kept["tokens"]["refused"], &kept["wantedScope"]),
        (&json!(false), &json!("docs.write")),
        "neither over nor unknown"
    );
    let greeted =
        || count(&fake, |asked| asked.fields.get("method").is_some_and(|method| method == "\"initialize\""));
    let before = greeted();
    assert!(!found(&world).await.contains("found behind the door"));
    assert_eq!(greeted(), before, "the session goes on");
    let (login, page) = begin(&world.home);
    assert!(page.contains("scope=docs.read+docs.write"), "{page}");
    drop(login);

    for was in [true, false] {
        let ran = world.home.run(&["mcp", "logout", "docs", "--json"]);
        assert_eq!(ran.json()["signedOut"], was, "{}{}", ran.out, ran.err);
    }
    said.extend(world.gateway.program.kill());
    assert!(!said.iter().any(|line| line.contains("secret-")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_goes_on_with_a_code_or_the_address_and_ends_where_it_is_refused() {
    let fake = FakeMcp::start().await.unwrap();
    let home = Home::with_config(&format!("{{ {} }}", described(&fake)));
    let without = home.run(&["mcp", "login", "docs", "--code", "abc"]);
    assert!(
        without.code == 1 && without.err.contains("no sign-in was begun"),
        "{}{}",
        without.out,
        without.err
    );

    let (login, page) = begin(&home);
    let back = agreed(&page);
    let other = home.run(&["mcp", "login", "docs", "--code", &back.replace("state=", "state=x")]);
    assert!(other.code == 1 && other.err.contains("of another sign-in"), "{}{}", other.out, other.err);
    assert_eq!(count(&fake, |asked| asked.path.ends_with("/token")), 0);
    let ran = home.run(&["mcp", "login", "docs", "--code", &back, "--json"]);
    assert_eq!((ran.code, &ran.json()["signedIn"]), (0, &json!(true)), "{}{}", ran.out, ran.err);
    login.kill();
    let again = home.run(&["mcp", "login", "docs", "--code", "code/1"]);
    assert_eq!(again.code, 1, "a code is good once: {}", again.out);
    let kept = std::fs::read_to_string(file(&home)).unwrap();

    // What was had stays where another sign-in fails.
    fake.denies(true);
    let (login, page) = begin(&home);
    assert!(get(&agreed(&page)).contains("Nobody was signed in"));
    login.wait_for_text("access_denied: not today", 0);
    assert_eq!(login.ended(), Some(1));
    let tokens = |text: &str| serde_json::from_str::<Value>(text).unwrap()["tokens"].clone();
    assert_eq!(tokens(&std::fs::read_to_string(file(&home)).unwrap()), tokens(&kept));
    // Another one where the page led to another port, which is so where others of these tests have that of every day.
    let known: Vec<String> = fake
        .asked()
        .into_iter()
        .filter(|asked| asked.path.ends_with("/register"))
        .map(|asked| asked.fields["redirect_uris"].clone())
        .collect();
    let places: HashSet<&String> = known.iter().collect();
    assert_eq!(known.len(), places.len(), "a program makes itself known once: {known:?}");
}

#[test]
fn nobody_signs_in_where_no_server_wants_that() {
    for (config, args, code, said) in [
        ("mcp: { servers: { docs: { command: 'x' } } }", ["mcp", "login", "docs"], 2, "is a program"),
        (
            "mcp: { servers: { docs: { url: 'http://127.0.0.1:1/' } } }",
            ["mcp", "login", "docs"],
            2,
            "auth: \"oauth\"",
        ),
        (
            "mcp: { servers: { docs: { command: 'x' } } }, nodeHost: { mcp: { servers: { docs: { url: 'http://127.0.0.1:1/' } } } }",
            ["mcp", "login", "docs"],
            2,
            "nodeHost.mcp.servers.docs.auth",
        ),
        ("mcp: { servers: { docs: { command: 'x' } } }", ["mcp", "logout", "other"], 2, "docs"),
    ] {
        let home = Home::with_config(&format!("{{ {config} }}"));
        let ran = home.run(&args);
        assert!(ran.code == code && ran.err.contains(said), "{args:?}: {} {}", ran.code, ran.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_leads_nobody_where_a_sign_in_is_not_safe() {
    let fake = FakeMcp::start().await.unwrap();
    let home = Home::with_config(&format!("{{ {} }}", described(&fake)));
    for (key, value, said) in [
        ("resource_metadata", json!("http://127.0.0.2:1/x"), "on another host"),
        ("resource", json!("http://127.0.0.1:1/mcp"), "is not its address"),
        ("resource", json!(format!("{}x", fake.url())), "is not its address"),
        ("authorization_servers", json!(["http://192.0.2.1/"]), "https://"),
        ("issuer", json!("http://127.0.0.1:1"), "calls itself"),
        ("authorization_endpoint", json!("javascript:alert(1)"), "https://"),
        ("token_endpoint", json!("http://192.0.2.1/token"), "https://"),
        ("code_challenge_methods_supported", json!(["plain"]), "S256"),
        ("code_challenge_methods_supported", json!(null), "S256"),
        ("registration_endpoint", json!("http://me:secret@127.0.0.1/"), "https://"),
    ] {
        fake.says(key, None);
        fake.says(key, Some(value.clone()));
        let ran = home.run(&["mcp", "login", "docs"]);
        assert!(ran.code == 1 && ran.err.contains(said), "{key} {value}: {} {}", ran.code, ran.err);
        assert!(!home.state().join("mcp-oauth").exists(), "{key} {value}");
    }
    assert_eq!(count(&fake, |asked| asked.path.ends_with("/register")), 0);
}
