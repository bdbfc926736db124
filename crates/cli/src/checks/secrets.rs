//! What callers have to prove: that it is there, and that nobody can guess it.

use super::finding::Mend;
use super::own::{Seen, no_link_on_the_way};
use super::{Check, Finding, Kind, Looked, Scene, Severity, UNUSABLE, UsedBy, change, now};
use config::{AuthMode, Change, SecretError, SecretInput, TokenError};
use model::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    id: "secrets",
    title: "Secrets",
    kinds: &[
        &TOKEN_PLACEHOLDER,
        &TOKEN_SHORT,
        &PASSWORD_PLACEHOLDER,
        &PASSWORD_SHORT,
        &MISSING,
        &GENERATED,
        &UNCHOSEN,
        &TELEGRAM,
        &SHARED_BOT,
    ],
    used_by: UsedBy::Both,
    look: |scene| now(look(scene)),
};

static TOKEN_PLACEHOLDER: Kind = Kind {
    id: "gateway.token_placeholder_value",
    severity: Severity::Critical,
    title: "the gateway's token is one that anybody would try first",
    remedy: "take a random one of at least 32 characters; clients need the new one, too",
    mends: true,
};
static TOKEN_SHORT: Kind = Kind {
    id: "gateway.token_too_short",
    severity: Severity::Warn,
    title: "the gateway's token is short",
    remedy: "take a random one of at least 32 characters; clients need the new one, too",
    mends: true,
};
static PASSWORD_PLACEHOLDER: Kind = Kind {
    id: "gateway.password_placeholder_value",
    severity: Severity::Critical,
    title: "the gateway's password is one that anybody would try first",
    remedy: "set a long one: gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD",
    mends: false,
};
static PASSWORD_SHORT: Kind = Kind {
    id: "gateway.password_too_short",
    severity: Severity::Warn,
    title: "the gateway's password is short",
    remedy: "set one of at least 16 characters: gateway.auth.password or OPENCLAW_GATEWAY_PASSWORD",
    mends: false,
};
static MISSING: Kind = Kind {
    id: "gateway.auth_secret_missing",
    severity: Severity::Critical,
    title: "the gateway's secret cannot be had, so it does not start",
    remedy: "see what gateway.auth refers to",
    mends: false,
};
static GENERATED: Kind = Kind {
    id: "gateway.generated_token_damaged",
    severity: Severity::Critical,
    title: "the token that the gateway made for itself cannot be used",
    remedy: "remove the file and start the gateway again: it makes another, which clients need then",
    mends: true,
};
static UNCHOSEN: Kind = Kind {
    id: "gateway.bind_no_secret",
    severity: Severity::Critical,
    title: "the gateway is to listen for others, and nobody has chosen what they have to prove, so it does not start",
    remedy: "choose gateway.auth.token (or gateway.auth.password) for them, or set gateway.bind to \"loopback\"",
    mends: true,
};
static TELEGRAM: Kind = Kind {
    id: "channels.telegram.token_missing",
    severity: Severity::Warn,
    title: "Telegram is configured and its token cannot be had",
    remedy: "set channels.telegram.botToken to the token from @BotFather, or channels.telegram.enabled to false",
    mends: false,
};

static SHARED_BOT: Kind = Kind {
    id: "channels.telegram.token_shared",
    severity: Severity::Warn,
    title: "two accounts of Telegram have one bot, so the second is off",
    remedy: "give each account the token of a bot of its own (from @BotFather), or set its enabled to false",
    mends: false,
};

/// 24 random characters of base64 are 144 bits.
const SHORT_TOKEN: usize = 24;
/// People have to type these.
const SHORT_PASSWORD: usize = 16;
/// What stands in examples, and what programs write where they have nothing.
const PLACEHOLDERS: &[&str] = &[
    "undefined",
    "null",
    "none",
    "token",
    "password",
    "secret",
    "changeme",
    "change-me",
    "change_me",
    "openclaw",
    "admin",
    "test",
    "example",
    "your-token",
    "your-token-here",
    "your_token_here",
    "<token>",
    "xxx",
    "12345678",
    "123456",
];

