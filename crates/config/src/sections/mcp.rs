//! `mcp`: servers of tools (MCP) that the gateway runs or reaches, for its agents. A node's own (`nodeHost.mcp`) are described alike.

use std::path::PathBuf;

use crate::choice::choice;
use crate::doc::Section;
use crate::secret::SecretInput;

/// `mcp`.
#[derive(Debug, Clone, Default)]
pub struct McpConfig {
    /// `servers` by name. Those that are turned off are left out.
    pub servers: Vec<McpServerConfig>,
}

impl McpConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("apps", "nothing here shows pages of servers");
        s.unsupported("sessionIdleTtlMs", "a server runs as long as the gateway, for all sessions");
        Self { servers: servers(s) }
    }
}

/// An entry of `mcp.servers`, or of `nodeHost.mcp.servers`.
#[derive(Debug, Clone)]
pub struct McpServerConfig {
    /// Its name.
    pub name: String,
    /// How it is spoken with.
    pub way: McpWayConfig,
    /// `connectionTimeoutMs`: how long it may take to answer after its start. 30,000 by default.
    pub connection_timeout_ms: u64,
    /// `requestTimeoutMs`: how long it may take for an answer.
    pub request_timeout_ms: Option<u64>,
    /// `toolFilter.include`: the tools that are lent, `*` for any characters; empty are all.
    pub include: Vec<String>,
    /// `toolFilter.exclude`: tools that are not.
    pub exclude: Vec<String>,
}

/// How a server of tools is spoken with.
#[derive(Debug, Clone)]
pub enum McpWayConfig {
    /// Over the standard input and output of a program.
    Program {
        /// `command`: the program.
        command: String,
        /// `args`.
        args: Vec<String>,
        /// `env`: variables for it.
        env: Vec<(String, SecretInput)>,
        /// `cwd`: where it runs.
        cwd: Option<PathBuf>,
    },
    /// Over HTTP.
    Http {
        /// `url`.
        url: String,
        /// `headers` of each request.
        headers: Vec<(String, SecretInput)>,
        /// `transport` is `sse`, as without it: the older way, with one stream of events for all answers.
        sse: bool,
        /// Where `auth` is `oauth`: somebody signs in at it.
        sign_in: Option<McpOAuthConfig>,
        /// Which certificates count.
        tls: McpTlsConfig,
    },
}

/// `oauth` of a server: how somebody signs in at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpOAuthConfig {
    /// `scope`: what a token is to be good for.
    pub scope: Option<String>,
    /// `redirectUrl`: where the page leads to.
    pub redirect_url: Option<String>,
    /// `clientMetadataUrl`: a document that describes this program.
    pub client_metadata_url: Option<String>,
}

/// Certificates between here and a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpTlsConfig {
    /// `sslVerify`: whether the server's is checked.
    pub verify: bool,
    /// `clientCert` and `clientKey`: what is shown to it, as PEM files.
    pub client: Option<(PathBuf, PathBuf)>,
}

choice! {
    /// How somebody is known to a server.
    McpAuth {
        /// By signing in.
        Oauth => "oauth",
    }
}

choice! {
    /// Whose sign-in counts.
    McpIdentity {
        /// The operator's, for everybody.
        Shared => "shared",
        /// That of each sender of messages.
        PerRequester => "per-requester",
    }
}

choice! {
    /// How a server of tools is reached.
    McpTransport {
        /// A program, over its standard input and output.
        Stdio => "stdio",
        /// Over HTTP, in the older way.
        Sse => "sse",
        /// Over HTTP.
        StreamableHttp => "streamable-http",
    }
}

/// An hour, in milliseconds: no answer is waited for longer.
const HOUR_MS: u64 = 3_600_000;

/// `servers` of a section.
pub(super) fn servers(s: &Section<'_>) -> Vec<McpServerConfig> {
    s.entries("servers", server).into_iter().flatten().collect()
}

