//! Which token and password go to which target. The order is fixed, and a configured secret that cannot be had is
//! an error, never a reason to try the next.

use config::{AuthMode, SecretInput, read_gateway_token};
use model::SecretString;

use crate::candidate::{Candidate, Kind, Standing};
use crate::place::{self, Ask, Chosen, Owner};
use crate::{TargetError, ssh_host};

/// What a client proves itself with; the server's mode decides which of them it looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) token: Option<SecretString>,
    pub(crate) password: Option<SecretString>,
}

impl Credentials {
    pub(crate) fn is_empty(&self) -> bool {
        self.token.is_none() && self.password.is_none()
    }

    fn of(&mut self, kind: Kind) -> &mut Option<SecretString> {
        if kind == Kind::Password { &mut self.password } else { &mut self.token }
    }
}

/// What a place is gone to for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Commands go there.
    Command,
    /// The command line names it, though commands go elsewhere.
    Named,
    /// It is looked at beside the one that commands go to.
    Aside,
}

/// Where a credential may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Flag,
    Env,
    /// `gateway.auth`: the secret of this host's gateway.
    Auth,
    /// `gateway.remote`: what a client sends; it never lets anyone in (S9).
    Remote,
    /// The token that this host's gateway made for itself.
    Generated,
}

/// Slots that are asked together: the first that has a token and the first that has a password. A later round is asked
/// only where the ones before gave neither.
struct Round {
    token: &'static [Slot],
    password: &'static [Slot],
    /// Why this round is never asked.
    never: Option<&'static str>,
}

const fn round(token: &'static [Slot], password: &'static [Slot]) -> Round {
    Round { token, password, never: None }
}

const FLAGS: Round = round(&[Slot::Flag], &[Slot::Flag]);

/// The order for each kind of place. Local: flags, `gateway.auth`, environment, the generated token, `gateway.remote`.
/// Remote: flags, then `gateway.remote`, environment, `gateway.auth`, and for passwords the environment first.
fn rounds(owner: Owner, via: &str) -> Vec<Round> {
    match owner {
        Owner::Flags => {
            let never = Some(match via {
                ssh_host::VIA => {
                    "--ssh takes nothing but --token and --password for a host that the configuration does not name"
                }
                _ => "--url takes nothing but --token and --password",
            });
            let rest: &[Slot] = &[Slot::Env, Slot::Auth, Slot::Remote];
            vec![FLAGS, Round { token: rest, password: rest, never }]
        }
        Owner::Environment => {
            let never = Some("OPENCLAW_GATEWAY_URL takes nothing from the configuration");
            let rest: &[Slot] = &[Slot::Auth, Slot::Remote];
            vec![FLAGS, round(&[Slot::Env], &[Slot::Env]), Round { token: rest, password: rest, never }]
        }
        Owner::Remote => {
            vec![FLAGS, round(&[Slot::Remote, Slot::Env, Slot::Auth], &[Slot::Env, Slot::Remote, Slot::Auth])]
        }
        Owner::Local => vec![
            FLAGS,
            round(&[Slot::Auth, Slot::Env], &[Slot::Auth, Slot::Env]),
            round(&[Slot::Generated], &[]),
            round(&[Slot::Remote], &[Slot::Remote]),
        ],
    }
}

/// For the configured gateway, named by `--ssh` while commands go elsewhere: what is named with it, and what is kept for it.
fn rounds_named() -> Vec<Round> {
    let never = Some("it is for the gateway that commands go to, which is another one");
    let rest: &[Slot] = &[Slot::Env, Slot::Auth];
    vec![FLAGS, round(&[Slot::Remote], &[Slot::Remote]), Round { token: rest, password: rest, never }]
}

/// For a place that commands do not go to: what the configuration, or this host's gateway itself, keeps for this very place. What
/// was given for the gateway in use would be given away to whoever listens at the other.
fn rounds_aside(owner: Owner) -> Vec<Round> {
    let never = Some("it is for the gateway that commands go to, and this one is only probed");
    let aside = |slots: &'static [Slot]| Round { token: slots, password: slots, never };
    match owner {
        Owner::Remote => {
            vec![round(&[Slot::Remote], &[Slot::Remote]), aside(&[Slot::Flag, Slot::Env, Slot::Auth])]
        }
        Owner::Local => vec![
            round(&[Slot::Auth], &[Slot::Auth]),
            round(&[Slot::Generated], &[]),
            aside(&[Slot::Flag, Slot::Env, Slot::Remote]),
        ],
        // These decide where commands go.
        Owner::Flags | Owner::Environment => vec![aside(&[Slot::Flag, Slot::Env, Slot::Auth, Slot::Remote])],
    }
}

/// Why a secret of the state directory's `.env` is not sent.
const KEPT: &str = "it is kept in .env for the gateway that the configuration names, and OPENCLAW_GATEWAY_URL, which is not kept \
                    there, leads elsewhere; keep both there, or give the secret where the URL is given";

/// Goes through the order for this place.
pub(crate) fn choose(
    ask: &Ask<'_>,
    chosen: &Chosen,
    errand: Errand,
) -> (Result<Credentials, TargetError>, Vec<Candidate>) {
    let owner = chosen.owner;
    let elsewhere = owner == Owner::Environment
        && !ask.env.is_kept("OPENCLAW_GATEWAY_URL")
        && !place::is_configured(ask, &chosen.url);
    let (found, candidates) = (Credentials::default(), Vec::new());
    let mut search = Search { ask, owner, elsewhere, found, failed: None, candidates };
    let rounds = match errand {
        Errand::Command => rounds(owner, chosen.via),
        Errand::Named => rounds_named(),
        Errand::Aside => rounds_aside(owner),
    };
    for round in rounds {
        search.go(&round);
    }
    (search.failed.map_or(Ok(search.found), Err), search.candidates)
}

