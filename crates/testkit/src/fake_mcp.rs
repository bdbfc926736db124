//! A server of tools over HTTP that wants a sign-in, and the place that gives out tokens for it, on another port: what RFC 9728,
//! 8414, 7591, 7636 and 8707 ask of them, and ways to misbehave.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whether that was of the place that gives out tokens.
    pub of_issuer: bool,
    /// The path.
    pub path: String,
    /// The header `Authorization`; empty where there was none.
    pub authorization: String,
    /// The fields of a form, a query or a JSON object.
    pub fields: BTreeMap<String, String>,
}

/// How it is.
#[derive(Default)]
struct Being {
    tools: String,
    issuer: String,
    asked: Vec<Asked>,
    /// By code: the challenge, and where it leads.
    codes: BTreeMap<String, (String, String)>,
    good: BTreeSet<String>,
    renewing: BTreeSet<String>,
    count: u32,
    /// Seconds.
    lives: Option<i64>,
    /// Fields that take the place of those in what they say of themselves.
    says: BTreeMap<String, Value>,
    wants_scope: Option<String>,
    denies: bool,
}

type Shared = Arc<Mutex<Being>>;

/// A running fake; it ends when dropped.
pub struct FakeMcp {
    being: Shared,
    _servers: JoinSet<()>,
}

impl FakeMcp {
    /// Starts one that lends the tool `search`.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> io::Result<Self> {
        let (tools, issuer) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let being = Being {
            tools: format!("http://{}", tools.local_addr()?),
            issuer: format!("http://{}/tenant", issuer.local_addr()?),
            ..Being::default()
        };
        let (being, mut servers) = (Shared::new(Mutex::new(being)), JoinSet::new());
        for (listener, of_issuer) in [(tools, false), (issuer, true)] {
            let app = Router::new().fallback(answer).with_state((being.clone(), of_issuer));
            servers.spawn(async move {
                // It serves until the fake is dropped.
                let _ended = axum::serve(listener, app).await;
            });
        }
        Ok(Self { being, _servers: servers })
    }

    /// The address of the server of tools.
    pub fn url(&self) -> String {
        format!("{}/mcp", self.being().tools)
    }

    /// What the place that gives out tokens calls itself.
    pub fn issuer(&self) -> String {
        self.being().issuer.clone()
    }

    /// All that was asked for.
    pub fn asked(&self) -> Vec<Asked> {
        self.being().asked.clone()
    }

    /// From now on tokens are good for so many seconds, as far as that is said.
    pub fn lives(&self, seconds: i64) {
        self.being().lives = Some(seconds);
    }

    /// Takes no token that was given; they can be renewed where `renewed`.
    pub fn forgets(&self, renewed: bool) {
        let mut being = self.being();
        being.good.clear();
        if !renewed {
            being.renewing.clear();
        }
    }

    /// Says this of itself instead of what is so, in either document; nothing: the truth.
    pub fn says(&self, key: &str, value: Option<Value>) {
        let mut being = self.being();
        match value {
            Some(value) => drop(being.says.insert(key.to_owned(), value)),
            None => being.says.clear(),
        }
    }

    /// Takes only tokens with this scope, of which there are none yet.
    pub fn wants(&self, scope: &str) {
        self.being().wants_scope = Some(scope.to_owned());
    }

    /// Whoever opens the page refuses.
    pub fn denies(&self, denies: bool) {
        self.being().denies = denies;
    }

    fn being(&self) -> MutexGuard<'_, Being> {
        lock(&self.being)
    }
}