fn server(name: &str, s: &Section<'_>) -> Option<McpServerConfig> {
    s.unsupported("codex", "no Codex runs here");
    s.unsupported("supportsParallelToolCalls", "calls are always made at once");
    let enabled = s.boolean("enabled").unwrap_or(true);
    let (include, exclude) = s.section("toolFilter", |filter| {
        (filter.texts("include").unwrap_or_default(), filter.texts("exclude").unwrap_or_default())
    });
    let connection_timeout_ms = s.integer("connectionTimeoutMs", 1..=HOUR_MS).unwrap_or(30_000);
    let request_timeout_ms = s.integer("requestTimeoutMs", 1..=HOUR_MS);
    let (sign_in, is_anybodys) = sign_in(s);
    let way = way(s, sign_in);
    if !enabled || is_anybodys || s.is_described() {
        return None;
    }
    if name.is_empty() || name.trim() != name || name == "__proto__" {
        s.error("command", format!("{name:?} is no name for a server; use one without blanks around it"));
    }
    let way = way.map_err(|(key, problem)| s.error(key, problem)).ok()?;
    let name = name.to_owned();
    Some(McpServerConfig { name, way, connection_timeout_ms, request_timeout_ms, include, exclude })
}

/// How somebody signs in, where that is done; and whether each sender of messages is to do so.
fn sign_in(s: &Section<'_>) -> (Option<McpOAuthConfig>, bool) {
    let auth = s.choice::<McpAuth>("auth");
    let (oauth, identity) = s.section("oauth", |oauth| {
        oauth.unsupported("authProfileId", "sign in with openclaw mcp login instead");
        let [scope, redirect_url, client_metadata_url] = ["scope", "redirectUrl", "clientMetadataUrl"]
            .map(|key| oauth.text(key).filter(|text| !text.is_empty()));
        (McpOAuthConfig { scope, redirect_url, client_metadata_url }, oauth.choice::<McpIdentity>("identity"))
    });
    let is_anybodys = auth.is_some() && identity == Some(McpIdentity::PerRequester);
    if is_anybodys {
        s.warn("oauth", "identity \"per-requester\" is not supported by this version yet: nobody's account is used for somebody else, and the server is left out");
    }
    (auth.map(|McpAuth::Oauth| oauth), is_anybodys)
}

/// Which certificates count, or what is wrong.
fn tls(s: &Section<'_>) -> Result<McpTlsConfig, (&'static str, String)> {
    let verify = s.boolean("sslVerify").unwrap_or(true);
    let client = match (s.path("clientCert"), s.path("clientKey")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => {
            return Err(("clientKey", "a certificate is shown with its key; name that file, too".into()));
        }
        (None, Some(_)) => {
            return Err(("clientCert", "a key is of a certificate; name that file, too".into()));
        }
    };
    Ok(McpTlsConfig { verify, client })
}

/// How it is spoken with, or what is wrong at which key. A `url` says that it is over HTTP, whatever else stands there.
fn way(s: &Section<'_>, sign_in: Option<McpOAuthConfig>) -> Result<McpWayConfig, (&'static str, String)> {
    let command = s.text("command").filter(|command| !command.trim().is_empty());
    let (args, env, cwd) = (s.texts("args").unwrap_or_default(), s.variables("env"), s.path("cwd"));
    let tls = tls(s);
    let (url, headers, transport) = (s.text("url"), s.secrets("headers"), s.choice("transport"));
    let wrong = |key, problem: &str| Err((key, problem.to_owned()));
    match (url, transport) {
        (Some(_), Some(McpTransport::Stdio)) => wrong(
            "transport",
            "a server at an address is not spoken with by stdio; use \"streamable-http\" or \"sse\"",
        ),
        (Some(url), transport) => {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.starts_with(['/', ':'])) {
                return wrong("url", "it is no address; use one that begins with http:// or https://");
            }
            if let Some((name, _)) = headers.iter().find(|(name, _)| !is_header(name)) {
                return Err(("headers", format!("{name:?} is no name of a header")));
            }
            let sse = transport != Some(McpTransport::StreamableHttp);
            Ok(McpWayConfig::Http { url, headers, sse, sign_in, tls: tls? })
        }
        (None, Some(McpTransport::Sse | McpTransport::StreamableHttp)) => {
            wrong("url", "a server over HTTP needs an address; name it, or set enabled to false")
        }
        (None, _) => match command {
            Some(command) => Ok(McpWayConfig::Program { command, args, env, cwd }),
            None => wrong("command", "a server needs a program or a url; name one, or set enabled to false"),
        },
    }
}

fn is_header(name: &str) -> bool {
    let is_one = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(is_one)
}
