//! What is kept of a sign-in: a file for its user alone, whole at any moment, which one program changes at a time.

use super::McpSignIn;
use super::exchange::Refusal;
use client::files;
use model::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::time::Duration;

/// Another program may be asking for tokens, which takes half a minute at most.
const ALONE_WITHIN: Duration = Duration::from_secs(45);

/// The file. It holds secrets, and therefore cannot be printed.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Kept {
    /// The server's address.
    pub(super) server: String,
    pub(super) tokens: Option<Tokens>,
    /// As what this program is known where tokens are given out.
    pub(super) program: Option<Program>,
    /// A sign-in that was begun.
    pub(super) pending: Option<Pending>,
    /// What the server wants a token to be good for, beyond what the last one was.
    pub(super) wanted_scope: Option<String>,
}

/// Where tokens are given out, and for what.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Site {
    pub(super) issuer: String,
    pub(super) token_endpoint: String,
    /// The server of tools, as it calls itself.
    pub(super) resource: String,
}

/// As what this program is known there.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Program {
    pub(super) issuer: String,
    pub(super) redirect_url: String,
    pub(super) id: String,
    pub(super) secret: Option<String>,
    /// How the secret is shown: `client_secret_post` or `client_secret_basic`.
    pub(super) shown_by: Option<String>,
    /// Until when the secret is good, in milliseconds since the epoch, where that was said.
    #[serde(default)]
    pub(super) secret_expires_at_ms: Option<i64>,
}

/// What was given.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) scope: Option<String>,
    /// It is taken for nothing any more, and neither is one that it is renewed by.
    #[serde(default)]
    pub(super) refused: bool,
    pub(super) site: Site,
    pub(super) program: Program,
}

/// A sign-in that was begun.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) verifier: String,
    pub(super) scope: Option<String>,
    pub(super) site: Site,
    pub(super) program: Program,
}

/// Whether somebody is signed in at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInState {
    /// Nobody is.
    Out,
    /// Somebody was, and has to be again: the server takes it no more, or it is over and cannot be renewed.
    Over,
    /// Somebody is.
    In {
        /// Until then, in milliseconds since the epoch, where that is known; it is renewed before, where `renewed`.
        expires_at_ms: Option<i64>,
        /// Whether it can be renewed.
        renewed: bool,
        /// What it is good for, where that was said.
        scope: Option<String>,
    },
}

impl Kept {
    /// The token, if it is good at this moment and not the one that was refused.
    pub(super) fn fresh(&self, at_ms: i64, refused: Option<&SecretString>) -> Option<SecretString> {
        let tokens = self.tokens.as_ref().filter(|tokens| !tokens.refused)?;
        let is_over = tokens.expires_at_ms.is_some_and(|over| over <= at_ms);
        let is_refused = refused.is_some_and(|refused| refused.expose_secret() == tokens.access_token);
        (!is_over && !is_refused).then(|| tokens.access_token.clone().into())
    }

    /// Notes that a token is refused; whether it is the one that is kept.
    pub(super) fn refuse(&mut self, token: &SecretString) -> bool {
        match &mut self.tokens {
            Some(tokens) if tokens.access_token == token.expose_secret() => {
                tokens.refused = true;
                true
            }
            _ => false,
        }
    }

    /// Notes that a token is to be good for this, too; whether it is the one that is kept, and that was not known.
    pub(super) fn want(&mut self, token: &SecretString, scope: &str) -> bool {
        let is_kept = self.tokens.as_ref().is_some_and(|tokens| tokens.access_token == token.expose_secret());
        let all = union([self.wanted_scope.as_deref(), Some(scope)]);
        if !is_kept || all.is_none() || all == self.wanted_scope {
            return false;
        }
        self.wanted_scope = all;
        true
    }

    /// Why a sign-in is over. A program that is not known any more where tokens are given out has to make itself known anew.
    pub(super) fn over(&mut self, refusal: Refusal, program: &str) -> String {
        match refusal {
            Refusal::Unknown(why) => {
                self.program.take_if(|known| known.id == program);
                self.pending.take_if(|pending| pending.program.id == program);
                why
            }
            Refusal::Now(why) | Refusal::Over(why) => why,
        }
    }

    pub(super) fn state(&self, now_ms: i64) -> SignInState {
        match &self.tokens {
            None => SignInState::Out,
            Some(tokens) => {
                let renewed = tokens.refresh_token.is_some();
                let is_over = tokens.expires_at_ms.is_some_and(|over| over <= now_ms);
                if tokens.refused || is_over && !renewed {
                    return SignInState::Over;
                }
                let (expires_at_ms, scope) = (tokens.expires_at_ms, tokens.scope.clone());
                SignInState::In { expires_at_ms, renewed, scope }
            }
        }
    }
}

/// The words of all of them, each once; nothing where there is none.
pub(super) fn union<'a>(scopes: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for word in scopes.into_iter().flatten().flat_map(str::split_whitespace) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}

impl McpSignIn {
    pub(super) fn read(&self) -> Result<Kept, String> {
        let place = self.file.display();
        let kept: Kept = match std::fs::read(&self.file) {
            // The parser's own message may quote the text, which holds tokens.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
                format!("{place} is not what a sign-in keeps (line {}); {}", e.line(), self.again())
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(format!("{place}: {error}")),
        };
        // The name of its directory is for the same address; a file that was moved there is none of its.
        if !kept.server.is_empty() && kept.server != self.server.as_str() {
            return Err(format!("{place} is of another server; {}", self.again()));
        }
        Ok(kept)
    }

    fn again(&self) -> String {
        format!("openclaw mcp logout {0}, then openclaw mcp login {0}", self.name)
    }

    pub(super) fn write(&self, kept: &Kept) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.file.display());
        let text = serde_json::to_vec_pretty(kept).map_err(|error| failed(error.into()))?;
        files::replace(&self.file, &text).map_err(failed)
    }

    /// The right to read and then change the file.
    pub(super) async fn alone(&self) -> Result<files::Lock, String> {
        let file = self.file.clone();
        let locked = tokio::task::spawn_blocking(move || files::lock(&file, ALONE_WITHIN)).await;
        let locked = locked.map_err(|error| error.to_string())?;
        locked.map_err(|error| format!("{}: {error}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept() -> Kept {
        let program = json!({"issuer": "i", "redirectUrl": "r", "id": "p"});
        let site = json!({"issuer": "i", "tokenEndpoint": "t", "resource": "s"});
        let tokens = json!({"accessToken": "a", "scope": "x", "site": site, "program": program});
        serde_json::from_value(json!({"tokens": tokens, "program": program})).unwrap()
    }

    #[test]
    fn what_a_token_is_to_be_good_for_is_noted_once_and_takes_nothing_from_it() {
        let (mut kept, token) = (kept(), SecretString::from("a"));
        assert!(!kept.want(&"other".into(), "y"));
        assert!(!kept.want(&token, " "));
        assert!(kept.want(&token, "y x") && !kept.want(&token, "x"));
        assert!(kept.want(&token, "z y"));
        assert_eq!(kept.wanted_scope.as_deref(), Some("y x z"));
        assert!(kept.fresh(0, None).is_some());
    }

    #[test]
    fn a_program_is_forgotten_only_where_it_is_not_known_any_more() {
        let mut kept = kept();
        for (refusal, program, stays) in [
            (Refusal::Over("why".into()), "p", true),
            (Refusal::Unknown("why".into()), "other", true),
            (Refusal::Unknown("why".into()), "p", false),
        ] {
            assert_eq!(kept.over(refusal, program), "why");
            assert_eq!(kept.program.is_some(), stays, "{program}");
        }
    }
}
