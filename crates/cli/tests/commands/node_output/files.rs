//! A file on its way to and from a real node, and what may come between: a full disk, a cut connection, a gateway that is killed.
//! It arrives whole or not at all, and the node goes on.

use crate::live::{Gateway, PATH, Program, TOKEN};
use crate::support::Home;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Bytes and their base64.
fn content(size: usize) -> (Vec<u8>, String) {
    (b"AAA".repeat(size / 3), "QUFB".repeat(size / 3))
}

struct World {
    home: Home,
    gateway: Option<Gateway>,
}

impl World {
    fn start() -> Self {
        let commands = json!(["file.write", "file.fetch", "file.stat", "dir.list", "dir.fetch"]);
        let policy = json!({"config": {"policyVersion": 2, "nodes": {
            "box": {"allowReadPaths": ["/**"], "allowWritePaths": ["/**"], "denyPaths": ["/etc/**"]}}}});
        let home = Home::with_config(
            &json!({
                "gateway": {"auth": {"mode": "token", "token": TOKEN}, "nodes": {"commands": {"allow": commands}}},
                "plugins": {"entries": {"file-transfer": policy}},
            })
            .to_string(),
        );
        let gateway = Gateway::start(&home);
        Self { home, gateway: Some(gateway) }
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("it runs")
    }

    fn approve(&self) {
        let pending = self.gateway().json(&self.home, &["nodes", "pending"]);
        let request = pending[0]["requestId"].as_str().unwrap_or_else(|| panic!("{pending}"));
        self.gateway().json(&self.home, &["nodes", "approve", request]);
    }

    fn line(&self, command: &str, params: &Value) -> Command {
        let params = params.to_string();
        let call = ["--node", "box", "--command", command, "--params", &params, "--invoke-timeout", "60000"];
        self.home
            .command(&[&["nodes", "invoke", "--json", "--port", &self.gateway().port], &call[..]].concat())
    }

    /// A call, and what came of it.
    fn invoke(&self, command: &str, params: &Value) -> Value {
        let output = self.line(command, params).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
    }
}

/// A node on the way by this port; `before` runs in its shell.
fn node(home: &Home, port: &str, before: &str) -> Program {
    node_with(home, port, before, "")
}

/// As [`node`], with more flags.
fn node_with(home: &Home, port: &str, before: &str, flags: &str) -> Program {
    let program = begin(home, port, before, flags);
    program.wait_for_text(CONNECTED, 0);
    program
}

/// As [`node_with`], and waits for nothing.
pub(crate) fn begin(home: &Home, port: &str, before: &str, flags: &str) -> Program {
    let script = format!(
        r#"{before} exec "$0" node run --json --host 127.0.0.1 --port {port} --display-name box {flags}"#
    );
    let mut command = Command::new("unshare");
    let root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    command.args(if root { &["--mount"][..] } else { &["--user", "--map-root-user", "--mount"] });
    command.args(["sh", "-c", &script, env!("CARGO_BIN_EXE_openclaw")]).env_clear().env("HOME", home.path());
    command.env("PATH", format!("{PATH}:/usr/sbin:/sbin")).env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
    command.current_dir(home.path());
    Program::start("node", command)
}

/// What the node says when it is let in.
const CONNECTED: &str = r#""type":"connected""#;

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_disk_that_is_full_in_the_middle_leaves_the_old_file_or_none_and_the_node_goes_on() {
    let world = World::start();
    let home = Home::new();
    let dir = home.path().canonicalize().unwrap().join("small");
    std::fs::create_dir(&dir).unwrap();
    let mount = "mount -t tmpfs -o size=128k none small &&";
    let node = node(&home, &world.gateway().port, mount);
    world.approve();
    // The node's own view of the directory.
    let seen = PathBuf::from(format!("/proc/{}/root", node.pid())).join(dir.strip_prefix("/").unwrap());
    let (old, old_text) = content(60_000);
    let (new, new_text) = content(90_000);
    let write = |name: &str, text: &str| {
        world.invoke("file.write", &json!({"path": dir.join(name), "contentBase64": text, "overwrite": true}))
    };
    assert_eq!(write("kept", &old_text)["payload"]["ok"], true);
    for name in ["kept", "new"] {
        let told = write(name, &new_text)["payload"].clone();
        assert_eq!((&told["ok"], &told["code"]), (&json!(false), &json!("WRITE_ERROR")), "{told}");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("No space left on device") && message.contains(name), "{message}");
    }
    assert_eq!(names(&seen), ["kept"]);
    assert_eq!(std::fs::read(seen.join("kept")).unwrap(), old);
    std::fs::remove_file(seen.join("kept")).unwrap();
    assert_eq!(write("new", &new_text)["payload"]["size"], new.len());
    assert_eq!(std::fs::read(seen.join("new")).unwrap(), new);
    let fetched = world.invoke("file.fetch", &json!({"path": dir.join("new")}));
    assert_eq!(fetched["payload"]["base64"], new_text);
}

#[test]
fn a_path_that_the_policy_denies_is_refused_with_its_rule() {
    let world = World::start();
    let home = Home::new();
    let _node = node(&home, &world.gateway().port, "");
    world.approve();
    let link = home.path().canonicalize().unwrap().join("link");
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    let denied = world.invoke("file.fetch", &json!({"path": "/etc/passwd"}));
    assert!(
        denied["error"]["message"].as_str().unwrap().contains("nodes.box.denyPaths has \"/etc/**\""),
        "{denied}"
    );
    let linked = world.invoke("file.fetch", &json!({"path": link}));
    assert_eq!(linked["payload"]["code"], "SYMLINK_REDIRECT", "{linked}");
}

