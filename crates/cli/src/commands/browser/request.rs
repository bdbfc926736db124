//! Which browser is asked, and how: one call of `browser.request`.

use crate::args::{ConnectArgs, TargetArgs, pin, secret};
use crate::context::Context;
use crate::failure::Failure;
use crate::link::Link;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use model::{Pin, SecretString};
use protocol::Scope;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a browser may take where nobody says, in ms, and where something is waited for.
const TIMEOUT: u64 = 30_000;
pub(super) const LONG: u64 = 120_000;
/// The way to the browser and back takes its own time.
const WAY: Duration = Duration::from_secs(10);

/// Where a browser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Beside the gateway.
    Host,
    /// On a node.
    Node,
}

/// The gateway and the browser; these flags may stand before or behind the command's own name.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The browser's profile; a browser of this program's has one, openclaw
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), help_heading = "Browser")]
    browser_profile: Option<String>,
    /// The node whose browser is meant, where several have one: its id, the beginning of it, or its name
    #[arg(long, global = true, value_name = "NODE", value_parser = NonEmptyStringValueParser::new(), help_heading = "Browser")]
    node: Option<String>,
    /// Whose browser is meant: the gateway's own, or a node's [default: the gateway's own where it has one]
    #[arg(long, global = true, value_name = "WHERE", help_heading = "Browser")]
    target: Option<Target>,
    /// The gateway's address, ws://HOST:PORT or wss://…; needs --token or --password beside it. For `wait` and `cookies set`
    /// any other address is the page's
    #[arg(long, global = true, value_name = "URL", help_heading = "Gateway")]
    url: Option<String>,
    /// The gateway's token
    #[arg(long, global = true, value_name = "TOKEN", value_parser = secret, help_heading = "Gateway")]
    token: Option<SecretString>,
    /// The gateway's password
    #[arg(long, global = true, value_name = "PASSWORD", value_parser = secret, help_heading = "Gateway")]
    password: Option<SecretString>,
    /// The port of a gateway on this host
    #[arg(long, global = true, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Gateway")]
    port: Option<u16>,
    /// The certificate that the gateway must show, sha256:HEX, or spki:sha256:HEX for its key; more than once for any of them
    #[arg(long, global = true, value_name = "PIN", value_parser = pin, help_heading = "Gateway")]
    tls_fingerprint: Vec<Pin>,
    /// The browser gives up after this many milliseconds [default: 30000]
    #[arg(long, global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=120_000), help_heading = "Browser")]
    timeout: Option<u64>,
}

impl Place {
    /// Takes out the address where it is no gateway's: some commands know it as that of a page.
    pub(super) fn take_page_url(&mut self) -> Option<String> {
        let is_gateway = |url: &String| url.starts_with("ws://") || url.starts_with("wss://");
        self.url.take_if(|url| !is_gateway(url))
    }
}

/// Which tab is meant.
#[derive(Debug, Args)]
pub(super) struct InTab {
    /// The tab: its label, its place such as t1, or the browser's own name for it [default: the one used last]
    #[arg(long, value_name = "TAB", value_parser = NonEmptyStringValueParser::new())]
    pub(super) target_id: Option<String>,
}

/// Asks browsers.
pub(super) struct Driver<'a> {
    pub(super) ctx: &'a Context,
    pub(super) place: &'a Place,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Value,
    pub(super) body: Value,
    /// How long it may take, in ms, where the command line does not say.
    pub(super) timeout: u64,
    pub(super) upload: Option<Value>,
}

impl<'a> Ask<'a> {
    /// Looks at something.
    pub(super) fn get(path: &'a str, query: Value) -> Self {
        Self { method: "GET", path, query, body: Value::Null, timeout: TIMEOUT, upload: None }
    }

    /// Does something.
    pub(super) fn post(path: &'a str, body: Value) -> Self {
        Self { method: "POST", path, query: Value::Null, body, timeout: TIMEOUT, upload: None }
    }

    /// With more time.
    pub(super) fn patient(self) -> Self {
        Self { timeout: LONG, ..self }
    }
}

impl Driver<'_> {
    /// Asks, and gives what the browser answers.
    ///
    /// # Errors
    /// The gateway cannot be reached, no node has a browser, or the browser refuses.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Value, Failure> {
        let place = self.place;
        if place.url.is_some() && place.port.is_some() {
            return Err(Failure::usage("--url and --port say two things: give one of them"));
        }
        let target = TargetArgs {
            url: place.url.clone(),
            token: place.token.clone(),
            password: place.password.clone(),
            port: place.port,
            tls_fingerprint: place.tls_fingerprint.clone(),
        };
        let connect = ConnectArgs { target, timeout: None };
        let link = Link::dial(self.ctx, &connect, &[Scope::Admin.as_str().to_owned()]).await?;
        let timeout = place.timeout.unwrap_or(ask.timeout);
        let mut query = filled(ask.query);
        if let Some(profile) = &place.browser_profile {
            query.insert("profile".into(), json!(profile));
        }
        let mut params =
            json!({"method": ask.method, "path": ask.path, "query": query, "timeoutMs": timeout});
        if !ask.body.is_null() {
            params["body"] = Value::Object(filled(ask.body));
        }
        if let Some(upload) = ask.upload {
            params["upload"] = upload;
        }
        if let Some(target) = place.target {
            params["target"] = json!(if target == Target::Host { "host" } else { "node" });
        }
        if let Some(node) = &place.node {
            if place.target == Some(Target::Host) {
                return Err(Failure::usage("--node names a node, and --target host means none"));
            }
            params["target"] = json!("node");
            params["node"] = json!(node);
        }
        let answer =
            link.call_within("browser.request", params, Duration::from_millis(timeout) + WAY).await?;
        link.leave().await;
        Ok(answer)
    }

    /// Asks, and prints the answer where JSON is wanted, else what `text` makes of it.
    ///
    /// # Errors
    /// As [`Driver::ask`].
    pub(super) async fn show(
        &self,
        ask: Ask<'_>,
        text: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        let answer = self.ask(ask).await?;
        self.ctx.out.show(&answer, || text(&answer))
    }
}

/// What was said; what was not is left out.
fn filled(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}
