//! `openclaw mcp login` and `logout`: somebody lets this program in at the page of a server of tools.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::sign_in::{self, Back};
use crate::tool_servers;
use clap::Args;
use config::{Config, McpOAuthConfig, McpServerConfig, McpWayConfig};
use node::{McpSignIn, McpSignInBegun, McpSignInWanted, SignInState, Url};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;

/// Where the page leads to unless the configuration says otherwise; another port where this one is taken.
const PORT: u16 = 8989;
const PATH: &str = "/oauth/callback";
/// How long a connection may take to open.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// `mcp login`.
#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The server's name in mcp.servers or nodeHost.mcp.servers
    #[arg(value_name = "NAME")]
    name: String,
    /// Go on with a sign-in that was begun: the code, or the address, to which its page led
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// The page is opened on another computer: paste the address to which it leads afterwards
    #[arg(long, conflicts_with = "code")]
    paste: bool,
}

/// `mcp logout`.
#[derive(Debug, Args)]
pub(super) struct LogoutArgs {
    /// The server's name in mcp.servers or nodeHost.mcp.servers
    #[arg(value_name = "NAME")]
    name: String,
}

/// A server over HTTP, as the configuration has it.
struct Server {
    name: String,
    /// Where the configuration describes it.
    section: &'static str,
    oauth: Option<McpOAuthConfig>,
    sign_in: McpSignIn,
}

impl Server {
    fn named(name: &str, ctx: &Context) -> Result<Self, Failure> {
        let config = ctx.load()?.config;
        // The same name may be in both: it is meant where somebody can sign in.
        let of_name = described(&config).filter(|(_, server)| server.name == name);
        let Some((section, McpServerConfig { name, way, .. })) =
            of_name.min_by_key(|(_, server)| how_far_from_a_sign_in(&server.way))
        else {
            let known: Vec<&str> = described(&config).map(|(_, server)| server.name.as_str()).collect();
            let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
            return Err(Failure::usage(format!("no server of tools is called {name:?}"))
                .hint(format!("in mcp.servers and nodeHost.mcp.servers: {known}")));
        };
        let McpWayConfig::Http { url, sign_in: oauth, tls, .. } = way else {
            return Err(Failure::usage(format!("{name} is a program: nobody signs in at it")));
        };
        let unusable =
            |problem: String| Failure::new(Exit::Config, "CONFIG_INVALID", format!("{name}: {problem}"));
        let client = tool_servers::client(url, CONNECT_WITHIN, tls).map_err(unusable)?;
        let url: Url = url.parse().map_err(|_| unusable("url is no address".into()))?;
        let sign_in = tool_servers::sign_in_at(&ctx.paths.state_dir, (name, &url), client);
        Ok(Self { name: name.clone(), section, oauth: oauth.clone(), sign_in })
    }

    async fn begin(&self, oauth: &McpOAuthConfig, redirect_url: &str) -> Result<McpSignInBegun, String> {
        let (scope, client_metadata_url) = (oauth.scope.as_deref(), oauth.client_metadata_url.as_deref());
        self.sign_in.begin(McpSignInWanted { scope, client_metadata_url }, redirect_url).await
    }

    /// Goes on with a code, and says how that went.
    async fn finish(&self, back: Back, ctx: &Context) -> Result<(), Failure> {
        let (state, issuer) = (back.state.clone(), back.issuer.clone());
        let code = back.code()?;
        self.sign_in.finish(&code, state.as_deref(), issuer.as_deref()).await.map_err(failed)?;
        let expires_at_ms = match self.sign_in.state().map_err(failed)? {
            SignInState::In { expires_at_ms, .. } => expires_at_ms,
            SignInState::Out | SignInState::Over => None,
        };
        let report = json!({"server": self.name, "signedIn": true, "expiresAtMs": expires_at_ms});
        ctx.out.show(&report, || format!("signed in at {}", self.name))
    }
}

/// All servers, with where the configuration describes them.
fn described(config: &Config) -> impl Iterator<Item = (&'static str, &McpServerConfig)> {
    let of_node = config.node_host.mcp_servers.iter().map(|server| ("nodeHost.mcp.servers", server));
    config.mcp.servers.iter().map(|server| ("mcp.servers", server)).chain(of_node)
}

