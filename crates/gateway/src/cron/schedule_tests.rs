use super::*;

fn cron(expr: &str, tz: &str) -> Schedule {
    Schedule::Cron { expr: expr.into(), tz: Some(tz.into()), stagger_ms: Some(0) }
}

fn ms(text: &str) -> i64 {
    parse_at(text).unwrap_or_else(|| panic!("{text}"))
}

/// The next `n` times after `from`, as UTC text without seconds.
fn times(schedule: &Schedule, from: &str, n: usize) -> Vec<String> {
    let mut at = ms(from);
    (0..n)
        .map(|_| {
            at = next(schedule, "job", at, &TimeZone::UTC).unwrap();
            let text = Timestamp::from_millisecond(at).unwrap().to_string();
            text.trim_end_matches(":00Z").to_owned()
        })
        .collect()
}

#[test]
fn a_daily_job_keeps_its_local_time_over_both_changes() {
    let berlin = cron("30 7 * * *", "Europe/Berlin");
    assert_eq!(
        times(&berlin, "2027-03-26T12:00:00Z", 3),
        ["2027-03-27T06:30", "2027-03-28T05:30", "2027-03-29T05:30"]
    );
    assert_eq!(
        times(&berlin, "2027-10-29T12:00:00Z", 3),
        ["2027-10-30T05:30", "2027-10-31T06:30", "2027-11-01T06:30"]
    );
    let new_york = cron("30 7 * * *", "America/New_York");
    assert_eq!(times(&new_york, "2027-03-13T00:00:00Z", 2), ["2027-03-13T12:30", "2027-03-14T11:30"]);
    assert_eq!(times(&new_york, "2027-11-06T00:00:00Z", 2), ["2027-11-06T11:30", "2027-11-07T12:30"]);
}

#[test]
fn a_time_that_the_spring_change_leaves_out_comes_right_after_the_gap_and_once() {
    // 02:30 is not there on these days: 01:59 is followed by 03:00.
    let berlin = times(&cron("30 2 * * *", "Europe/Berlin"), "2027-03-27T12:00:00Z", 2);
    assert_eq!(berlin, ["2027-03-28T01:00", "2027-03-29T00:30"]);
    let new_york = times(&cron("30 2 * * *", "America/New_York"), "2027-03-13T12:00:00Z", 2);
    assert_eq!(new_york, ["2027-03-14T07:00", "2027-03-15T06:30"]);
}

#[test]
fn a_time_that_the_autumn_change_repeats_comes_once() {
    // 02:30 (Berlin) and 01:30 (New York) are there twice on these days.
    let berlin = times(&cron("30 2 * * *", "Europe/Berlin"), "2027-10-30T12:00:00Z", 2);
    assert_eq!(berlin, ["2027-10-31T00:30", "2027-11-01T01:30"]);
    let new_york = times(&cron("30 1 * * *", "America/New_York"), "2027-11-06T12:00:00Z", 2);
    assert_eq!(new_york, ["2027-11-07T05:30", "2027-11-08T06:30"]);
}

#[test]
fn what_runs_every_quarter_of_an_hour_leaves_nothing_out_and_repeats_nothing() {
    for (tz, from) in [
        ("Europe/Berlin", "2027-03-28T00:00:00Z"),
        ("Europe/Berlin", "2027-10-30T23:00:00Z"),
        ("America/New_York", "2027-03-14T05:00:00Z"),
        ("America/New_York", "2027-11-07T04:00:00Z"),
    ] {
        let schedule = cron("*/15 * * * *", tz);
        let mut at = ms(from);
        for _ in 0..16 {
            let then = next(&schedule, "job", at, &TimeZone::UTC).unwrap();
            assert_eq!(then - at, 15 * 60 * 1000, "{tz} after {at}");
            at = then;
        }
    }
}

#[test]
fn an_expression_without_a_zone_is_in_the_hosts() {
    let schedule = Schedule::Cron { expr: "0 7 * * *".into(), tz: None, stagger_ms: None };
    let host = TimeZone::get("Asia/Tokyo").unwrap();
    let after = ms("2027-01-01T00:00:00Z");
    assert_eq!(next(&schedule, "job", after, &host), Some(ms("2027-01-01T22:00:00Z")));
}

