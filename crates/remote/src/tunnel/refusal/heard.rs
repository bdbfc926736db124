//! Reading ssh's words: the first line that decides is the reason, and the lines before it give its details. With a jump host
//! both programs write into the same lines, and the first to fail is the one that matters.

use super::{Asked, IdentityProblem, KnownAt, Refusal, quoted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read};
use std::process::ExitStatus;

/// Lines of ssh's last words that an unnamed reason shows, and characters of a text in all.
const LAST_WORDS: usize = 3;
const MAX_TEXT: usize = 300;
/// Keys that are named; agents hold dozens.
const MAX_KEYS: usize = 8;
/// How much of `known_hosts` is read for one line of it.
const MAX_KNOWN_HOSTS: u64 = 4 * 1024 * 1024;

pub(super) fn read<'a>(
    asked: &Asked,
    lines: impl IntoIterator<Item = &'a str>,
    exit: Option<ExitStatus>,
) -> Option<Refusal> {
    let mut heard = Heard::new(asked);
    for line in lines {
        heard.line(line.trim_end());
    }
    let named = heard.ended.or(heard.channel);
    match (named, exit) {
        (None, Some(exit)) if heard.words.is_empty() => {
            Some(Refusal::Unknown(format!("it ended with {exit} and said nothing")))
        }
        (None, Some(_)) => Some(Refusal::Unknown(bounded(&heard.words.join("; ")))),
        (named, _) => named,
    }
}

struct Heard<'a> {
    asked: &'a Asked,
    /// The fingerprint that the host showed last.
    seen: Option<String>,
    has_changed: bool,
    known_at: Option<KnownAt>,
    /// The host as the check of keys names it.
    checked: Option<String>,
    offered: Vec<String>,
    /// The file of a key that the host would take.
    accepted: Option<String>,
    bad_key: Option<(String, IdentityProblem)>,
    /// Key files that are not there.
    missing: Vec<String>,
    /// What the key's line in `authorized_keys` allows.
    options: Option<String>,
    /// Why ssh ends: the first reason counts.
    ended: Option<Refusal>,
    /// Why a forwarded connection came to nothing: the last reason counts, since things change under a tunnel that stands.
    channel: Option<Refusal>,
    /// The last of what ssh says unasked.
    words: Vec<&'a str>,
}

impl<'a> Heard<'a> {
    fn new(asked: &'a Asked) -> Self {
        Self {
            asked,
            seen: None,
            has_changed: false,
            known_at: None,
            checked: None,
            offered: Vec::new(),
            accepted: None,
            bad_key: None,
            missing: Vec::new(),
            options: None,
            ended: None,
            channel: None,
            words: Vec::new(),
        }
    }

    fn line(&mut self, line: &'a str) {
        if let Some(detail) = line.strip_prefix("debug1: ") {
            self.detail(detail);
            return;
        }
        if line.starts_with("Authenticated ") {
            // What comes now is about the next way to prove oneself, or about the host behind this one.
            (self.accepted, self.offered) = (None, Vec::new());
            return;
        }
        if is_decoration(line) {
            return;
        }
        if self.words.len() == LAST_WORDS {
            self.words.remove(0);
        }
        self.words.push(line);
        self.key(line);
        self.no_identity(line);
        if let Some(refused) = self.channel(line) {
            self.channel = Some(refused);
        }
        if self.ended.is_none() {
            self.ended = self.host_key(line).or_else(|| self.login(line)).or_else(|| self.connection(line));
        }
    }

    /// What only `DEBUG1` says.
    fn detail(&mut self, detail: &str) {
        if let Some(key) = detail.strip_prefix("Server host key: ") {
            self.seen = key.split_whitespace().nth(1).map(bounded);
        } else if let Some(key) = detail.strip_prefix("Offering public key: ") {
            let key = bounded(key.trim_end_matches(" explicit"));
            if self.offered.len() < MAX_KEYS && !self.offered.contains(&key) {
                self.offered.push(key);
            }
        } else if let Some(key) = detail.strip_prefix("Server accepts key: ") {
            self.accepted = Some(file_of(key));
        } else if let Some((_, options)) = detail.split_once(": key options:") {
            self.options = Some(options.to_owned());
        }
    }

