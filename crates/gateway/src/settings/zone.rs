//! The user's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The user's time zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// `agents.defaults.userTimezone`, else that of this host. A name that nobody knows is reported, and reads as UTC.
    pub(crate) fn named(name: Option<&str>) -> Self {
        let Some(name) = name else { return Self(TimeZone::system()) };
        Self(TimeZone::get(name).unwrap_or_else(|error| {
            tracing::warn!(%error, "agents.defaults.userTimezone is no known time zone (write it as Europe/Berlin); using UTC");
            TimeZone::UTC
        }))
    }

    /// Its name, and how many minutes it is ahead of UTC at this time.
    pub(crate) fn at(&self, now_ms: i64) -> (String, i32) {
        let name = self.0.iana_name().unwrap_or("UTC").to_owned();
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        (name, self.0.to_offset(now).seconds() / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_knows_summer_and_winter_and_an_unknown_one_is_utc() {
        let berlin = Zone::named(Some("Europe/Berlin"));
        assert_eq!(berlin.at(1_795_226_141_932), ("Europe/Berlin".into(), 60));
        assert_eq!(berlin.at(1_782_900_000_000), ("Europe/Berlin".into(), 120));
        assert_eq!(Zone::named(Some("Mars/Olympus")).at(0), ("UTC".into(), 0));
    }
}
