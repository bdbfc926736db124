//! The flags that describe a server of tools, and what they write.

use crate::failure::Failure;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

/// How a new one is spoken with.
#[derive(Debug, Args)]
pub(super) struct Way {
    /// The program that it is
    #[arg(long, value_name = "PROGRAM", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "url", required_unless_present = "url")]
    command: Option<String>,
    /// An argument of the program; can be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "command")]
    arg: Vec<String>,
    /// A variable for the program; '${NAME}' as its value stands for one of the gateway's. Can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "command")]
    env: Vec<(String, String)>,
    /// Where the program runs
    #[arg(long, value_name = "DIR", requires = "command")]
    cwd: Option<String>,
    /// Its address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How it is spoken with over HTTP [default: sse, the older way]
    #[arg(long, value_name = "WAY", value_parser = ["streamable-http", "sse"], requires = "url")]
    transport: Option<String>,
    /// A header of each request, such as 'Authorization=Bearer ${TOKEN}'; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "url")]
    header: Vec<(String, String)>,
}

/// What can be said of any, new or not.
#[derive(Debug, Args)]
pub(super) struct Controls {
    /// How long a call of it may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: Option<u64>,
    /// How long it may take to answer after its start
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    connect_timeout: Option<u64>,
    /// The tools that agents get, with commas between them; * stands for any characters
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    include: Vec<String>,
    /// The tools that they do not get
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    exclude: Vec<String>,
    /// How it wants people to sign in
    #[arg(long, value_name = "WAY", value_parser = ["oauth"])]
    auth: Option<String>,
    /// What is asked for when signing in
    #[arg(long, value_name = "SCOPE")]
    oauth_scope: Option<String>,
    /// Where the sign-in page leads back to
    #[arg(long, value_name = "URL")]
    oauth_redirect_url: Option<String>,
    /// Where this client is described
    #[arg(long, value_name = "URL")]
    oauth_client_metadata_url: Option<String>,
    /// A file (PEM) with the certificate that is shown to it
    #[arg(long, value_name = "FILE")]
    client_cert: Option<String>,
    /// The file (PEM) with the key of that certificate
    #[arg(long, value_name = "FILE")]
    client_key: Option<String>,
    /// Whether its certificate is checked; false takes anybody's
    #[arg(long, value_name = "BOOL")]
    ssl_verify: Option<bool>,
    #[command(flatten)]
    not_here: NotHere,
}

/// What OpenClaw's has beside these.
#[derive(Debug, Args)]
struct NotHere {
    #[arg(long, hide = true)]
    approval: Option<String>,
    // Calls always go side by side.
    #[arg(long, hide = true)]
    parallel: bool,
}

/// Reads `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it like NAME=VALUE")?;
    if name.trim().is_empty() {
        return Err("a name is missing before the =".to_owned());
    }
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Way {
    /// The description of a server that is spoken with so.
    pub(super) fn describe(self) -> Value {
        let map = |pairs: Vec<(String, String)>| -> Value {
            Value::Object(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
        };
        let mut out = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(key.to_owned(), value);
            }
        };
        put("command", self.command.map(Value::String));
        put("args", (!self.arg.is_empty()).then(|| json!(self.arg)));
        put("env", (!self.env.is_empty()).then(|| map(self.env)));
        put("cwd", self.cwd.map(Value::String));
        put("url", self.url.map(Value::String));
        put("transport", self.transport.map(Value::String));
        put("headers", (!self.header.is_empty()).then(|| map(self.header)));
        Value::Object(out)
    }
}

impl Controls {
    /// Writes what was said into the description of a server.
    ///
    /// # Errors
    /// Something was said that is nothing here.
    pub(super) fn write(self, server: &mut Map<String, Value>) -> Result<(), Failure> {
        self.not_here.refuse()?;
        let millis = |seconds: u64| json!(seconds * 1_000);
        let plain = [
            ("requestTimeoutMs", self.timeout.map(millis)),
            ("connectionTimeoutMs", self.connect_timeout.map(millis)),
            ("auth", self.auth.map(Value::String)),
            ("clientCert", self.client_cert.map(Value::String)),
            ("clientKey", self.client_key.map(Value::String)),
            ("sslVerify", self.ssl_verify.map(Value::Bool)),
        ];
        for (key, value) in plain {
            if let Some(value) = value {
                server.insert(key.to_owned(), value);
            }
        }
        within(server, "toolFilter", [("include", names(self.include)), ("exclude", names(self.exclude))]);
        let texts = [
            ("scope", self.oauth_scope),
            ("redirectUrl", self.oauth_redirect_url),
            ("clientMetadataUrl", self.oauth_client_metadata_url),
        ];
        within(server, "oauth", texts.map(|(key, text)| (key, text.map(Value::String))));
        Ok(())
    }
}

/// Names, as long as there are any.
pub(super) fn names(all: Vec<String>) -> Option<Value> {
    let all: Vec<String> =
        all.into_iter().map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    (!all.is_empty()).then(|| json!(all))
}

/// Puts values into the object of this name, which is made where it is missing.
pub(super) fn within<const N: usize>(
    server: &mut Map<String, Value>,
    name: &str,
    values: [(&str, Option<Value>); N],
) {
    for (key, value) in values {
        let Some(value) = value else { continue };
        let inner = server.entry(name).or_insert_with(|| json!({}));
        if let Some(inner) = inner.as_object_mut() {
            inner.insert(key.to_owned(), value);
        }
    }
}

impl NotHere {
    fn refuse(&self) -> Result<(), Failure> {
        if self.approval.is_some() {
            return Err(Failure::usage("--approval is for Codex, which this gateway does not run")
                .hint("take tools away from agents: openclaw mcp tools NAME --exclude TOOL"));
        }
        Ok(())
    }
}
