//! `openclaw models auth login`: signing in at a provider that lets any program do so, or keeping a key or token of it.

use super::add::{self, KeyArgs, SetupArgs, TokenArgs};
use super::{AgentArgs, Store};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, ValueEnum};
use model::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};

/// Somebody who signs in takes no longer.
const SIGNED_IN_WITHIN: Duration = Duration::from_secs(300);
/// A browser that says nothing is not waited for: the next connection may be the one.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);
/// The head of a request with a code in it; browsers send some hundred bytes.
const MAX_REQUEST: usize = 16 * 1024;

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
        show(&page(&base, "http://localhost:3000/", &challenge), ctx);
        pasted()?
    } else {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| no_listener(&error))?;
        let port = listener.local_addr().map_err(|error| no_listener(&error))?.port();
        show(&page(&base, &format!("http://localhost:{port}/"), &challenge), ctx);
        heard(&listener).await?
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

fn show(page: &str, ctx: &Context) {
    ctx.out.remark(&format!("open this page in a browser and sign in:\n  {page}"));
}

fn no_listener(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "SIGN_IN", format!("nothing can be heard on 127.0.0.1: {error}"))
        .hint("paste the address by hand: add --paste")
}

fn pasted() -> Result<String, Failure> {
    let Some(mut terminal) = Terminal::open() else {
        return Err(Failure::usage("there is no terminal to paste the address at"));
    };
    let address = terminal.line("The address to which the page led", "")?;
    code_of(&address).ok_or_else(|| Failure::usage("there is no code in that address; nothing was changed"))
}

/// Waits for the browser to come back with a code.
async fn heard(listener: &TcpListener) -> Result<String, Failure> {
    let deadline = Instant::now() + SIGNED_IN_WITHIN;
    loop {
        let Ok(accepted) = timeout_at(deadline, listener.accept()).await else {
            let minutes = SIGNED_IN_WITHIN.as_secs() / 60;
            return Err(Failure::new(
                Exit::Failed,
                "SIGN_IN",
                format!("nobody signed in within {minutes} minutes; nothing was changed"),
            ));
        };
        let (stream, _) = accepted.map_err(|error| no_listener(&error))?;
        if let Ok(Some(code)) = timeout(REQUEST_WITHIN, request(stream)).await {
            return Ok(code);
        }
    }
}

/// The code in what a browser asks for; it is told how that went.
async fn request(mut stream: TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0_u8; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(buffer.get(..read)?);
        if head.len() > MAX_REQUEST {
            return None;
        }
    }
    let line = String::from_utf8_lossy(&head);
    let path = line.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let code = code_of(&path);
    let (status, said) = match &code {
        Some(_) => ("200 OK", "Signed in. This page can be closed."),
        None => ("404 Not Found", "There is no code in this address."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    // The code counts, whether the browser shows that or not.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    code
}

/// The code in an address; letters and digits that need no escape, as OpenRouter gives them.
fn code_of(address: &str) -> Option<String> {
    let query = address.trim().split_once('?')?.1.split('#').next()?;
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    (!code.is_empty() && code.len() <= 2048 && code.chars().all(plain)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_beside_the_api_and_a_code_is_found_in_the_address_that_it_leads_to() {
        assert_eq!(
            page(OPENROUTER, "http://localhost:3000/", "abc"),
            "https://openrouter.ai/auth?callback_url=http%3A%2F%2Flocalhost%3A3000%2F&code_challenge=abc&code_challenge_method=S256"
        );
        for (address, code) in [
            ("/?code=a-1", Some("a-1")),
            (" http://localhost:3000/?x=1&code=b_2&y#end ", Some("b_2")),
            ("/?code=", None),
            ("/?code=a%20b", None),
            ("/favicon.ico", None),
        ] {
            assert_eq!(code_of(address).as_deref(), code, "{address}");
        }
    }
}
