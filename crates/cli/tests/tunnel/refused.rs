//! Each named refusal of docs/remote.md, caused by a real sshd or system that is set up to cause it, and met by a command of the
//! product: its own command line of ssh, its leash, its supervisor. The command ends with the name and the way out.

use crate::far::{Far, process};
use crate::support::{Home, Ran, free_port};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::netns::Hosts;
use testkit::process::PATIENCE;
use testkit::sshd::{SshUser, Sshd};

/// An sshd that lets somebody in, who asks for a gateway there; none is needed for a refusal.
struct Scene {
    sshd: Sshd,
    user: SshUser,
    near: Home,
    /// `gateway.remote` of the near user.
    remote: Value,
    /// Where ssh is looked for.
    path: String,
    /// Where the command runs, instead of this host.
    hosts: Option<Hosts>,
}

impl Scene {
    fn new() -> Self {
        let sshd = Sshd::start();
        let user = SshUser::of(&sshd);
        let url = format!("ws://127.0.0.1:{}", free_port());
        let far_port: u16 = free_port().parse().unwrap();
        let remote = json!({"sshTarget": sshd.target(), "token": "hush", "url": url, "remotePort": far_port});
        let path = user.path();
        Self { sshd, user, near: Home::new(), remote, path, hosts: None }
    }

    /// Runs `openclaw health`, which opens a tunnel for as long as it runs.
    fn health(&self) -> Ran {
        let config = json!({"gateway": {"mode": "remote", "remote": self.remote}}).to_string();
        std::fs::create_dir_all(self.near.state()).unwrap();
        std::fs::write(self.near.state().join("openclaw.json"), config).unwrap();
        let mut command = self.near.command(&["health", "--timeout", "60000", "--json"]);
        command.env("PATH", &self.path);
        if let Some(hosts) = &self.hosts {
            command = hosts.near.wrap(&command);
        }
        command.stdin(Stdio::null()).output().unwrap().into()
    }

    /// sshd with this line in its configuration.
    fn sshd_with(&mut self, line: &str) {
        self.sshd.configure(&[line]);
        self.sshd.restart();
    }

    /// The key to log in with. The one in the home, which would be let in, is gone.
    fn identity(&mut self, file: &Path) {
        for own in ["id", "id.pub"] {
            std::fs::remove_file(self.user.file(own)).unwrap();
        }
        self.remote["sshIdentity"] = file.display().to_string().into();
    }

    /// From a host of its own to another one, to which the way is as `make` makes it.
    fn between_hosts(&mut self, make: impl FnOnce(&Hosts)) {
        let hosts = Hosts::new();
        make(&hosts);
        self.remote["sshTarget"] = format!("root@{}", hosts.far.address).into();
        self.hosts = Some(hosts);
    }
}

/// A refusal.
struct Case {
    code: &'static str,
    lasts: bool,
    /// What the message and the hints contain.
    says: &'static [&'static str],
    cause: fn(&mut Scene),
}

