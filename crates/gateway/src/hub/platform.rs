//! What kinds of devices there are, and which commands each may declare without an entry in the configuration: a phone that
//! offers to run programs is not asked about, it is not heard.

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Ios,
    WatchOs,
    Android,
    MacOs,
    Windows,
    Linux,
    /// It does not say, or something that nobody knows.
    Unknown,
}

use Platform::{Android, Ios, Linux, MacOs, Unknown, WatchOs, Windows};

const ALL: &[Platform] = &[Ios, WatchOs, Android, MacOs, Windows, Linux, Unknown];
const PERSONAL: &[Platform] = &[Ios, Android, MacOs];
const DEVICE: &[Platform] = &[Ios, WatchOs, Android, MacOs, Windows];

/// Commands that not only desktops have; all others are for desktops alone.
const BEYOND_DESKTOPS: &[(&str, &[Platform])] = &[
    ("system.notify", ALL),
    ("node.host.stats", ALL),
    ("talk.ptt.", ALL),
    ("camera.list", &[Ios, Android, MacOs, Windows, Unknown]),
    ("camera.ptz.status", &[MacOs]),
    ("location.get", &[Ios, Android, MacOs, Windows, Unknown]),
    ("device.info", DEVICE),
    ("device.status", DEVICE),
    ("device.permissions", &[Android]),
    ("device.health", &[Android]),
    ("device.apps", &[Android, MacOs]),
    ("contacts.search", PERSONAL),
    ("calendar.events", PERSONAL),
    ("callLog.search", &[Android]),
    ("reminders.list", PERSONAL),
    ("photos.latest", PERSONAL),
    ("motion.activity", PERSONAL),
    ("motion.pedometer", PERSONAL),
    ("notifications.list", &[Android]),
    ("notifications.actions", &[Android]),
    ("mobile.ui.observe", &[Android]),
    ("mobile.ui.act", &[Android]),
    ("canvas.present", &[MacOs]),
    ("canvas.hide", &[MacOs]),
    ("canvas.navigate", &[MacOs]),
];

impl Platform {
    /// By what a node says of itself: its platform, such as `linux`, `darwin` or `iOS 19.1`, else its family. One that says two
    /// different things is none that is known.
    pub(crate) fn of(platform: &str, family: Option<&str>) -> Self {
        let platform = platform.trim().to_lowercase();
        let family = family.unwrap_or_default().trim().to_lowercase();
        if platform.is_empty() {
            return Self::named(&family);
        }
        let said = Self::named(&platform);
        if family.is_empty() || Self::named(&family) == said { said } else { Unknown }
    }

    fn named(name: &str) -> Self {
        match name.split([' ', '_', '-']).next().unwrap_or_default() {
            "ios" | "ipados" | "iphone" | "ipad" => Ios,
            "watchos" | "apple" => WatchOs,
            "android" => Android,
            "macos" | "darwin" | "mac" => MacOs,
            "windows" | "win32" => Windows,
            "linux" => Linux,
            _ => Unknown,
        }
    }

    /// Whether a node of this kind may declare a command that is known.
    pub(super) fn has(self, command: &str) -> bool {
        let meant = |pattern: &str| match pattern.strip_suffix('.') {
            Some(_) => command.starts_with(pattern),
            None => command == pattern,
        };
        match BEYOND_DESKTOPS.iter().find(|(pattern, _)| meant(pattern)) {
            Some((_, platforms)) => platforms.contains(&self),
            None => matches!(self, MacOs | Windows | Linux),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_known_by_its_names() {
        for (platform, family, known) in [
            ("linux", Some("Linux"), Linux),
            (" Linux ", None, Linux),
            ("darwin", Some("Mac"), MacOs),
            ("macOS 15.1", Some("Mac"), MacOs),
            ("iOS 19.1", Some("iPhone"), Ios),
            ("", Some("iPad"), Ios),
            ("watchOS 12", Some("Apple Watch"), WatchOs),
            ("", Some("Apple Watch"), WatchOs),
            ("Android 16 (SDK 36)", Some("Android"), Android),
            ("win32", None, Windows),
            ("plan9", Some("Linux"), Unknown),
            ("linux", Some("iPhone"), Unknown),
            ("iOS 19.1", Some("Mac"), Unknown),
            ("Android 16", Some("Linux"), Unknown),
            ("", None, Unknown),
        ] {
            assert_eq!(Platform::of(platform, family), known, "{platform:?} {family:?}");
        }
    }

    #[test]
    fn each_kind_of_device_has_what_it_can_have() {
        for (command, platforms) in [
            ("system.run", &[MacOs, Windows, Linux][..]),
            ("browser.proxy", &[MacOs, Windows, Linux]),
            ("terminal.upload", &[MacOs, Windows, Linux]),
            ("system.notify", ALL),
            ("talk.ptt.start", ALL),
            ("photos.latest", PERSONAL),
            ("device.status", DEVICE),
            ("mobile.ui.act", &[Android]),
        ] {
            for platform in ALL {
                assert_eq!(platform.has(command), platforms.contains(platform), "{platform:?} {command}");
            }
        }
    }
}
