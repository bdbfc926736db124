//! The pages about computers on which everything is a service.

use crate::town::Town;
use crate::walk::Walk;

pub(super) fn services(page: &'static str) {
    let town = Town::new();
    let mut walk = Walk::through(page, &town.server);
    walk.line("openclaw remote install").on(&town.laptop).after(|| town.laptop_goes_there());
    walk.line("openclaw config patch --stdin").reads("{ logging: { level: \"info\" } }");
    walk.line("openclaw gateway run").stays("is running");
    walk.go();
}

pub(super) fn runbooks(page: &'static str) {
    let town = Town::new();
    let (server, laptop) = (&town.server, &town.laptop);
    let mut walk = Walk::through(page, server);
    for line in [
        "ssh claw@vps",
        "openclaw config set gateway.mode remote",
        "openclaw config set gateway.remote.sshTarget claw@vps",
        "printf '{gateway:{remote:{token:\"%s\"}}}' \"$(ssh claw@vps",
        "openclaw status",
        "openclaw remote install",
        "openclaw node install --display-name laptop",
        "openclaw node restart",
    ] {
        walk.line(line).on(laptop);
    }
    for line in ["mkdir -p ~/.local/bin", "install -m 755 /path/to/openclaw"] {
        walk.line(line).means("/path/to/openclaw", "/usr/local/bin/openclaw");
    }
    walk.line("openclaw --dev gateway run").stays("is running");
    walk.line("openclaw --profile NAME").means("NAME", "work");
    for line in [
        "openclaw config set gateway.remote.url wss://gateway.example.org",
        "printf '{gateway:{remote:{token:\"%s\"}}}' \"$(ssh claw@gateway.example.org",
        "openclaw remote trust wss://gateway.example.org",
    ] {
        walk.line(line).cannot("takes a proxy with a certificate; the page says with which it was tried");
    }
    walk.go();
}
