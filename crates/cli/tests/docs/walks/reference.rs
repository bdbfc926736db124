//! The examples of the command reference: a gateway for others, with TLS, a node, a model, Telegram, and one of everything.

use crate::live::Program;
use crate::town::{OPEN, TOKEN, Town};
use crate::walk::Walk;
use serde_json::{Value, json};
use std::cell::RefCell;

const AT_A_TERMINAL: &str = "asks one thing after the other; tests/onboard answers it at a terminal";

const ON_A_PAGE: &str = "acts on what a page has; tests/shown/browser.rs drives one that has all of it";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// A town in which there is something for every example.
struct Place {
    town: Town,
    node: RefCell<Option<Program>>,
}

impl Place {
    fn new() -> Self {
        let more = r#"tools: { exec: { mode: "ask" } },"#;
        let town = Town::with_gateway(&format!("{OPEN}, tls: {{ enabled: true }}"), more);
        // The examples start the gateway anew before one of them needs it.
        town.server.runs("echo sk-of-a-test | openclaw models auth paste-api-key --provider anthropic");
        town.server.runs("openclaw config set channels.telegram.actions.sticker true");
        // A bot writes to nobody who has not written to it.
        town.telegram.know_chat(1001);
        town.telegram.put_file("CAACAgIAAxkBAAI", b"a sticker".to_vec());
        town.hears(7, "hello");
        let code = town.server.shows("openclaw pairing list", |shown| {
            Some(shown["requests"][0]["requestId"].as_str()?.to_owned())
        });
        town.server.runs(&format!("openclaw pairing approve telegram {}", code.unwrap()));
        let place = Self { town, node: RefCell::default() };
        place.node_comes();
        place
    }

    fn run(&self, line: &str) {
        self.town.server.runs(line);
    }

    /// The node of the gateway's host connects, for the first time or anew.
    fn node_comes(&self) {
        self.node.take();
        let node = self.town.server.stays("openclaw node run --display-name laptop", "connected to");
        self.node.replace(Some(node));
    }

    /// The number of a message that Telegram refused for good.
    fn refused(&self) -> String {
        let answer =
            json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"});
        self.town.telegram.fail_next("sendMessage", 403, answer);
        self.run("openclaw message send --channel telegram --target 1001 --message hello || true");
        let first = |shown: &Value| shown["entries"][0]["id"].as_i64().map(|id| id.to_string());
        self.town.server.shows("openclaw channels dead-letters list", first).unwrap()
    }

    fn request(&self) -> String {
        self.town
            .server
            .shows("openclaw nodes pending", |shown| Some(shown[0]["requestId"].as_str()?.to_owned()))
            .unwrap()
    }

    /// It was turned away; it comes anew and is approved.
    fn node_is_let_in(&self) {
        self.node_comes();
        self.run(&format!("openclaw nodes approve {}", self.request()));
    }

    /// A paired device with this role.
    fn device(&self, role: &str) -> String {
        let list = self.town.server.json("openclaw devices list");
        let found = list["paired"].as_array().unwrap().iter().find(|device| device["role"] == role);
        text(&found.unwrap_or_else(|| panic!("no {role}: {list}"))["deviceId"])
    }

    fn operator_is_let_in(&self) {
        self.town.a_stranger_knocks();
        self.run("openclaw devices approve --local --latest");
    }

    fn pin(&self) -> String {
        text(&self.town.server.json("openclaw gateway tls fingerprint")["leaf"])
    }

