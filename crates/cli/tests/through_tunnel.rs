//! Two hosts, a real sshd and gateway on one of them, and on the other the programs, which know `sshTarget` and a token.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "through_tunnel/cut.rs"]
mod cut;
#[path = "through_tunnel/large.rs"]
mod large;
#[path = "through_tunnel/probed.rs"]
mod probed;

use client::{ClientDescription, ConnectOptions, Connection};
use config::SshTarget;
use remote::tunnel::{Hold, Phase, Place, Starter, Status, TunnelSpec, hold};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use testkit::far::{Far, PORT, TOKEN};
use testkit::process::{Descendant, PATIENCE, Process};
use tokio::runtime::Runtime;
use tokio::time::timeout;

fn far() -> Far {
    Far::start(Path::new(env!("CARGO_BIN_EXE_openclaw")))
}

fn says(value: &Value, text: &str) -> bool {
    value.to_string().contains(text)
}

#[test]
fn everything_works_through_a_tunnel_that_a_target_and_a_token_describe() {
    let far = far();
    // None is up: a command has one for as long as it runs.
    assert_eq!(far.near_json(&["health"])["ok"], true);
    let up = far.near_json(&["remote", "up"]);
    assert_eq!((&up["state"], &up["localPort"]), (&json!("up"), &json!(PORT)), "{up}");
    assert_eq!(far.near_json(&["health"])["ok"], true);
    let status = far.near_json(&["status", "--deep"]);
    assert_eq!(status["gateway"]["reachable"], true, "{status}");
    let turn = far.near_json(&["agent", "--agent", "main", "--message", "from afar"]);
    assert!(says(&turn, "echo:") && says(&turn, "from afar"), "{turn}");
    a_node_works(&far);
    a_stream_comes(&far);
    let tunnel = far.tunnel();
    assert_eq!(
        (&tunnel["starts"], &tunnel["sshPid"]),
        (&json!(1), &up["sshPid"]),
        "one ssh for all: {tunnel}"
    );
    far.near_json(&["remote", "down"]);
    nobody_is_left(&far, &[]);
}

fn a_node_works(far: &Far) {
    let args = ["node", "run", "--json", "--display-name", "laptop"];
    let node = Process::start("node", far.near_command(&args));
    node.wait_for_text("\"connected\"", 0);
    let pending = far.near_json(&["nodes", "pending"]);
    let request = pending[0]["requestId"].as_str().unwrap_or_else(|| panic!("{pending}")).to_owned();
    far.near_json(&["nodes", "approve", &request]);
    let which = [
        "nodes",
        "invoke",
        "--node",
        "laptop",
        "--command",
        "system.which",
        "--params",
        r#"{"bins":["sh"]}"#,
    ];
    let answer = far.near_json(&which);
    assert!(answer["payload"]["bins"]["sh"].as_str().is_some_and(|path| path.ends_with("sh")), "{answer}");
}

/// A client that knows nothing of tunnels, at the tunnel's port.
fn a_stream_comes(far: &Far) {
    let near = far.hosts.near.clone();
    let stream = std::thread::spawn(move || {
        near.enter().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = ClientDescription::new("cli", "cli", "1");
            let mut options = ConnectOptions::new(format!("ws://127.0.0.1:{PORT}"), client);
            options.token = Some(TOKEN.into());
            options.scopes = ["operator.read", "operator.write"].map(str::to_owned).into();
            let mut connection = Connection::open(&options).await.unwrap();
            let params =
                json!({"sessionKey": "agent:main:main", "message": "word by word", "idempotencyKey": "one"});
            connection.call("chat.send", params, PATIENCE).await.unwrap();
            let mut states = Vec::new();
            while states.last().is_none_or(|state| state == "delta") {
                let event = timeout(PATIENCE, connection.events().recv()).await.unwrap().unwrap();
                if event.event == "chat" {
                    states.push(event.payload["state"].as_str().unwrap().to_owned());
                }
            }
            states
        })
    });
    let states = stream.join().unwrap();
    assert!(states.len() > 1 && states.last().unwrap() == "final", "{states:?}");
}

/// What is told of a tunnel, as it happens.
struct Watch {
    runtime: Runtime,
    hold: Hold,
}

impl Watch {
    fn begin(far: &Far) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let spec = TunnelSpec::new(SshTarget::parse(&far.sshd.destination()).unwrap());
        let place = Place::new(&far.near_state(), spec.key());
        // The tunnel is up: nothing is started.
        let starter = Starter { program: "/nowhere".into(), state_dir: far.near_state() };
        let hold = runtime.block_on(hold(&starter, &place, &spec, "a test")).unwrap();
        Self { runtime, hold }
    }

    fn now(&self) -> Status {
        self.hold.status()
    }

    fn until(&mut self, what: &str, is_it: impl Fn(&Status) -> bool) -> Status {
        while !is_it(&self.hold.status()) {
            let wait = async { timeout(PATIENCE * 2, self.hold.changed()).await };
            match self.runtime.block_on(wait) {
                Ok(told) => told.unwrap_or_else(|e| panic!("waiting for {what}: {e}")),
                Err(_) => panic!("waiting for {what} in vain: {:?}", self.hold.status()),
            };
        }
        self.now()
    }

    fn until_down(&mut self) {
        self.until("an end", |status| status.state != Phase::Up);
    }

    /// Up with another ssh than this one.
    fn until_new(&mut self, old: Option<u32>) {
        self.until("a new ssh", |status| status.state == Phase::Up && status.ssh_pid != old);
    }
}

