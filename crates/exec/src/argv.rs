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

/// The shells whose `-c` people know: what they are given is what runs.
const SHELLS: &[&str] = &["/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash", "sh", "bash"];

/// What people read of an argument list: the text, where all it does is to have a shell run one, else [`display_argv`].
pub fn command_text(argv: &[String]) -> String {
    match argv {
        [shell, flag, text] if SHELLS.contains(&shell.as_str()) && matches!(flag.as_str(), "-c" | "-lc") => {
            text.clone()
        }
        _ => display_argv(argv),
    }
}

/// Whether a line says what an argument list does: as [`display_argv`] or [`command_text`] write it, or as OpenClaw's
/// programs do, who quote less.
pub fn is_text_of(line: &str, argv: &[String]) -> bool {
    let quoted_less = |argument: &String| match argument.contains(|c: char| c.is_whitespace() || c == '"') {
        false if argument.is_empty() => "\"\"".to_owned(),
        false => argument.clone(),
        true => format!("\"{}\"", argument.replace('"', "\\\"")),
    };
    line == display_argv(argv)
        || line == command_text(argv)
        || line == argv.iter().map(quoted_less).collect::<Vec<_>>().join(" ")
}

pub(crate) fn push_quoted(line: &mut String, argument: &str) {
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

    #[test]
    fn a_line_says_what_a_list_does_or_something_else() {
        let list = |argv: &[&str]| argv.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
        for (argv, line, says) in [
            (list(&["ls", "-l"]), "ls -l", true),
            (list(&["rm", "-rf", "/"]), "ls -l", false),
            (list(&["rm", "a b"]), "rm a b", false),
            (list(&["rm", "a b"]), r#"rm "a b""#, true),
            (list(&["echo", "a;b"]), "echo a;b", true),
            (list(&["/bin/sh", "-lc", "uname -a"]), "uname -a", true),
            (list(&["/tmp/sh", "-lc", "uname -a"]), "uname -a", false),
            (list(&["/bin/sh", "-lc", "uname -a", "x"]), "uname -a", false),
        ] {
            assert_eq!(is_text_of(line, &argv), says, "{line} {argv:?}");
        }
        assert_eq!(command_text(&shell_argv("uname -a")), "uname -a");
        assert_eq!(command_text(&list(&["/tmp/sh", "-c", "x y"])), r#"/tmp/sh -c "x y""#);
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
