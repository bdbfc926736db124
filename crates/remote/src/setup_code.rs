//! A setup code: base64url of `{"url", "bootstrapToken", "urls"?, "expiresAtMs"?, "tlsFingerprint"?}`, also as a link that
//! begins with `oc-pair://`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::{Pin, SecretString};
use serde_json::Value;

/// Ways to one gateway that are tried, as many as a gateway may name.
const MAX_URLS: usize = 8;
/// The longest text that is looked at; codes have a few hundred characters.
const MAX_CHARS: usize = 8192;

/// Where a gateway is, and what lets one device in once. `Debug` does not show that.
#[derive(Debug, Clone)]
pub struct SetupCode {
    /// The gateway's URL, as the code has it: not checked.
    pub url: String,
    /// All ways there, in the order in which they are tried, as the code has them; the first one is `url` where it names no more.
    pub urls: Vec<String>,
    /// Goes into `auth.bootstrapToken`.
    pub bootstrap_token: SecretString,
    /// When the code is over, in milliseconds since the epoch, where it says so.
    pub expires_at_ms: Option<i64>,
    /// The certificate that the gateway shows, where the code names it.
    pub tls_fingerprint: Option<String>,
}

impl SetupCode {
    /// Reads one in any of its spellings.
    ///
    /// # Errors
    /// It is none; what it holds is not repeated.
    pub fn read(text: &str) -> Result<Self, String> {
        let none = || {
            "is no setup code; make one on the gateway with: openclaw qr --node --setup-code-only".to_owned()
        };
        if text.len() > MAX_CHARS {
            return Err(none());
        }
        let code = text.trim().trim_start_matches("oc-pair://").trim_end_matches(['/', '=']);
        let bytes = URL_SAFE_NO_PAD.decode(code).or_else(|_| STANDARD_NO_PAD.decode(code));
        let value: Option<Value> = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        value.as_ref().and_then(Self::of).ok_or_else(none)
    }

    /// The pins that the code names, of which there is one or none.
    ///
    /// # Errors
    /// What it names is none, and protects nobody.
    pub fn pins(&self) -> Result<Vec<Pin>, String> {
        let pins: Result<Vec<Pin>, _> = self.tls_fingerprint.iter().map(|text| text.parse()).collect();
        pins.map_err(|error| format!("names the certificate of the gateway, and {error}"))
    }

    /// What is in a code.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let field = |name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let url = field("url")?;
        let urls = value.get("urls").and_then(Value::as_array).into_iter().flatten();
        let mut urls: Vec<String> =
            urls.filter_map(Value::as_str).take(MAX_URLS).map(|url| url.trim().to_owned()).collect();
        if urls.is_empty() {
            urls.push(url.clone());
        }
        Some(Self {
            url,
            urls,
            bootstrap_token: field("bootstrapToken")?.into(),
            expires_at_ms: value.get("expiresAtMs").and_then(Value::as_i64),
            tls_fingerprint: field("tlsFingerprint"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExposeSecret;

    #[test]
    fn a_code_names_one_way_or_some_in_their_order() {
        let read = |urls: &str| {
            let text = format!(r#"{{"url":"wss://a","bootstrapToken":"x"{urls}}}"#);
            SetupCode::read(&URL_SAFE_NO_PAD.encode(text)).unwrap().urls
        };
        assert_eq!(read(""), ["wss://a"]);
        assert_eq!(read(r#","urls":[]"#), ["wss://a"]);
        assert_eq!(read(r#","urls":["wss://b", 1, "wss://a "]"#), ["wss://b", "wss://a"]);
        let many = format!(r#","urls":[{}]"#, vec![r#""wss://c""#; 50].join(","));
        assert_eq!(read(&many).len(), MAX_URLS);
    }

    #[test]
    fn a_code_is_read_in_all_its_spellings_and_nothing_else_is_one() {
        let code = URL_SAFE_NO_PAD.encode(r#"{"url":"ws://10.0.0.2:18789","bootstrapToken":"hunter2"}"#);
        for text in [code.clone(), format!("oc-pair://{code}"), format!(" {code}= ")] {
            let read = SetupCode::read(&text).unwrap();
            assert_eq!(
                (read.url.as_str(), read.bootstrap_token.expose_secret()),
                ("ws://10.0.0.2:18789", "hunter2")
            );
            assert!(!format!("{read:?}").contains("hunter2"));
        }
        let long =
            URL_SAFE_NO_PAD.encode(format!(r#"{{"url":"{}","bootstrapToken":"x"}}"#, "a".repeat(8192)));
        for text in ["", "oc-pair://", "e30", "!!!", &URL_SAFE_NO_PAD.encode(r#"{"url":"ws://a"}"#), &long] {
            let problem = SetupCode::read(text).unwrap_err();
            assert!(problem.contains("openclaw qr --node"), "{text}: {problem}");
        }
    }
}
