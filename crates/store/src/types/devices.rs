//! Devices, their tokens, and codes that let one in.

/// What a connecting device says of itself; none of it is trusted beyond showing it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceAsk {
    /// Hex SHA-256 of the raw public key; proven by signature before this is made.
    pub device_id: String,
    /// base64url of the raw 32 bytes.
    pub public_key: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// `client.mode`.
    pub client_mode: String,
    /// `operator` or `node`.
    pub role: String,
    /// The scopes asked for, in the order asked.
    pub scopes: Vec<String>,
    /// Whether the device is paired already and asks for more.
    pub is_repair: bool,
}

/// A pairing request that waits for an operator. Its id stays the same for as long as the same is asked for; asking
/// for something else replaces it under a new id, so that nobody approves what they have not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// What `device.pair.approve` takes.
    pub request_id: String,
    /// What is asked.
    pub ask: DeviceAsk,
    /// When it was first asked.
    pub ts: i64,
}

/// How a device came to be approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovedVia {
    /// By itself: on direct loopback with a proven shared secret.
    Silent,
    /// By an operator.
    Owner,
}

/// A paired device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Hex SHA-256 of the raw public key.
    pub device_id: String,
    /// base64url of the raw 32 bytes.
    pub public_key: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// The operator's own name for it, which no pairing changes.
    pub label: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// `client.id` at the last approval.
    pub client_id: String,
    /// `client.mode` at the last approval.
    pub client_mode: String,
    /// The roles approved, the latest first.
    pub roles: Vec<String>,
    /// The operator scopes approved.
    pub scopes: Vec<String>,
    /// How it was approved last.
    pub approved_via: ApprovedVia,
    /// First pairing.
    pub created_at_ms: i64,
    /// Last approval.
    pub approved_at_ms: i64,
    /// Last connect.
    pub last_seen_at_ms: Option<i64>,
    /// One per role.
    pub tokens: Vec<DeviceToken>,
}

/// The right to connect without the shared secret. The token itself is not kept: the gateway derives it from its own
/// secret, the device, the role and `generation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The role that it is good for.
    pub role: String,
    /// What it grants at most.
    pub scopes: Vec<String>,
    /// The newest one. Counts up when the token is rotated; never reused for a device and role, removal and new pairing
    /// included.
    pub generation: i64,
    /// The oldest generation that is still good: a rotated token is, until one that came after it was used.
    pub good_from: i64,
    /// When it was first issued.
    pub created_at_ms: i64,
    /// When it was last rotated.
    pub rotated_at_ms: Option<i64>,
    /// When it was revoked; it is good for nothing from then on.
    pub revoked_at_ms: Option<i64>,
}

impl Device {
    /// Whether an operator took the token of this role away, and nobody gave it back.
    pub fn has_revoked(&self, role: &str) -> bool {
        self.tokens.iter().any(|token| token.role == role && token.revoked_at_ms.is_some())
    }

    /// The roles that were approved and not taken away since.
    pub fn held_roles(&self) -> Vec<&str> {
        self.roles.iter().map(String::as_str).filter(|role| !self.has_revoked(role)).collect()
    }
}

impl DeviceToken {
    /// The generations that are good, the newest first. None where it was revoked.
    pub fn good(&self) -> impl Iterator<Item = i64> + use<> {
        let from = if self.revoked_at_ms.is_some() { i64::MAX } else { self.good_from };
        (from..=self.generation).rev()
    }
}

/// What became of a wish to rotate a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// It has a new generation.
    Done(DeviceToken),
    /// There is no such token, or it is of another generation by now.
    Changed,
    /// So many generations were made since its device came last that another would not reach it either.
    Unclaimed,
}

/// What a setup code lets a device in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupAccess {
    /// As a node, and as an operator with administration.
    Full,
    /// As a node, and as an operator without administration.
    Limited,
    /// As a node alone.
    Node,
}

impl SetupAccess {
    /// As the protocol spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            SetupAccess::Full => "full",
            SetupAccess::Limited => "limited",
            SetupAccess::Node => "node",
        }
    }

    /// The way back; what is unknown is the least.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "full" => SetupAccess::Full,
            "limited" => SetupAccess::Limited,
            _ => SetupAccess::Node,
        }
    }
}

/// A code that lets one device in. The credential itself is derived from its id and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupCode {
    /// Its id; no secret.
    pub setup_id: String,
    /// What it lets a device in for.
    pub access: SetupAccess,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it is over.
    pub expires_at_ms: i64,
    /// Who came with it.
    pub used: Option<SetupUse>,
}

impl SetupCode {
    /// Whether it may still let somebody in.
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.expires_at_ms > now_ms && self.used.as_ref().is_none_or(|used| used.claimed_at_ms.is_none())
    }
}

/// The device that came with a setup code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupUse {
    /// The device.
    pub device_id: String,
    /// Its name, where it gave one.
    pub device_name: Option<String>,
    /// When it came.
    pub at_ms: i64,
    /// When the answer with its tokens was written out to it.
    pub answered_at_ms: Option<i64>,
    /// When it came with one of these tokens.
    pub claimed_at_ms: Option<i64>,
}
