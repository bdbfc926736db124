//! `openclaw onboard` at a real terminal.

use crate::seat::Seat;
use crate::support::{Home, free_port};
use crate::text;
use serde_json::{Value, json};
use testkit::fake_model::FakeModel;

#[test]
fn at_a_terminal_it_asks_shows_no_secret_and_writes_what_was_answered() {
    let home = Home::new();
    let mut seat = Seat::take(&home, &["onboard", "--gateway-port", &free_port(), "--flow", "manual"]);
    seat.answers("Go on?", "y");
    seat.answers("Where is the gateway?", "1");
    seat.answers("Whose model", "9");
    seat.answers("a number from 1 to 7", "2");
    seat.answers("Model, as the provider calls it", "");
    seat.answers("The key", "sk-hunter2x\x7f");
    seat.answers("Who can reach it?", "");
    seat.answers("Talk to the agent on Telegram?", "y");
    seat.answers("The bot's token", "123:hunter3");
    seat.answers("Who may write to it", "@me");
    seat.answers("names change hands", "1001, tg:1002");
    seat.answers("a service of this user", "n");
    seat.sees("This changes in");
    seat.answers("Write it?", "");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(!seat.screen.contains("hunter"), "{}", seat.screen);
    let value: Value = serde_json::from_str(&text(&home)).unwrap();
    assert_eq!(value["models"]["providers"]["openai"]["apiKey"], "sk-hunter2");
    assert_eq!(value["agents"]["defaults"]["model"]["primary"], "openai/gpt-4.1-mini");
    let bot = json!({"botToken": "123:hunter3", "allowFrom": [1001, 1002]});
    assert_eq!(value["channels"]["telegram"], bot);
    assert!(home.state().join("credentials/gateway-token").exists());

    // A second time everything stays, Enter upon Enter.
    let before = text(&home);
    let mut seat = Seat::take(&home, &["onboard", "--accept-risk", "--skip-health"]);
    seat.answers("Where is the gateway?", "");
    seat.answers("Whose model", "");
    seat.answers("Give Telegram another bot?", "");
    seat.answers("a service of this user", "");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert_eq!(text(&home), before);
}

#[test]
fn whoever_leaves_in_the_middle_of_a_secret_finds_the_terminal_as_it_was() {
    let home = Home::new();
    let mut seat = Seat::take(&home, &["onboard", "--accept-risk", "--mode", "local"]);
    seat.answers("Whose model", "1");
    seat.answers("Model, as the provider calls it", "");
    seat.answers("The key", "half\x03");
    assert_eq!(seat.end(), Some(130), "{}", seat.screen);
    assert!(seat.screen.contains("nothing was changed") && !seat.screen.contains("half"), "{}", seat.screen);
    let modes = rustix_modes(&seat.keys);
    assert!(modes, "the terminal does not echo any more");
    assert!(!home.state().join("openclaw.json").exists());
}

fn rustix_modes(terminal: &pty_process::blocking::Pty) -> bool {
    use rustix::termios::{LocalModes, tcgetattr};
    let wanted = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    tcgetattr(terminal).unwrap().local_modes.contains(wanted)
}

/// What was written, secrets and all.
fn written(home: &Home) -> Value {
    serde_json::from_str(&text(home)).unwrap()
}

