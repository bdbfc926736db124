//! The pages about the ways to a gateway on another computer.

use crate::town::{OPEN, Town};
use crate::walk::Walk;

pub(super) fn remote(page: &'static str) {
    let town = Town::with_gateway("", "");
    let mut walk = Walk::through(page, &town.laptop).gateway(&town.server);
    walk.line("ssh-keygen -R").cannot("the program shows the whole of it");
    walk.line("chmod 600").cannot("the file is the reader's");
    walk.go();
}

pub(super) fn tls(page: &'static str) {
    let town = Town::with_gateway(OPEN, "");
    let server = &town.server;
    let pin = || server.json("openclaw gateway tls fingerprint")["leaf"].as_str().unwrap().to_owned();
    let mut walk = Walk::through(page, server);
    walk.line("openclaw config set gateway.tls.enabled true").then(|| {
        server.runs("openclaw gateway restart");
    });
    walk.line("openclaw remote trust wss://gw.example.com:18789 --fingerprint")
        .on(&town.laptop)
        .finds("sha256:…", pin);
    walk.line("openclaw remote trust wss://gw.example.com:18789")
        .on(&town.laptop)
        .asks(&[("the gateway's own host? [y/N] ", "y")]);
    walk.names(&["openclaw remote trust"]);
    walk.go();
}

pub(super) fn tailscale(page: &'static str) {
    let town = Town::new();
    let tailscale = town.tailscale();
    for (name, value) in tailscale.env() {
        town.server.has(&name, &value);
    }
    let mut walk = Walk::through(page, &town.server);
    walk.line("openclaw gateway run --tailscale serve").stays("Tailscale leads here");
    walk.line("openclaw status").says("serve https://");
    walk.go();
}

pub(super) fn proxies(page: &'static str) {
    let town = Town::with_gateway(OPEN, "");
    let mut walk = Walk::through(page, &town.server);
    // Without a request it says what waits, and approves nothing.
    walk.line("openclaw devices approve")
        .after(|| town.a_stranger_knocks())
        .ends(1)
        .says("nothing is approved yet");
    walk.go();
}

pub(super) fn discovery(page: &'static str) {
    let town = Town::with_gateway("", "");
    let mut walk = Walk::through(page, &town.server);
    walk.line("openclaw config set gateway.remote.sshTarget").means("USER@HOST", "me@vps");
    walk.line("openclaw dns setup").after(|| {
        town.server.runs("openclaw config set discovery.wideArea.domain openclaw.internal");
    });
    walk.go();
}
