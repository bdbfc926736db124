//! Two hosts with a cable between them: network namespaces of the kernel, which see nothing of this host's network and of
//! each other only what goes over the cable. It can be pulled out, and it can swallow everything without a word.

// Only tests use this: what cannot be set up ends them with the reason.
#![allow(clippy::panic)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of the cable's end in each of them.
const CABLE: &str = "eth0";

/// One of two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The namespace's name; no other host of this kernel has it.
    pub name: String,
    /// Its address on the cable.
    pub address: Ipv4Addr,
}

/// Two hosts and their cable; all of it is gone when this is dropped.
#[derive(Debug)]
pub struct Hosts {
    /// Where commands are run.
    pub near: Host,
    /// Where the gateway is.
    pub far: Host,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::new()
    }
}

impl Hosts {
    /// Makes them. Needs root.
    ///
    /// # Panics
    /// They cannot be made.
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("oc{}x{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let host = |side: &str, last| Host {
            name: format!("{name}-{side}"),
            address: Ipv4Addr::new(10, 91, 0, last),
        };
        let hosts = Self { near: host("near", 1), far: host("far", 2) };
        for host in [&hosts.near, &hosts.far] {
            ip(&["netns", "add", &host.name]);
        }
        let (near, far) = (hosts.near.name.as_str(), hosts.far.name.as_str());
        ip(&["link", "add", CABLE, "netns", near, "type", "veth", "peer", "name", CABLE, "netns", far]);
        for host in [&hosts.near, &hosts.far] {
            ip(&["-n", &host.name, "link", "set", "lo", "up"]);
            ip(&["-n", &host.name, "addr", "add", &format!("{}/24", host.address), "dev", CABLE]);
            ip(&["-n", &host.name, "link", "set", CABLE, "up"]);
        }
        hosts
    }

    /// Pulls the cable out of the far host: the near one notices that its own end is dead.
    pub fn unplug(&self) {
        ip(&["-n", &self.far.name, "link", "set", CABLE, "down"]);
    }

    /// Puts it in again.
    pub fn plug(&self) {
        ip(&["-n", &self.far.name, "link", "set", CABLE, "up"]);
    }

    /// Lets nothing through from here on; nobody is told, and the near host's network looks as before.
    pub fn swallow(&self) {
        ip(&["-n", &self.far.name, "route", "add", "blackhole", &format!("{}/32", self.near.address)]);
    }

    /// Lets everything through again; nobody is told either.
    pub fn let_through(&self) {
        ip(&["-n", &self.far.name, "route", "del", "blackhole", &format!("{}/32", self.near.address)]);
    }

    /// Gives the near host one more address, which changes nothing about its way to the far one.
    pub fn stir(&self) {
        ip(&["-n", &self.near.name, "addr", "add", "10.92.0.1/32", "dev", "lo"]);
    }

    /// Takes the near host's address away and gives it another one, as when a laptop goes to another network.
    pub fn move_near(&mut self) {
        let old = self.near.address;
        let last = if old.octets()[3] < 250 { old.octets()[3] + 3 } else { 3 };
        let new = Ipv4Addr::new(10, 91, 0, last);
        ip(&["-n", &self.near.name, "addr", "del", &format!("{old}/24"), "dev", CABLE]);
        ip(&["-n", &self.near.name, "addr", "add", &format!("{new}/24"), "dev", CABLE]);
        self.near.address = new;
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [&self.near, &self.far] {
            // Processes that are still in there keep it without a name until they end.
            let gone = Command::new("ip").args(["netns", "del", &host.name]).output();
            if !gone.is_ok_and(|gone| gone.status.success()) {
                eprintln!("the network namespace {} could not be removed", host.name);
            }
        }
    }
}

impl Host {
    /// A program in there, not yet started. The process is the program itself.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// The same program with the same arguments, variables and directory, in there.
    pub fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = self.command(command.get_program());
        wrapped.args(command.get_args());
        wrapped.env_clear();
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        wrapped
    }

    /// The processes in there, whoever started them.
    pub fn processes(&self) -> BTreeSet<u32> {
        let list = ip(&["netns", "pids", &self.name]);
        list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    }

    /// Takes the calling thread in there, for the rest of its life. Threads that it starts are in there too.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn enter(&self) -> io::Result<()> {
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        let kind = rustix::thread::LinkNameSpaceType::Network;
        Ok(rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(kind))?)
    }
}

fn ip(args: &[&str]) -> String {
    let made = Command::new("ip").args(args).output().unwrap_or_else(|e| panic!("ip (iproute2): {e}"));
    assert!(
        made.status.success(),
        "ip {}: {}(network namespaces need root)",
        args.join(" "),
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8_lossy(&made.stdout).into_owned()
}
