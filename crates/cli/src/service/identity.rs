//! What services are called. The names are OpenClaw's, so that what people type (`systemctl --user status
//! openclaw-gateway`) goes on working.

use config::Env;
use serde::{Deserialize, Serialize};

/// The names of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// What it is, for people: `gateway`, `node` …
    pub(crate) word: String,
    /// The systemd unit, without `.service`.
    pub(crate) unit: String,
    /// The launchd label.
    pub(crate) label: String,
}

impl Identity {
    /// The gateway of a profile: `openclaw-gateway[-PROFILE]`, and `ai.openclaw.gateway` or `ai.openclaw.PROFILE`. For the
    /// default profile `OPENCLAW_SYSTEMD_UNIT` and `OPENCLAW_LAUNCHD_LABEL` name others.
    ///
    /// # Errors
    /// The label of the profile's gateway would be that of another service.
    pub(crate) fn gateway(profile: Option<&str>, env: &Env) -> Result<Self, String> {
        let word = "gateway".to_owned();
        let Some(profile) = profile else {
            let named = |name, default: &str| env.get_filled(name).unwrap_or(default).to_owned();
            let unit = named("OPENCLAW_SYSTEMD_UNIT", "openclaw-gateway");
            let unit = unit.strip_suffix(".service").unwrap_or(&unit).to_owned();
            return Ok(Self { word, unit, label: named("OPENCLAW_LAUNCHD_LABEL", "ai.openclaw.gateway") });
        };
        if cfg!(target_os = "macos") && TAKEN.contains(&profile) {
            return Err(format!(
                "a gateway of the profile {profile:?} would be called as another service of launchd; give the profile another name"
            ));
        }
        Ok(Self {
            word,
            unit: format!("openclaw-gateway-{profile}"),
            label: format!("ai.openclaw.{profile}"),
        })
    }

    /// Any other service of a profile: `openclaw-WORD[-PROFILE]` and `ai.openclaw.WORD[.PROFILE]`.
    pub(crate) fn of(word: &str, profile: Option<&str>) -> Self {
        let (dash, dot) = profile.map(|p| (format!("-{p}"), format!(".{p}"))).unwrap_or_default();
        Self {
            word: word.to_owned(),
            unit: format!("openclaw-{word}{dash}"),
            label: format!("ai.openclaw.{word}{dot}"),
        }
    }

    /// The words after `openclaw` that do this (`install`, `restart`, `run` …) with the service.
    pub(crate) fn command(&self, verb: &str) -> String {
        match (self.word.as_str(), verb) {
            ("tunnel", "run") => "remote up --foreground".into(),
            ("tunnel", "restart") => "remote install --force".into(),
            ("tunnel", verb) => format!("remote {verb}"),
            (word, verb) => format!("{word} {verb}"),
        }
    }

    /// `openclaw-gateway.service`.
    pub(crate) fn unit_file(&self) -> String {
        format!("{}.service", self.unit)
    }
}

/// Labels that services of the default profile have.
const TAKEN: &[&str] = &["gateway", "node", "tunnel"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_openclaw_gives_its_services() {
        let gateway = |profile| Identity::gateway(profile, &Env::default()).unwrap();
        for (identity, unit, label) in [
            (gateway(None), "openclaw-gateway", "ai.openclaw.gateway"),
            (gateway(Some("work")), "openclaw-gateway-work", "ai.openclaw.work"),
            (gateway(Some("dev")), "openclaw-gateway-dev", "ai.openclaw.dev"),
            (Identity::of("node", None), "openclaw-node", "ai.openclaw.node"),
            (Identity::of("node", Some("work")), "openclaw-node-work", "ai.openclaw.node.work"),
        ] {
            assert_eq!((identity.unit.as_str(), identity.label.as_str()), (unit, label));
        }
    }

    #[test]
    fn each_service_is_handled_by_commands_that_there_are() {
        let gateway = Identity::gateway(None, &Env::default()).unwrap();
        for identity in [gateway, Identity::of("node", None), Identity::of("tunnel", None)] {
            for verb in ["install", "uninstall", "restart", "status", "run"] {
                let line = format!("openclaw {}", identity.command(verb));
                crate::command_line::command().try_get_matches_from(line.split(' ')).unwrap();
            }
        }
    }

    #[test]
    fn the_default_gateway_may_have_another_name() {
        let mut env = Env::default();
        env.add_missing("OPENCLAW_SYSTEMD_UNIT", "mine.service");
        env.add_missing("OPENCLAW_LAUNCHD_LABEL", "org.mine");
        let identity = Identity::gateway(None, &env).unwrap();
        assert_eq!((identity.unit_file().as_str(), identity.label.as_str()), ("mine.service", "org.mine"));
        assert_eq!(Identity::gateway(Some("work"), &env).unwrap().unit, "openclaw-gateway-work");
    }
}
