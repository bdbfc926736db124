//! The pages about what is said: a gateway that runs, with a model and Telegram.

use crate::town::Town;
use crate::walk::Walk;

pub(super) fn telegram(page: &'static str) {
    let town = Town::with_gateway("", "");
    let mut walk = Walk::through(page, &town.server);
    walk.line("openclaw pairing approve")
        .after(|| assert!(town.hears(7, "hello").contains("pairing approve")));
    walk.names(&["openclaw message send --media FILE", "openclaw message poll"]);
    walk.go();
}

pub(super) fn sessions(page: &'static str) {
    let town = Town::with_gateway("", "");
    Walk::through(page, &town.server).go();
}
