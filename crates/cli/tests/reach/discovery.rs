//! Finding gateways over real multicast between two network namespaces, and in a domain; whatever strangers say is bounded and
//! cleaned, and is never more than a hint. Root and iproute2 are needed.

use crate::live::{self, PATIENCE, Program, TOKEN};
use crate::namespaces::Net;
use crate::stranger;
use crate::support::{self, Home};
use serde_json::{Value, json};
use tokio::time::Instant;

const ON: &str = "plugins: { entries: { bonjour: { enabled: true } } },";

fn config(more: &str) -> String {
    format!("{{ gateway: {{ bind: 'lan', auth: {{ mode: 'token', token: '{TOKEN}' }} }}, {more} }}")
}

/// A gateway in the first namespace, which counts as no container, and its port.
fn gateway(net: &Net, home: &Home) -> (Program, u64) {
    let mut command = Net::command(&net.here, home, &["gateway", "run", "--json", "--port", "0"]);
    command.env("OPENCLAW_MDNS_HOSTNAME", "box").env("OPENCLAW_SSH_PORT", "2222");
    if std::fs::read_to_string(home.state().join("openclaw.json")).unwrap().contains("bonjour") {
        command.env("OPENCLAW_DISABLE_BONJOUR", "0");
    }
    let program = Program::start("gateway", command);
    let url = program.wait_for_json("its address", |v| v["url"].as_str().map(str::to_owned));
    (program, url.rsplit(':').next().unwrap().parse().unwrap())
}