    /// The laptop's commands go to the gateway through a tunnel.
    fn laptop_goes_there(&self) {
        let remote = format!(
            r#"sshTarget: "me@vps.example", url: "wss://127.0.0.1:18789", token: "{TOKEN}", tlsFingerprint: "{}""#,
            self.pin()
        );
        let config = format!(r#"{{ gateway: {{ mode: "remote", remote: {{ {remote} }} }} }}"#);
        self.town.laptop.write(".openclaw/openclaw.json", &config);
    }
}

pub(super) fn commands(page: &'static str) {
    let place = Place::new();
    let mut walk = Walk::through(page, &place.town.server);
    walk.line("openclaw browser ").cannot(ON_A_PAGE);
    of_the_gateway(&mut walk, &place);
    of_what_is_said(&mut walk, &place);
    of_models(&mut walk, &place);
    of_servers_of_tools(&mut walk, &place);
    of_nodes(&mut walk, &place);
    of_devices(&mut walk, &place);
    of_the_laptop(&mut walk, &place);
    of_this_host(&mut walk, &place);
    walk.go();
}

fn of_the_gateway<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    for line in ["openclaw onboard", "openclaw configure"] {
        walk.line(line).cannot(AT_A_TERMINAL);
    }
    walk.line("openclaw gateway run").stays("is running").after(|| place.run("openclaw gateway stop"));
    walk.line("openclaw gateway status").instead().after(|| place.run("openclaw gateway start"));
    walk.line("openclaw gateway uninstall").then(|| place.run("openclaw gateway install"));
    walk.line("openclaw gateway probe").on(&place.town.laptop).after(|| place.laptop_goes_there());
}

fn of_what_is_said<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    // What the platform refuses, under a number that stands on no page.
    for line in ["openclaw channels dead-letters resubmit", "openclaw channels dead-letters drop"] {
        walk.line(line).finds("17", || place.refused());
    }
    walk.line("openclaw sessions tail").stays("what is on my list today?");
    walk.line("openclaw agents delete").asks(&[("[y/N] ", "y")]);
    walk.line("openclaw sessions archive")
        .after(|| place.run("openclaw agent --session-key agent:main:old --message hello"));
    for line in [
        "openclaw message react",
        "openclaw message edit",
        "openclaw message delete",
        "openclaw message pin",
        "openclaw message unpin",
    ] {
        walk.line(line).finds("42", || place.town.says("x"));
    }
    walk.line("openclaw channels add")
        .means("/etc/bot.token", "bot.token")
        .after(|| place.town.server.write("bot.token", "123:abc\n"));
    walk.line("openclaw channels remove").after(|| {
        place.run("openclaw channels add --channel telegram --account alerts --token-file bot.token")
    });
    let job = || {
        let list = place.town.server.json("openclaw cron list --all");
        let named = |job: &&Value| job["name"] == "one";
        text(&list["jobs"].as_array().unwrap().iter().find(named).unwrap()["id"])
    };
    walk.line("openclaw cron get")
        .after(|| place.run("openclaw cron add --name one --every 1h --message hello --no-deliver"))
        .finds("JOB", job);
    for line in [
        "openclaw cron edit",
        "openclaw cron run ",
        "openclaw cron runs",
        "openclaw cron enable",
        "openclaw cron disable",
        "openclaw cron rm",
    ] {
        walk.line(line).finds("JOB", job);
    }
    walk.line("openclaw pairing approve").after(|| {
        place.town.hears(8, "hello");
    });
    let task = || text(&place.town.server.json("openclaw tasks list")["tasks"][0]["taskId"]);
    walk.line("openclaw tasks show").finds("TASK", task).says("status: ");
    walk.line("openclaw tasks cancel").finds("TASK", task).ends(1).says("Task has ended.");
}

fn of_servers_of_tools<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    let there = || place.run("openclaw mcp set docs '{ command: \"cat\" }'");
    walk.line("openclaw mcp add")
        .cannot("fetches a program from npm; tests/commands/mcp.rs adds one that is there");
    walk.line("openclaw mcp probe").cannot("needs a server that answers; tests/commands/mcp.rs has one");
    walk.line("openclaw mcp doctor").cannot("speaks with servers; tests/commands/mcp.rs has one");
    for line in ["openclaw mcp show", "openclaw mcp configure", "openclaw mcp tools", "openclaw mcp unset"] {
        walk.line(line).after(there);
    }
}

fn of_models<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    // The one that there is goes on answering.
    walk.line("openclaw models set").then(|| place.run("openclaw models set local/some-model"));
    for line in ["openclaw mcp login", "openclaw mcp logout"] {
        walk.line(line).cannot("takes a server that wants a sign-in; tests/commands/mcp_login.rs");
    }
    walk.line("openclaw models auth add").cannot(AT_A_TERMINAL);
    walk.line("openclaw models auth login").cannot("waits for somebody at a page; tests/onboard/login.rs");
    walk.line("openclaw models auth setup-token").reads("sk-ant-oat01-of-a-test\n");
    for line in ["openclaw models auth paste-api-key", "openclaw models auth paste-token"] {
        walk.line(line).reads("sk-of-a-test\n");
    }
    walk.line("openclaw models auth logout").asks(&[("[y/N] ", "y")]);
    walk.line("openclaw models auth order set").after(|| {
        for profile in ["work", "manual"] {
            place.run(&format!(
                "echo sk-x | openclaw models auth paste-api-key --provider anthropic --profile-id anthropic:{profile}"
            ));
        }
    });
}

