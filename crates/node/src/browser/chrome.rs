//! Starting Chromium, or a browser made of it, with a profile of its own and a pair of pipes to speak with it. It opens no
//! port: nobody else on this computer can drive it.

use super::BrowserOptions;
use super::error::Refusal;
use exec::CommandSpec;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Browsers by the names of their programs, the first that is there.
const PROGRAMS: &[&str] = &[
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
    "chromium",
    "chromium-browser",
];
/// What is always said to it: a browser for a program, which asks nothing, tells nobody and fetches nothing by itself.
const ARGUMENTS: &[&str] = &[
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-search-engine-choice-screen",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    "--disable-features=Translate,MediaRouter,OptimizationHints,PreconnectToSearch",
    "--dns-prefetch-disable",
    "--password-store=basic",
    "--window-size=1280,800",
];
/// With these its own computer, too, is reached by the way out that it is given, and nothing goes beside that.
const ONE_WAY: &[&str] =
    &["--proxy-bypass-list=<-loopback>", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"];
/// Flags by which somebody else says how it reaches hosts.
const WAYS: &[&str] = &["--proxy", "--no-proxy-server", "--host-resolver-rules", "--host-rules"];
/// Flags that would open another way to the browser, or to somebody's profile.
const OURS: &[&str] =
    &["--remote-debugging", "--user-data-dir", "--profile-directory", "--remote-allow-origins"];
/// The pipes of the browser are its descriptors 3 and 4; it is given them as standard input and output.
const TAKE_PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// The program of the browser, where there is one.
pub(super) fn program(options: &BrowserOptions, path: &str) -> Option<PathBuf> {
    match &options.executable {
        Some(named) => named.is_file().then(|| named.clone()),
        None => PROGRAMS.iter().find_map(|name| exec::which(name, path)),
    }
}

/// Whether the browser is to show no window, and what decides that.
pub(super) fn headless(options: &BrowserOptions, asked: Option<bool>) -> (bool, &'static str) {
    match (asked, options.headless) {
        (Some(asked), _) => (asked, "request"),
        (None, Some(configured)) => (configured, "config"),
        (None, None) if !has_display() => (true, "linux-display-fallback"),
        (None, None) => (false, "default"),
    }
}

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// The command that starts it; `way_out` is the port of the proxy that it is to use.
///
/// # Errors
/// There is no browser, its profile cannot be made, or the configuration asks for what is not done.
pub(super) fn command(
    options: &BrowserOptions,
    path: &str,
    headless: bool,
    way_out: u16,
) -> Result<CommandSpec, Refusal> {
    let Some(program) = program(options, path) else {
        return Err(Refusal::unavailable(match &options.executable {
            Some(named) => {
                format!("{} is no program; see browser.executablePath on the node", named.display())
            }
            None => "there is no browser there; install chromium, or set browser.executablePath".to_owned(),
        }));
    };
    if !headless && !has_display() {
        let message =
            "there is no display for the browser's window; leave browser.headless out, or set it to true";
        return Err(Refusal {
            reason: Some("no_display_for_headed_profile"),
            ..Refusal::unavailable(message)
        });
    }
    let profile = profile_dir(&options.state_dir);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&profile)
        .map_err(|e| Refusal::unavailable(format!("{} cannot be made: {e}", profile.display())))?;
    let mut argv: Vec<String> = vec!["/bin/sh".into(), "-c".into(), TAKE_PIPES.into()];
    argv.push(program.to_string_lossy().into_owned());
    argv.extend(ARGUMENTS.iter().map(|argument| (*argument).to_owned()));
    argv.push(format!("--user-data-dir={}", profile.display()));
    if headless {
        argv.extend(["--headless=new".to_owned(), "--disable-gpu".to_owned()]);
    }
    if options.no_sandbox {
        argv.push("--no-sandbox".to_owned());
    }
    let extra = extra(options)?;
    // Whoever may go anywhere may say how.
    if !extra.iter().any(|argument| begins(argument, WAYS)) {
        argv.push(format!("--proxy-server=socks5://127.0.0.1:{way_out}"));
        argv.extend(ONE_WAY.iter().map(|argument| (*argument).to_owned()));
    }
    argv.extend(extra);
    argv.push("about:blank".to_owned());
    let mut spec = CommandSpec::new(argv);
    if !path.is_empty() {
        spec.env.push(("PATH".to_owned(), path.to_owned()));
    }
    Ok(spec)
}

fn begins(argument: &str, list: &[&str]) -> bool {
    list.iter().any(|flag| argument.trim().starts_with(flag))
}

fn extra(options: &BrowserOptions) -> Result<Vec<String>, Refusal> {
    for argument in &options.extra_args {
        if begins(argument, OURS) {
            return Err(Refusal::invalid(format!(
                "browser.extraArgs: {argument} is the node's own to say; leave it out"
            )));
        }
        if begins(argument, WAYS) && !options.reach.allow_private {
            return Err(Refusal::invalid(format!(
                "browser.extraArgs: {argument} would go around browser.ssrfPolicy; leave it out, or set dangerouslyAllowPrivateNetwork there"
            )));
        }
    }
    Ok(options.extra_args.clone())
}

/// Holds the profile, so that no other process of this computer starts a browser with it meanwhile; a crash lets go.
///
/// # Errors
/// Another one has it, or it cannot be made.
pub(super) fn hold(state_dir: &Path) -> Result<std::fs::File, Refusal> {
    let dir = state_dir.join("browser").join(super::PROFILE);
    let cannot =
        |e: &dyn std::fmt::Display| Refusal::unavailable(format!("{} cannot be used: {e}", dir.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|e| cannot(&e))?;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("lock"));
    let file = file.map_err(|e| cannot(&e))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Refusal::unavailable(format!(
            "another process of this computer drives the browser of {}: a node, or the gateway; stop that one's browser first",
            dir.display()
        ))),
        Err(error) => Err(cannot(&error)),
    }
}

/// Where its profile is.
pub(super) fn profile_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("browser").join(super::PROFILE).join("user-data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_would_open_another_way_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let with = |argument: &str, allow_private: bool| {
            let mut options = BrowserOptions::new(dir.path().to_owned());
            options.executable = Some("/bin/true".into());
            options.extra_args = vec![argument.to_owned()];
            options.reach.allow_private = allow_private;
            command(&options, "", true, 1080).map(|spec| spec.argv)
        };
        for argument in [
            "--remote-debugging-port=9222",
            "--user-data-dir=/home/me/.config",
            " --proxy-server=http://x",
            "--no-proxy-server",
        ] {
            assert_eq!(with(argument, false).unwrap_err().status, 400, "{argument}");
        }
        assert!(
            with("--proxy-server=http://x", true).unwrap().contains(&"--proxy-server=http://x".to_owned())
        );
        let own = with("--proxy-server=http://x", true).unwrap();
        assert!(!own.iter().any(|argument| argument.contains("socks5")), "{own:?}");
        let argv = with("--lang=de", false).unwrap();
        assert!(argv.contains(&"--proxy-server=socks5://127.0.0.1:1080".to_owned()), "{argv:?}");
        assert!(argv.contains(&"--lang=de".to_owned()) && !argv.contains(&"--no-sandbox".to_owned()));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &profile_dir(dir.path()).metadata().unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o700);
    }
}
