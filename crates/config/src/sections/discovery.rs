//! `discovery`: how gateways are found.

use crate::choice::choice;
use crate::doc::Section;

/// How zone files begin that are this program's: it writes over them, and takes them away.
pub const ZONE_MARK: &str = "; Written by the gateway; changes are lost.\n";

choice! {
    /// How much the gateway says of itself in its own network (mDNS).
    MdnsMode {
        /// Nothing.
        Off => "off",
        /// What is needed to find it.
        Minimal => "minimal",
        /// Also ssh's port, the program's path and the tailnet's name.
        Full => "full",
    }
}

/// `discovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// `mdns.mode`, minimal by default. It says how much is told, not whether: that is `plugins.entries.bonjour.enabled`.
    pub mdns: MdnsMode,
    /// `wideArea.domain`: the DNS zone in which gateways are found across networks; in lower case, without a dot at the end.
    pub wide_area_domain: Option<String>,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { mdns: MdnsMode::Minimal, wide_area_domain: None }
    }
}

impl DiscoveryConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        Self {
            mdns: s.section("mdns", |mdns| mdns.choice("mode")).unwrap_or(MdnsMode::Minimal),
            wide_area_domain: s.section("wideArea", |wide| {
                let domain = wide.text("domain").filter(|domain| !domain.trim().is_empty())?;
                let read = dns_domain(&domain);
                if read.is_none() {
                    wide.error(
                        "domain",
                        format!("{domain:?} is not allowed; use a DNS domain of your own, like \"openclaw.internal\""),
                    );
                }
                read
            }),
        }
    }
}

/// A DNS domain in lower case without a dot at the end, if it is one that a zone can be made for.
pub fn dns_domain(text: &str) -> Option<String> {
    let domain = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // `local` is what mDNS is for.
    let usable = domain.len() <= 200 && domain.split('.').all(label) && domain != "local";
    usable.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_made_of_labels() {
        assert_eq!(dns_domain(" OpenClaw.Internal. ").as_deref(), Some("openclaw.internal"));
        for text in ["", ".", "local", "a..b", "-a.b", "a/../b", "a b", "é.x", &"a.".repeat(150)] {
            assert_eq!(dns_domain(text), None, "{text}");
        }
    }
}