fn look(scene: &Scene<'_>) -> Looked {
    let Some(config) = scene.config() else {
        return Looked::skipped(UNUSABLE);
    };
    let mut looked = Looked::default();
    if !scene.is_remote() {
        own_secret(scene, &mut looked);
    }
    telegram(scene, config, &mut looked);
    looked
}

/// The token of each account that is on: that it is there, and no other's.
fn telegram(scene: &Scene<'_>, config: &config::Config, looked: &mut Looked) {
    let telegram = config.channels.telegram.as_ref();
    let mut known: Vec<(SecretString, &str)> = Vec::new();
    for account in telegram.into_iter().flat_map(|telegram| telegram.enabled_accounts()) {
        let (place, is_default) = (account.place(), account.account == config::DEFAULT_ACCOUNT);
        if asks_a_program(scene, &format!("/{}/botToken", place.replace('.', "/"))) {
            continue;
        }
        let finding = match account.token(&scene.environment()) {
            Ok(Some(token)) => {
                let first = known.iter().find(|(other, _)| config::bot_id(other) == config::bot_id(&token));
                let shared = first.map(|(_, first)| (&SHARED_BOT, account.bot_is_taken(first)));
                known.push((token, &account.account));
                shared
            }
            Ok(None) if is_default => {
                let detail = "there is none, and no TELEGRAM_BOT_TOKEN in the environment";
                Some((&TELEGRAM, detail.to_owned()))
            }
            Ok(None) => Some((&TELEGRAM, "there is none".to_owned())),
            Err(error) => Some((&TELEGRAM, error.to_string())),
        };
        looked.findings.extend(finding.map(|(kind, detail)| Finding::new(kind, place, detail)));
    }
}

/// The secret that callers of this host's gateway have to prove.
fn own_secret(scene: &Scene<'_>, looked: &mut Looked) {
    let Some(config) = scene.config() else { return };
    let auth = &config.gateway.auth;
    let (token, password) = match auth.mode {
        Some(AuthMode::None) => return,
        Some(AuthMode::Token) => (true, false),
        Some(AuthMode::Password | AuthMode::TrustedProxy) => (false, true),
        None => (auth.password.is_none(), true),
    };
    let mut known = false;
    if password {
        let given = Given::of(scene, auth.password.as_ref(), "password", "OPENCLAW_GATEWAY_PASSWORD");
        known |= given.judge(scene, &PASSWORD, looked);
    }
    if token && !known {
        let given = Given::of(scene, auth.token.as_ref(), "token", "OPENCLAW_GATEWAY_TOKEN");
        known |= given.judge(scene, &TOKEN, looked);
    }
    match (known, auth.mode) {
        // There, a password is for programs on this host alone, and nobody needs it.
        (true, _) | (false, Some(AuthMode::TrustedProxy)) => {}
        (false, Some(AuthMode::Password)) => {
            let detail = "the mode is \"password\", and there is none";
            looked.findings.push(Finding::new(&MISSING, "gateway.auth.password", detail));
        }
        (false, _) if scene.opens_to_others() => {
            let finding =
                Finding::new(&UNCHOSEN, "gateway.auth.token", "there is none, and no password either");
            looked.findings.push(scene.mend_access(finding, || close(scene)));
        }
        (false, _) => generated(scene, looked),
    }
}

/// What is asked of a secret.
struct Rule {
    placeholder: &'static Kind,
    short: &'static Kind,
    least: usize,
    mends: bool,
}

static TOKEN: Rule =
    Rule { placeholder: &TOKEN_PLACEHOLDER, short: &TOKEN_SHORT, least: SHORT_TOKEN, mends: true };
static PASSWORD: Rule =
    Rule { placeholder: &PASSWORD_PLACEHOLDER, short: &PASSWORD_SHORT, least: SHORT_PASSWORD, mends: false };

/// A secret, and where it was given.
enum Given {
    Nothing,
    NotAsked,
    Unresolved(String, SecretError),
    Here { place: String, secret: SecretString, literal: bool },
}