type Fault = fn(&mut Far, &mut Watch);

const FAULTS: &[(&str, Fault)] = &[
    ("the cable is pulled out and put in", |far, watch| {
        far.hosts.unplug();
        watch.until_down();
        far.hosts.plug();
    }),
    ("nothing comes through, and nobody is told", |far, watch| {
        far.hosts.swallow();
        watch.until_down();
        far.hosts.let_through();
    }),
    ("the far host goes down and comes up", |far, watch| {
        far.sshd.kill();
        watch.until_down();
        far.sshd.start_again();
    }),
    ("sshd is restarted, sessions end", |far, watch| {
        let old = watch.now().ssh_pid;
        far.sshd.restart();
        watch.until_new(old);
    }),
    ("ssh is killed", |_, watch| {
        let old = watch.now().ssh_pid;
        Descendant::of(old.unwrap()).unwrap().kill();
        watch.until_new(old);
    }),
    ("ssh hangs", |_, watch| {
        let old = watch.now().ssh_pid;
        Descendant::of(old.unwrap()).unwrap().signal(Signal::STOP);
        watch.until_new(old);
    }),
    ("the supervisor sleeps while ssh ends", |far, watch| {
        let status = watch.now();
        let supervisor = Descendant::of(status.pid).unwrap();
        let ssh = Descendant::of(status.ssh_pid.unwrap()).unwrap();
        supervisor.signal(Signal::STOP);
        far.sshd.end_sessions();
        assert!(ssh.has_ended_within(PATIENCE));
        supervisor.signal(Signal::CONT);
        watch.until_new(status.ssh_pid);
    }),
    ("the far gateway goes, and another one comes", |far, watch| {
        far.kill_gateway();
        watch.until_down();
        far.start_gateway();
    }),
    ("this host moves to another address", |far, watch| {
        let old = watch.now().ssh_pid;
        far.hosts.move_near();
        watch.until_new(old);
    }),
];

#[test]
fn whatever_happens_the_tunnel_comes_back_at_its_port_and_leaves_nothing_behind() {
    let mut far = far();
    far.near_json(&["remote", "up"]);
    let mut watch = Watch::begin(&far);
    for (what, fault) in FAULTS {
        eprintln!("{what}");
        fault(&mut far, &mut watch);
        let status = watch.until("recovery", |status| status.state == Phase::Up);
        assert_eq!(status.local_port, PORT, "{what}");
        assert_eq!(far.near_json(&["health"])["ok"], true, "{what}");
        nobody_is_left(&far, &[status.pid, status.ssh_pid.unwrap()]);
    }
    // Killed, it takes its ssh along; the next command finds nobody and begins anew at the same port.
    let status = watch.now();
    let ssh = Descendant::of(status.ssh_pid.unwrap()).unwrap();
    Descendant::of(status.pid).unwrap().kill();
    assert!(ssh.has_ended_within(PATIENCE), "ssh outlived its supervisor");
    drop(watch);
    nobody_is_left(&far, &[]);
    let up = far.near_json(&["remote", "up"]);
    assert_eq!(up["localPort"], PORT);
    far.near_json(&["remote", "down", "--force"]);
    nobody_is_left(&far, &[]);
}

#[test]
fn the_largest_frames_go_both_ways_while_a_stream_stays_whole() {
    let far = far();
    let up = far.near_json(&["remote", "up"]);
    a_node_works(&far);
    large::go_both_ways(&far);
    assert_eq!(far.tunnel()["sshPid"], up["sshPid"]);
}

#[test]
fn a_gateway_that_stands_still_keeps_its_ssh() {
    let far = far();
    let up = far.near_json(&["remote", "up"]);
    let mut watch = Watch::begin(&far);
    far.gateway().signal(Signal::STOP);
    far.hosts.stir();
    watch.until_down();
    // Longer than an ssh that takes in nothing would be given.
    let ran = far.near_run(&["remote", "up", "--timeout", "9000"]);
    assert!(!ran.status.success(), "the gateway answers");
    far.gateway().signal(Signal::CONT);
    let status = watch.until("recovery", |status| status.state == Phase::Up);
    assert_eq!((&json!(status.ssh_pid), status.starts), (&up["sshPid"], 1));
}

/// Nothing runs on the near host but these, whoever started it; what is just ending may end.
fn nobody_is_left(far: &Far, allowed: &[u32]) {
    let allowed: BTreeSet<u32> = allowed.iter().copied().collect();
    for id in far.hosts.near.processes().difference(&allowed) {
        if let Some(left) = Descendant::of(*id) {
            let program = left.program.clone();
            assert!(left.has_ended_within(Duration::from_secs(20)), "{program} ({id}) was left behind");
        }
    }
}
