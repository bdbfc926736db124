//! A service as the text of a launchd agent's property list.

use super::{Again, Service};

/// The comment by which an agent of ours is known.
pub(super) const MARK: &str = "<!-- openclaw-service: ";
/// Ends the comment.
pub(super) const MARK_END: &str = " -->";

/// The property list's text. The caller has made sure that no text holds control characters (see [`super::file`]).
pub(super) fn text(service: &Service) -> String {
    let argv: String = service.argv.iter().map(|word| format!("      {}\n", string(word))).collect();
    let variables: String =
        service.environment.iter().map(|(k, v)| format!("      {}\n      {}\n", key(k), string(v))).collect();
    let pause = match service.again {
        Again::Bounded => 5,
        Again::Forever => 10,
    };
    // In a comment of XML, two dashes may not stand beside each other; JSON can say them otherwise.
    let json = service.as_json().replace("--", "-\\u002d");
    let pairs = [
        ("Label", string(&service.identity.label)),
        ("ProgramArguments", format!("<array>\n{argv}    </array>")),
        ("EnvironmentVariables", format!("<dict>\n{variables}    </dict>")),
        ("WorkingDirectory", string(&service.directory.display().to_string())),
        ("RunAtLoad", "<true/>".into()),
        ("KeepAlive", "<true/>".into()),
        ("ThrottleInterval", format!("<integer>{pause}</integer>")),
        ("ExitTimeOut", format!("<integer>{}</integer>", service.stop_seconds)),
        // 077, in decimals.
        ("Umask", "<integer>63</integer>".into()),
        ("ProcessType", string("Interactive")),
        ("StandardInPath", string("/dev/null")),
        ("StandardOutPath", string("/dev/null")),
        ("StandardErrorPath", string(&service.errors.display().to_string())),
    ];
    let body: String =
        pairs.iter().map(|(name, value)| format!("    {}\n    {value}\n", key(name))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         {MARK}{json}{MARK_END}\n\
         <plist version=\"1.0\">\n  <dict>\n{body}  </dict>\n</plist>\n"
    )
}

fn key(text: &str) -> String {
    format!("<key>{}</key>", escaped(text))
}

fn string(text: &str) -> String {
    format!("<string>{}</string>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::{gateway, odd};

    #[test]
    fn a_gateways_agent_is_this_text() {
        let text = text(&gateway());
        let rest: String = text.lines().filter(|l| !l.starts_with(MARK)).map(|l| format!("{l}\n")).collect();
        assert_eq!(rest, include_str!("testdata/ai.openclaw.work.plist"));
    }

    #[test]
    fn the_comment_holds_no_two_dashes_and_texts_no_markup() {
        let mut service = odd();
        service.argv.push("<&>".into());
        let text = text(&service);
        let comment = text.lines().find_map(|l| l.strip_prefix(MARK)).unwrap();
        assert!(!comment.strip_suffix(MARK_END).unwrap().contains("--"), "{comment}");
        assert!(text.contains("<string>&lt;&amp;&gt;</string>"));
    }
}