#[test]
fn a_gateway_elsewhere_is_asked_for_by_address_and_secret() {
    let home = Home::new();
    let mut seat = Seat::take(&home, &["onboard", "--accept-risk"]);
    seat.answers("Where is the gateway?", "2");
    seat.answers("Its address", "ws://gateway.example:18789");
    seat.answers("Its address", "wss://gateway.example:18789");
    seat.answers("Its token or password", "hunter2");
    seat.answers("Write it?", "y");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(!seat.screen.contains("hunter2") && seat.screen.contains("openclaw status"), "{}", seat.screen);
    let remote = json!({"url": "wss://gateway.example:18789", "token": "hunter2"});
    assert_eq!(written(&home)["gateway"], json!({"mode": "remote", "remote": remote}));
    assert!(!home.state().join("credentials/gateway-token").exists(), "there is no gateway here");

    let before = text(&home);
    let mut seat = Seat::take(&home, &["onboard", "--accept-risk"]);
    seat.answers("Where is the gateway?", "");
    seat.answers("Its address", "");
    seat.answers("Its token or password", "");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert_eq!(text(&home), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ollama_says_which_models_it_has() {
    let model = FakeModel::start().await;
    let ollama = format!("http://{}", model.address());
    let home = Home::new();
    let flags = [
        "onboard",
        "--accept-risk",
        "--mode",
        "local",
        "--skip-channels",
        "--no-install-daemon",
        "--skip-health",
    ];
    let mut seat = Seat::take(&home, &[&flags[..], &["--custom-base-url", &ollama]].concat());
    seat.answers("Whose model", "4");
    seat.sees("It has: test-model");
    seat.answers("Model, as the provider calls it", "");
    seat.answers("Write it?", "n");
    assert_eq!(seat.end(), Some(1), "{}", seat.screen);
    assert!(seat.screen.contains("nothing was changed"), "{}", seat.screen);
    assert!(!home.state().join("openclaw.json").exists());

    let mut seat = Seat::take(&home, &[&flags[..], &["--custom-base-url", &ollama]].concat());
    seat.answers("Whose model", "4");
    seat.answers("Model, as the provider calls it", "");
    seat.answers("Write it?", "");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    let written = written(&home);
    assert_eq!(written["models"]["providers"]["ollama"]["baseUrl"], format!("{ollama}/v1"));
    assert_eq!(written["agents"]["defaults"]["model"]["primary"], "ollama/test-model");
}

#[test]
fn a_server_that_nobody_knows_by_name_is_asked_about() {
    let home = Home::new();
    let flags = [
        "onboard",
        "--accept-risk",
        "--mode",
        "local",
        "--skip-channels",
        "--no-install-daemon",
        "--skip-health",
    ];
    let mut seat = Seat::take(&home, &flags);
    seat.answers("Whose model", "6");
    seat.answers("Address of its API", "lab.example");
    seat.answers("Address of its API", "http://lab.example/v1");
    seat.answers("Whose API does it speak?", "2");
    seat.answers("Model, as the provider calls it", "large");
    seat.answers("The key", "hunter2");
    seat.answers("Write it?", "");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(!seat.screen.contains("hunter2"), "{}", seat.screen);
    let written = written(&home);
    let custom = json!({"apiKey": "hunter2", "baseUrl": "http://lab.example/v1", "api": "anthropic-messages",
        "models": [{"id": "large"}]});
    assert_eq!(written["models"]["providers"]["custom"], custom);
    assert_eq!(written["agents"]["defaults"]["model"]["primary"], "custom/large");
}

#[test]
fn parts_alone_are_asked_about_and_all_else_stays() {
    let home = Home::with_config(
        "{ /* mine */ agents: { defaults: { model: { primary: 'openai/gpt-4.1-mini' } } } }",
    );
    let mut seat = Seat::take(&home, &["configure", "--section", "workspace", "--section", "channels"]);
    seat.answers("Folder of the agent's files", "/srv/agent");
    seat.answers("Talk to the agent on Telegram?", "y");
    seat.answers("The bot's token", "1:hunter2");
    seat.answers("Who may write to it", "1001");
    seat.answers("Write it?", "y");
    assert_eq!(seat.end(), Some(0), "{}", seat.screen);
    assert!(text(&home).contains("/* mine */") && !seat.screen.contains("hunter2"), "{}", seat.screen);
    let shown = home.run(&["config", "get", "--json"]).json();
    assert_eq!(shown["agents"]["defaults"]["workspace"], "/srv/agent");
    assert_eq!(shown["channels"]["telegram"]["allowFrom"], json!([1001]));
    assert_eq!(shown.get("gateway"), None, "nobody was asked about it");

    let unasked = home.run(&["configure", "--section", "model"]);
    assert!(unasked.code == 2 && unasked.err.contains("openclaw config set"), "{}", unasked.err);
    let unknown = home.run(&["configure", "--section", "skills"]);
    assert!(
        unknown.code == 2 && unknown.err.contains("--section skills is not supported"),
        "{}",
        unknown.err
    );
}
