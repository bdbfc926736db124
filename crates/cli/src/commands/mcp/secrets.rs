//! What of a server's description is not shown: secrets among a program's arguments and in addresses, where nobody can tell a secret by the
//! key that it stands under. Rather too much is hidden than too little.

use config::REDACTED;
use serde_json::{Value, json};

/// Takes them out of `args` and `url`.
pub(super) fn hide(server: &mut Value) {
    if let Some(args) = server.get_mut("args").and_then(Value::as_array_mut) {
        hide_in(args);
    }
    if let Some(url) = server.get_mut("url")
        && let Some(text) = url.as_str()
    {
        *url = address(text).into();
    }
}

/// What an argument says of the one behind it.
enum Next {
    Plain,
    /// It is a secret: it follows `--api-key`.
    Secret,
    /// It is a header, `Authorization: Bearer …`.
    Header,
}

fn hide_in(args: &mut [Value]) {
    let mut next = Next::Plain;
    for arg in args {
        let Some(text) = arg.as_str() else { continue };
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let is_flag = name.starts_with('-');
        let is_header = matches!(name, "--header" | "-H");
        let hidden = match (next, value) {
            (Next::Secret, _) => hidden(text),
            (Next::Header, _) => header(text),
            (Next::Plain, Some(value)) if is_header => format!("{name}={}", header(value)),
            (Next::Plain, Some(value)) if is_variable(name) || (is_flag && is_secret(name)) => {
                format!("{name}={}", hidden(value))
            }
            (Next::Plain, _) => address(text),
        };
        next = match value {
            None if is_header => Next::Header,
            None if is_flag && is_secret(name) => Next::Secret,
            _ => Next::Plain,
        };
        *arg = hidden.into();
    }
}

/// Whether what stands under this name in a configuration is a secret.
fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('-');
    config::redact(&json!({name: "x"}))[name] != "x"
}

/// Whether it is named as variables of the environment are: `docker run -e API_KEY=…`.
fn is_variable(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_uppercase() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// A reference stays: it names a secret and is none.
fn hidden(value: &str) -> String {
    let is_reference = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).is_some();
    if is_reference { value.to_owned() } else { REDACTED.to_owned() }
}

fn header(text: &str) -> String {
    match text.split_once(':') {
        Some((name, value)) => format!("{name}: {}", hidden(value.trim())),
        None => hidden(text),
    }
}

/// An address without what stands before its host and behind its question mark.
fn address(text: &str) -> String {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return text.to_owned();
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host =
        host.rsplit_once('@').map_or_else(|| host.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    let path = path.split_once('?').map_or_else(|| path.to_owned(), |(path, _)| format!("{path}?{REDACTED}"));
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_among_the_arguments_of_a_program_are_not_shown() {
        let of = |args: &[&str]| {
            let mut args: Vec<Value> = args.iter().map(|arg| json!(arg)).collect();
            hide_in(&mut args);
            args.iter().map(|arg| arg.as_str().unwrap().replace(REDACTED, "*")).collect::<Vec<_>>()
        };
        for (args, shown) in [
            (
                &["-y", "srv", "--api-key", "hunter2", "--token=hunter3"][..],
                &["-y", "srv", "--api-key", "*", "--token=*"][..],
            ),
            (&["--token", "${T}", "--api-key=${K}"], &["--token", "${T}", "--api-key=${K}"]),
            (&["--api-key", "-starts-so", "--token", "$also"], &["--api-key", "*", "--token", "*"]),
            (&["run", "-e", "GITHUB_TOKEN=ghp_x", "image"], &["run", "-e", "GITHUB_TOKEN=*", "image"]),
            (&["--env=KEY", "API_KEY=${K}", "a=b"], &["--env=KEY", "API_KEY=${K}", "a=b"]),
            (
                &["--header", "Authorization: Bearer x", "-H", "x"],
                &["--header", "Authorization: *", "-H", "*"],
            ),
            (&["--header=X-Key:y"], &["--header=X-Key: *"]),
            (&["https://me:pw@mcp.x/a?apiKey=s#f", "http://h"], &["https://*@mcp.x/a?*", "http://h"]),
        ] {
            assert_eq!(of(args), shown, "{args:?}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        let mut server = json!({"url": "https://mcp.x/mcp?apiKey=SECRET", "transport": "sse"});
        hide(&mut server);
        assert_eq!(server, json!({"url": format!("https://mcp.x/mcp?{REDACTED}"), "transport": "sse"}));
    }
}
