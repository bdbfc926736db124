//! Signing in at a server of tools over HTTP (OAuth 2.1 with PKCE): somebody lets this program in at the page of the server that
//! gives out tokens, the tokens are kept in a file of their own, and renewed before they are over or when they are refused.
//!
//! A token goes to the server of tools for which it was given, what renews it to the address that gave it, and neither to any
//! other. What a server names as addresses is held to `metadata`'s rules.

mod begin;
mod exchange;
mod kept;
mod metadata;

pub use begin::{Begun, Wanted};
pub(super) use exchange::showing;
pub use kept::SignInState;

use exchange::Refusal;
use kept::{Kept, Tokens};
use model::{SecretString, SharedClock};
use reqwest::Url;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes the client for an address, which opens a connection within this time.
pub type ClientFor = fn(&str, Duration) -> Result<reqwest::Client, String>;

/// A token that is over so soon is renewed first: it has to be good when it arrives.
const EARLY_MS: i64 = 30_000;
/// How long an address may take to open a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The sign-in at one server of tools. `Debug` shows no secret: there is none in it.
#[derive(Clone)]
pub struct McpSignIn {
    /// The server's name.
    name: String,
    /// Its address, for which tokens are meant.
    server: Url,
    /// What it is reached by, with what the configuration says of certificates.
    own: reqwest::Client,
    /// Other addresses are reached by these.
    other: ClientFor,
    file: PathBuf,
    clock: SharedClock,
}

impl std::fmt::Debug for McpSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpSignIn")
            .field("name", &self.name)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl McpSignIn {
    /// The sign-in at a server of this name and address. Its tokens are in `mcp-oauth` in the state directory, in a file that is
    /// named for both: under another address nobody is signed in.
    pub fn new(
        state_dir: &Path,
        (name, server): (&str, &Url),
        own: reqwest::Client,
        other: ClientFor,
        clock: SharedClock,
    ) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        let shown: String = name.chars().take(40).map(plain).collect();
        let print = hex::encode(Sha256::digest(format!("{name}\n{server}")));
        let place = format!("{shown}-{}", print.get(..16).unwrap_or(&print));
        let file = state_dir.join("mcp-oauth").join(place).join("tokens.json");
        Self { name: name.to_owned(), server: server.clone(), own, other, file, clock }
    }

    /// Whether somebody is signed in.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn state(&self) -> Result<SignInState, String> {
        Ok(self.read()?.state(self.clock.now_ms()))
    }

    /// Forgets all that is kept of it. Whether there was something.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn forget(&self) -> Result<bool, String> {
        let _alone = self.alone().await?;
        match std::fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(format!("{}: {error}", self.file.display())),
        }
    }

    /// The token to show to the server now. `refused`: one that it did not take.
    ///
    /// # Errors
    /// Nobody is signed in (any more), or the token could not be renewed now.
    pub(super) async fn bearer(&self, refused: Option<&SecretString>) -> Result<SecretString, String> {
        if let Some(token) = self.fresh(&self.read()?, refused) {
            return Ok(token);
        }
        let (sign_in, refused) = (self.clone(), refused.cloned());
        let renewed = async move { sign_in.renewed(refused.as_ref()).await };
        // What renews a token is good once: whoever asked may be gone before the answer comes, which is written down all the same.
        #[allow(
            clippy::disallowed_methods,
            reason = "it is to outlive who asked; it ends by itself: the lock and the answer are waited for within bounds"
        )]
        let renewed = tokio::spawn(renewed).await;
        renewed.unwrap_or_else(|error| Err(format!("its sign-in could not be renewed: {error}")))
    }

    /// The token, where one is at hand that need not be renewed.
    pub(super) fn at_hand(&self) -> Option<SecretString> {
        self.fresh(&self.read().ok()?, None)
    }

    fn fresh(&self, kept: &Kept, refused: Option<&SecretString>) -> Option<SecretString> {
        kept.fresh(self.clock.now_ms() + EARLY_MS, refused)
    }

    /// The token, renewed. Nobody else changes the file from before it is asked for until it is written down.
    async fn renewed(&self, refused: Option<&SecretString>) -> Result<SecretString, String> {
        let _alone = self.alone().await?;
        // Somebody else may have renewed it meanwhile.
        let mut kept = self.read()?;
        if let Some(token) = self.fresh(&kept, refused) {
            return Ok(token);
        }
        let Some(tokens) = kept.tokens.as_mut().filter(|tokens| !tokens.refused) else {
            return Err(self.wanted("wants somebody to sign in"));
        };
        let Some(renews) = tokens.refresh_token.clone() else {
            return Err(self.wanted("does not take the sign-in any more, or it is over"));
        };
        match self.renew(tokens, &renews).await {
            Ok(()) => {
                let token = tokens.access_token.clone();
                self.write(&kept)?;
                Ok(token.into())
            }
            Err(refusal @ (Refusal::Over(_) | Refusal::Unknown(_))) => {
                tokens.refused = true;
                let program = tokens.program.id.clone();
                let why = kept.over(refusal, &program);
                self.write(&kept)?;
                Err(self.wanted(&format!("has its sign-in renewed no more ({why})")))
            }
            Err(Refusal::Now(why)) => Err(format!("its sign-in could not be renewed: {why}")),
        }
    }

    async fn renew(&self, tokens: &mut Tokens, by: &str) -> Result<(), Refusal> {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", by), ("resource", &tokens.site.resource)];
        let given = self.exchange(&tokens.site, &tokens.program, &form).await?;
        given.renews(tokens, self.clock.now_ms());
        Ok(())
    }

    /// Notes that the server takes this token for nothing, not even a renewed one. Somebody has to sign in again; why, as an error.
    pub(super) async fn is_refused(&self, token: &SecretString) -> String {
        match self.note(|kept| kept.refuse(token)).await {
            Ok(_) => self.wanted("does not take the sign-in"),
            Err(error) => error,
        }
    }

    /// Notes that the server wants a token that may do more (`scope`) for one request. What this one is good for, it stays good for;
    /// why the request has failed, as an error.
    pub(super) async fn wants_more(&self, token: &SecretString, scope: &str) -> String {
        let shown: String = scope.chars().filter(|c| !c.is_control()).take(300).collect();
        let why = self.wanted(&format!("wants a sign-in that may do more (scope {shown:?})"));
        match self.note(|kept| kept.want(token, scope)).await {
            Ok(is_new) => {
                if is_new {
                    tracing::warn!(server = self.name, "a call of a tool was refused: {why}");
                }
                why
            }
            Err(error) => error,
        }
    }

    /// Changes what is kept, where there is something to be changed; whether there was.
    async fn note(&self, change: impl FnOnce(&mut Kept) -> bool) -> Result<bool, String> {
        let _alone = self.alone().await?;
        let mut kept = self.read()?;
        let changes = change(&mut kept);
        if changes {
            self.write(&kept)?;
        }
        Ok(changes)
    }

    /// Waits until somebody has signed in, or out, where the file says otherwise than now.
    pub(super) async fn changed(&self) {
        let print = || std::fs::metadata(&self.file).and_then(|file| file.modified()).ok();
        let now = print();
        while print() == now {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn wanted(&self, why: &str) -> String {
        format!("it {why}: openclaw mcp login {}", self.name)
    }

    /// What an address is reached by.
    fn client(&self, url: &Url) -> Result<reqwest::Client, String> {
        if url.origin() == self.server.origin() {
            return Ok(self.own.clone());
        }
        (self.other)(url.as_str(), CONNECT_WITHIN)
    }
}
