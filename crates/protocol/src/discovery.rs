//! What a gateway says of itself in DNS-SD. All of it is a hint: nobody has proven anything.

/// The service's type, without a domain.
pub const SERVICE: &str = "_openclaw-gw._tcp";

/// Keys of the TXT record. Those behind `gatewayDirectReachable` are told in full mode alone.
pub const TXT_KEYS: &[&str] = &[
    "role",
    "transport",
    "displayName",
    "lanHost",
    "gatewayPort",
    "gatewayTls",
    "gatewayTlsSha256",
    "gatewayDirectReachable",
    "sshPort",
    "cliPath",
    "tailnetDns",
];

/// The longest entry of a TXT record, `key=value`, in bytes.
pub const MAX_TXT: usize = 255;
