//! A stand-in for Tailscale: the `tailscale` program and the daemon's local API, as the real ones' source and documentation show
//! them. A claim in the foreground is a process, and is gone when that is, however it ended.
//!
//! The program is a shell script in a directory of its own, which [`FakeTailscale::env`] puts first in `PATH`.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// This host's name in the fake tailnet.
pub const NAME: &str = "box.tail1234.ts.net";
/// The login of whoever the host belongs to.
pub const OWNER: &str = "me@example.com";
const PROGRAM: &str = include_str!("fake_tailscale/tailscale.sh");
/// Nothing here waits longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the local API says of an address.
#[derive(Debug, Clone)]
pub enum Whois {
    /// A machine of this login.
    Login(&'static str),
    /// A machine that belongs to a tag.
    Tagged,
    /// An answer that is no JSON.
    Garbage,
    /// No answer at all.
    Silent,
}

type Known = Arc<Mutex<HashMap<String, Whois>>>;

/// A running fake; it ends when dropped, and so do the routes that are held by its program's processes.
pub struct FakeTailscale {
    dir: TempDir,
    known: Known,
    _server: JoinSet<()>,
}

impl FakeTailscale {
    /// Starts one that is connected and knows nobody.
    ///
    /// # Errors
    /// The directory, the script or the socket cannot be made.
    pub fn start() -> io::Result<Self> {
        let dir = TempDir::new()?;
        for name in ["bin", "claims"] {
            std::fs::create_dir(dir.path().join(name))?;
        }
        let program = dir.path().join("bin/tailscale");
        std::fs::write(
            &program,
            PROGRAM.replace("@DIR@", &dir.path().display().to_string()).replace("@NAME@", NAME),
        )?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let listener = UnixListener::bind(dir.path().join("tailscaled.sock"))?;
        let known = Known::default();
        let app = Router::new().route("/localapi/v0/whois", get(whois)).with_state(known.clone());
        let mut server = JoinSet::new();
        server.spawn(async move {
            // It serves until the fake is dropped.
            let _ended = axum::serve(listener, app).await;
        });
        let fake = Self { dir, known, _server: server };
        fake.set_state("Running")?;
        Ok(fake)
    }

    /// `PATH` with the fake first, and the variable that names its socket.
    pub fn env(&self) -> [(String, String); 2] {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.dir.path().join("bin").display());
        let socket = self.dir.path().join("tailscaled.sock").display().to_string();
        [("PATH".into(), path), ("OPENCLAW_TAILSCALE_SOCKET".into(), socket)]
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `BackendState` of `tailscale status --json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_state(&self, state: &str) -> io::Result<()> {
        let status = json!({
            "Version": "1.98.9", "BackendState": state, "TailscaleIPs": ["100.101.102.103", "fd7a:115c:a1e0::5"],
            "Self": {"ID": "n1", "HostName": "box", "DNSName": format!("{NAME}."), "UserID": 7, "Online": true},
            "MagicDNSSuffix": "tail1234.ts.net", "CertDomains": [NAME],
            "User": {"7": {"ID": 7, "LoginName": OWNER, "DisplayName": "Me"}},
        });
        self.write("status.json", &status.to_string())
    }

    /// A file that the program reads: `status.json` and `background.json` are answers; `down` (no daemon), `hang` (no answer),
    /// `late` (a route that does not come; `asked` is there once it has said why), `stubborn` (a route whose program takes no notice of
    /// SIGTERM) and `refuse` (what `serve` and `funnel` say, ending with 1) are there or not.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let (part, whole) = (self.dir.path().join(format!("{name}.part")), self.dir.path().join(name));
        std::fs::write(&part, text)?;
        std::fs::rename(part, whole)
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        self.dir.path().join(name).exists()
    }

    /// Takes such a file away.
    ///
    /// # Errors
    /// It is not there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.dir.path().join(name))
    }

    /// Says who has an address.
    pub fn knows(&self, ip: &str, who: Whois) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(ip.to_owned(), who);
    }

    /// The processes that hold a route, each with `serve` or `funnel` and the port that it leads to.
    pub fn claims(&self) -> Vec<(u32, String, u16)> {
        let files = std::fs::read_dir(self.dir.path().join("claims"));
        files.into_iter().flatten().flatten().filter_map(|file| claim(&file.path())).collect()
    }

    /// Waits until a route is held (or none is, with `held` false) and gives the process and the port.
    ///
    /// # Panics
    /// It does not come to that.
    #[allow(clippy::panic)]
    pub async fn claim(&self, held: bool) -> Option<(u32, u16)> {
        let coming = async {
            loop {
                match self.claims().pop() {
                    Some((pid, _, port)) if held => return Some((pid, port)),
                    None if !held => return None,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, coming).await {
            Ok(claim) => claim,
            Err(_) => panic!("waited for a route (held: {held}); there are {:?}", self.claims()),
        }
    }

    /// The headers that Serve puts on a request from this address; of whose user it knows, the identity too.
    pub fn headers(&self, ip: &str, login: Option<&str>) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("host", NAME.to_owned()),
            ("x-forwarded-host", NAME.to_owned()),
            ("x-forwarded-proto", "https".to_owned()),
            ("x-forwarded-for", ip.to_owned()),
        ];
        if let Some(login) = login {
            all.push(("tailscale-user-login", login.to_owned()));
            all.push(("tailscale-user-name", "Somebody".to_owned()));
            all.push(("tailscale-headers-info", "https://tailscale.com/s/serve-headers".to_owned()));
        }
        all
    }

    /// The headers that Funnel puts on a request from the internet.
    pub fn funnel_headers(&self, ip: &str) -> Vec<(&'static str, String)> {
        let mut all = self.headers(ip, None);
        all.push(("tailscale-funnel-request", "?1".to_owned()));
        all
    }
}

fn claim(file: &PathBuf) -> Option<(u32, String, u16)> {
    let pid: u32 = file.file_name()?.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Ended, and waiting for somebody to notice.
    if stat.rsplit(')').next()?.trim_start().starts_with('Z') {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let (mode, target) = text.trim().split_once(' ')?;
    Some((pid, mode.to_owned(), target.rsplit(':').next()?.parse().ok()?))
}

async fn whois(
    State(known): State<Known>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let is_browser = headers.contains_key("origin") || headers.contains_key("referer");
    if is_browser || headers.get("host").is_none_or(|host| host != "local-tailscaled.sock") {
        return (StatusCode::FORBIDDEN, "invalid localapi request\n").into_response();
    }
    let Some(addr) = query.get("addr") else {
        return (StatusCode::BAD_REQUEST, "missing 'addr' parameter\n").into_response();
    };
    let who = known.lock().unwrap_or_else(PoisonError::into_inner).get(addr).cloned();
    let node = json!({"Name": "laptop.tail1234.ts.net.", "Addresses": [format!("{addr}/32")]});
    match who {
        None => (StatusCode::NOT_FOUND, "no match for IP:port\n").into_response(),
        Some(Whois::Login(login)) => {
            let profile = json!({"ID": 8, "LoginName": login, "DisplayName": "Somebody"});
            axum::Json(json!({"Node": node, "UserProfile": profile, "CapMap": null})).into_response()
        }
        Some(Whois::Tagged) => {
            let mut node = node;
            node["Tags"] = Value::from(vec!["tag:server"]);
            let profile = json!({"ID": 9, "LoginName": "tagged-devices", "DisplayName": "Tagged Devices"});
            axum::Json(json!({"Node": node, "UserProfile": profile})).into_response()
        }
        Some(Whois::Garbage) => "<html>".into_response(),
        Some(Whois::Silent) => std::future::pending().await,
    }
}
