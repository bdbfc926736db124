//! Where a gateway can be reached, in network namespaces of their own.

#![cfg(target_os = "linux")]
use crate::live::{self, Gateway, PATH, Program, TOKEN};
use crate::support::{self, Home};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use testkit::fake_tailscale::FakeTailscale;

/// A network with loopback, a Tailscale address of each family and a private one.
const NETWORK: &str = "ip link set lo up && ip addr add 100.101.102.103/32 dev lo && ip addr add 192.168.77.5/32 dev lo \
    && ip -6 addr add fd7a:115c:a1e0::5/128 dev lo nodad && ip -6 addr add fd00:77::5/128 dev lo nodad";
const NO_IPV6: &str = "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
const NO_LOOPBACK: &str = "ip link set lo up && ip addr del 127.0.0.1/8 dev lo";

/// The gateway in a network of its own, which `setup` makes.
fn gateway_in(setup: &str, home: &Home, flags: &[&str]) -> Command {
    let inner = home.command(&[&["gateway", "run", "--json"], flags].concat());
    let mut command = Command::new("unshare");
    let script = format!("{setup} && exec \"$@\"");
    command.args(["--net", "--map-root-user", "/bin/sh", "-c", &script, "gateway"]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.env("HOME", home.path()).env("PATH", format!("{PATH}:/usr/sbin:/sbin")).current_dir(home.path());
    command
}

/// Starts a gateway that Tailscale publishes, as its flags say.
fn published(fake: &FakeTailscale, home: &Home, flags: &[&str]) -> Gateway {
    let mut command = home.command(&[&["gateway", "run", "--json", "--port", "0"], flags].concat());
    command.envs(fake.env());
    Gateway::answering(Program::start("gateway", command))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_goes_with_the_gateway_however_it_ends() {
    let fake = FakeTailscale::start().unwrap();
    let home = home("");
    for signal in ["-TERM", "-KILL"] {
        let gateway = published(&fake, &home, &["--tailscale", "serve"]);
        let (_, port) = fake.claim(true).await.unwrap();
        assert_ne!(port.to_string(), gateway.port);
        let coming = async {
            loop {
                let status = gateway.run(&home, &["gateway", "status", "--require-rpc"]);
                let page = gateway.run(&home, &["status"]);
                if status.out.contains("serve https://") && page.out.contains("serve https://") {
                    return;
                }
            }
        };
        tokio::time::timeout(live::PATIENCE, coming).await.unwrap();
        let code = gateway.program.stop(signal);
        assert_eq!(code, (signal == "-TERM").then_some(0));
        fake.claim(false).await;
    }
}

#[tokio::test]
async fn funnel_is_refused_without_a_password_before_anything_is_published() {
    let fake = FakeTailscale::start().unwrap();
    for (home, flags) in [
        (home(""), &["--tailscale", "funnel"] as &[&str]),
        (home("tailscale: { mode: 'funnel' },"), &[]),
        (Home::new(), &["--tailscale", "funnel"]),
    ] {
        let mut command = home.command(&[&["gateway", "run", "--port", "0"], flags].concat());
        let ran = support::Ran::from(command.envs(fake.env()).output().unwrap());
        assert!(ran.code == 6 && ran.err.contains("password"), "{}{}", ran.out, ran.err);
    }
    assert!(fake.claims().is_empty());
}

/// The addresses that somebody listens on in the network of a process, at this port.
fn listening(pid: u32, port: u16) -> BTreeSet<IpAddr> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
    let (v4, v6) = (read("tcp"), read("tcp6"));
    v4.lines().chain(v6.lines()).filter_map(|line| listener(line, port)).collect()
}

fn listener(line: &str, port: u16) -> Option<IpAddr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, at) = fields.get(1)?.split_once(':')?;
    if u16::from_str_radix(at, 16).ok()? != port || fields[3] != "0A" {
        return None;
    }
    let words = (0..address.len() / 8).map(|i| u32::from_str_radix(&address[i * 8..i * 8 + 8], 16).unwrap());
    let bytes: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).unwrap()).into()),
        _ => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()).into()),
    }
}