struct Search<'a> {
    ask: &'a Ask<'a>,
    owner: Owner,
    /// Whether the place is none that secrets are kept for.
    elsewhere: bool,
    found: Credentials,
    failed: Option<TargetError>,
    candidates: Vec<Candidate>,
}

impl Search<'_> {
    fn go(&mut self, round: &Round) {
        let closed = match round.never {
            Some(never) => Some(never.to_owned()),
            None if self.found.is_empty() => None,
            None => Some(format!("{} comes before it", self.taken().join(" with "))),
        };
        for (kind, slots) in [(Kind::Token, round.token), (Kind::Password, round.password)] {
            for slot in slots {
                let why_not = closed.clone().or_else(|| self.unwanted(kind, *slot));
                let standing = match why_not {
                    // With --url the configuration is not read, so nothing is said of it.
                    Some(why) if round.never.is_some() || self.is_set(kind, *slot) => {
                        Standing::PassedOver(why)
                    }
                    Some(_) => Standing::Unset,
                    None => self.take(kind, *slot),
                };
                self.candidates.push(Candidate { kind, name: slot.name(kind), place: None, standing });
            }
        }
    }

    fn taken(&self) -> Vec<&'static str> {
        let taken = self.candidates.iter().filter(|c| c.standing == Standing::Taken);
        taken.map(|candidate| candidate.name).collect()
    }

    /// Why this slot is not asked, in a round that is.
    fn unwanted(&mut self, kind: Kind, slot: Slot) -> Option<String> {
        if self.failed.is_some() {
            return Some("the one before it cannot be had, and nothing is tried in its place".to_owned());
        }
        if self.found.of(kind).is_some() {
            let taken = self.candidates.iter().rfind(|c| c.kind == kind && c.standing == Standing::Taken);
            return taken.map(|taken| format!("{} comes before it", taken.name));
        }
        if self.elsewhere && slot == Slot::Env && self.ask.env.is_kept(slot.name(kind)) {
            return Some(KEPT.to_owned());
        }
        if self.owner != Owner::Local || slot == Slot::Flag {
            return None;
        }
        let own = slot != Slot::Remote;
        match (self.ask.gateway.auth.mode, kind) {
            (Some(AuthMode::None), _) => Some("gateway.auth.mode is \"none\"".to_owned()),
            (Some(AuthMode::Token), Kind::Password) if own => {
                Some("gateway.auth.mode is \"token\"".to_owned())
            }
            (Some(AuthMode::Password | AuthMode::TrustedProxy), Kind::Token) if own => {
                Some("gateway.auth.mode takes no token".to_owned())
            }
            _ => None,
        }
    }

    fn take(&mut self, kind: Kind, slot: Slot) -> Standing {
        match self.look(kind, slot) {
            Ok(None) => Standing::Unset,
            Ok(secret) => {
                *self.found.of(kind) = secret;
                Standing::Taken
            }
            Err(error) => {
                let why = error.to_string();
                self.failed = Some(error);
                Standing::Failed(why)
            }
        }
    }

    fn look(&self, kind: Kind, slot: Slot) -> Result<Option<SecretString>, TargetError> {
        Ok(match slot {
            Slot::Flag => self.flag(kind).cloned(),
            Slot::Env => self.ask.env.get_filled(slot.name(kind)).map(SecretString::from),
            Slot::Auth | Slot::Remote => {
                self.configured(kind, slot).map_or(Ok(None), |input| input.resolve(self.ask.env))?
            }
            Slot::Generated => read_gateway_token(self.ask.paths)?,
        })
    }

    /// Whether something stands there, without asking for it.
    fn is_set(&self, kind: Kind, slot: Slot) -> bool {
        match slot {
            Slot::Flag => self.flag(kind).is_some(),
            Slot::Env => self.ask.env.get_filled(slot.name(kind)).is_some(),
            Slot::Auth | Slot::Remote => self.configured(kind, slot).is_some(),
            Slot::Generated => self.ask.paths.gateway_token_file().exists(),
        }
    }

    fn flag(&self, kind: Kind) -> Option<&SecretString> {
        let flags = self.ask.flags;
        if kind == Kind::Password { flags.password.as_ref() } else { flags.token.as_ref() }
    }

    fn configured(&self, kind: Kind, slot: Slot) -> Option<&SecretInput> {
        let (auth, remote) = (&self.ask.gateway.auth, &self.ask.gateway.remote);
        match (slot, kind) {
            (Slot::Auth, Kind::Password) => auth.password.as_ref(),
            (Slot::Auth, _) => auth.token.as_ref(),
            (_, Kind::Password) => remote.password.as_ref(),
            (_, _) => remote.token.as_ref(),
        }
    }
}

impl Slot {
    /// The flag, variable or key.
    fn name(self, kind: Kind) -> &'static str {
        let password = kind == Kind::Password;
        match self {
            Slot::Flag if password => "--password",
            Slot::Flag => "--token",
            Slot::Env if password => "OPENCLAW_GATEWAY_PASSWORD",
            Slot::Env => "OPENCLAW_GATEWAY_TOKEN",
            Slot::Auth if password => "gateway.auth.password",
            Slot::Auth => "gateway.auth.token",
            Slot::Remote if password => "gateway.remote.password",
            Slot::Remote => "gateway.remote.token",
            Slot::Generated => "generated token",
        }
    }
}
