//! `openclaw models auth login`: signing in at a provider that lets any program do so, or keeping a key or token of it.

use super::add::{self, KeyArgs, SetupArgs, TokenArgs};
use super::{AgentArgs, Store};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::sign_in::{self, no_listener};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use model::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// Where OpenRouter is, unless the configuration says otherwise.
const OPENROUTER: &str = "https://openrouter.ai/api/v1";

/// `models auth login`.
#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The provider, such as openrouter
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// How: openrouter by its page, others by a key
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// The page is opened on another computer: paste the address to which it leads afterwards
    #[arg(long)]
    paste: bool,
    /// The profile's name [default: PROVIDER:default after signing in, else PROVIDER:manual]
    #[arg(long, value_name = "PROFILE")]
    profile_id: Option<String>,
    #[command(flatten)]
    agent: AgentArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// At the provider's page
    Oauth,
    /// With a key of its API
    ApiKey,
    /// With a token
    Token,
    /// With a token that `claude setup-token` gave
    SetupToken,
}

/// Signs in, or keeps what is given.
///
/// # Errors
/// The provider lets no other program sign in, nobody signed in, or the file cannot be changed.
pub(super) async fn run(args: LoginArgs, ctx: &Context) -> Result<(), Failure> {
    let by_page = args.provider == "openrouter";
    let method = args.method.unwrap_or(if by_page { Method::Oauth } else { Method::ApiKey });
    let LoginArgs { provider, paste, profile_id, agent, .. } = args;
    match method {
        Method::ApiKey => add::key(KeyArgs { provider, profile_id, agent }, ctx),
        Method::Token => {
            add::token(TokenArgs { key: KeyArgs { provider, profile_id, agent }, expires_in: None }, ctx)
        }
        Method::SetupToken => add::setup_token(SetupArgs { provider, profile_id, agent }, ctx),
        Method::Oauth if by_page => sign_in(paste, KeyArgs { provider, profile_id, agent }, ctx).await,
        Method::Oauth => Err(Failure::usage(format!(
            "{provider} lets only programs sign in that it knows, and this one is none of them"
        ))
        .hint(format!("keep a key: openclaw models auth paste-api-key --provider {provider}"))),
    }
}

async fn sign_in(paste: bool, mut args: KeyArgs, ctx: &Context) -> Result<(), Failure> {
    let store = Store::of(&args.agent, ctx)?;
    let entry = store.loaded.config.models.providers.get(&args.provider);
    let base = entry.map_or(OPENROUTER, |entry| entry.base_url.as_str()).to_owned();
    let verifier = random()?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let code = if paste {
        // Nobody listens there: the address that the browser shows is what is wanted.
        sign_in::show(&page(&base, "http://localhost:3000/", &challenge), ctx);
        sign_in::pasted()?.code()?
    } else {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| no_listener(&error))?;
        let port = listener.local_addr().map_err(|error| no_listener(&error))?.port();
        sign_in::show(&page(&base, &format!("http://localhost:{port}/"), &challenge), ctx);
        sign_in::heard(&listener, |_| true).await?.code()?
    };
    let key = llm::exchange_code(&base, &code, &verifier).await.map_err(|problem| {
        Failure::new(Exit::Failed, "SIGN_IN", problem).hint("nothing was changed; sign in again")
    })?;
    args.profile_id.get_or_insert_with(|| "openrouter:default".to_owned());
    let profile = json!({"type": "api_key", "provider": args.provider, "key": key.expose_secret()});
    add::keep(&store, &args, profile, ctx)
}

/// What only this run knows, and what the code is exchanged with.
fn random() -> Result<String, Failure> {
    let mut bytes = [0_u8; 32];
    let failed = |error| Failure::new(Exit::Failed, "SIGN_IN", format!("no randomness can be had: {error}"));
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The page at which somebody signs in: beside the API.
fn page(base: &str, callback: &str, challenge: &str) -> String {
    let after_scheme = base.find("://").map_or(0, |at| at + 3);
    let host_end = base[after_scheme..].find('/').map_or(base.len(), |at| after_scheme + at);
    let origin = base.get(..host_end).unwrap_or(base);
    let callback = callback.replace(':', "%3A").replace('/', "%2F");
    format!("{origin}/auth?callback_url={callback}&code_challenge={challenge}&code_challenge_method=S256")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_beside_the_api() {
        assert_eq!(
            page(OPENROUTER, "http://localhost:3000/", "abc"),
            "https://openrouter.ai/auth?callback_url=http%3A%2F%2Flocalhost%3A3000%2F&code_challenge=abc&code_challenge_method=S256"
        );
    }
}
