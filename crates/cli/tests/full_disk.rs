//! Disks and files: whoever wants something is told which directory has no space left, the gateway stays up, and as soon as
//! there is space again everything goes on. The disk is a small file system in a mount namespace of the gateway's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "full_disk/files.rs"]
mod files;
#[path = "support/live.rs"]
mod live;
mod support;

use live::{Gateway, PATH, PATIENCE, Places, Program, TOKEN, config};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Home, Ran};
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::{FakeTelegram, deliver};

const PERSON: i64 = 4711;
/// Most turns that fit into what the database has already claimed of the disk.
const MAX_TURNS: usize = 40;
/// Most deliveries of 3.5 kB that fit.
const MAX_DELIVERIES: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_nothing_is_lost_and_space_is_all_it_takes_to_go_on() {
    let telegram = FakeTelegram::start("123:abc").await;
    let model = FakeModel::start().await;
    let dm = r#"dmPolicy: "open", allowFrom: ["*"]"#;
    let (model_url, telegram_url) = (model.url(), telegram.url());
    let places =
        Places { model: &model_url, api: "openai-completions", telegram: &telegram_url, dm, more: "" };
    let disk = SmallDisk::with_gateway(&config(&places));
    telegram.push_text(PERSON, PERSON, "before");
    telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(disk.say("before").code, 0);

    disk.fill();
    let long = "x".repeat(60_000);
    let refused = (0..MAX_TURNS).map(|_| disk.say(&long)).find(|ran| ran.code != 0);
    let refused = refused.expect("a full disk takes no more turns");
    let dir = disk.state().display().to_string();
    for part in [dir.as_str(), "no space", "free some"] {
        assert!(refused.err.to_lowercase().contains(&part.to_lowercase()), "{part:?}: {}", refused.err);
    }
    let health = disk.run(&["health", "--json"]);
    assert!(health.json()["channels"]["telegram"].is_object(), "it is up: {}{}", health.out, health.err);

    // Long ones, of which each still has its answer in one piece: so much does not fit into what is left of the database's own files either.
    let texts: Vec<String> = (0..5).map(|i| format!("{i} while it is full {}", "y".repeat(3500))).collect();
    for text in &texts {
        telegram.push_text(PERSON, PERSON, text);
    }
    let waiting = |line: &str| line.contains("could not be stored and wait at Telegram").then_some(());
    disk.gateway.program.wait_for("messages that wait at the platform", waiting);
    disk.free();
    let sent = telegram.wait_for_sent(1 + texts.len(), PATIENCE).await.unwrap();
    for (reply, text) in sent.iter().skip(1).zip(&texts) {
        assert!(reply.plain.contains(text.as_str()), "in order, each once: {reply:?} instead of {text:?}");
    }
    assert_eq!(disk.say("after").code, 0);
    assert_eq!(disk.gateway.program.stop("-TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_does_not_fit_is_not_acknowledged_and_is_answered_when_it_comes_again() {
    let telegram = FakeTelegram::start("123:abc").await;
    let model = FakeModel::start().await;
    let dm = r#"dmPolicy: "open", allowFrom: ["*"], webhookUrl: "https://bot.example/hook", webhookSecret: "s", webhookPath: "/hook", webhookPort: 0"#;
    let (model_url, telegram_url) = (model.url(), telegram.url());
    let places =
        Places { model: &model_url, api: "openai-completions", telegram: &telegram_url, dm, more: "" };
    let disk = SmallDisk::with_gateway(&config(&places));
    telegram.know_chat(PERSON);
    telegram.wait_for_calls("setWebhook", 1, PATIENCE).await.unwrap();
    let status = disk.run(&["gateway", "call", "channels.status", "--json"]).json();
    let port = status["channelAccounts"]["telegram"][0]["port"].as_u64().unwrap();
    let port = u16::try_from(port).unwrap();
    let post = |id: usize| async move {
        let text = format!("{id} while it is full {}", "y".repeat(3500));
        let from = serde_json::json!({"id": PERSON, "is_bot": false, "first_name": "P"});
        let message = serde_json::json!({"message_id": id, "date": 1, "from": from, "text": text,
            "chat": {"id": PERSON, "type": "private"}});
        let update = serde_json::json!({"update_id": id, "message": message}).to_string();
        deliver(port, "/hook", Some("s"), &update).await.unwrap()
    };

    disk.fill();
    // The database has some room of its own: it takes a few, and from the first that it cannot take on none is acknowledged.
    let mut refused = None;
    for id in 1..=MAX_DELIVERIES {
        let answer = post(id).await;
        if !answer.starts_with("http/1.1 200") {
            assert!(answer.starts_with("http/1.1 503") && !answer.contains("durable"), "{answer}");
            refused = Some(id);
            break;
        }
    }
    let refused = refused.expect("a full disk takes no more deliveries");
    disk.free();
    let answer = post(refused).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    let sent = telegram.wait_for_sent(refused, PATIENCE).await.unwrap();
    for id in 1..=refused {
        let text = format!("{id} while it is full");
        assert!(sent.iter().any(|s| s.plain.contains(&text)), "{id} was acknowledged and is not answered");
    }
    assert_eq!(disk.gateway.program.stop("-TERM"), Some(0));
}

/// A gateway and a small file system that nobody else sees.
struct SmallDisk {
    gateway: Gateway,
    home: Home,
    /// What of the state directory is on it, relative to that.
    place: &'static str,
}

impl SmallDisk {
    /// The state directory has 3 MB.
    fn with_gateway(config: &str) -> Self {
        Self::at("", "3m", config)
    }

    /// `place` in the state directory has so much.
    fn at(place: &'static str, size: &str, config: &str) -> Self {
        let home = Home::new();
        std::fs::create_dir_all(home.state().join(place)).unwrap();
        std::fs::write(home.path().join("config"), config).unwrap();
        let script = r#"mount -t tmpfs -o "size=$1,mode=700" none ".openclaw/$2" && cp config .openclaw/openclaw.json &&
            exec "$0" gateway run --json --port 0"#;
        let mut command = Command::new("unshare");
        command.args(namespaces()).args(["sh", "-c", script, env!("CARGO_BIN_EXE_openclaw"), size, place]);
        command.env_clear().env("HOME", home.path()).env("PATH", format!("{PATH}:/usr/sbin:/sbin"));
        command.current_dir(home.path()).stdin(Stdio::null());
        let gateway = Gateway::answering(Program::start("gateway", command));
        Self { gateway, home, place }
    }

    /// The state directory, as the gateway names it.
    fn state(&self) -> PathBuf {
        self.home.state()
    }

    /// A path of the gateway's, as it is reached from outside of the namespace.
    fn seen(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.gateway.program.pid()));
        root.join(path.strip_prefix("/").unwrap())
    }

    fn filler(&self) -> PathBuf {
        self.seen(&self.state().join(self.place).join("filler"))
    }

    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            loop {
                match file.write_all(&vec![0; size]) {
                    Ok(()) => {}
                    Err(e) if e.kind() == ErrorKind::StorageFull => break,
                    Err(e) => panic!("{e}"),
                }
            }
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let token = [("OPENCLAW_GATEWAY_TOKEN", TOKEN)];
        Home::new().run_with(&[args, &["--port", &self.gateway.port]].concat(), &token)
    }

    /// A turn in a session of its own, so that its length is nobody else's.
    fn say(&self, text: &str) -> Ran {
        self.run(&["agent", "--session-key", "agent:main:disk", "--message", text])
    }
}

/// What `unshare` is asked for: root needs a mount namespace only, others one in which they are root.
fn namespaces() -> &'static [&'static str] {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    if id.trim_ascii() == b"0" { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] }
}
