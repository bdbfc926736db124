//! launchd over a stand-in for `launchctl` that keeps in a directory what is loaded, and answers with the exit codes of
//! the real one.

use super::super::file::{self, Format};
use super::super::testing::gateway;
use super::*;
use crate::service::{Manager, ManagerError};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const STAND_IN: &str = r#"#!/bin/sh
echo "$*" >> "$STAND_IN/said"
case "$1" in
  print) if [ -s "$STAND_IN/ends" ]; then
      # It still ends; with each look at it, less so.
      sed -i 1d "$STAND_IN/ends"
      printf 'gui/501/x = {\n\tstate = SIGTERMed\n}\n'; exit 0
    fi
    [ -e "$STAND_IN/loaded" ] || { echo "Could not find service" >&2; exit 113; }
    printf 'gui/501/x = {\n\tstate = running\n\tpid = 4242\n\tlast exit code = 78: EX_CONFIG\n}\n' ;;
  bootstrap) [ -e "$STAND_IN/no-session" ] && { echo "Domain does not support specified action" >&2; exit 125; }
    [ -e "$3" ] || { echo "Bootstrap failed: 2: No such file" >&2; exit 2; }
    [ -s "$STAND_IN/ends" ] && { echo "Bootstrap failed: 37: Operation already in progress" >&2; exit 37; }
    [ -s "$STAND_IN/busy" ] && { sed -i 1d "$STAND_IN/busy"; echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
    [ -e "$STAND_IN/loaded" ] && { echo "Bootstrap failed: 37" >&2; exit 37; }
    touch "$STAND_IN/loaded" ;;
  bootout) [ -e "$STAND_IN/loaded" ] || { echo "Boot-out failed: 3: No such process" >&2; exit 3; }
    rm "$STAND_IN/loaded"
    [ -e "$STAND_IN/slow" ] && { mv "$STAND_IN/slow" "$STAND_IN/ends"; echo "Boot-out failed: 36: Operation now in progress" >&2; exit 36; }
    exit 0 ;;
  kickstart|kill) [ -e "$STAND_IN/loaded" ] || { echo "Could not find service" >&2; exit 113; } ;;
  enable) ;;
  *) echo "unrecognized subcommand: $1" >&2; exit 64 ;;
esac
"#;

struct Mac {
    dir: TempDir,
    manager: Manager,
}

impl Mac {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("launchctl");
        std::fs::write(&program, STAND_IN).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let at = dir.path().display().to_string();
        let variables = vec![("PATH".into(), format!("{at}:/usr/bin:/bin")), ("STAND_IN".into(), at)];
        let manager = Manager::Launchd(Launchd::new(Tool { variables }, &dir.path().join("home")));
        Self { dir, manager }
    }

    /// What was asked since the last time, each by its first word.
    fn asked(&self) -> Vec<String> {
        let file = self.dir.path().join("said");
        let said = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, "").unwrap();
        said.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn an_agent_is_installed_started_restarted_and_taken_away() {
    let mac = Mac::new();
    let service = gateway();
    let identity = &service.identity;
    assert!(matches!(mac.manager.start(identity).await, Err(ManagerError::NotInstalled { .. })));
    mac.manager.install(&service, false).await.unwrap();
    let standing = mac.manager.look(identity).await.unwrap();
    assert_eq!(standing.file, mac.dir.path().join("home/Library/LaunchAgents/ai.openclaw.work.plist"));
    assert_eq!(std::fs::read_to_string(&standing.file).unwrap(), Format::Plist.text(&service));
    let runtime = standing.runtime.unwrap();
    assert_eq!((runtime.running, runtime.pid, runtime.last_exit), (true, Some(4242), Some(78)));
    mac.asked();
    mac.manager.start(identity).await.unwrap();
    assert_eq!(mac.asked(), ["enable", "bootstrap", "print", "kickstart"]);
    mac.manager.restart(identity, true).await.unwrap();
    assert_eq!(mac.asked(), ["kill", "bootout", "print", "enable", "bootstrap"]);
    mac.manager.stop(identity).await.unwrap();
    mac.manager.stop(identity).await.unwrap();
    assert_eq!(mac.manager.look(identity).await.unwrap().runtime, None);
    assert!(mac.manager.uninstall(identity, false).await.unwrap());
    assert!(!mac.manager.uninstall(identity, false).await.unwrap());
    assert!(!standing.file.exists());
}

#[tokio::test]
async fn an_agent_that_takes_its_time_to_end_is_waited_for_before_it_is_loaded_again() {
    let mac = Mac::new();
    let service = gateway();
    mac.manager.install(&service, false).await.unwrap();
    mac.asked();
    std::fs::write(mac.dir.path().join("slow"), "1\n2\n3\n").unwrap();
    mac.manager.restart(&service.identity, false).await.unwrap();
    assert_eq!(mac.asked(), ["bootout", "print", "print", "print", "print", "enable", "bootstrap"]);
    // Gone, and launchd has not quite finished with it.
    std::fs::write(mac.dir.path().join("busy"), "1\n2\n").unwrap();
    mac.manager.restart(&service.identity, false).await.unwrap();
    let again = ["bootstrap", "print", "bootstrap", "print", "bootstrap"];
    assert_eq!(mac.asked()[3..], again);
    assert!(mac.manager.look(&service.identity).await.unwrap().runtime.is_some());
    // What never ends is not waited for without end.
    let launchd = match &mac.manager {
        Manager::Launchd(launchd) => launchd,
        Manager::Systemd(_) => unreachable!("it was made as launchd"),
    };
    std::fs::write(mac.dir.path().join("slow"), "1\n".repeat(1000)).unwrap();
    let error = launchd.stop(&service.identity, LOOK_EVERY * 5).await.unwrap_err();
    assert!(error.to_string().contains("has not ended"), "{error}");
}

#[tokio::test]
async fn another_programs_agent_stays_unless_it_is_forced() {
    let mac = Mac::new();
    let service = gateway();
    let place = mac.manager.file(&service.identity);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "<plist/>").unwrap();
    assert!(matches!(mac.manager.install(&service, false).await, Err(ManagerError::Foreign(_))));
    assert!(matches!(mac.manager.uninstall(&service.identity, false).await, Err(ManagerError::Foreign(_))));
    assert_eq!(std::fs::read_to_string(&place).unwrap(), "<plist/>");
    mac.manager.install(&service, true).await.unwrap();
    assert!(matches!(file::look(&place, Format::Plist).unwrap(), Definition::Ours(..)));
}

#[tokio::test]
async fn a_user_without_a_session_or_a_host_without_launchd_is_told_so() {
    let mac = Mac::new();
    std::fs::write(mac.dir.path().join("no-session"), "").unwrap();
    let error = mac.manager.install(&gateway(), false).await.unwrap_err();
    assert!(matches!(error, ManagerError::None { .. }) && error.to_string().contains("log in"), "{error}");
    let nowhere = Tool { variables: vec![("PATH".into(), "/nowhere".into())] };
    let manager = Manager::Launchd(Launchd::new(nowhere, mac.dir.path()));
    let error = manager.install(&gateway(), false).await.unwrap_err();
    assert!(error.to_string().contains("launchctl is not installed"), "{error}");
}
