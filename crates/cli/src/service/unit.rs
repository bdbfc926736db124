//! A service as the text of a systemd user unit.

use super::{Again, Readiness, Service};

/// The line by which a unit of ours is known, and which has the service as JSON behind it.
pub(super) const MARK: &str = "# openclaw-service: ";
/// Without a word for this long, the service is taken for dead and started again.
const WATCHDOG_SECONDS: u64 = 60;

/// The unit's text. The caller has made sure that no text holds control characters (see [`super::file`]).
pub(super) fn text(service: &Service) -> String {
    let mut lines = vec![
        format!(
            "# Written by openclaw, and again by its next install. Settings of your own: systemctl --user edit {}",
            service.identity.unit
        ),
        format!("{MARK}{}", service.as_json()),
        "[Unit]".into(),
        format!("Description={}", escaped(&service.description)),
    ];
    lines.extend(starts(service.again));
    lines.extend(["".into(), "[Service]".into()]);
    lines.extend(readiness(service.readiness));
    let words: Vec<String> =
        service.argv.iter().map(|word| quoted(&escaped(word).replace('$', "$$"))).collect();
    lines.push(format!("ExecStart={}", words.join(" ")));
    lines.push(format!("WorkingDirectory={}", escaped(&service.directory.display().to_string())));
    lines.extend(
        service
            .environment
            .iter()
            .map(|(k, v)| format!("Environment={}", quoted(&escaped(&format!("{k}={v}"))))),
    );
    lines.extend(restart(service.again));
    lines.extend([
        format!("TimeoutStopSec={}", service.stop_seconds),
        // The service itself gets the signal; what it leaves behind is killed after it.
        "KillMode=mixed".into(),
        // One command of the agent that eats all memory must not take the service with it.
        "OOMPolicy=continue".into(),
        "UMask=0077".into(),
        // A core would hold secrets.
        "LimitCORE=0".into(),
        "".into(),
        "[Install]".into(),
        "WantedBy=default.target".into(),
        "".into(),
    ]);
    lines.join("\n")
}

fn starts(again: Again) -> Vec<String> {
    match again {
        Again::Bounded => vec!["StartLimitIntervalSec=300".into(), "StartLimitBurst=10".into()],
        Again::Forever => vec!["StartLimitIntervalSec=0".into()],
    }
}

fn readiness(readiness: Readiness) -> Vec<String> {
    match readiness {
        Readiness::Runs => vec!["Type=exec".into()],
        Readiness::Notifies => {
            vec!["Type=notify".into(), "NotifyAccess=main".into(), format!("WatchdogSec={WATCHDOG_SECONDS}")]
        }
    }
}

/// 130 is the exit code of a stop at once.
fn restart(again: Again) -> Vec<String> {
    let (pause, never) = match again {
        // 6: the configuration is wrong, and a new start changes nothing about that.
        Again::Bounded => (5, 6),
        // 7: another certificate than the pinned one. Knocking again and again helps nobody.
        Again::Forever => (10, 7),
    };
    vec![
        "Restart=always".into(),
        format!("RestartSec={pause}"),
        "SuccessExitStatus=130".into(),
        format!("RestartPreventExitStatus={never}"),
    ]
}

/// Without specifiers.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%$~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::{gateway, odd};

    #[test]
    fn a_gateways_unit_is_this_text() {
        let text = text(&gateway());
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("# Written by openclaw"), "{first}");
        let (mark, rest) = rest.split_once('\n').unwrap();
        assert!(mark.starts_with(MARK), "{mark}");
        assert_eq!(rest, include_str!("testdata/openclaw-gateway-work.service"));
    }

    #[test]
    fn words_with_blanks_quotes_percents_and_dollars_stay_one_word_each() {
        let text = text(&odd());
        let line = text.lines().find(|l| l.starts_with("ExecStart=")).unwrap();
        assert_eq!(
            line,
            r#"ExecStart="/opt/my tools/openclaw" node run --display-name "a \"b\" \\ 100%% $$HOME; 'x'" """#
        );
        assert!(text.contains("Type=exec") && text.contains("StartLimitIntervalSec=0"));
        assert!(text.contains("RestartPreventExitStatus=7\n"), "not for a pin that fails");
    }
}
