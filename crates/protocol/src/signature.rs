//! The text that a device signs with its Ed25519 key to prove who it is (protocol notes, "Device identity").

/// What goes into the text. All of it is what the client sent, byte for byte, but for the last two.
#[derive(Debug, Clone, Copy)]
pub struct SignedFields<'a> {
    /// `device.id`.
    pub device_id: &'a str,
    /// `client.id`.
    pub client_id: &'a str,
    /// `client.mode`.
    pub client_mode: &'a str,
    /// `role`.
    pub role: &'a str,
    /// `scopes`.
    pub scopes: &'a [String],
    /// `device.signedAt`.
    pub signed_at: i64,
    /// `auth.token`, else `auth.deviceToken`, else `auth.bootstrapToken`, else empty.
    pub token: &'a str,
    /// `device.nonce`.
    pub nonce: &'a str,
    /// `client.platform`, trimmed and in lower case here.
    pub platform: &'a str,
    /// `client.deviceFamily`, trimmed and in lower case here.
    pub device_family: &'a str,
}

impl SignedFields<'_> {
    /// `v3|deviceId|clientId|clientMode|role|scopes|signedAt|token|nonce|platform|deviceFamily`.
    pub fn v3(&self) -> String {
        let normal = |s: &str| s.trim().to_lowercase();
        format!("v3{}|{}|{}", self.common(), normal(self.platform), normal(self.device_family))
    }

    /// As [`SignedFields::v3`] without the last two.
    pub fn v2(&self) -> String {
        format!("v2{}", self.common())
    }

    fn common(&self) -> String {
        let Self { device_id, client_id, client_mode, role, scopes, signed_at, token, nonce, .. } = self;
        let scopes = scopes.join(",");
        format!("|{device_id}|{client_id}|{client_mode}|{role}|{scopes}|{signed_at}|{token}|{nonce}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_of_the_protocol() {
        let scopes = ["operator.read".to_owned(), "operator.write".to_owned()];
        let fields = SignedFields {
            device_id: "d",
            client_id: "cli",
            client_mode: "cli",
            role: "operator",
            scopes: &scopes,
            signed_at: 7,
            token: "t",
            nonce: "n",
            platform: " Linux",
            device_family: "",
        };
        assert_eq!(fields.v3(), "v3|d|cli|cli|operator|operator.read,operator.write|7|t|n|linux|");
        assert_eq!(fields.v2(), "v2|d|cli|cli|operator|operator.read,operator.write|7|t|n");
    }
}
