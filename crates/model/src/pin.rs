//! What a client expects of a gateway's certificate: the SHA-256 of the certificate, or of the public key in it.

use std::fmt;
use std::str::FromStr;

/// What of a certificate a pin is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Of {
    Leaf,
    Spki,
}

/// A fingerprint that a certificate must have. Written `sha256:HEX` for the certificate, `spki:sha256:HEX` for its public
/// key, which may outlive the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin {
    of: Of,
    sha256: [u8; 32],
}

/// A text that is no pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinError(String);

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no fingerprint of a certificate; use sha256: and 64 hexadecimal digits (colons between them are \
             fine), or spki:sha256: for the public key; on the gateway's host: openclaw gateway tls fingerprint",
            self.0
        )
    }
}

impl std::error::Error for PinError {}

impl Pin {
    /// The pin of a certificate, from the SHA-256 of its DER form.
    pub fn leaf(sha256: [u8; 32]) -> Self {
        Self { of: Of::Leaf, sha256 }
    }

    /// The pin of a public key, from the SHA-256 of its `SubjectPublicKeyInfo` in DER form.
    pub fn spki(sha256: [u8; 32]) -> Self {
        Self { of: Of::Spki, sha256 }
    }

    /// Whether it is of a public key.
    pub fn is_spki(&self) -> bool {
        self.of == Of::Spki
    }

    /// The 64 digits alone, as in the announcements of discovery.
    pub fn hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_spki() { "spki:" } else { "" };
        write!(f, "{kind}sha256:{}", self.hex())
    }
}

impl FromStr for Pin {
    type Err = PinError;

    /// Reads the usual spellings: with or without `sha256:`, in either case, with colons, and as `openssl x509
    /// -fingerprint` prints it.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let shown: String = text.trim().chars().take(120).collect();
        let lower = text.trim().to_ascii_lowercase();
        let (of, rest) = match lower.strip_prefix("spki:") {
            Some(rest) => (Of::Spki, rest),
            None => (Of::Leaf, lower.as_str()),
        };
        let prefixes = ["sha256:", "sha-256:", "sha256 fingerprint="];
        let digits = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix)).unwrap_or(rest).trim();
        match bytes(digits) {
            Some(sha256) => Ok(Self { of, sha256 }),
            None => Err(PinError(shown)),
        }
    }
}

/// 64 digits, or 32 pairs with a colon between each two.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    let plain = match digits.len() {
        64 => digits.to_owned(),
        95 => {
            let pairs: Vec<&str> = digits.split(':').collect();
            pairs.iter().all(|pair| pair.len() == 2).then(|| pairs.concat())?
        }
        _ => return None,
    };
    if plain.len() != 64 || !plain.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0u8; 32];
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(plain.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_are_one_pin() {
        let digits = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        let leaf = Pin::leaf([0xab; 32]);
        for text in [
            digits.clone(),
            digits.to_uppercase(),
            format!("sha256:{digits}"),
            format!(" SHA256:{} ", digits.to_uppercase()),
            format!("sha256:{colons}"),
            colons.clone(),
            format!("sha256 Fingerprint={colons}"),
        ] {
            assert_eq!(text.parse(), Ok(leaf), "{text}");
        }
        let spki = Pin::spki([0xab; 32]);
        for text in
            [format!("spki:{digits}"), format!("SPKI:sha256:{digits}"), format!("spki:sha256:{colons}")]
        {
            assert_eq!(text.parse(), Ok(spki), "{text}");
        }
        assert_ne!(leaf, spki);
        for pin in [leaf, spki] {
            assert_eq!(pin.to_string().parse(), Ok(pin), "what is written is read");
        }
    }

    #[test]
    fn what_is_no_sha_256_is_refused_with_the_way_to_one() {
        let digits = "ab".repeat(32);
        let odd_colons = format!("{}:{}", "a".repeat(47), "b".repeat(47));
        for text in [
            "",
            "sha256:",
            "sha1:ab",
            &digits[2..],
            &format!("{digits}0"),
            &digits.replace('a', "g"),
            &odd_colons,
            "ä",
        ] {
            let error = text.parse::<Pin>().unwrap_err().to_string();
            assert!(error.contains("openclaw gateway tls fingerprint"), "{text}: {error}");
        }
    }
}
