//! Homebrew's CoreDNS: a server block of its own for the domain, beside whatever else it serves. Only what is missing is written.

use super::{Plan, failed};
use crate::failure::Failure;
use crate::service::{Said, Tool, ToolError};
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `brew` looks at many files before it answers.
const BREW_WITHIN: Duration = Duration::from_secs(30);
/// Somebody types a password meanwhile.
const SUDO_WITHIN: Duration = Duration::from_secs(180);

/// What was done.
pub(super) struct Applied {
    /// The files that were written.
    pub(super) changed: Vec<PathBuf>,
}

/// The server block. It listens in the tailnet alone: nobody else is to be answered, and the port may be taken elsewhere.
pub(super) fn stanza(plan: &Plan) -> String {
    let mut text = format!("{}:53 {{\n", plan.domain);
    for ip in &plan.tailnet {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    bind {ip}");
    }
    let file = plan.zone_file.display().to_string();
    let quoted = file.replace('\\', "\\\\").replace('"', "\\\"");
    let _ = write!(text, "    file \"{quoted}\" {{\n        reload 10s\n    }}\n    errors\n}}\n");
    text
}

/// Sets it up and starts it anew.
///
/// # Errors
/// Homebrew or its CoreDNS is not there, this host is in no tailnet, a file cannot be written, or it does not start.
pub(super) async fn apply(plan: &Plan) -> Result<Applied, Failure> {
    let prefix = brew(&["--prefix"]).await?;
    if plan.tailnet.is_empty() {
        return Err(failed(
            "NO_TAILNET",
            "this host has no address in a tailnet, and CoreDNS is to listen nowhere else",
        )
        .hint("tailscale up, then this again"));
    }
    if let Err(missing) = brew(&["list", "coredns"]).await {
        return Err(missing.hint("install it: brew install coredns"));
    }
    let directory = Path::new(prefix.trim()).join("etc/coredns");
    let changed = write(plan, &directory)
        .map_err(|(file, error)| failed("FILE", format!("{} cannot be written: {error}", file.display())))?;
    restart().await.map_err(|problem| {
        let message = format!("sudo brew services restart coredns: {problem}");
        failed("COREDNS", message).hint("what was written stays; this can be run again")
    })?;
    Ok(Applied { changed })
}

/// With the terminal of this program, in which sudo asks; what is said there is no part of a report.
async fn restart() -> Result<(), String> {
    let mut command = tokio::process::Command::new("sudo");
    command.args(["brew", "services", "restart", "coredns"]).stdout(std::io::stderr()).kill_on_drop(true);
    match tokio::time::timeout(SUDO_WITHIN, command.status()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it was not done within {} s", SUDO_WITHIN.as_secs())),
    }
}

/// What Homebrew answers.
async fn brew(arguments: &[&str]) -> Result<String, Failure> {
    let argv = [&["brew"], arguments].concat();
    match Tool::default().ask(&argv, BREW_WITHIN).await {
        Ok(said) if said.is_well() => Ok(said.out),
        Ok(said) => Err(refused(&argv, &said)),
        Err(ToolError::Missing(_)) => Err(failed(
            "NO_HOMEBREW",
            "--apply sets up Homebrew's CoreDNS, as it is on macOS, and there is no brew here",
        )
        .hint("without --apply this prints what any other DNS server needs")),
        Err(error) => Err(failed("COREDNS", error.to_string())),
    }
}

fn refused(argv: &[&str], said: &Said) -> Failure {
    failed("COREDNS", format!("{}: {}", argv.join(" "), said.reason()))
}

/// Writes what is missing, and gives which files that were.
fn write(plan: &Plan, directory: &Path) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let mut changed = Vec::new();
    let conf = directory.join("conf.d");
    let server = conf.join(format!("{}.server", plan.domain));
    let mut step = |file: PathBuf, done: std::io::Result<bool>| match done {
        Ok(true) => {
            changed.push(file);
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) => Err((file, error)),
    };
    let zone = plan.zone_file.clone();
    step(zone.clone(), begin_zone(plan, &zone))?;
    step(server.clone(), put(&server, &stanza(plan)))?;
    let corefile = directory.join("Corefile");
    step(corefile.clone(), import(&corefile, &format!("import {}/*.server", conf.display())))?;
    Ok(changed)
}

/// A zone that names nobody yet, where there is none: a server without its file does not start. The gateway writes its own over it.
fn begin_zone(plan: &Plan, file: &Path) -> std::io::Result<bool> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut new = match std::fs::File::create_new(file) {
        Ok(new) => new,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let address = plan
        .tailnet
        .first()
        .map_or_else(String::new, |ip| format!("ns IN {} {ip}\n", if ip.is_ipv4() { "A" } else { "AAAA" }));
    write!(
        new,
        "{}$ORIGIN {}.\n$TTL 60\n@ IN SOA ns hostmaster 1 7200 3600 1209600 60\n@ IN NS ns\n{address}",
        config::ZONE_MARK,
        plan.domain
    )?;
    Ok(true)
}

/// Has the file hold this text.
fn put(file: &Path, text: &str) -> std::io::Result<bool> {
    if std::fs::read_to_string(file).is_ok_and(|is| is == text) {
        return Ok(false);
    }
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let beside = file.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, file)?;
    Ok(true)
}

/// Adds the line to the file, where it is not there yet; nothing else in it is touched.
fn import(file: &Path, line: &str) -> std::io::Result<bool> {
    let is = match std::fs::read_to_string(file) {
        Ok(is) => is,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    if is.lines().any(|there| there.trim() == line) {
        return Ok(false);
    }
    let gap = if is.is_empty() || is.ends_with('\n') { "" } else { "\n" };
    let mut corefile = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(corefile, "{gap}{line}")?;
    Ok(true)
}
