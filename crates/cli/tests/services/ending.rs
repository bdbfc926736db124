//! How a gateway ends: turns that run may end first, what comes meanwhile waits on disk, systemd hears of all of it.

use crate::live::{Gateway, PATH, PATIENCE, Program};
use crate::support::Home;
use crate::world::World;
use serde_json::json;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::fake_model::Step;

const OPEN: &str = r#"dmPolicy: "open", allowFrom: ["*"]"#;

/// A turn that is within a command until the test lets it go.
struct Turn {
    pipe: PathBuf,
}

impl Turn {
    /// Begins one; when this returns, its command runs.
    async fn begin(world: &World) -> (Self, std::fs::File) {
        let pipe = world.home.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let command = json!({"command": format!("cat '{}'", pipe.display()), "host": "gateway"});
        world.model.script(vec![
            Step::ToolCalls(vec![("exec".into(), command)]),
            Step::Text("first is done".into()),
        ]);
        world.telegram.push_text(7, 7, "first");
        let turn = Self { pipe };
        let open = turn.open().await;
        (turn, open)
    }

    /// Opening a pipe to write waits for who reads: the command.
    async fn open(&self) -> std::fs::File {
        let pipe = self.pipe.clone();
        let open = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe));
        tokio::time::timeout(PATIENCE, open).await.expect("the command runs").unwrap().unwrap()
    }
}

fn signal(program: &Program, name: &str) {
    let status = Command::new("kill").args([name, &program.pid().to_string()]).status().unwrap();
    assert!(status.success());
}

fn says_that_it_stops(program: &Program) {
    program.wait_for("that it stops", |line| line.contains("stopping").then_some(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_runs_ends_before_the_gateway_does_and_what_comes_meanwhile_waits_on_disk() {
    let World { telegram, model, home, gateway } = {
        let world = World::with("openai-completions", OPEN, "").await;
        let (_turn, mut pipe) = Turn::begin(&world).await;
        signal(&world.gateway.program, "-TERM");
        says_that_it_stops(&world.gateway.program);
        // To another chat's session would be no different: nothing begins any more.
        let update = world.telegram.push_text(8, 8, "second");
        world.telegram.wait_for_offset(update + 1, PATIENCE).await.unwrap();
        let asked = world.model.request_count();
        assert_eq!(asked, 1, "the second message begins no turn");
        pipe.write_all(b"go on").unwrap();
        world
    };
    assert_eq!(gateway.program.ended(), Some(0));
    let sent: Vec<String> = telegram.sent().iter().map(|s| s.plain.clone()).collect();
    assert_eq!(sent, ["first is done"], "the answer was sent before the end");

    let again = Gateway::start(&home);
    let sent = telegram.wait_for_sent(2, PATIENCE).await.unwrap();
    assert!(sent[1].plain.contains("second"), "{sent:?}");
    assert_eq!(model.request_count(), 3, "the first turn is not taken up again");
    assert_eq!(again.program.stop("-TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once_and_the_turn_is_taken_up_at_the_next_start() {
    let World { telegram, home, gateway, model } = {
        let world = World::with("openai-completions", OPEN, "").await;
        let (_turn, pipe) = Turn::begin(&world).await;
        signal(&world.gateway.program, "-TERM");
        says_that_it_stops(&world.gateway.program);
        signal(&world.gateway.program, "-TERM");
        drop(pipe);
        world
    };
    assert_eq!(gateway.program.ended(), Some(130));
    assert!(telegram.sent().is_empty());
    model.script(vec![]);
    let again = Gateway::start(&home);
    telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(again.program.stop("-INT"), Some(0));
}

/// What systemd is told.
struct Ear(UnixDatagram);

impl Ear {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next message in which `wanted` stands.
    #[allow(clippy::disallowed_methods)] // A deadline of the test, in real time.
    fn until(&self, wanted: &str) -> String {
        let begun = std::time::Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "no {wanted}");
            let mut buffer = [0; 4096];
            let length = self.0.recv(&mut buffer).unwrap_or_else(|e| panic!("no {wanted}: {e}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.contains(wanted) {
                return text;
            }
        }
    }
}

#[test]
fn the_watchdog_hears_of_a_gateway_only_while_its_state_works() {
    let home = Home::with_config("{}");
    let path = home.path().join("notify");
    let ear = Ear::at(&path);
    let mut command = home.command(&["gateway", "run", "--port", "0", "--json"]);
    command.env("PATH", PATH).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let program = Program::start("gateway", command);
    let ready = ear.until("READY=1");
    assert!(ready.contains("STATUS=answers at ws://127.0.0.1:"), "{ready}");
    ear.until("WATCHDOG=1");

    let state = home.state().join("state/gateway.sqlite");
    let other = rusqlite::Connection::open(&state).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let told = ear.until("STATUS=the state does not");
    assert!(!told.contains("WATCHDOG"), "{told}");
    other.execute_batch("ROLLBACK").unwrap();
    ear.until("WATCHDOG=1");

    signal(&program, "-TERM");
    let last = ear.until("STOPPING=1");
    assert!(last.contains("EXTEND_TIMEOUT_USEC="), "{last}");
    assert_eq!(program.ended(), Some(0));
}

#[test]
fn a_start_that_waits_for_its_state_is_given_time_for_as_long_as_it_takes() {
    let home = Home::with_config("{}");
    Gateway::start(&home).program.stop("-TERM");
    let state = rusqlite::Connection::open(home.state().join("state/gateway.sqlite")).unwrap();
    // As a backup would, this keeps everybody else from the file until it is dropped.
    state.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let path = home.path().join("notify");
    let ear = Ear::at(&path);
    let mut command = home.command(&["gateway", "run", "--port", "0", "--json"]);
    command.env("PATH", PATH).env("NOTIFY_SOCKET", &path);
    let program = Program::start("gateway", command);
    // The second time, it is within the opening.
    for _ in 0..2 {
        let told = ear.until("EXTEND_TIMEOUT_USEC=30000000");
        assert!(told.contains("STATUS=starting"), "{told}");
    }
    drop(state);
    ear.until("READY=1");
    assert_eq!(program.stop("-TERM"), Some(0));
}
