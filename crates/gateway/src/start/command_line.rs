//! The command line that started this process, as the lock file shows it to whoever comes second.

/// Flags whose value is a secret.
const SECRET_FLAGS: &[&str] = &["--token", "--password"];

/// Joins the arguments; the values of flags that hold secrets are replaced by `…`.
pub(super) fn without_secrets(arguments: impl Iterator<Item = String>) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut hide_next = false;
    for argument in arguments {
        let flag = argument.split('=').next().unwrap_or_default();
        let is_secret = SECRET_FLAGS.contains(&flag);
        if hide_next {
            shown.push("…".into());
        } else if is_secret && flag.len() < argument.len() {
            shown.push(format!("{flag}=…"));
        } else {
            shown.push(argument.clone());
        }
        hide_next = is_secret && flag.len() == argument.len() && !hide_next;
    }
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_on_the_command_line_are_not_repeated() {
        for (line, shown) in [
            ("openclaw gateway run --port 5", "openclaw gateway run --port 5"),
            ("openclaw gateway --token s3cret --port 5", "openclaw gateway --token … --port 5"),
            ("openclaw gateway --password=s3cret run", "openclaw gateway --password=… run"),
            ("openclaw gateway --token --password", "openclaw gateway --token …"),
            ("openclaw gateway --token", "openclaw gateway --token"),
        ] {
            assert_eq!(without_secrets(line.split(' ').map(str::to_owned)), shown);
        }
    }
}
