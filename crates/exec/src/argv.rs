//! Command lines: making them, showing them, finding programs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The argument list that has a login shell run `command`.
pub fn shell_argv(command: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-lc".to_owned(), command.to_owned()]
}

/// An argument list as one line of shell text: read by a shell it gives the same arguments again.
/// `["/bin/sh", "-lc", "uname -a"]` is `/bin/sh -lc "uname -a"`.
pub fn display_argv(argv: &[String]) -> String {
    let mut line = String::new();
    for (i, argument) in argv.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        push_quoted(&mut line, argument);
    }
    line
}

fn push_quoted(line: &mut String, argument: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        line.push_str(argument);
        return;
    }
    line.push('"');
    for c in argument.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('"');
}

/// Where a program is: `bin` itself where it has a slash in it, otherwise the first executable file of that name in
/// `path` (directories divided by colons; empty ones are skipped, so the current directory is never searched).
pub fn which(bin: &str, path: &str) -> Option<PathBuf> {
    if bin.is_empty() {
        return None;
    }
    if bin.contains('/') {
        return Some(PathBuf::from(bin)).filter(|p| is_executable(p));
    }
    path.split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| Path::new(dir).join(bin))
        .find(|p| is_executable(p))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shell_command_is_shown_as_nodes_show_it() {
        assert_eq!(display_argv(&shell_argv("uname -a")), r#"/bin/sh -lc "uname -a""#);
    }

    #[test]
    fn what_needs_quotes_gets_them() {
        for (argv, shown) in [
            (vec!["ls"], "ls"),
            (vec!["echo", ""], r#"echo """#),
            (vec!["echo", "a\"b"], r#"echo "a\"b""#),
            (vec!["echo", "$HOME `x` \\"], r#"echo "\$HOME \`x\` \\""#),
            (vec!["echo", "a;b"], r#"echo "a;b""#),
            (vec![], ""),
        ] {
            let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
            assert_eq!(display_argv(&argv), shown);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_shell_reads_back_the_same_arguments(arguments in prop::collection::vec("[^\0]{0,12}", 1..5)) {
            let line = format!("printf '%s\\0' {}", display_argv(&arguments));
            let out = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
            let read: Vec<String> = String::from_utf8(out.stdout).unwrap()
                .split_terminator('\0').map(str::to_owned).collect();
            prop_assert_eq!(read, arguments);
        }
    }

    #[test]
    fn programs_are_found_on_the_path_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("tool");
        std::fs::write(&tool, "#!/bin/sh\n").unwrap();
        let path = format!("::/nowhere:{}", dir.path().display());
        assert_eq!(which("tool", &path), None, "not executable yet");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(which("tool", &path), Some(tool.clone()));
        assert_eq!(which(&tool.display().to_string(), ""), Some(tool));
        assert_eq!(which("", &path), None);
        assert_eq!(which("tool", "::"), None);
    }
}
