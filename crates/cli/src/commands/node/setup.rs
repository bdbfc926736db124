//! A setup code: base64url of `{"url", "bootstrapToken"}`, also as a link that begins with `oc-pair://`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use model::SecretString;
use serde_json::Value;

/// Where the gateway is, and what lets this device in once. `Debug` does not show that.
#[derive(Debug, Clone)]
pub(super) struct SetupCode {
    pub(super) url: String,
    pub(super) bootstrap_token: SecretString,
}

impl SetupCode {
    /// Reads it.
    ///
    /// # Errors
    /// It is none; what it holds is not repeated.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let code = text.trim().trim_start_matches("oc-pair://").trim_end_matches(['/', '=']);
        let bytes = URL_SAFE_NO_PAD.decode(code).or_else(|_| STANDARD_NO_PAD.decode(code));
        let value: Option<Value> = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let field = |name: &str| {
            let text = value.as_ref().and_then(|v| v.get(name)).and_then(Value::as_str);
            text.filter(|t| !t.is_empty()).map(str::to_owned)
        };
        match (field("url"), field("bootstrapToken")) {
            (Some(url), Some(token)) => Ok(Self { url, bootstrap_token: token.into() }),
            _ => {
                Err("is no setup code; make one on the gateway with: openclaw qr --node --setup-code-only"
                    .into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExposeSecret;

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
        for text in ["", "oc-pair://", "e30", "!!!", &URL_SAFE_NO_PAD.encode(r#"{"url":"ws://a"}"#)] {
            let problem = SetupCode::read(text).unwrap_err();
            assert!(problem.contains("openclaw qr --node"), "{text}: {problem}");
        }
    }
}
