//! The first ten minutes, on computers with nothing on them but the program. Only the addresses of the model's API and of
//! Telegram are there before: here they are others than in the world.

use crate::town::Town;
use crate::walk::Walk;

pub(super) fn readme(page: &'static str) {
    let town = Town::new();
    let here = &town.server;
    here.write(".openclaw/openclaw.json", &town.addresses());
    here.has("ANTHROPIC_API_KEY", "sk-of-a-test");
    let mut walk = Walk::through(page, here);
    walk.line("openclaw gateway run").stays("is running");
    walk.line("openclaw node run").stays("waiting for approval");
    walk.line("openclaw pairing approve")
        .after(|| assert!(town.hears(7, "hello").contains("pairing approve")));
    walk.line("openclaw agent")
        .says("which kernel does laptop run?")
        .then(|| assert_eq!(town.hears(7, "and you?"), "echo: and you?"));
    walk.go();
}

pub(super) fn getting_started(page: &'static str) {
    let town = Town::new();
    let (server, laptop) = (&town.server, &town.laptop);
    server.write(".openclaw/openclaw.json", &town.addresses());
    let mut walk = Walk::through(page, server);
    walk.line("openclaw onboard").asks(&[
        ("Go on?", "y"),
        ("Where is the gateway?", "1"),
        ("Whose model", "1"),
        ("Model, as the provider calls it", ""),
        ("The key", "sk-of-a-test"),
        ("Give Telegram another bot?", "y"),
        ("The bot's token", "123:abc"),
        ("Who may write to it", ""),
        ("a service of this user", "y"),
        ("Write it?", "y"),
    ]);
    walk.line("openclaw gateway run").ends(1).says("is in use by");
    walk.line("openclaw agent").says("echo: hello");
    walk.line("openclaw pairing list").after(|| assert!(town.hears(7, "hello").contains("pairing approve")));
    for line in ["openclaw config set gateway.mode", "openclaw config set gateway.remote.sshTarget", "printf"]
    {
        walk.line(line).on(laptop);
    }
    walk.line("openclaw node run").on(laptop).stays("waiting for approval");
    walk.line("openclaw node install").on(laptop).instead();
    walk.line("ANTHROPIC_API_KEY=…")
        .means("ANTHROPIC_API_KEY=…", "ANTHROPIC_API_KEY=sk-of-a-test")
        .means("TELEGRAM_BOT_TOKEN=…", "TELEGRAM_BOT_TOKEN=123:abc")
        .after(|| {
            assert_eq!(town.hears(7, "which kernel does laptop run?"), "echo: which kernel does laptop run?");
            server.write(".openclaw/.env", "ANTHROPIC_API_KEY=sk-of-a-test\nTELEGRAM_BOT_TOKEN=123:abc\n");
        });
    walk.line("openclaw onboard --help");
    walk.line("openclaw models auth paste-api-key").reads("sk-of-a-test\n");
    walk.line("openclaw channels add").after(|| server.write("bot.token", "123:abc\n"));
    walk.line("openclaw --profile").means("NAME", "work");
    walk.go();
}
