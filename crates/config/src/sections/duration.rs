//! Durations as people write them.

/// `30m`, `1h30m`, `90s`, in ms; a bare number is in units of `bare_ms`.
pub(crate) fn duration_ms(text: &str, bare_ms: u64) -> Option<u64> {
    let mut rest = text.trim();
    if let Ok(number) = rest.parse::<u64>() {
        return number.checked_mul(bare_ms);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(letters);
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = after.trim_start();
    }
    (!text.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("90s", 90_000),
            ("7d", 604_800_000),
            ("5", 300_000),
            ("0m", 0),
        ] {
            assert_eq!(duration_ms(text, 60_000), Some(ms), "{text}");
        }
        assert_eq!(duration_ms("5", 3_600_000), Some(18_000_000));
        for bad in ["", "often", "-5m", "99999999999999999d"] {
            assert_eq!(duration_ms(bad, 60_000), None, "{bad}");
        }
    }
}
