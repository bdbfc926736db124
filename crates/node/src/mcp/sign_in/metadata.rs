//! Where tokens for a server of tools are given out, as it says itself (RFC 9728), and what that place says of itself (RFC 8414, or
//! OpenID Connect's document).
//!
//! What a server names is not simply gone to: it says for itself alone what it is, all addresses are https (http is for servers on
//! this computer), none leads nearer than the server itself is, and a place that gives out tokens has to call itself what it was
//! called.

use super::McpSignIn;
use super::exchange::{ask, place, said};
use crate::mcp::challenge::Challenge;
use reqwest::Url;
use reqwest::header::ACCEPT;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use url::Host;

/// A server has this long to say that it wants a sign-in; it may begin a stream instead.
const PROBE_WITHIN: Duration = Duration::from_secs(15);

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) issuer: String,
    /// The page at which somebody signs in.
    pub(super) page: Url,
    pub(super) token_endpoint: Url,
    /// Where programs make themselves known.
    pub(super) registration: Option<Url>,
    /// Whether an address of a document that describes a program will do instead.
    pub(super) takes_documents: bool,
    /// The server of tools, as it calls itself.
    pub(super) resource: String,
    /// What a token is to be good for, as far as the server says so.
    pub(super) scope: Option<String>,
}

/// What a place that gives out tokens says of itself.
struct Words {
    words: Value,
    /// It may be silent on PKCE, as OpenID Connect's document may, which knows no word for it.
    may_be_silent: bool,
}

impl McpSignIn {
    /// Asks the server and the place that it names.
    pub(super) async fn find(&self) -> Result<Found, String> {
        let challenge = self.probe().await?;
        let own = self.own_words(&challenge).await?;
        let (issuer, resource, scopes) = match &own {
            None => (None, None, None),
            Some(words) => {
                let issuer = words["authorization_servers"][0].as_str();
                let scopes = words["scopes_supported"]
                    .as_array()
                    .map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
                (issuer.map(str::to_owned), Some(self.resource(words)?), scopes)
            }
        };
        let resource = resource.unwrap_or_else(|| without_fragment(&self.server));
        let scope = challenge.scope.or(scopes).filter(|scope| !scope.is_empty());
        let named = issuer.is_some();
        let issuer = issuer.unwrap_or_else(|| self.server.origin().ascii_serialization());
        let at = self.allowed("authorization_servers", &issuer)?;
        let words = self.words_of(&at).await?;
        let Some(words) = words else {
            if named {
                return Err(format!("{} does not say how somebody signs in there", place(&at)));
            }
            // As the protocol's first edition with sign-ins has it.
            let by_name = |name: &str| self.server.join(name).map_err(|e| e.to_string());
            let (page, token_endpoint) = (by_name("/authorize")?, by_name("/token")?);
            let registration = Some(by_name("/register")?);
            return Ok(Found {
                issuer,
                page,
                token_endpoint,
                registration,
                takes_documents: false,
                resource,
                scope,
            });
        };
        self.found(&words, &issuer, (resource, scope))
    }

    fn found(
        &self,
        Words { words, may_be_silent }: &Words,
        issuer: &str,
        (resource, scope): (String, Option<String>),
    ) -> Result<Found, String> {
        let text = |key: &str| words[key].as_str();
        let slashless = |text: &str| text.trim_end_matches('/').to_owned();
        let calls_itself = text("issuer").unwrap_or_default();
        if slashless(calls_itself) != slashless(issuer) {
            return Err(format!(
                "{issuer:?} calls itself {calls_itself:?}, so that it is not to be trusted with a sign-in"
            ));
        }
        let needed = |key: &str| {
            let named = text(key).ok_or_else(|| format!("{issuer} names no {key}"))?;
            self.allowed(key, named)
        };
        let takes_pkce = match words["code_challenge_methods_supported"].as_array() {
            Some(methods) => methods.iter().any(|method| method == "S256"),
            None => *may_be_silent,
        };
        if !takes_pkce {
            return Err(format!("{issuer} takes no PKCE with S256, without which nobody signs in safely"));
        }
        let registration = text("registration_endpoint");
        Ok(Found {
            issuer: calls_itself.to_owned(),
            page: needed("authorization_endpoint")?,
            token_endpoint: needed("token_endpoint")?,
            registration: registration
                .map(|named| self.allowed("registration_endpoint", named))
                .transpose()?,
            takes_documents: words["client_id_metadata_document_supported"] == true,
            resource,
            scope,
        })
    }

    /// What the server says to somebody without a token.
    async fn probe(&self) -> Result<Challenge, String> {
        let request = self.own.get(self.server.clone()).header(ACCEPT, "text/event-stream");
        let unreachable =
            |e| format!("{} cannot be reached: {}", place(&self.server), crate::mcp::http::causes(e));
        match tokio::time::timeout(PROBE_WITHIN, request.send()).await {
            Ok(answer) => Ok(Challenge::of(answer.map_err(unreachable)?.headers())),
            // One that says nothing may want a sign-in all the same.
            Err(_) => Ok(Challenge::default()),
        }
    }

