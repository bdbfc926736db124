//! The way to Telegram, and how much one message takes.

use super::HISTORY_CEILING;
use crate::choice::choice;
use crate::doc::Section;
use model::SecretString;

/// Telegram's bound for a message.
pub(super) const MAX_TEXT: usize = 4096;

pub(super) fn text_limit(s: &Section<'_>) -> Option<usize> {
    // Larger ones are possible with other platforms.
    let limit = s.integer("textChunkLimit", 1..=HISTORY_CEILING)?;
    Some(usize::try_from(limit).map_or(MAX_TEXT, |limit| limit.min(MAX_TEXT)))
}

pub(super) fn proxy(s: &Section<'_>) -> Option<SecretString> {
    let proxy = s.text("proxy")?;
    let known = ["http://", "https://", "socks5://", "socks5h://"];
    if !known.iter().any(|scheme| proxy.starts_with(scheme)) {
        // It may hold a password, and is not shown.
        s.error("proxy", format!("use an address that begins with {}", known.join(", ")));
    }
    Some(proxy.into())
}

choice! {
    /// In which order a host's addresses are tried.
    DnsOrder {
        /// Those of IPv4 first.
        Ipv4First => "ipv4first",
        /// As they come.
        Verbatim => "verbatim",
    }
}

/// `network`: which of a host's addresses are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkConfig {
    /// `dnsResultOrder: "ipv4first"`; so it is with one family alone, where no order is given.
    pub ipv4_first: bool,
    /// `autoSelectFamily: false`: only addresses of the family of the first.
    pub one_family: bool,
}

/// `None` where there is no such section.
pub(super) fn network(s: &Section<'_>) -> Option<NetworkConfig> {
    let one_family = s.boolean("autoSelectFamily") == Some(false);
    let order = s.choice::<DnsOrder>("dnsResultOrder");
    // Files come from the Bot API's own host, wherever its name leads: there is nothing to be let through.
    s.boolean("dangerouslyAllowPrivateNetwork");
    let ipv4_first = order.map_or(one_family, |order| order == DnsOrder::Ipv4First);
    s.exists().then_some(NetworkConfig { ipv4_first, one_family })
}

pub(super) const API_ROOT: &str = "https://api.telegram.org";

pub(super) fn api_root(s: &Section<'_>) -> Option<String> {
    let root = s.text("apiRoot")?;
    if !root.starts_with("https://") && !root.starts_with("http://") {
        s.error(
            "apiRoot",
            format!("{root:?} is not allowed; use an http:// or https:// URL without /bot<token>"),
        );
    }
    Some(root.trim_end_matches('/').to_owned())
}