#[test]
fn a_connection_that_is_cut_or_a_gateway_that_is_killed_in_the_middle_leaves_nothing_behind() {
    let mut world = World::start();
    let relay = Relay::start(&world.gateway().port);
    let home = Home::new();
    let node = node(&home, &relay.port, "");
    world.approve();
    let dir = home.path().canonicalize().unwrap().join("files");
    std::fs::create_dir(&dir).unwrap();
    let (bytes, text) = content(90_000);
    std::fs::write(dir.join("there"), &bytes).unwrap();
    let calls = [
        ("file.write", json!({"path": dir.join("new"), "contentBase64": text})),
        ("file.fetch", json!({"path": dir.join("there")})),
    ];
    for kill in [false, true] {
        for (command, params) in &calls {
            // The file is far larger than what goes through.
            relay.allow(40_000);
            let mut line = world.line(command, params);
            let caller = std::thread::spawn(move || line.output().unwrap());
            relay.wait_until_stalled();
            let gateway = kill.then(|| world.gateway.take().unwrap().program.kill());
            let said_before = node.mark();
            relay.allow(i64::MAX);
            relay.cut();
            let said = caller.join().unwrap();
            assert!(!said.status.success(), "{command}: {}", String::from_utf8_lossy(&said.stdout));
            assert_eq!(names(&dir), ["there"], "nothing of it is there");
            if gateway.is_some() {
                let started = Gateway::start(&world.home);
                relay.lead_to(&started.port);
                world.gateway = Some(started);
            }
            node.wait_for_text(CONNECTED, said_before);
            let again = world.invoke(command, params);
            assert_eq!(
                (&again["payload"]["ok"], &again["payload"]["size"]),
                (&json!(true), &json!(bytes.len())),
                "{again}"
            );
            if command == &"file.write" {
                assert_eq!(std::fs::read(dir.join("new")).unwrap(), bytes);
                std::fs::remove_file(dir.join("new")).unwrap();
            } else {
                assert_eq!(again["payload"]["base64"], text);
            }
        }
    }
}

#[test]
fn a_node_offers_the_commands_that_it_was_told_to_until_it_is_told_otherwise() {
    let world = World::start();
    let home = Home::new();
    let port = &world.gateway().port;
    let offered = || world.gateway().json(&world.home, &["nodes", "pending"])[0]["commands"].clone();
    let some = json!(["dir.list", "file.fetch"]);
    for flags in ["--commands file.fetch,dir.list,no.such", ""] {
        let node = node_with(&home, port, "", flags);
        assert_eq!(offered(), some, "{flags:?}");
        node.kill();
    }
    let nothing = home.run(&["node", "run", "--commands", "no.such"]);
    assert!(nothing.code != 0 && nothing.err.contains("file.fetch"), "{}", nothing.err);
    let node = node_with(&home, port, "", "--all-commands");
    let all = offered();
    assert!(all.as_array().unwrap().contains(&json!("system.run")), "{all}");
    node.kill();
}

/// Passes bytes on between nodes and a gateway, as far as it is allowed to; then it holds them until it is cut.
struct Relay {
    port: String,
    way: Arc<Way>,
    stalled: Receiver<()>,
}

struct Way {
    target: Mutex<String>,
    left: AtomicI64,
    sockets: Mutex<Vec<TcpStream>>,
    stalled: Mutex<Sender<()>>,
}

impl Relay {
    fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let (sender, stalled) = channel();
        let way = Arc::new(Way {
            target: Mutex::new(target.to_owned()),
            left: AtomicI64::new(i64::MAX),
            sockets: Mutex::default(),
            stalled: Mutex::new(sender),
        });
        let accepting = way.clone();
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, target) = (near.unwrap(), accepting.target.lock().unwrap().clone());
                // While there is no gateway, nobody is let in.
                let Ok(far) = TcpStream::connect(format!("127.0.0.1:{target}")) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to, way) =
                        (from.try_clone().unwrap(), to.try_clone().unwrap(), accepting.clone());
                    std::thread::spawn(move || way.pass(from, to));
                }
                accepting.sockets.lock().unwrap().extend([near, far]);
            }
        });
        Self { port, way, stalled }
    }

    /// So many bytes go through, both ways together.
    fn allow(&self, bytes: i64) {
        while self.stalled.try_recv().is_ok() {}
        self.way.left.store(bytes, Ordering::SeqCst);
    }

    fn wait_until_stalled(&self) {
        self.stalled.recv_timeout(crate::live::PATIENCE).expect("more bytes than are let through");
    }

    fn cut(&self) {
        for socket in self.way.sockets.lock().unwrap().drain(..) {
            // One that its other end has closed is as good as cut.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn lead_to(&self, port: &str) {
        *self.way.target.lock().unwrap() = port.to_owned();
    }
}

impl Way {
    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            let size = i64::try_from(read).unwrap();
            if self.left.fetch_sub(size, Ordering::SeqCst) < size {
                // Nobody may wait for it any more.
                let _ = self.stalled.lock().unwrap().send(());
                return;
            }
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        for socket in [from, to] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
