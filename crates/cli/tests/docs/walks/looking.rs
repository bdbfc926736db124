//! The pages that are looked into when something is wanted or wrong.

use crate::town::{OPEN, TOKEN, Town};
use crate::walk::Walk;
use serde_json::Value;

pub(super) fn configuration(page: &'static str) {
    let town = Town::with_gateway("", "");
    let mut walk = Walk::through(page, &town.server);
    for line in ["openclaw config get", "openclaw config schema"] {
        walk.line(line).means("[KEY]", "agents.defaults.model.primary");
    }
    walk.line("openclaw config set KEY").means("KEY", "gateway.port").means("VALUE", "18789");
    walk.line("openclaw node run").stays("connected to");
    walk.names(&["openclaw models auth", "openclaw models auth order set"]);
    walk.names(&["openclaw models aliases add", "openclaw agents add"]);
    walk.go();
}

pub(super) fn models(page: &'static str) {
    let town = Town::with_gateway("", "");
    let mut walk = Walk::through(page, &town.server);
    walk.line("openclaw models set anthropic/");
    walk.line("openclaw models auth paste-api-key --provider openai").reads("sk-of-a-test\n");
    walk.line("openclaw models fallbacks list").says("openai/gpt-4.1-mini");
    walk.names(&["openclaw models set", "openclaw models auth", "openclaw models auth order set"]);
    walk.line("openclaw models auth setup-token").is_a_name();
    walk.line("openclaw models auth login").cannot("waits for somebody at a page; tests/onboard/login.rs");
    walk.go();
}

pub(super) fn cli(page: &'static str) {
    let town = Town::with_gateway(&format!("{OPEN}, tls: {{ enabled: true }}"), "");
    let server = &town.server;
    let mut walk = Walk::through(page, server);
    walk.line("openclaw COMMAND --help").means("COMMAND", "nodes invoke");
    walk.line("openclaw connect URL")
        .on(&town.laptop)
        .stays("connected to")
        .finds("URL", || server.json("openclaw devices join-code")["joinUrl"].as_str().unwrap().to_owned());
    walk.go();
}

pub(super) fn doctor(page: &'static str) {
    let town = Town::with_gateway(OPEN, "");
    let server = &town.server;
    let mut walk = Walk::through(page, server);
    // The gateway listens for others without TLS, which is worth a look.
    for line in ["openclaw security audit", "openclaw security audit --deep", "openclaw security audit --fix"]
    {
        walk.line(line).ends(9).says("gateway.bind_no_tls");
    }
    walk.line("chmod go-rwx FILE").means("FILE", ".openclaw/openclaw.json");
    walk.line("chown USER FILE").means("USER", "root").means("FILE", ".openclaw/openclaw.json");
    walk.line("openclaw config unset KEY").means("KEY", "logging.level").after(|| {
        server.runs("openclaw config set logging.level info");
    });
    walk.line("openclaw config set gateway.port PORT").means("PORT", "18790").then(|| {
        server.runs("openclaw config unset gateway.port");
    });
    walk.line("openclaw gateway tls rotate --switch").after(|| {
        server.runs("openclaw config set gateway.tls.enabled true && openclaw gateway restart");
    });
    walk.line("systemctl --user edit").cannot("opens an editor at a terminal");
    walk.line("openclaw remote install").on(&town.laptop).after(|| {
        let remote = format!(r#"sshTarget: "me@vps", url: "wss://127.0.0.1:18789", token: "{TOKEN}""#);
        town.laptop.write(
            ".openclaw/openclaw.json",
            &format!(r#"{{ gateway: {{ mode: "remote", remote: {{ {remote} }} }} }}"#),
        );
    });
    walk.names(&["openclaw approvals allowlist remove"]);
    walk.go();
}

pub(super) fn troubleshooting(page: &'static str) {
    let town = Town::with_gateway(&format!("{OPEN}, tls: {{ enabled: true }}"), "");
    let (server, laptop) = (&town.server, &town.laptop);
    let code = |value: &Value| value.as_str().unwrap().to_owned();
    let mut walk = Walk::through(page, server);
    walk.line("openclaw gateway run").ends(1).says("is in use by");
    walk.line("openclaw connect CODE")
        .on(laptop)
        .finds("CODE", || code(&server.json("openclaw qr")["setupCode"]));
    walk.line("openclaw config set gateway.port 18790").then(|| {
        server.runs("openclaw config unset gateway.port");
    });
    walk.line("openclaw devices approve REQUEST").after(|| town.a_stranger_knocks());
    walk.line("openclaw remote trust URL")
        .on(laptop)
        .means("URL", "wss://vps:18789")
        .asks(&[("the gateway's own host? [y/N] ", "y")]);
    walk.line("openclaw --profile NAME gateway run").means("NAME", "work").stays("is running");
    walk.line("openclaw onboard").is_a_name();
    walk.line("openclaw models set").means("PROVIDER/MODEL", "anthropic/claude-sonnet-4-5");
    walk.line("openclaw models auth paste-api-key").means("NAME", "anthropic").reads("sk-of-a-test\n");
    walk.line("openclaw pairing approve")
        .after(|| assert!(town.hears(7, "hello").contains("pairing approve")));
    walk.line("openclaw nodes pending").after(|| {
        server.runs("openclaw node install --display-name desk");
    });
    walk.line("openclaw node run").stays("connected to");
    for line in ["openclaw approvals get", "openclaw nodes describe"] {
        walk.line(line).means("NODE", "desk");
    }
    walk.line("openclaw --log-level debug COMMAND").means("COMMAND", "health");
    walk.go();
}