    /// A key file that is named and not there. Where the host would take that very key, its public half is.
    fn no_identity(&mut self, line: &str) {
        let file = line.strip_prefix("no such identity: ").and_then(|rest| rest.rsplit_once(": "));
        if let Some((file, _)) = file.filter(|_| self.missing.len() < MAX_KEYS) {
            self.missing.push(bounded(file));
        }
    }

    /// What is wrong with a private key; it decides nothing as long as another one is let in.
    fn key(&mut self, line: &str) {
        let problem = if let Some(rest) = line.strip_prefix("Warning: Identity file ") {
            rest.split_once(" not accessible").map(|(file, _)| (file.to_owned(), IdentityProblem::Missing))
        } else if let Some((file, text)) =
            line.strip_prefix("Load key \"").and_then(|rest| rest.split_once("\": "))
        {
            let problem = match text {
                "bad permissions" => IdentityProblem::TooOpen,
                text => IdentityProblem::Other(bounded(text)),
            };
            Some((file.to_owned(), problem))
        } else if line.starts_with("sign_and_send_pubkey: signing failed for ") {
            let file = line.split('"').nth(1).unwrap_or("of the agent").to_owned();
            let text = line.rsplit(": ").next().unwrap_or(line);
            Some((file, IdentityProblem::Other(bounded(text))))
        } else {
            None
        };
        if let Some((file, problem)) = problem {
            self.bad_key = Some((bounded(&file), problem));
        }
    }

    fn channel(&self, line: &str) -> Option<Refusal> {
        let (channel, text) = line.strip_prefix("channel ")?.split_once(": open failed: ")?;
        channel.parse::<u32>().ok()?;
        let far_port = self.asked.far_port;
        if text.starts_with("administratively prohibited") {
            let by_key = self.options.as_ref().is_some_and(|options| !options.contains("port-forwarding"));
            return Some(Refusal::ForwardingForbidden { far_port, by_key });
        }
        if text == "connect failed: Connection refused" {
            return Some(Refusal::NothingListening { far_port });
        }
        Some(Refusal::Unknown(bounded(line)))
    }

    fn host_key(&mut self, line: &str) -> Option<Refusal> {
        if line.contains("REMOTE HOST IDENTIFICATION HAS CHANGED!") {
            self.has_changed = true;
        } else if let Some((_, place)) =
            line.strip_prefix("Offending ").and_then(|rest| rest.split_once(" key in "))
        {
            self.known_at = place
                .rsplit_once(':')
                .and_then(|(file, line)| Some(KnownAt { file: file.into(), line: line.parse().ok()? }));
        } else if let Some(rest) = line.strip_prefix("Host key for ") {
            self.checked = rest.split_once(" has changed").map(|(host, _)| bounded(host));
        } else if let Some((_, rest)) = line.split_once(" host key is known for ") {
            self.checked = rest.split_once(" and you have").map(|(host, _)| bounded(host));
        }
        let failed = line == "Host key verification failed.";
        // A user's `StrictHostKeyChecking no` lets ssh go on without forwarding.
        let useless = line == "Port forwarding is disabled to avoid man-in-the-middle attacks.";
        (failed || useless).then(|| self.host_key_failed())
    }

