//! Signing in at a page: it is shown, somebody opens it in a browser, and it leads back to an address of this computer, which says a
//! code. Where the browser is elsewhere, that address is pasted.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;
use node::Url;
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
/// A code is some hundred bytes at most.
const MAX_CODE: usize = 4096;
/// Characters of a refusal that are shown.
const MAX_SHOWN: usize = 300;

/// What an address says to which a page led. `Debug` is left out: a code is good for a sign-in.
pub(crate) struct Back {
    /// The code, or why there is none.
    pub(crate) code: Result<String, String>,
    /// `state`: which sign-in it is of.
    pub(crate) state: Option<String>,
    /// `iss`: who says so.
    pub(crate) issuer: Option<String>,
}

impl Back {
    /// Reads an address; `None` where it is of no sign-in.
    pub(crate) fn read(address: &str) -> Option<Self> {
        let url = Url::parse("http://localhost/").ok()?.join(address.trim()).ok()?;
        let of = |key: &str| {
            let (_, value) = url.query_pairs().find(|(name, _)| name == key)?;
            Some(value.into_owned()).filter(|value| !value.is_empty() && value.len() <= MAX_CODE)
        };
        let refused = || {
            let (error, why) = (of("error")?, of("error_description"));
            let words = why.map_or(error.clone(), |why| format!("{error}: {why}"));
            Some(words.chars().filter(|c| !c.is_control()).take(MAX_SHOWN).collect::<String>())
        };
        let code = of("code").map(Ok).or_else(|| refused().map(Err))?;
        Some(Self { code, state: of("state"), issuer: of("iss") })
    }

    /// The code.
    ///
    /// # Errors
    /// Somebody or something refused.
    pub(crate) fn code(self) -> Result<String, Failure> {
        let refused = |why| {
            Failure::new(Exit::Failed, "SIGN_IN", format!("the page refused: {why}; nothing was changed"))
        };
        self.code.map_err(refused)
    }
}

/// Shows the page.
pub(crate) fn show(page: &str, ctx: &Context) {
    ctx.out.remark(&format!("open this page in a browser and sign in:\n  {page}"));
}

/// Nothing can be heard here.
pub(crate) fn no_listener(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "SIGN_IN", format!("nothing can be heard on 127.0.0.1: {error}"))
        .hint("paste the address by hand: add --paste")
}

/// Asks for the address to which the page led.
///
/// # Errors
/// There is no terminal, or the address is of no sign-in.
pub(crate) fn pasted() -> Result<Back, Failure> {
    let Some(mut terminal) = Terminal::open() else {
        return Err(Failure::usage("there is no terminal to paste the address at"));
    };
    let address = terminal.line("The address to which the page led", "")?;
    Back::read(&address)
        .ok_or_else(|| Failure::usage("there is no code in that address; nothing was changed"))
}

/// Waits for the browser to come back with what is `meant`.
///
/// # Errors
/// Nobody signed in in time.
pub(crate) async fn heard(listener: &TcpListener, meant: impl Fn(&Back) -> bool) -> Result<Back, Failure> {
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
        if let Ok(Some(back)) = timeout(REQUEST_WITHIN, request(stream, &meant)).await {
            return Ok(back);
        }
    }
}

/// What a browser asks for says; it is told how that went.
async fn request(mut stream: TcpStream, meant: impl Fn(&Back) -> bool) -> Option<Back> {
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
    let back = Back::read(&path).filter(meant);
    let (status, said) = match &back {
        Some(Back { code: Ok(_), .. }) => ("200 OK", "Signed in. This page can be closed."),
        Some(_) => ("200 OK", "Nobody was signed in. This page can be closed."),
        None => ("404 Not Found", "There is no code in this address."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    // The code counts, whether the browser shows that or not.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_or_a_refusal_is_found_in_the_address_that_a_page_leads_to() {
        for (address, code, state) in [
            ("/?code=a-1", Some(Ok("a-1")), None),
            (" http://localhost:3000/?x=1&code=b_2&y#end ", Some(Ok("b_2")), None),
            ("/oauth/callback?code=4%2F0a+b&state=s", Some(Ok("4/0a b")), Some("s")),
            (
                "/?error=access_denied&error_description=not%20me%0A&state=s",
                Some(Err("access_denied: not me")),
                Some("s"),
            ),
            ("/?code=", None, None),
            ("/favicon.ico", None, None),
        ] {
            let back = Back::read(address);
            let found = back.as_ref().map(|back| back.code.as_deref().map_err(String::as_str));
            assert_eq!(found, code, "{address}");
            assert_eq!(back.and_then(|back| back.state).as_deref(), state, "{address}");
        }
    }
}