fn home(bind: &str) -> Home {
    Home::with_config(&format!(r#"{{ gateway: {{ {bind} auth: {{ mode: "token", token: "{TOKEN}" }} }} }}"#))
}

#[test]
fn every_bind_listens_where_it_says_and_commands_on_the_host_find_it() {
    let custom = |ip: &str| format!(r#"bind: "custom", customBindHost: "{ip}","#);
    for (setup, config, flags, expected) in [
        (NETWORK, String::new(), &[] as &[&str], &["127.0.0.1", "::1"] as &[&str]),
        (NETWORK, String::new(), &["--bind", "auto"], &["127.0.0.1", "::1"]),
        (NO_IPV6, String::new(), &[], &["127.0.0.1"]),
        (NETWORK, r#"bind: "lan","#.into(), &[], &["0.0.0.0", "::"]),
        (
            NETWORK,
            r#"bind: "tailnet","#.into(),
            &[],
            &["127.0.0.1", "::1", "100.101.102.103", "fd7a:115c:a1e0::5"],
        ),
        (NO_IPV6, String::new(), &["--bind", "tailnet"], &["127.0.0.1"]),
        (NETWORK, custom("192.168.77.5"), &[], &["127.0.0.1", "192.168.77.5"]),
        (NETWORK, custom("fd00:77::5"), &[], &["127.0.0.1", "fd00:77::5"]),
        (NETWORK, custom("0.0.0.0"), &["--bind", "loopback"], &["127.0.0.1", "::1"]),
    ] {
        let home = home(&config);
        let gateway = Gateway::answering(Program::start("gateway", gateway_in(setup, &home, flags)));
        let pid = gateway.program.pid();
        let expected: BTreeSet<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
        assert_eq!(listening(pid, 18789), expected, "{config} {flags:?}");
        let health = home.command(&["gateway", "health", "--json"]);
        let mut inside = Command::new("nsenter");
        inside.args(["--net", "--user", "--preserve-credentials", "-t", &pid.to_string()]);
        inside.arg(health.get_program()).args(health.get_args()).env_clear().env("HOME", home.path());
        let ran = support::Ran::from(inside.output().unwrap());
        assert_eq!(ran.code, 0, "{config} {flags:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn auto_opens_to_others_where_there_is_no_loopback_and_a_secret_was_chosen() {
    let flags = ["--bind", "auto"];
    let chosen = home("");
    let gateway = Gateway::answering(Program::start("gateway", gateway_in(NO_LOOPBACK, &chosen, &flags)));
    assert!(listening(gateway.program.pid(), 18789).contains(&IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let ran = support::Ran::from(gateway_in(NO_LOOPBACK, &Home::new(), &flags).output().unwrap());
    assert!(ran.code == 6 && ran.out.contains("gateway.auth.token"), "{}{}", ran.out, ran.err);
}

#[test]
fn what_others_can_reach_needs_a_secret_that_somebody_chose_and_the_key_is_named() {
    let bound = Home::with_config(r#"{ gateway: { bind: "lan", port: 1 } }"#);
    let custom = Home::with_config(r#"{ gateway: { customBindHost: "::" } }"#);
    for (home, bind) in [(&bound, None), (&custom, Some("custom")), (&bound, Some("tailnet"))] {
        let flags = bind.map_or(vec![], |bind| vec!["--bind", bind]);
        let ran = home.run(&[&["gateway", "run"], &flags[..]].concat());
        assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
        for word in ["gateway.bind", "gateway.auth.token", "OPENCLAW_GATEWAY_TOKEN", "gateway.auth.password"]
        {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
    }
}

#[test]
fn an_address_that_this_host_does_not_have_is_named_with_its_key() {
    let home = home(r#"bind: "custom", customBindHost: "203.0.113.77", "#);
    let ran = support::Ran::from(gateway_in(NETWORK, &home, &[]).output().unwrap());
    assert!(ran.code == 1 && ran.out.contains("203.0.113.77"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("gateway.bind"), "{}", ran.out);
}