/// What the second namespace finds, as soon as it is what is wanted.
fn found(net: &Net, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    let home = Home::new();
    loop {
        let ran = Net::run(&net.there, &home, &["gateway", "discover", "--json", "--timeout", "1500"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let beacons = ran.json()["beacons"].as_array().unwrap().clone();
        if wanted(&beacons) {
            return beacons;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {beacons:?}");
    }
}

/// Whether the responder's thread is there.
fn has_responder(gateway: &Program) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap();
    let name =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().any(|task| name(task).starts_with("mDNS"))
}

#[test]
fn a_gateway_is_found_in_its_network_and_says_no_more_than_it_is_told_to() {
    let net = Net::make();
    let home = Home::with_config(&config(ON));
    let (gateway, port) = gateway(&net, &home);
    let beacons = found(&net, "the gateway", |all| !all.is_empty());
    let beacon = &beacons[0];
    assert_eq!(
        (&beacon["wsUrl"], &beacon["gatewayPort"], &beacon["lanHost"], &beacon["gatewayDirectReachable"]),
        (&json!(format!("ws://box.local:{port}")), &json!(port), &json!("box.local"), &json!(true)),
        "{beacon}"
    );
    assert!(beacon["addresses"].as_array().unwrap().contains(&json!("10.77.0.1")), "{beacon}");
    assert!(beacon.get("sshPort").is_none() && beacon.get("cliPath").is_none(), "{beacon}");
    assert!(has_responder(&gateway));

    // What the file says counts while the gateway runs.
    let file = home.state().join("openclaw.json");
    std::fs::write(&file, config(&format!("{ON} discovery: {{ mdns: {{ mode: 'full' }} }}"))).unwrap();
    let beacons = found(&net, "the full mode", |all| all.iter().any(|b| b["sshPort"] == 2222));
    assert!(beacons[0]["cliPath"].as_str().unwrap().ends_with("openclaw"), "{beacons:?}");
    std::fs::write(&file, config(&format!("{ON} discovery: {{ mdns: {{ mode: 'off' }} }}"))).unwrap();
    found(&net, "nothing", <[Value]>::is_empty);
    let begun = Instant::now();
    while has_responder(&gateway) {
        assert!(begun.elapsed() < PATIENCE, "the responder's thread goes on");
        std::thread::yield_now();
    }
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn nothing_is_announced_where_nobody_said_so_and_a_zone_is_written_where_somebody_did() {
    let net = Net::make();
    let home = Home::with_config(&config("discovery: { wideArea: { domain: 'GW.internal.' } },"));
    let (gateway, port) = gateway(&net, &home);
    let text = Net::run(&net.there, &Home::new(), &["gateway", "discover", "--timeout", "1500"]);
    assert!(text.code == 0 && text.out.contains("no gateway announces itself in local"), "{}", text.out);
    assert!(!has_responder(&gateway), "what is off costs nothing");
    let zone = home.state().join("dns/gw.internal.db");
    gateway.wait_for("the zone", |line| {
        line.contains("the zone for wide-area discovery is written").then_some(())
    });
    let zone = std::fs::read_to_string(zone).unwrap();
    for part in ["$ORIGIN gw.internal.", "box IN A 10.77.0.1", &format!("IN SRV 0 0 {port} box")] {
        assert!(zone.contains(part), "{part}: {zone}");
    }

    // Another domain's takes its place, and goes with the domain, also where that was taken out meanwhile.
    let dns = home.state().join("dns");
    let zones = || -> Vec<String> {
        let names = std::fs::read_dir(&dns).unwrap().flatten().map(|entry| entry.file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    };
    let file = home.state().join("openclaw.json");
    std::fs::write(&file, config("discovery: { wideArea: { domain: 'other.internal' } },")).unwrap();
    let other = |line: &str| line.contains("other.internal.db").then_some(());
    gateway.wait_for("the other zone", other);
    assert_eq!(zones(), ["other.internal.db"]);
    assert_eq!(gateway.stop("-TERM"), Some(0));
    std::fs::write(&file, config("")).unwrap();
    let (gateway, _) = self::gateway(&net, &home);
    gateway.wait_for("its end", |line| line.contains("discovery is removed").then_some(()));
    assert_eq!(zones(), Vec::<String>::new());
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

#[test]
fn a_gateway_on_loopback_is_found_and_no_url_leads_to_it() {
    let net = Net::make();
    let home = Home::with_config(&config(ON).replace("'lan'", "'loopback'"));
    let (gateway, _) = gateway(&net, &home);
    let beacons = found(&net, "the gateway", |all| !all.is_empty());
    let problem = beacons[0]["problem"].as_str().unwrap_or_default();
    assert_eq!(beacons[0]["wsUrl"], Value::Null, "{beacons:?}");
    assert!(problem.contains("loopback alone") && problem.contains("USER@box.local"), "{problem}");
    assert_eq!(gateway.stop("-TERM"), Some(0));
}

/// Not a test of its own: a stranger in a namespace, which another test starts.
#[test]
#[ignore = "a stranger, started by the tests that need one"]
fn stranger() {
    match std::env::var("STRANGER").as_deref() {
        Ok("mdns") => stranger::answer_by_mdns(),
        Ok("dns") => stranger::answer_by_dns(),
        _ => {}
    }
}

fn start_stranger(namespace: &str, kind: &str) -> Program {
    let own = std::env::current_exe().unwrap();
    let args = ["--exact", "discovery::stranger", "--ignored", "--nocapture", "--test-threads=1"];
    let mut command = Net::exec(namespace, own.to_str().unwrap(), &args);
    command.env("STRANGER", kind);
    let program = Program::start("stranger", command);
    program.wait_for("that it is ready", |line| line.contains("ready").then_some(()));
    program
}

/// What of a list strangers said, held against what may be shown of it.
fn assert_cleaned(beacons: &[Value], honest: &str, pinned: &str) {
    let by_name = |name: &str| {
        beacons.iter().find(|b| b["instanceName"] == name).unwrap_or_else(|| panic!("{name}: {beacons:?}"))
    };
    assert_eq!(by_name("honest")["wsUrl"], honest);
    assert_eq!(by_name("honest")["port"], 18789, "the resolved one, whatever the TXT record says");
    assert_eq!(by_name("claims-a-pin")["wsUrl"], pinned);
    let away = by_name("leads-away");
    assert_eq!(away["wsUrl"], Value::Null, "{away}");
    assert!(away["problem"].as_str().unwrap_or_default().contains("leads out of"), "{away}");
    let steers = by_name("steers");
    assert_eq!(
        (&steers["displayName"], &steers["cliPath"]),
        (&json!("[2J]0;ownedNice"), &json!("/bin/oc")),
        "{steers}"
    );
    assert!(steers.get("evil").is_none(), "{steers}");
    assert_eq!(by_name("huge")["displayName"].as_str().unwrap().len(), 200);
}

#[test]
fn what_strangers_say_by_mdns_is_bounded_and_cleaned_and_becomes_no_pin() {
    let net = Net::make();
    let _stranger = start_stranger(&net.here, "mdns");
    let names = ["honest", "leads-away", "claims-a-pin", "steers", "huge"];
    let all = |beacons: &[Value]| names.iter().all(|n| beacons.iter().any(|b| b["instanceName"] == *n));
    let beacons = found(&net, "all strangers", all);
    assert_cleaned(&beacons, "ws://honest.local:18789", "wss://pin.local:18789");
    assert!(beacons.len() <= 64, "{}", beacons.len());

    let pin = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    let remote = format!("remote: {{ url: 'wss://pin.local:18789', tlsFingerprint: '{pin}' }}");
    let home = Home::with_config(&format!("{{ gateway: {{ mode: 'remote', {remote} }} }}"));
    let before = std::fs::read_to_string(home.state().join("openclaw.json")).unwrap();
    let text = Net::run(&net.there, &home, &["gateway", "discover", "--timeout", "2500"]);
    assert!(text.code == 0 && text.out.contains("has proven nothing"), "{}{}", text.out, text.err);
    assert!(!text.out.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text.out);
    assert_eq!(std::fs::read_to_string(home.state().join("openclaw.json")).unwrap(), before);
    let kept: Vec<_> = std::fs::read_dir(home.state()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(kept, ["openclaw.json"], "nothing that was heard is kept");
}

#[test]
fn a_domain_is_looked_up_and_a_server_that_misbehaves_is_named() {
    let net = Net::make();
    let _stranger = start_stranger(&net.there, "dns");
    let look = |domain: &str| {
        let args = ["gateway", "discover", "--json", "--timeout", "1500", "--domain", domain, "--nameserver"];
        let ran = Net::run(&net.there, &Home::new(), &[&args[..], &[stranger::DNS]].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ran.json()
    };
    let report = look("gw.internal");
    assert_eq!(report["domains"], json!(["local", "gw.internal"]));
    assert_cleaned(
        report["beacons"].as_array().unwrap(),
        "ws://100.64.0.7:18789",
        "wss://pin.gw.internal:18789",
    );
    for (domain, part) in [("silent.internal", "does not answer"), ("refused.internal", "refuses")] {
        let report = look(domain);
        let problem = report["problems"][0].as_str().unwrap_or_else(|| panic!("{domain}: {report}"));
        assert!(problem.contains(part) && problem.contains(domain), "{report}");
    }
    // By the configuration and by the variable, too.
    let home = Home::with_config("{ discovery: { wideArea: { domain: 'gw.internal' } } }");
    let args = ["gateway", "discover", "--json", "--timeout", "1500", "--nameserver", stranger::DNS];
    assert_eq!(Net::run(&net.there, &home, &args).json()["count"], 5);
    let ran = Net::command(&net.there, &Home::new(), &args)
        .env("OPENCLAW_WIDE_AREA_DOMAIN", "local")
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(6));
    let ran = Net::command(&net.there, &Home::new(), &args)
        .env("OPENCLAW_WIDE_AREA_DOMAIN", "gw.internal")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["count"], 5, "{report}");
}

/// Programs that do what is said here, in a directory for PATH.
fn stand_ins(home: &Home, programs: &[(&str, &str)]) -> String {
    use std::os::unix::fs::PermissionsExt;
    let dir = home.path().join("stand-ins");
    std::fs::create_dir_all(&dir).unwrap();
    for (name, script) in programs {
        let file = dir.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", dir.display(), live::PATH)
}

#[test]
fn what_a_domain_needs_is_printed_and_coredns_is_set_up_with_nothing_of_others_touched() {
    let net = Net::make();
    let home = Home::new();
    let setup = |path: &str, more: &[&str]| -> support::Ran {
        let mut command = Net::command(&net.here, &home, &[&["dns", "setup", "--json"], more].concat());
        command.env("PATH", path).output().unwrap().into()
    };
    let bare = stand_ins(&home, &[]);
    let unnamed = setup(&bare, &[]);
    assert!(unnamed.code == 2 && unnamed.out.contains("--domain"), "{}{}", unnamed.out, unnamed.err);
    let named = ["--domain", "GW.internal."];
    assert_eq!(setup(&bare, &named).json()["tailnetIps"], json!([]));
    assert!(
        Net::exec(&net.here, "ip", &["address", "add", "100.64.0.1/10", "dev", "v0"])
            .status()
            .unwrap()
            .success()
    );
    let plan = setup(&bare, &named).json();
    let zone = home.state().join("dns/gw.internal.db");
    assert_eq!(
        (&plan["zoneFile"], &plan["splitDns"], &plan["configured"], &plan["applied"]),
        (
            &json!(zone),
            &json!({"domain": "gw.internal", "nameserver": "100.64.0.1"}),
            &json!(false),
            &json!(false)
        )
    );
    let stanza = plan["coredns"].as_str().unwrap();
    assert!(stanza.contains("bind 100.64.0.1") && stanza.contains(zone.to_str().unwrap()), "{stanza}");
    let apply = [&named[..], &["--apply"]].concat();
    let refused = setup(&bare, &apply);
    assert!(refused.code == 1 && refused.out.contains("NO_HOMEBREW"), "{}{}", refused.out, refused.err);
    assert!(!zone.exists(), "nothing is written where it cannot be done");

    let (prefix, said) = (home.path().join("brew"), home.path().join("said"));
    let etc = prefix.join("etc/coredns");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("Corefile"), "example.org {\n  whoami\n}").unwrap();
    let brew = format!("case $1 in --prefix) echo {};; esac", prefix.display());
    let sudo = format!("echo \"$@\" >> {}; echo noise", said.display());
    let path = stand_ins(&home, &[("brew", &brew), ("sudo", &sudo)]);
    let done = setup(&path, &apply);
    assert_eq!((done.code, &done.json()["applied"]), (0, &json!(true)), "{}{}", done.out, done.err);
    let corefile = std::fs::read_to_string(etc.join("Corefile")).unwrap();
    let import = format!("import {}/conf.d/*.server", etc.display());
    assert_eq!(corefile, format!("example.org {{\n  whoami\n}}\n{import}\n"));
    assert_eq!(std::fs::read_to_string(etc.join("conf.d/gw.internal.server")).unwrap(), stanza);
    assert!(std::fs::read_to_string(&zone).unwrap().contains("IN SOA ns"));
    // The zone that a gateway wrote stays, and nothing is there twice.
    std::fs::write(&zone, "the gateway's").unwrap();
    let again = setup(&path, &apply);
    assert_eq!((again.code, &again.json()["changed"]), (0, &json!([])), "{}{}", again.out, again.err);
    assert_eq!(std::fs::read_to_string(etc.join("Corefile")).unwrap(), corefile);
    assert_eq!(std::fs::read_to_string(&zone).unwrap(), "the gateway's");
    assert_eq!(std::fs::read_to_string(&said).unwrap(), "brew services restart coredns\n".repeat(2));
    let path = stand_ins(&home, &[("sudo", "exit 3")]);
    let refused = setup(&path, &apply);
    assert!(refused.code == 1 && refused.out.contains("COREDNS"), "{}{}", refused.out, refused.err);
}
