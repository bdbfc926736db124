//! Where the walks take place: a computer that is always on and a laptop, with a cable between them, sshd on the first, and
//! there as well a model and a Telegram that answer at once.

use crate::live::PATIENCE;
use crate::machine::Machine;
use std::process::Command;
use testkit::fake_model::FakeModel;
use testkit::fake_tailscale::FakeTailscale;
use testkit::fake_telegram::{FakeTelegram, Sent};
use testkit::netns::Hosts;
use tokio::runtime::Runtime;

/// The names under which pages reach the computer that is always on.
const NAMES: &str =
    "vps example.com desktop gateway-host gw.example.com gateway.example gateway.example.org vps.example";
/// What a gateway has in its section `gateway` that listens for others.
pub(crate) const OPEN: &str = r#"bind: "lan", auth: { mode: "token", token: "long-random-token-of-a-test" }"#;
/// Its token.
pub(crate) const TOKEN: &str = "long-random-token-of-a-test";

pub(crate) struct Town {
    pub(crate) telegram: FakeTelegram,
    pub(crate) model: FakeModel,
    runtime: Runtime,
    pub(crate) laptop: Machine,
    pub(crate) server: Machine,
    // Last: what runs there has ended when they go.
    _hosts: Hosts,
}

impl Town {
    /// Both computers, with nothing of ours on them but the program; the laptop may log in to the other.
    pub(crate) fn new() -> Self {
        let hosts = Hosts::new();
        // So are the threads of the runtime, and with them the model and Telegram.
        hosts.far.enter().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (telegram, model) =
            runtime.block_on(async { (FakeTelegram::start("123:abc").await, FakeModel::start().await) });
        let server = Machine::start("vps", &hosts.far, &format!("127.0.0.1 {NAMES}\n"));
        let laptop = Machine::start("laptop", &hosts.near, &format!("{} {NAMES}\n", hosts.far.address));
        // Each is on the way to everywhere for the other: a computer without such a way believes that it is in no network.
        server.runs(&format!("ip route add default via {}", hosts.near.address));
        laptop.runs(&format!("ip route add default via {}", hosts.far.address));
        open_ssh(&server, &laptop, &hosts.far.address.to_string());
        Self { telegram, model, runtime, laptop, server, _hosts: hosts }
    }

    /// As [`Town::new`], with a gateway that runs as a service on the first, with a model and Telegram: what is more in its
    /// section `gateway`, and beside that.
    pub(crate) fn with_gateway(gateway: &str, more: &str) -> Self {
        let town = Self::new();
        let (model, telegram) = (town.model.url(), town.telegram.url());
        town.server.write(
            ".openclaw/openclaw.json",
            &format!(
                r#"{{ gateway: {{ {gateway} }}, {more}
  models: {{ providers: {{ local: {{ baseUrl: "{model}", apiKey: "none", models: [ {{ id: "some-model" }} ] }} }} }},
  agents: {{ defaults: {{ model: {{ primary: "local/some-model" }} }} }},
  channels: {{ telegram: {{ botToken: "123:abc", apiRoot: "{telegram}" }} }} }}"#
            ),
        );
        town.server.runs("openclaw gateway install");
        town
    }

    /// The addresses of the model and of Telegram, which are others here than in the world.
    pub(crate) fn addresses(&self) -> String {
        let (model, telegram) = (self.model.url(), self.telegram.url());
        format!(
            r#"{{ models: {{ providers: {{ anthropic: {{ baseUrl: "{model}" }} }} }}, channels: {{ telegram: {{ apiRoot: "{telegram}" }} }} }}"#
        )
    }

    /// Makes the laptop's commands go to the gateway, through ssh.
    pub(crate) fn laptop_goes_there(&self) {
        let token = self.server.runs("cat .openclaw/credentials/gateway-token");
        let remote = format!(r#"sshTarget: "me@vps", token: "{}""#, token.trim());
        self.laptop.write(
            ".openclaw/openclaw.json",
            &format!(r#"{{ gateway: {{ mode: "remote", remote: {{ {remote} }} }} }}"#),
        );
    }

    /// A device that nobody knows asks a gateway that listens for others to be let in.
    pub(crate) fn a_stranger_knocks(&self) {
        let pin = self.server.types("openclaw gateway tls fingerprint --json", "");
        let url = match pin.code {
            0 => format!("wss://vps:18789 --tls-fingerprint {}", pin.json()["leaf"].as_str().unwrap()),
            _ => "ws://10.91.0.2:18789".to_owned(),
        };
        let ran = self.laptop.types(
            &format!("OPENCLAW_STATE_DIR=$(mktemp -d -p /root) openclaw health --token {TOKEN} --url {url}"),
            "",
        );
        assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    }

    /// A stand-in for Tailscale.
    pub(crate) fn tailscale(&self) -> FakeTailscale {
        let _here = self.runtime.enter();
        FakeTailscale::start().unwrap()
    }

    /// The bot says something to the chat 1001; gives the number of the message there.
    pub(crate) fn says(&self, text: &str) -> String {
        let before = self.telegram.sent().len();
        self.server.runs(&format!("openclaw message send --channel telegram --target 1001 --message {text}"));
        let sent = self.runtime.block_on(self.telegram.wait_for_sent(before + 1, PATIENCE)).unwrap();
        sent[before].message_id.to_string()
    }

    /// Somebody writes to the bot and gets an answer.
    pub(crate) fn hears(&self, person: i64, text: &str) -> String {
        let before = self.telegram.sent().len();
        self.telegram.push_text(person, person, text);
        let sent: Vec<Sent> =
            self.runtime.block_on(self.telegram.wait_for_sent(before + 1, PATIENCE)).unwrap();
        sent.into_iter().map(|sent| sent.plain).next_back().unwrap_or_default()
    }
}

/// An sshd of its own on the server, which the laptop knows, and a key with which it is let in.
fn open_ssh(server: &Machine, laptop: &Machine, address: &str) {
    let key = server.beside().join("host_key");
    let own = laptop.home().join(".ssh/id_ed25519");
    laptop.write(".ssh/known_hosts", "");
    for file in [&key, &own] {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).status();
        assert!(made.unwrap().success());
    }
    let public = |file: &std::path::Path| std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let names = NAMES.replace(' ', ",");
    laptop.write(".ssh/known_hosts", &format!("{names},{address} {}", public(&key)));
    server.write(".ssh/authorized_keys", &public(&own));
    let config = format!("Port 22\nHostKey {}\nUsePAM no\nPidFile none\nUseDNS no\n", key.display());
    std::fs::write(server.beside().join("sshd_config"), config).unwrap();
    // It goes to the background when it listens, and ends with its computer.
    server.runs(&format!("/usr/sbin/sshd -f {}/sshd_config", server.beside().display()));
}