impl Given {
    fn of(scene: &Scene<'_>, input: Option<&SecretInput>, key: &str, variable: &'static str) -> Self {
        let pointer = format!("/gateway/auth/{key}");
        if let Some(input) = input {
            if asks_a_program(scene, &pointer) {
                return Given::NotAsked;
            }
            match input.resolve(&scene.environment()) {
                Ok(Some(secret)) => {
                    let literal = is_literal(scene, &pointer);
                    return Given::Here { place: input.place().to_owned(), secret, literal };
                }
                Ok(None) => {}
                Err(error) => return Given::Unresolved(input.place().to_owned(), error),
            }
        }
        match scene.ctx.env.get_filled(variable) {
            Some(text) => Given::Here { place: variable.to_owned(), secret: text.into(), literal: false },
            None => Given::Nothing,
        }
    }

    /// Says what is wrong with it. Whether there is one.
    fn judge(self, scene: &Scene<'_>, rule: &Rule, looked: &mut Looked) -> bool {
        let (place, secret, literal) = match self {
            Given::Nothing => return false,
            Given::NotAsked => {
                looked.note = Some("a program gives the gateway's secret; it was not asked".to_owned());
                return true;
            }
            Given::Unresolved(place, error) => {
                looked.findings.push(Finding::new(&MISSING, place, error.to_string()));
                return true;
            }
            Given::Here { place, secret, literal } => (place, secret, literal),
        };
        let text = secret.expose_secret();
        let length = text.chars().count();
        let finding = if PLACEHOLDERS.iter().any(|known| text.eq_ignore_ascii_case(known)) {
            Finding::new(rule.placeholder, place.clone(), "it is a word out of examples")
        } else if length < rule.least {
            let severity = if scene.opens_to_others() { Severity::Critical } else { Severity::Warn };
            Finding::new(rule.short, place.clone(), format!("it has {length} characters")).severity(severity)
        } else {
            return true;
        };
        let ours = rule.mends && literal;
        looked.findings.push(if ours { scene.mend_access(finding, || renew(scene, place)) } else { finding });
        true
    }
}

/// Puts a new token in the place of the old one.
fn renew(scene: &Scene<'_>, place: String) -> Mend {
    let done = format!(
        "{place} is a new random one; start the gateway, and give it to clients that have the old one"
    );
    let set = move |_: &str| {
        let token =
            model::random_token().map_err(|error| format!("the system gives no random bytes: {error}"))?;
        Ok(Change::Set { steps: config::path_steps(&place)?, value: Value::String(token) })
    };
    change::config(scene, set, done)
}

/// Has the gateway listen for this host alone. A secret that nobody has chosen would open what it refuses to open.
fn close(scene: &Scene<'_>) -> Mend {
    let was = scene.written_text("/gateway/bind").unwrap_or_default();
    let done = format!(
        "gateway.bind is \"loopback\" now; for others, set gateway.auth.token and then gateway.bind to {was:?} again"
    );
    let set =
        |_: &str| Ok(Change::Set { steps: config::path_steps("gateway.bind")?, value: json!("loopback") });
    change::config(scene, set, done)
}

/// The token that a gateway makes where nothing is configured.
fn generated(scene: &Scene<'_>, looked: &mut Looked) {
    let paths = &scene.ctx.paths;
    let Err(error) = config::read_gateway_token(paths) else { return };
    let file = paths.gateway_token_file();
    let finding = Finding::in_file(&GENERATED, &file, error.to_string());
    let damaged = matches!(error, TokenError::Damaged { .. });
    looked.findings.push(match Seen::at(&file) {
        Some(seen) if damaged => scene.mend_access(finding, || {
            let paths = paths.clone();
            async move {
                no_link_on_the_way(&paths.state_dir, &seen.path)?;
                seen.remove()?;
                let (_, file, _) = config::ensure_gateway_token(&paths).map_err(|error| error.to_string())?;
                Ok(format!("{} holds a new token; clients elsewhere need it", file.display()))
            }
        }),
        _ => finding,
    });
}

/// Whether looking the secret up would run a program: that is not for looking.
fn asks_a_program(scene: &Scene<'_>, pointer: &str) -> bool {
    scene
        .written
        .pointer(pointer)
        .and_then(|value| value.get("source"))
        .is_some_and(|source| source == "exec")
}

/// Whether the secret itself stands in the configuration.
fn is_literal(scene: &Scene<'_>, pointer: &str) -> bool {
    let shown = scene.loaded.as_ref().ok().map(config::Loaded::redacted);
    shown.and_then(|shown| Some(shown.pointer(pointer)?.as_str()? == config::REDACTED)).unwrap_or(false)
}