const CASES: &[Case] = &[
    Case {
        code: "SSH_UNKNOWN_HOST_KEY",
        lasts: true,
        says: &["SHA256:", "answer yes"],
        cause: |scene| std::fs::remove_file(scene.user.file("known_hosts")).unwrap(),
    },
    Case {
        code: "SSH_CHANGED_HOST_KEY",
        lasts: true,
        says: &["SHA256:", "ssh-keygen -f"],
        cause: |scene| scene.sshd.change_host_key(),
    },
    Case {
        code: "SSH_PERMISSION_DENIED",
        lasts: true,
        says: &["publickey", "ssh-copy-id"],
        cause: |scene| scene.sshd.permit_nobody(),
    },
    Case {
        code: "SSH_TOO_MANY_KEYS",
        lasts: true,
        says: &["too many keys", "IdentitiesOnly yes"],
        cause: |scene| {
            let more = ["a", "b", "c"].map(|name| scene.user.make_key(name, "").display().to_string());
            scene.user.configure(&more.map(|file| format!("IdentityFile {file}")).join("\n"));
            scene.sshd_with("MaxAuthTries 2");
        },
    },
    Case {
        code: "SSH_IDENTITY_UNUSABLE",
        lasts: true,
        says: &["not there", "gateway.remote.sshIdentity"],
        cause: |scene| scene.identity(&scene.user.file("missing")),
    },
    Case {
        code: "SSH_IDENTITY_UNUSABLE",
        lasts: true,
        says: &["others may read it", "chmod 600"],
        cause: |scene| {
            scene.user.make_key("open", "");
            scene.sshd.permit("", &std::fs::read_to_string(scene.user.file("open.pub")).unwrap());
            scene.user.set_mode("open", 0o644);
            scene.identity(&scene.user.file("open"));
        },
    },
    Case {
        code: "SSH_IDENTITY_UNUSABLE",
        lasts: true,
        says: &["passphrase", "ssh-add"],
        cause: |scene| {
            let locked = scene.user.make_key("locked", "a passphrase");
            scene.sshd.permit("", &std::fs::read_to_string(scene.user.file("locked.pub")).unwrap());
            scene.identity(&locked);
        },
    },
    Case {
        code: "SSH_FORWARDING_FORBIDDEN",
        lasts: true,
        says: &["AllowTcpForwarding local", "sshd_config"],
        cause: |scene| scene.sshd_with("AllowTcpForwarding no"),
    },
    Case {
        code: "SSH_FORWARDING_FORBIDDEN",
        lasts: true,
        says: &["authorized_keys", "port-forwarding"],
        cause: |scene| {
            scene.sshd.permit_nobody();
            scene.sshd.permit("restrict", &scene.user.public_key());
        },
    },
    Case {
        code: "SSH_BAD_CONFIG",
        lasts: true,
        says: &["line 1", "nonsense", "ssh -G"],
        cause: |scene| scene.user.configure("Nonsense yes"),
    },
    Case {
        code: "SSH_NOT_INSTALLED",
        lasts: true,
        says: &["openssh-client", "PATH"],
        cause: |scene| scene.path = "/nowhere".to_owned(),
    },
    Case {
        code: "SSH_NOTHING_LISTENING",
        lasts: false,
        says: &["nothing listens", "gateway.remote.remotePort"],
        cause: |_| {},
    },
    Case {
        code: "SSH_NAME_NOT_FOUND",
        lasts: false,
        says: &["far.invalid", "gateway.remote.sshTarget"],
        cause: |scene| scene.remote["sshTarget"] = "me@far.invalid".into(),
    },
    Case {
        code: "SSH_UNREACHABLE",
        lasts: false,
        says: &["cannot be reached", "online"],
        cause: |scene| {
            scene.between_hosts(|hosts| {
                let far = hosts.far.address.to_string();
                let add = ["-n", &hosts.near.name, "route", "add", "unreachable", &far];
                assert!(Command::new("ip").args(add).status().unwrap().success());
            });
        },
    },
    Case {
        code: "SSH_TIMED_OUT",
        lasts: false,
        says: &["did not answer within", "firewall"],
        // It is given 9 s.
        cause: |scene| scene.between_hosts(Hosts::swallow),
    },
    Case {
        code: "SSH_CONNECTION_REFUSED",
        lasts: false,
        says: &["refuses connections", "user@host:port"],
        cause: |scene| scene.sshd.stop(),
    },
];

/// One that only a tunnel that was up meets; a test of its own causes it.
const LATER: (&str, bool) = ("LOCAL_PORT_TAKEN", false);

#[test]
fn each_named_refusal_ends_a_command_with_its_name_and_the_way_out() {
    for case in CASES {
        let mut scene = Scene::new();
        (case.cause)(&mut scene);
        let ran = scene.health();
        assert_refused(case, &ran);
        // It went with the command.
        let status = scene.near.run(&["remote", "status", "--json"]).json();
        assert_eq!(status["tunnels"], json!([]), "{}: {status}", case.code);
    }
}

fn assert_refused(case: &Case, ran: &Ran) {
    let report = ran.json();
    let error = &report["error"];
    assert_eq!((ran.code, &error["code"]), (8, &json!(case.code)), "{report}");
    assert_eq!(error["details"]["state"] == "refused", case.lasts, "{report}");
    let said = format!("{}; {}", error["message"], report["hints"]);
    for part in case.says {
        assert!(said.contains(part), "{}: {part:?} is not in: {said}", case.code);
    }
    assert!(!ran.out.contains("hush") && !ran.err.contains("hush"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_port_that_another_program_took_while_the_tunnel_was_down_is_a_refusal_that_names_it() {
    let far = Far::new();
    let up = far.json(&["remote", "up"]);
    // Refused, its ssh is gone, and with it the hold on the port.
    far.sshd.permit_nobody();
    let ssh = process(&up, "sshPid");
    ssh.kill();
    assert!(ssh.has_ended_within(PATIENCE));
    far.patiently("the refusal", || far.tunnel().filter(|now| now["state"] == "refused"));
    let _taken = TcpListener::bind(format!("127.0.0.1:{}", far.port)).unwrap();
    let ran = far.run(&["remote", "up", "--timeout", "4000", "--json"]);
    let case = Case {
        code: LATER.0,
        lasts: LATER.1,
        says: &["is taken by process", "openclaw remote down --force"],
        cause: |_| {},
    };
    assert_refused(&case, &ran);
    assert!(ran.out.contains(&format!("process {}", std::process::id())), "{}", ran.out);
}

#[test]
fn every_refusal_that_the_page_names_is_caused_here_and_lasts_as_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/remote.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `SSH_") || line.starts_with("| `LOCAL_"));
    let named: BTreeMap<&str, bool> = rows
        .flat_map(|row| {
            let lasts = row.trim_end().ends_with("| yes |");
            let names = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
            names.map(move |name| (name, lasts))
        })
        .collect();
    let mut caused: BTreeMap<&str, bool> = CASES.iter().map(|case| (case.code, case.lasts)).collect();
    caused.extend([LATER]);
    assert_eq!(named, caused);
}
