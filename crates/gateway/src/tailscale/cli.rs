//! The `tailscale` program: what it is asked, and what its answers mean.

use config::{Env, TailscaleMode};
use exec::CommandSpec;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An answer comes within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read. Peers are left out of it.
const MAX_ANSWER: usize = 1024 * 1024;
/// Letters of what the program says that are passed on.
const MAX_WORDS: usize = 400;
/// Where it is, if it is not in `PATH`: systemd gives its units a short one, and macOS has it in an application.
const PLACES: &[&str] = &[
    "/usr/bin/tailscale",
    "/usr/local/bin/tailscale",
    "/usr/sbin/tailscale",
    "/opt/homebrew/bin/tailscale",
    "/Applications/Tailscale.app/Contents/MacOS/Tailscale",
];

/// How to run it.
#[derive(Debug)]
pub(super) struct Cli {
    path: String,
    socket: Option<String>,
    mode: TailscaleMode,
    port: u16,
}

/// This host in its tailnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// `box.tail1234.ts.net`.
    pub(super) name: String,
    /// The login of whoever it belongs to; a tagged one belongs to nobody.
    pub(super) owner: Option<String>,
}

/// Whether Tailscale is connected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready(Node),
    /// It comes up, maybe.
    NotYet(String),
}

impl Cli {
    pub(super) fn new(env: &Env, mode: TailscaleMode, port: u16) -> Self {
        let path = env.get("PATH").unwrap_or_default().to_owned();
        let socket = env.get_filled(super::local_api::SOCKET_VARIABLE).map(str::to_owned);
        Self { path, socket, mode, port }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The program with its arguments; looked for each time, since it may be installed while the gateway runs.
    fn argv(&self, arguments: &[&str]) -> Result<Vec<String>, String> {
        let in_path = std::env::split_paths(&self.path).map(|dir| dir.join("tailscale"));
        let found = in_path.chain(PLACES.iter().map(PathBuf::from)).find(|file| is_program(file));
        let program = found.ok_or(
            "there is no program tailscale in PATH; install Tailscale, or set gateway.tailscale.mode to \"off\"",
        )?;
        let socket = self.socket.iter().map(|socket| format!("--socket={socket}"));
        let arguments = arguments.iter().map(|a| (*a).to_owned());
        Ok(std::iter::once(program.display().to_string()).chain(socket).chain(arguments).collect())
    }

    /// What holds the route: it stays in the foreground, and the route goes when it ends.
    pub(super) fn claim(&self) -> Result<Vec<String>, String> {
        let target = target(self.port);
        self.argv(&[self.mode.as_str(), "--yes", "--https=443", &target])
    }

    async fn ask(&self, arguments: &[&str]) -> Result<exec::CommandOutput, String> {
        let spec = CommandSpec {
            env: vec![("PATH".into(), self.path.clone())],
            timeout: Some(ANSWER_WITHIN),
            max_output: MAX_ANSWER,
            ..CommandSpec::new(self.argv(arguments)?)
        };
        exec::run(spec, &CancellationToken::new()).await.map_err(|e| e.to_string())
    }

    /// This host, once Tailscale is connected.
    ///
    /// # Errors
    /// What waiting does not mend.
    pub(super) async fn node(&self) -> Result<Readiness, String> {
        let answer = self.ask(&["status", "--json", "--peers=false"]).await?;
        if answer.timed_out {
            return Ok(Readiness::NotYet(no_answer("status")));
        }
        if answer.exit_code != Some(0) {
            // The daemon is not there yet.
            return Ok(Readiness::NotYet(format!("tailscale status fails: {}", words(&answer.stderr))));
        }
        readiness(&read(&answer.stdout, "status")?)
    }

    /// The routes that there are.
    pub(super) async fn routes(&self) -> Result<Value, String> {
        let answer = self.ask(&["serve", "status", "--json"]).await?;
        if answer.timed_out {
            return Err(no_answer("serve status"));
        }
        if answer.exit_code != Some(0) {
            return Err(format!("tailscale serve status fails: {}", words(&answer.stderr)));
        }
        read(&answer.stdout, "serve status")
    }
}

fn no_answer(command: &str) -> String {
    format!("tailscale {command} gave no answer within {} s", ANSWER_WITHIN.as_secs())
}

/// Where the route leads.
pub(super) fn target(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn read(text: &str, what: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("tailscale {what} --json gave no JSON ({error})"))
}

fn readiness(status: &Value) -> Result<Readiness, String> {
    let state = status["BackendState"].as_str().unwrap_or_default();
    match state {
        "Running" => {}
        "NoState" | "Starting" => {
            return Ok(Readiness::NotYet(format!("Tailscale is not connected yet ({state})")));
        }
        "NeedsLogin" => return Err("Tailscale is not logged in; run tailscale up".into()),
        "NeedsMachineAuth" => {
            return Err("this machine waits to be approved in Tailscale's admin console".into());
        }
        "Stopped" => return Err("Tailscale is stopped; run tailscale up".into()),
        other => {
            return Err(format!("tailscale status says {other:?}, and only \"Running\" can publish a route"));
        }
    }
    let own = &status["Self"];
    let name = own["DNSName"].as_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return Err(
            "this host has no name in its tailnet; turn on MagicDNS in Tailscale's admin console".into()
        );
    }
    let is_tagged = own["Tags"].as_array().is_some_and(|tags| !tags.is_empty());
    let owner = status["User"][own["UserID"].to_string()]["LoginName"].as_str();
    let owner = owner.filter(|login| !is_tagged && !login.is_empty()).map(str::to_owned);
    Ok(Readiness::Ready(Node { name, owner }))
}

/// What a program said, on one line and not too long.
pub(super) fn words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(MAX_WORDS).collect();
    if short.is_empty() { "it said nothing".into() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_connected_tailscale_with_a_name_is_ready() {
        let status = |state: &str| {
            json!({"BackendState": state, "Self": {"DNSName": "Box.tail1234.ts.net.", "UserID": 7},
                "User": {"7": {"LoginName": "me@example.com"}}})
        };
        let node = |owner: Option<&str>| {
            Ok(Readiness::Ready(Node { name: "box.tail1234.ts.net".into(), owner: owner.map(str::to_owned) }))
        };
        assert_eq!(readiness(&status("Running")), node(Some("me@example.com")));
        let mut tagged = status("Running");
        tagged["Self"]["Tags"] = json!(["tag:server"]);
        assert_eq!(readiness(&tagged), node(None));
        for waits in ["NoState", "Starting"] {
            assert!(matches!(readiness(&status(waits)), Ok(Readiness::NotYet(_))), "{waits}");
        }
        for (state, part) in [
            ("NeedsLogin", "tailscale up"),
            ("Stopped", "tailscale up"),
            ("NeedsMachineAuth", "approved"),
            ("Odd", "Odd"),
            ("", "\"\""),
        ] {
            assert!(readiness(&status(state)).unwrap_err().contains(part), "{state}");
        }
        let nameless = json!({"BackendState": "Running", "Self": {}});
        assert!(readiness(&nameless).unwrap_err().contains("MagicDNS"));
    }
}