    /// What the server says of itself, where it does.
    async fn own_words(&self, challenge: &Challenge) -> Result<Option<Value>, String> {
        if let Some(named) = &challenge.metadata {
            let url = self.server.join(named).map_err(|e| format!("resource_metadata {named:?}: {e}"))?;
            if url.origin() != self.server.origin() {
                return Err(format!(
                    "it says of itself at {}, which is on another host than it is; that is not followed",
                    place(&url)
                ));
            }
            let (status, words) = ask(self.own.get(url.clone()), &url).await?;
            return if status.is_success() { Ok(Some(words)) } else { Err(said(status, &words, &url)) };
        }
        let below =
            format!("/.well-known/oauth-protected-resource{}", self.server.path().trim_end_matches('/'));
        self.first_of(&self.server, [below.as_str(), "/.well-known/oauth-protected-resource"]).await
    }

    /// The server's own name for itself, which has to be its address or what stands above it.
    fn resource(&self, words: &Value) -> Result<String, String> {
        let Some(named) = words["resource"].as_str() else { return Ok(without_fragment(&self.server)) };
        let url = Url::parse(named).map_err(|e| format!("it calls itself {named:?}: {e}"))?;
        let above = url.path().trim_end_matches('/');
        let rest = self.server.path().strip_prefix(above);
        let is_its = url.origin() == self.server.origin()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_its {
            return Ok(named.to_owned());
        }
        Err(format!(
            "it calls itself {named:?}, which is not its address; tokens for that are not shown to it"
        ))
    }

    /// What the place that gives out tokens says of itself, where it does.
    async fn words_of(&self, issuer: &Url) -> Result<Option<Words>, String> {
        let path = issuer.path().trim_end_matches('/');
        let oauth = format!("/.well-known/oauth-authorization-server{path}");
        if let Some(words) = self.first_of(issuer, [oauth.as_str()]).await? {
            return Ok(Some(Words { words, may_be_silent: false }));
        }
        let openid = [
            format!("/.well-known/openid-configuration{path}"),
            format!("{path}/.well-known/openid-configuration"),
        ];
        let words = self.first_of(issuer, openid.iter().map(String::as_str)).await?;
        Ok(words.map(|words| Words { words, may_be_silent: true }))
    }

    /// The first document that is there.
    async fn first_of<'a>(
        &self,
        base: &Url,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Value>, String> {
        for path in paths {
            let url = base.join(path).map_err(|e| e.to_string())?;
            let (status, words) = ask(self.client(&url)?.get(url.clone()), &url).await?;
            if status.is_success() && words.is_object() {
                return Ok(Some(words));
            }
            if status.is_server_error() {
                return Err(said(status, &words, &url));
            }
        }
        Ok(None)
    }

    /// An address that was named, if it may be gone to.
    fn allowed(&self, key: &str, named: &str) -> Result<Url, String> {
        let shown: String = named.chars().filter(|c| !c.is_control()).take(300).collect();
        let url = Url::parse(named).map_err(|e| format!("{key} {shown:?}: {e}"))?;
        match refusal(&self.server, &url) {
            None => Ok(url),
            Some(why) => Err(format!("{key} {shown:?} is not gone to: {why}")),
        }
    }
}

/// Why a server may not lead somebody there.
fn refusal(server: &Url, to: &Url) -> Option<&'static str> {
    let plain = to.scheme() == "http" && is_here(server) && is_here(to);
    let has_user = !to.username().is_empty() || to.password().is_some();
    if to.scheme() != "https" && !plain || has_user {
        return Some("it has to begin with https://, and to name nobody");
    }
    // Whoever is far away has no word in what is asked for here.
    let is_nearer = is_here(to) && !is_here(server) || is_near(to) && !is_near(server);
    is_nearer.then_some("it is on this computer or in its network, and the server is not")
}

/// Whether it is on this computer.
fn is_here(url: &Url) -> bool {
    match ip(url) {
        Some(ip) => ip.is_loopback(),
        None => url.domain().is_some_and(|name| {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }),
    }
}

/// Whether it is here or in a network that is not everybody's, as far as its address says.
fn is_near(url: &Url) -> bool {
    is_here(url) || ip(url).is_some_and(|ip| model::address_refusal(ip, false).is_some())
}

fn ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::from(ip)),
        Host::Ipv6(ip) => Some(IpAddr::from(ip).to_canonical()),
    }
}

fn without_fragment(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_leads_nobody_nearer_than_it_is_and_nobody_where_others_listen() {
        for (server, to, may) in [
            ("https://mcp.example/", "https://login.example/x", true),
            ("https://mcp.example/", "http://mcp.example/x", false),
            ("http://10.0.0.1/", "http://10.0.0.1/x", false),
            ("https://10.0.0.1/", "https://10.0.0.2/x", true),
            ("https://10.0.0.1/", "https://127.0.0.1/x", false),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/x", true),
            ("http://localhost:1/", "http://[::1]:2/x", true),
            ("http://127.0.0.1:1/", "https://login.example/x", true),
            ("http://127.0.0.1:1/", "http://login.example/x", false),
            ("https://mcp.example/", "https://localhost/x", false),
            ("https://mcp.example/", "https://a.localhost./x", false),
            ("https://mcp.example/", "https://192.168.1.1/x", false),
            ("https://mcp.example/", "https://[::ffff:127.0.0.1]/x", false),
            ("https://mcp.example/", "https://169.254.169.254/x", false),
            ("https://mcp.example/", "https://me@login.example/x", false),
        ] {
            let [from, named] = [server, to].map(|url| Url::parse(url).unwrap());
            assert_eq!(refusal(&from, &named).is_none(), may, "{server} {to}");
        }
    }
}