#[test]
fn intervals_are_counted_from_their_anchor_and_do_not_drift() {
    let every = |anchor| Schedule::Every { every_ms: 3_600_000, anchor_ms: Some(anchor) };
    let host = TimeZone::UTC;
    assert_eq!(next(&every(500), "job", 500, &host), Some(3_600_500));
    assert_eq!(next(&every(500), "job", 3_600_499, &host), Some(3_600_500));
    assert_eq!(next(&every(500), "job", 36_000_501, &host), Some(39_600_500));
    assert_eq!(next(&every(900), "job", 100, &host), Some(900));
    let endless = Schedule::Every { every_ms: MAX_MS, anchor_ms: Some(MAX_MS) };
    assert_eq!(next(&endless, "job", MAX_MS, &host), None);
}

#[test]
fn once_is_once() {
    let at = Schedule::At { at: "2027-02-01T16:00:00+01:00".into() };
    let when = ms("2027-02-01T15:00:00Z");
    assert_eq!(next(&at, "job", when - 1, &TimeZone::UTC), Some(when));
    assert_eq!(next(&at, "job", when, &TimeZone::UTC), None);
    assert_eq!(parse_at("2027-02-01 16:00"), Some(ms("2027-02-01T16:00:00Z")));
    assert_eq!(parse_at("2027-02-01"), Some(ms("2027-02-01T00:00:00Z")));
    for bad in ["", "tomorrow", "2027-13-01T00:00:00Z", "1799-01-01T00:00:00Z"] {
        assert_eq!(parse_at(bad), None, "{bad}");
    }
}

#[test]
fn jobs_at_full_hours_are_spread_and_always_by_the_same() {
    let schedule = Schedule::Cron { expr: "0 * * * *".into(), tz: Some("UTC".into()), stagger_ms: None };
    let after = ms("2027-01-01T00:30:00Z");
    let hour = ms("2027-01-01T01:00:00Z");
    let mut places = std::collections::BTreeSet::new();
    for id in 0..50 {
        let id = format!("job-{id}");
        let at = next(&schedule, &id, after, &TimeZone::UTC).unwrap();
        assert!((hour..hour + FULL_HOUR_SPREAD_MS).contains(&at));
        assert_eq!(next(&schedule, &id, at, &TimeZone::UTC), Some(at + 3_600_000));
        places.insert(at);
    }
    assert!(places.len() > 40, "{} places", places.len());
    let exact = cron("0 * * * *", "UTC");
    assert_eq!(next(&exact, "job", after, &TimeZone::UTC), Some(hour));
    let fixed = Schedule::Cron { expr: "0 3 * * *".into(), tz: Some("UTC".into()), stagger_ms: None };
    assert_eq!(next(&fixed, "job", after, &TimeZone::UTC), Some(ms("2027-01-01T03:00:00Z")));
}

#[test]
fn day_of_month_and_day_of_week_are_alternatives() {
    let schedule = cron("0 9 15 * 1", "UTC");
    let found = times(&schedule, "2027-01-10T00:00:00Z", 3);
    assert_eq!(found, ["2027-01-11T09:00", "2027-01-15T09:00", "2027-01-18T09:00"]);
}

#[test]
fn what_is_no_schedule_is_refused_by_name() {
    let refused = |schedule: Schedule| check(&schedule).unwrap_err();
    assert!(refused(cron("every day", "UTC")).starts_with("at /schedule/expr:"));
    assert!(refused(cron("61 * * * *", "UTC")).starts_with("at /schedule/expr:"));
    assert!(refused(cron(&"1,".repeat(400), "UTC")).starts_with("at /schedule/expr:"));
    assert!(refused(cron("0 7 * * *", "Mars/Olympus")).starts_with("at /schedule/tz:"));
    assert!(refused(Schedule::At { at: "soon".into() }).starts_with("at /schedule/at:"));
    assert!(refused(Schedule::Every { every_ms: 0, anchor_ms: None }).starts_with("at /schedule/everyMs:"));
    assert!(check(&cron("*/10 0 7 * * 1-5", "Europe/Berlin")).is_ok());
    // There is no such day, ever.
    assert_eq!(next(&cron("0 0 31 2 *", "UTC"), "job", 0, &TimeZone::UTC), None);
}