fn lock(being: &Shared) -> MutexGuard<'_, Being> {
    being.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State((being, of_issuer)): State<(Shared, bool)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut being = lock(&being);
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let form = if method == Method::GET {
        uri.query().unwrap_or_default().into()
    } else {
        String::from_utf8_lossy(&body)
    };
    let fields = match &message {
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
        }
        _ => form
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (decoded(k), decoded(v)))
            .collect(),
    };
    let authorization = text(header::AUTHORIZATION);
    let asked =
        Asked { of_issuer, path: uri.path().to_owned(), authorization: authorization.clone(), fields };
    being.asked.push(asked.clone());
    match (of_issuer, uri.path()) {
        (false, "/mcp") => being.tools(&method, &authorization, &message),
        (false, "/.well-known/oauth-protected-resource/mcp") => {
            let own =
                json!({"resource": format!("{}/mcp", being.tools), "authorization_servers": [being.issuer]});
            being.document(own)
        }
        (true, "/.well-known/oauth-authorization-server/tenant") => {
            let at = |path: &str| format!("{}{path}", being.issuer);
            let own = json!({
                "issuer": being.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
                "registration_endpoint": at("/register"), "code_challenge_methods_supported": ["S256"],
            });
            being.document(own)
        }
        (true, "/tenant/register") => {
            let known = json!({"client_id": "program-1", "redirect_uris": message["redirect_uris"]});
            (StatusCode::CREATED, axum::Json(known)).into_response()
        }
        (true, "/tenant/authorize") => being.page(&asked.fields),
        (true, "/tenant/token") => being.tokens(&asked.fields),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Being {
    fn document(&self, mut own: Value) -> Response {
        for (key, value) in &self.says {
            if own.get(key).is_some() {
                own[key] = value.clone();
            }
        }
        axum::Json(own).into_response()
    }

    fn tools(&self, method: &Method, authorization: &str, message: &Value) -> Response {
        let refused = |status: StatusCode, how: String| {
            (status, [(header::WWW_AUTHENTICATE, format!("Bearer {how}"))]).into_response()
        };
        if !authorization.strip_prefix("Bearer ").is_some_and(|token| self.good.contains(token)) {
            let place = match self.says.get("resource_metadata") {
                Some(place) => place.as_str().unwrap_or_default().to_owned(),
                None => format!("{}/.well-known/oauth-protected-resource/mcp", self.tools),
            };
            return refused(
                StatusCode::UNAUTHORIZED,
                format!("resource_metadata=\"{place}\", scope=\"docs.read\""),
            );
        }
        if let Some(scope) = &self.wants_scope {
            return refused(
                StatusCode::FORBIDDEN,
                format!("error=\"insufficient_scope\", scope=\"{scope}\""),
            );
        }
        if method != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED.into_response();
        }
        let result = match message["method"].as_str() {
            Some("initialize") => {
                json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {}})
            }
            Some("tools/list") => json!({"tools": [{"name": "search", "inputSchema": {"type": "object"}}]}),
            Some("tools/call") => json!({"content": [{"type": "text", "text": "found behind the door"}]}),
            Some("ping") => json!({}),
            _ => return StatusCode::ACCEPTED.into_response(),
        };
        axum::Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).into_response()
    }

    /// The page, at which somebody agrees at once.
    fn page(&mut self, fields: &BTreeMap<String, String>) -> Response {
        let of = |key: &str| fields.get(key).cloned().unwrap_or_default();
        let (back, state) = (of("redirect_uri"), of("state"));
        let resource = format!("{}/mcp", self.tools);
        let is_right = of("response_type") == "code"
            && of("client_id") == "program-1"
            && of("code_challenge_method") == "S256"
            && of("resource") == resource;
        if !is_right {
            return StatusCode::BAD_REQUEST.into_response();
        }
        let to = if self.denies {
            format!("{back}?error=access_denied&error_description=not+today&state={state}")
        } else {
            self.count += 1;
            let code = format!("code/{}", self.count);
            self.codes.insert(code.clone(), (of("code_challenge"), back.clone()));
            format!("{back}?code={}&state={state}&iss={}", code.replace('/', "%2F"), self.issuer)
        };
        (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
    }

    fn tokens(&mut self, fields: &BTreeMap<String, String>) -> Response {
        let of = |key: &str| fields.get(key).cloned().unwrap_or_default();
        let is_right = match of("grant_type").as_str() {
            "authorization_code" => self.codes.remove(&of("code")).is_some_and(|(challenge, back)| {
                let verified = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier").as_bytes()));
                verified == challenge && back == of("redirect_uri")
            }),
            "refresh_token" => self.renewing.remove(&of("refresh_token")),
            _ => false,
        };
        if !is_right || of("client_id") != "program-1" || of("resource") != format!("{}/mcp", self.tools) {
            let why = json!({"error": "invalid_grant", "error_description": "it is not good any more"});
            return (StatusCode::BAD_REQUEST, axum::Json(why)).into_response();
        }
        self.count += 1;
        let (access, renews) =
            (format!("secret-access-{}", self.count), format!("secret-renewing-{}", self.count));
        self.good.insert(access.clone());
        self.renewing.insert(renews.clone());
        let mut given = json!({"access_token": access, "token_type": "Bearer", "refresh_token": renews});
        if let Some(lives) = self.lives {
            given["expires_in"] = lives.into();
        }
        axum::Json(given).into_response()
    }
}

/// What stands in a form, without its escapes.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(&String::from_utf8_lossy(&hex), 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
