//! Where the state directory and the config file are, and what lies where inside.

use std::path::{Path, PathBuf};

use crate::env::expand_tilde;
use crate::{Config, ConfigError, Env};

/// Port of a gateway that is told nothing else.
pub(crate) const DEFAULT_PORT: u16 = 18789;
/// The same for `--dev`.
pub(crate) const DEV_PORT: u16 = 19001;

/// The places of one installation. Profiles share nothing (S17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Everything the gateway keeps: `~/.openclaw`, or what a profile or `OPENCLAW_STATE_DIR` says.
    pub state_dir: PathBuf,
    /// The config file; need not exist.
    pub config_file: PathBuf,
    /// Whether this is the development profile, whose default port is 19001.
    pub dev: bool,
    /// The name of the profile, unless it is the default one.
    pub profile: Option<String>,
}

impl Paths {
    /// Decides the places: `OPENCLAW_STATE_DIR` and `OPENCLAW_CONFIG_PATH` first, else by `profile` (or
    /// `OPENCLAW_PROFILE`) or `dev` under the home directory.
    ///
    /// # Errors
    /// A profile name that cannot be a directory name, `--dev` together with another profile, or no home directory.
    pub fn resolve(env: &Env, profile: Option<&str>, dev: bool) -> Result<Self, ConfigError> {
        let name = profile_name(env, profile, dev)?;
        let state_dir = match env.get_filled("OPENCLAW_STATE_DIR") {
            Some(dir) => expand(dir, env)?,
            None => env.home().ok_or(ConfigError::NoHome)?.join(match &name {
                Some(name) => format!(".openclaw-{name}"),
                None => ".openclaw".to_owned(),
            }),
        };
        let config_file = match env.get_filled("OPENCLAW_CONFIG_PATH") {
            Some(file) => expand(file, env)?,
            None => state_dir.join("openclaw.json"),
        };
        let dev = name.as_deref() == Some("dev");
        Ok(Self { state_dir, config_file, dev, profile: name })
    }

    /// 18789, or 19001 for `--dev`: the port when no flag, variable or config names one.
    pub fn default_port(&self) -> u16 {
        if self.dev { DEV_PORT } else { DEFAULT_PORT }
    }

    /// Where agents work unless they have a directory of their own: `agents.defaults.workspace`, else `<state>/workspace`.
    pub fn workspace(&self, config: &Config) -> PathBuf {
        config.agents.defaults.workspace.clone().unwrap_or_else(|| self.state_dir.join("workspace"))
    }

    /// Device and gateway keys.
    pub fn identity_dir(&self) -> PathBuf {
        self.state_dir.join("identity")
    }

    /// The gateway's own certificate and key, unless the config names others.
    pub fn tls_dir(&self) -> PathBuf {
        self.state_dir.join("gateway").join("tls")
    }

    /// The pins of what a running gateway of this installation shows, for its own programs.
    pub fn tls_served_file(&self) -> PathBuf {
        self.tls_dir().join("served.json")
    }

    /// Zones for wide-area discovery; a DNS server reads them.
    pub fn zone_dir(&self) -> PathBuf {
        self.state_dir.join("dns")
    }

    /// The zone of a domain.
    pub fn zone_file(&self, domain: &str) -> PathBuf {
        self.zone_dir().join(format!("{domain}.db"))
    }

    /// Generated and stored credentials; mode 0700.
    pub fn credentials_dir(&self) -> PathBuf {
        self.state_dir.join("credentials")
    }

    /// The token a gateway made for itself when none was configured; mode 0600.
    pub fn gateway_token_file(&self) -> PathBuf {
        self.credentials_dir().join("gateway-token")
    }

    /// The directory of one agent's own files.
    pub fn agent_dir(&self, agent_id: &str) -> PathBuf {
        self.state_dir.join("agents").join(agent_id)
    }

    /// Variables for everything of this installation, behind those of the environment.
    pub fn env_file(&self) -> PathBuf {
        self.state_dir.join(".env")
    }

    /// Log files, unless `logging.file` says otherwise.
    pub fn log_dir(&self) -> PathBuf {
        self.state_dir.join("logs")
    }

    /// The flags that name this installation on a command line, with a leading blank, or nothing for the default one:
    /// for hints that can be pasted.
    pub fn profile_flags(&self) -> String {
        match &self.profile {
            Some(_) if self.dev => " --dev".to_owned(),
            Some(name) => format!(" --profile {name}"),
            None => String::new(),
        }
    }
}

/// `None` is the default profile.
fn profile_name(env: &Env, profile: Option<&str>, dev: bool) -> Result<Option<String>, ConfigError> {
    let asked = profile.map(str::trim);
    if dev {
        return match asked {
            None | Some("dev") => Ok(Some("dev".to_owned())),
            Some(other) => Err(ConfigError::ProfileClash(other.to_owned())),
        };
    }
    let name = match asked.or_else(|| env.get_filled("OPENCLAW_PROFILE")) {
        None => return Ok(None),
        Some(name) => name,
    };
    if name.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let good =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 64 && name.chars().all(plain);
    if good { Ok(Some(name.to_owned())) } else { Err(ConfigError::ProfileName(name.to_owned())) }
}

/// An absolute path out of a variable: `~` expanded, a relative one taken from the working directory.
fn expand(text: &str, env: &Env) -> Result<PathBuf, ConfigError> {
    let path = expand_tilde(text, env.home().as_deref()).ok_or(ConfigError::NoHome)?;
    // An absolute path must not depend on where a later command is run; if there is no working directory, the
    // path as it was given is the best there is.
    Ok(std::path::absolute(Path::new(&path)).unwrap_or(path))
}