/// Of two servers of a name the one with less is meant.
fn how_far_from_a_sign_in(way: &McpWayConfig) -> u8 {
    match way {
        McpWayConfig::Http { sign_in: Some(_), .. } => 0,
        McpWayConfig::Http { .. } => 1,
        McpWayConfig::Program { .. } => 2,
    }
}

/// Signs in.
///
/// # Errors
/// The server is none at which somebody signs in, or nobody did.
pub(super) async fn login(args: LoginArgs, ctx: &Context) -> Result<(), Failure> {
    let server = Server::named(&args.name, ctx)?;
    let name = &server.name;
    let Some(oauth) = &server.oauth else {
        let hint = format!("openclaw config set {}.{name}.auth oauth", server.section);
        return Err(Failure::usage(format!("{name} does not say auth: \"oauth\"")).hint(hint));
    };
    if let Some(code) = args.code {
        let given = Back { code: Ok(code.trim().to_owned()), state: None, issuer: None };
        return server.finish(Back::read(&code).unwrap_or(given), ctx).await;
    }
    let default = format!("http://127.0.0.1:{PORT}{PATH}");
    let wanted = oauth.redirect_url.as_deref();
    if args.paste {
        let begun = server.begin(oauth, wanted.unwrap_or(&default)).await.map_err(failed)?;
        sign_in::show(begun.page.as_str(), ctx);
        return server.finish(sign_in::pasted()?, ctx).await;
    }
    let Some((listener, redirect_url)) = listener(wanted).await? else {
        let begun = server.begin(oauth, wanted.unwrap_or(&default)).await.map_err(failed)?;
        sign_in::show(begun.page.as_str(), ctx);
        let report = json!({"server": name, "signedIn": false, "page": begun.page.as_str()});
        return ctx.out.show(&report, || format!("then: openclaw mcp login {name} --code CODE"));
    };
    let begun = match server.begin(oauth, &redirect_url).await {
        // Some take no number for a host.
        Err(why) if wanted.is_none() && why.to_ascii_lowercase().contains("redirect") => {
            server.begin(oauth, &redirect_url.replace("127.0.0.1", "localhost")).await
        }
        begun => begun,
    };
    let begun = begun.map_err(failed)?;
    sign_in::show(begun.page.as_str(), ctx);
    ctx.out
        .remark(&format!("where the browser cannot come back here: openclaw mcp login {name} --code CODE"));
    let back = sign_in::heard(&listener, |back| back.state.as_ref() == Some(&begun.state)).await?;
    server.finish(back, ctx).await
}

/// Forgets a sign-in.
///
/// # Errors
/// The server is not there, or the disk refuses.
pub(super) async fn logout(args: LogoutArgs, ctx: &Context) -> Result<(), Failure> {
    let server = Server::named(&args.name, ctx)?;
    let was = server.sign_in.forget().await.map_err(failed)?;
    let report = json!({"server": server.name, "signedOut": was});
    let (name, said) = (&server.name, if was { "signed out of" } else { "nobody was signed in at" });
    ctx.out.show(&report, || format!("{said} {name}"))
}

fn failed(why: String) -> Failure {
    Failure::new(Exit::Failed, "SIGN_IN", why).hint("nothing was changed")
}

/// Listens where the page is to lead to, as the configuration has it or where there is room; `None` where that is elsewhere.
async fn listener(wanted: Option<&str>) -> Result<Option<(TcpListener, String)>, Failure> {
    let Some(wanted) = wanted else {
        let bound = match TcpListener::bind(("127.0.0.1", PORT)).await {
            Err(_) => TcpListener::bind(("127.0.0.1", 0)).await,
            bound => bound,
        };
        let listener = bound.map_err(|error| sign_in::no_listener(&error))?;
        let port = listener.local_addr().map_err(|error| sign_in::no_listener(&error))?.port();
        return Ok(Some((listener, format!("http://127.0.0.1:{port}{PATH}"))));
    };
    let url: Url =
        wanted.parse().map_err(|_| Failure::usage(format!("oauth.redirectUrl {wanted:?} is no address")))?;
    let is_here = url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    match url.port().filter(|_| is_here) {
        None => Ok(None),
        Some(port) => {
            let listener =
                TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| sign_in::no_listener(&error))?;
            Ok(Some((listener, wanted.to_owned())))
        }
    }
}