fn of_nodes<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    walk.line("openclaw nodes reject").finds("REQUEST", || {
        place.run("openclaw nodes remove --node laptop");
        place.node_comes();
        place.request()
    });
    walk.line("openclaw nodes remove").after(|| place.node_is_let_in());
    walk.line("openclaw nodes rename")
        .after(|| place.node_is_let_in())
        .then(|| place.run("openclaw nodes rename --node desk --name laptop"));
    for line in
        ["openclaw nodes camera", "openclaw nodes screen", "openclaw nodes location", "openclaw nodes notify"]
    {
        walk.line(line).cannot("takes a phone; tests/commands/node_devices.rs");
    }
    walk.line("openclaw approvals set")
        .after(|| place.town.server.write("approvals.json", r#"{ "version": 1 }"#));
    walk.line("openclaw approvals resolve").finds("REQUEST", || {
        place.town.hears(7, r#"TOOL:exec {"command":"touch made","host":"gateway"}"#);
        let first = |shown: &Value| shown["approvals"][0]["id"].as_str().map(str::to_owned);
        place.town.server.shows("openclaw approvals pending", first).unwrap()
    });
}

fn of_devices<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    walk.line("openclaw devices approve").after(|| place.town.a_stranger_knocks());
    walk.line("openclaw devices reject").finds("REQUEST", || {
        place.town.a_stranger_knocks();
        let first = |shown: &Value| shown["pending"][0]["requestId"].as_str().map(str::to_owned);
        place.town.server.shows("openclaw devices list", first).unwrap()
    });
    walk.line("openclaw devices remove").finds("DEVICE", || place.device("operator"));
    walk.line("openclaw devices rotate")
        .after(|| place.operator_is_let_in())
        .finds("DEVICE", || place.device("operator"));
    walk.line("openclaw devices rename").finds("DEVICE", || place.device("operator"));
    walk.line("openclaw devices revoke").finds("DEVICE", || place.device("node"));
}

fn of_the_laptop<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    let laptop = &place.town.laptop;
    walk.line("openclaw connect")
        .on(laptop)
        .stays("connected to")
        .after(|| {
            laptop.runs("rm -rf .openclaw");
        })
        .finds("https://gateway.example/join/CODE", || {
            text(&place.town.server.json("openclaw devices join-code")["joinUrl"])
        });
    walk.line("openclaw node run").on(laptop).instead().stays("approve").after(|| {
        laptop.has("OPENCLAW_GATEWAY_TOKEN", TOKEN);
        laptop.runs(&format!(
            "rm -rf .openclaw; openclaw remote trust wss://gateway.example:18789 --fingerprint {} --yes",
            place.pin()
        ));
    });
    walk.line("openclaw node install").on(laptop).instead().after(|| {
        laptop.write(".openclaw/.env", &format!("OPENCLAW_GATEWAY_TOKEN={TOKEN}\n"));
    });
    for line in [
        "openclaw node start",
        "openclaw node stop",
        "openclaw node restart",
        "openclaw node status",
        "openclaw node uninstall",
        "openclaw node identity",
        "openclaw remote down",
        "openclaw remote install",
        "openclaw remote uninstall",
        "openclaw remote status",
        "openclaw remote trust",
    ] {
        walk.line(line).on(laptop);
    }
    walk.line("openclaw remote up").on(laptop).after(|| place.laptop_goes_there());
    walk.line("openclaw remote logs").on(laptop).stays("up: the gateway answers");
}

fn of_this_host<'a>(walk: &mut Walk<'a>, place: &'a Place) {
    walk.line("openclaw config patch")
        .after(|| place.town.server.write("patch.json5", "{ logging: { level: 'info' } }"));
    walk.line("openclaw logs").stays("gateway::start");
}