    fn host_key_failed(&self) -> Refusal {
        let host = self.checked.clone().unwrap_or_else(|| match self.asked.ssh_port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.asked.host()),
            _ => self.asked.host().to_owned(),
        });
        let (seen, ssh) = (self.seen.clone(), self.asked.ssh());
        if !self.has_changed {
            return Refusal::UnknownHostKey { host, seen, ssh };
        }
        let forget = match &self.known_at {
            Some(at) => {
                format!("ssh-keygen -f {} -R {}", quoted(&at.file.to_string_lossy()), quoted(&host))
            }
            None => format!("ssh-keygen -R {}", quoted(&host)),
        };
        let known = self.known_at.as_ref().and_then(fingerprint_at);
        Refusal::ChangedHostKey { host, known, seen, forget, ssh }
    }

    fn login(&mut self, line: &str) -> Option<Refusal> {
        if line.ends_with("Too many authentication failures") {
            return Some(Refusal::TooManyKeys { offered: std::mem::take(&mut self.offered) });
        }
        let (login, methods) = line.split_once(": Permission denied (")?;
        if let Some((file, problem)) = self.bad_key.take() {
            return Some(Refusal::IdentityUnusable { file, problem });
        }
        // The host would take it, and no signature came.
        if let Some(file) = self.accepted.take() {
            let missing = self.missing.contains(&file);
            let problem = if missing { IdentityProblem::Missing } else { IdentityProblem::Passphrase };
            return Some(Refusal::IdentityUnusable { file, problem });
        }
        Some(Refusal::PermissionDenied {
            login: bounded(login),
            methods: bounded(methods.trim_end_matches([')', '.'])),
            offered: std::mem::take(&mut self.offered),
            copy: self.asked.copy_key(),
        })
    }

    fn connection(&self, line: &str) -> Option<Refusal> {
        let asked = self.asked;
        if let Some(rest) = line.strip_prefix("ssh: Could not resolve hostname ") {
            let (host, text) = rest.split_once(": ").unwrap_or((rest, "no reason given"));
            return Some(Refusal::NameNotFound { host: bounded(host), text: bounded(text) });
        }
        if let Some(rest) = line.strip_prefix("ssh: connect to host ") {
            return self.not_connected(rest);
        }
        let is_timeout = line == "Connection timed out during banner exchange"
            || line.starts_with("Timeout, server ") && line.ends_with(" not responding.")
            || line.starts_with("Connection to ") && line.ends_with(" timed out");
        if is_timeout {
            return Some(Refusal::timed_out(asked));
        }
        if let Some(place) =
            line.strip_prefix("bind [").and_then(|rest| rest.strip_suffix(": Address already in use"))
        {
            // It may be another forward's, of the user's own configuration.
            let port = place.rsplit_once("]:").and_then(|(_, port)| port.parse().ok());
            return Some(Refusal::LocalPortTaken { port: port.unwrap_or(asked.local_port) });
        }
        // An older ssh does not know an option that it is given here.
        let is_unknown = line.starts_with("command-line") && line.contains(": Bad configuration option: ");
        let is_config = is_unknown
            || line.contains(": terminating, ") && line.ends_with(" bad configuration options")
            || ["Bad owner or permissions on ", "Can't open user config file "]
                .iter()
                .any(|start| line.starts_with(start));
        if is_config {
            // What is wrong stands in the lines before.
            return Some(Refusal::BadConfig(bounded(&self.words.join("; "))));
        }
        let is_lost = line.starts_with("Connection closed by ")
            || line.starts_with("Connection reset by ")
            || line.starts_with("Connection to ") && line.ends_with(" closed by remote host.")
            || line.starts_with("client_loop: ")
            || line.starts_with("kex_exchange_identification: ")
            || line.starts_with("Read from remote host ");
        is_lost.then(|| Refusal::Lost { destination: asked.destination.clone(), text: bounded(line) })
    }

    /// The rest of `ssh: connect to host HOST port PORT: TEXT`.
    fn not_connected(&self, rest: &str) -> Option<Refusal> {
        let (place, text) = rest.split_once(": ")?;
        let (host, port) = place.rsplit_once(" port ")?;
        let (host, port) = (bounded(host), port.parse().ok()?);
        Some(match text {
            "Connection refused" => Refusal::ConnectionRefused { host, port },
            "Connection timed out" => Refusal::TimedOut { host, ssh: self.asked.ssh() },
            text => Refusal::Unreachable { host, port, text: bounded(text) },
        })
    }
}

/// The program's own name and its sums at the end tell nothing.
fn is_decoration(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("OpenSSH_")
        || line.starts_with("Transferred: sent ")
        || line.starts_with("Bytes per second: sent ")
}

/// The file of `FILE KIND SHA256:… explicit`; file names may have spaces.
fn file_of(key: &str) -> String {
    let words: Vec<&str> = key.trim_end_matches(" explicit").rsplitn(3, ' ').collect();
    bounded(words.get(2).copied().unwrap_or(key))
}

/// `SHA256:…` of the key in a line of `known_hosts`, as ssh writes it.
fn fingerprint_at(at: &KnownAt) -> Option<String> {
    let file = std::fs::File::open(&at.file).ok()?;
    let lines = BufReader::new(file.take(MAX_KNOWN_HOSTS)).lines();
    let line = lines.map_while(Result::ok).nth(at.line.checked_sub(1)?)?;
    let fields: Vec<&str> = line.split_whitespace().skip_while(|field| field.starts_with('@')).collect();
    let key = STANDARD_NO_PAD.decode(fields.get(2)?.trim_end_matches('=')).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
}

/// A text of others, fit to be shown.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}
