//! The port here where several want the same one at one moment.

use crate::far::Far;
use crate::live::TOKEN;
use crate::support::Ran;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

#[test]
fn tunnels_that_are_opened_at_one_moment_have_a_port_each_and_keep_it() {
    let far = Far::new();
    let names = ["one", "two", "three"];
    let destination = far.sshd.destination();
    let (user, host) = destination.split_once('@').unwrap();
    let port = far.sshd.port();
    let hosts = names.map(|name| format!("Host {name}\n  HostName {host}\n  Port {port}\n  User {user}"));
    far.user.configure(&hosts.join("\n"));
    let configs = names.map(|name| {
        let file = far.near.path().join(format!("{name}.json"));
        let config = json!({"gateway": {"mode": "remote", "remote": {
            "sshTarget": name, "token": TOKEN, "remotePort": far.gateway.port.parse::<u16>().unwrap(),
            "url": format!("ws://127.0.0.1:{}", far.port),
        }}});
        std::fs::write(&file, config.to_string()).unwrap();
        file.display().to_string()
    });
    let up = |config: &str| -> Ran {
        let path = far.user.path();
        far.near.run_with(&["remote", "up", "--json"], &[("PATH", &path), ("OPENCLAW_CONFIG_PATH", config)])
    };
    let all_up = || -> Vec<Value> {
        std::thread::scope(|scope| {
            let started: Vec<_> = configs.iter().map(|config| scope.spawn(|| up(config))).collect();
            let ended = started.into_iter().map(|run| run.join().unwrap());
            ended
                .inspect(|ran| assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err))
                .map(|ran| ran.json())
                .collect()
        })
    };
    let ports = |all: &[Value]| all.iter().map(|one| one["localPort"].as_u64().unwrap()).collect::<Vec<_>>();
    let first = all_up();
    let mut different = ports(&first);
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), names.len(), "{first:?}");
    assert!(first.iter().all(|one| one["state"] == "up" && one["starts"] == 1), "{first:?}");
    far.json(&["remote", "down", "--all"]);
    assert_eq!(ports(&all_up()), ports(&first));
}

#[test]
fn a_port_that_somebody_takes_before_ssh_listens_there_is_given_up_for_the_next() {
    let far = Far::new();
    let gate = far.user.file("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let program = far.user.file("bin/ssh");
    let script = std::fs::read_to_string(&program).unwrap();
    // The first ssh waits at the gate.
    let waits = format!("if [ -p {0} ]; then read -r _ < {0}; fi", gate.display());
    std::fs::write(&program, script.replacen('\n', &format!("\n{waits}\n"), 1)).unwrap();
    let (up, _taken) = std::thread::scope(|scope| {
        let up = scope.spawn(|| far.json(&["remote", "up"]));
        // Opened when ssh is there to read: the port is chosen by then.
        let mut open = std::fs::OpenOptions::new().write(true).open(&gate).unwrap();
        let taken = TcpListener::bind(format!("127.0.0.1:{}", far.port)).unwrap();
        std::fs::remove_file(&gate).unwrap();
        writeln!(open, "go").unwrap();
        (up.join().unwrap(), taken)
    });
    assert_eq!(up["state"], "up", "{up}");
    assert_ne!(up["localPort"].to_string(), far.port);
    let note = up["note"].as_str().unwrap();
    assert!(note.contains(&format!("process {}", std::process::id())), "{note}");
    assert!(far.log().contains("taken before ssh listened"), "{}", far.log());
    assert_eq!(far.json(&["health"])["ok"], true);
}
