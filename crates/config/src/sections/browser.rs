//! `browser`: the browser of this computer, when it is a node (`openclaw node run`), or where a gateway is to have one itself.

use std::path::PathBuf;

use crate::doc::Section;

/// `browser`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserConfig {
    /// `enabled`: whether a node offers its browser. True by default.
    pub enabled: bool,
    /// Whether `enabled` says true: then the gateway has a browser itself.
    pub on_host: bool,
    /// `headless`: whether it shows no window.
    pub headless: Option<bool>,
    /// `noSandbox`: whether it runs without a sandbox of its own. False by default.
    pub no_sandbox: bool,
    /// `executablePath`: the program.
    pub executable: Option<PathBuf>,
    /// `extraArgs`: more of its flags.
    pub extra_args: Vec<String>,
    /// `evaluateEnabled`: whether callers may have code of theirs run in pages. True by default.
    pub evaluate: bool,
    /// `ssrfPolicy.dangerouslyAllowPrivateNetwork` (also `allowPrivateNetwork`): whether private addresses may be gone to.
    pub allow_private: bool,
    /// `ssrfPolicy.allowedHostnames`: hosts that may be gone to whatever their address.
    pub allowed_hosts: Vec<String>,
}

impl Default for BrowserConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            on_host: false,
            headless: None,
            no_sandbox: false,
            executable: None,
            extra_args: Vec::new(),
            evaluate: true,
            allow_private: false,
            allowed_hosts: Vec::new(),
        }
    }
}

impl BrowserConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("profiles", "there is one profile, openclaw, which the node starts");
        s.unsupported("defaultProfile", "there is one profile, openclaw");
        s.unsupported("cdpUrl", "the node drives no browser but the one that it starts");
        s.unsupported("attachOnly", "the node drives no browser but the one that it starts");
        let (allow_private, allowed_hosts) = s.section("ssrfPolicy", |policy| {
            for key in ["allowRfc2544BenchmarkRange", "allowIpv6UniqueLocalRange"] {
                policy.unsupported(
                    key,
                    "these addresses are refused; allowedHostnames names hosts that are not",
                );
            }
            let old = policy.boolean("allowPrivateNetwork");
            let private = policy.boolean("dangerouslyAllowPrivateNetwork").or(old).unwrap_or(false);
            (private, policy.texts("allowedHostnames").unwrap_or_default())
        });
        let enabled = s.boolean("enabled");
        Self {
            enabled: enabled.unwrap_or(true),
            on_host: enabled == Some(true),
            headless: s.boolean("headless"),
            no_sandbox: s.boolean("noSandbox").unwrap_or(false),
            executable: s.path("executablePath"),
            extra_args: s.texts("extraArgs").unwrap_or_default(),
            evaluate: s.boolean("evaluateEnabled").unwrap_or(true),
            allow_private,
            allowed_hosts,
        }
    }
}
