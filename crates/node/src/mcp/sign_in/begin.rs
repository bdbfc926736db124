//! Signing in: a page is made for somebody to open, and the code that it leads to is exchanged for tokens.

use super::McpSignIn;
use super::exchange::{ask, said};
use super::kept::{Kept, Pending, Program, Site, union};
use super::metadata::Found;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A program's secret that is over so soon is not begun with: it has to be good until somebody has signed in.
const SIGNED_IN_WITHIN_MS: i64 = 600_000;

/// What the configuration says of a sign-in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// What a token is to be good for; what the server says where nothing is said.
    pub scope: Option<&'a str>,
    /// Where a document describes this program, for places that take that instead of a registration.
    pub client_metadata_url: Option<&'a str>,
}

/// A sign-in that waits for somebody.
#[derive(Debug)]
pub struct Begun {
    /// The page to open in a browser.
    pub page: Url,
    /// What the address to which it leads says as `state`.
    pub state: String,
}

impl McpSignIn {
    /// Begins to sign somebody in: asks the server where that is done, and makes this program known there. Keeps what is needed to
    /// go on; tokens that are there stay until there are others. The page leads to `redirect_url`.
    ///
    /// # Errors
    /// The server does not say, or no program can make itself known there.
    pub async fn begin(&self, wanted: Wanted<'_>, redirect_url: &str) -> Result<Begun, String> {
        let found = self.find().await?;
        let _alone = self.alone().await?;
        let mut kept = self.read()?;
        let asked = wanted.scope.or(found.scope.as_deref());
        let scope = match kept.wanted_scope.as_deref() {
            // More than there was, and nothing of that less.
            Some(more) => {
                let granted = kept.tokens.as_ref().and_then(|tokens| tokens.scope.as_deref());
                union([granted, asked, Some(more)])
            }
            None => asked.map(str::to_owned),
        };
        let program = self.program(&kept, &found, wanted, (redirect_url, scope.as_deref())).await?;
        let random = || model::random_token().map_err(|error| format!("no randomness can be had: {error}"));
        let (state, verifier) = (random()?, random()?);
        let mut page = found.page.clone();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        page.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &program.id)
            .append_pair("redirect_uri", redirect_url)
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", &found.resource)
            .extend_pairs(scope.iter().map(|scope| ("scope", scope.as_str())));
        let site = Site {
            issuer: found.issuer,
            token_endpoint: found.token_endpoint.to_string(),
            resource: found.resource,
        };
        kept.server = self.server.to_string();
        kept.program = Some(program.clone());
        kept.pending = Some(Pending { state: state.clone(), verifier, scope, site, program });
        self.write(&kept)?;
        Ok(Begun { page, state })
    }

    /// Goes on with the code that the page led to. `state` is which sign-in it is of, and `issuer` who says so (`iss`), where the
    /// address had them.
    ///
    /// # Errors
    /// Nothing was begun, or the code is of another sign-in or is not taken. Tokens that were there stay.
    pub async fn finish(&self, code: &str, state: Option<&str>, issuer: Option<&str>) -> Result<(), String> {
        let _alone = self.alone().await?;
        let mut kept = self.read()?;
        let Some(pending) = kept.pending.clone() else {
            return Err(format!("no sign-in was begun: openclaw mcp login {}", self.name));
        };
        if state.is_some_and(|state| state != pending.state) {
            return Err("that address is of another sign-in".to_owned());
        }
        if let Some(other) = issuer.filter(|issuer| *issuer != pending.site.issuer) {
            return Err(format!(
                "the code is of {other:?}, and the sign-in was begun at {:?}",
                pending.site.issuer
            ));
        }
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &pending.program.redirect_url),
            ("code_verifier", &pending.verifier),
            ("resource", &pending.site.resource),
        ];
        let given = match self.exchange(&pending.site, &pending.program, &form).await {
            Ok(given) => given,
            Err(refusal) => {
                let why = kept.over(refusal, &pending.program.id);
                self.write(&kept)?;
                return Err(why);
            }
        };
        let now = self.clock.now_ms();
        kept.tokens = Some(given.tokens((pending.site, pending.program), pending.scope, now));
        (kept.pending, kept.wanted_scope) = (None, None);
        self.write(&kept)
    }

    /// As what this program is known there: by a document, by what it was registered as before, or by a registration.
    async fn program(
        &self,
        kept: &Kept,
        found: &Found,
        wanted: Wanted<'_>,
        (redirect_url, scope): (&str, Option<&str>),
    ) -> Result<Program, String> {
        let of = |id: &str, secret, shown_by| Program {
            issuer: found.issuer.clone(),
            redirect_url: redirect_url.to_owned(),
            id: id.to_owned(),
            secret,
            shown_by,
            secret_expires_at_ms: None,
        };
        if let Some(document) = wanted.client_metadata_url.filter(|_| found.takes_documents) {
            return Ok(of(document, None, None));
        }
        let until = self.clock.now_ms().saturating_add(SIGNED_IN_WITHIN_MS);
        let is_known = |program: &&Program| {
            let is_over = program.secret_expires_at_ms.is_some_and(|over| over <= until);
            program.issuer == found.issuer && program.redirect_url == redirect_url && !is_over
        };
        if let Some(known) = kept.program.as_ref().filter(is_known) {
            return Ok(known.clone());
        }
        let Some(url) = &found.registration else {
            return Err(format!(
                "{} lets only programs sign in that it knows, and no other make itself known",
                found.issuer
            ));
        };
        let mut described = json!({
            "client_name": "OpenClaw MCP",
            "redirect_uris": [redirect_url],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        if let (Some(scope), Some(described)) = (scope, described.as_object_mut()) {
            described.insert("scope".into(), scope.into());
        }
        let (status, answer) = ask(self.client(url)?.post(url.clone()).json(&described), url).await?;
        let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty());
        match text("client_id").filter(|_| status.is_success()) {
            Some(id) => {
                let [secret, shown_by] =
                    ["client_secret", "token_endpoint_auth_method"].map(|key| text(key).map(str::to_owned));
                // Seconds; 0 is never.
                let expires_at = answer["client_secret_expires_at"].as_i64().filter(|at| *at > 0);
                let secret_expires_at_ms = expires_at.map(|at| at.saturating_mul(1000));
                Ok(Program { secret_expires_at_ms, ..of(id, secret, shown_by) })
            }
            None => Err(format!("this program could not make itself known: {}", said(status, &answer, url))),
        }
    }
}
