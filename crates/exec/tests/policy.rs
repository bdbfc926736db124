//! What a list of allowed commands lets through, and what it never does, whatever a command is dressed up as.
// Helpers of tests may fail by panic, as tests do; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use exec::policy::{AllowEntry, Analysis, Place, Unclear, analyse};
use exec::shell_argv;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with two programs that write down that they ran: `ok`, which is listed, and `evil`, which is not.
struct Host {
    dir: tempfile::TempDir,
    root: PathBuf,
    path: String,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let bin = root.join("bin");
        std::fs::create_dir(&bin).unwrap();
        let host = Self { path: format!("{}:/usr/bin:/bin", bin.display()), root, dir };
        for name in ["ok", "evil", "time", "env"] {
            let text = format!("#!/bin/sh\necho ran >> '{}/{name}.ran'\n", host.root.display());
            host.program(&bin.join(name), &text);
        }
        host
    }

    fn program(&self, path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn look(&self, argv: &[String]) -> Result<Analysis, Unclear> {
        analyse(argv, Place { cwd: &self.root, path: &self.path, home: Some(&self.root) })
    }

    fn allows(&self, entries: &[AllowEntry], argv: &[String]) -> bool {
        self.look(argv).is_ok_and(|a| a.listed(entries).is_some())
    }

    fn allows_line(&self, pattern: &str, line: &str) -> bool {
        self.allows(&[AllowEntry::of(pattern)], &shell_argv(line))
    }

    fn ran(&self, name: &str) -> bool {
        self.root.join(format!("{name}.ran")).exists()
    }

    /// Runs a pinned command where nothing but the directory of programs is around.
    fn run(&self, argv: &[String]) {
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).current_dir(&self.root).env_clear().env("PATH", &self.path);
        command.output().unwrap();
    }
}

#[test]
fn every_program_of_a_line_must_be_listed() {
    let host = Host::new();
    for (line, allowed) in [
        ("ok", true),
        ("ok -n 'a; evil' \"b && evil\" c\\;evil", true),
        ("ok && ok | ok; ok\nok || ok", true),
        ("'ok' a", true),
        ("sh -c 'ok a; ok b'", true),
        ("bash -lc \"ok && ok\"", true),
        ("sh -c \"sh -c 'ok a'\"", true),
        ("evil", false),
        ("ok; evil", false),
        ("ok && evil", false),
        ("ok || evil", false),
        ("ok | evil", false),
        ("ok\nevil", false),
        ("ok $(evil)", false),
        ("ok \"$(evil)\"", false),
        ("ok `evil`", false),
        ("ok <(evil)", false),
        ("ok > ok.out", false),
        ("ok & evil", false),
        ("(evil)", false),
        ("X=1 ok", false),
        ("PATH=/tmp ok", false),
        ("env ok", false),
        ("env evil", false),
        ("time ok", false),
        ("'time' evil", false),
        ("sh -c evil", false),
        ("sh -c 'ok; evil'", false),
        ("sh -c \"ok \\$(evil)\"", false),
        ("sh -ec evil", false),
        ("sh -c ok evil", false),
        ("sh evil", false),
        ("ok | sh", false),
        ("exec evil", false),
        ("eval evil", false),
        ("command evil", false),
        (". bin/evil", false),
        ("cd bin; ./evil", false),
        ("xargs evil", false),
        ("nice ok", false),
        ("find . -exec evil {} +", false),
        ("find . -exec evil ';'", false),
        ("", false),
    ] {
        assert_eq!(host.allows_line("ok", line), allowed, "{line}");
        // Not even whoever lists everything lists what hides behind another program.
        if line.contains("env ")
            || line.contains("xargs")
            || line.contains("sh evil")
            || line.contains("find")
        {
            assert!(!host.allows_line("*", line), "{line}");
            assert!(!host.allows_line("/**", line), "{line}");
        }
    }
}

#[test]
fn a_name_is_that_of_a_program_on_the_path_and_a_path_is_where_it_really_is() {
    let host = Host::new();
    let (root, bin) = (host.root.display().to_string(), host.root.join("bin").display().to_string());
    std::fs::create_dir(host.root.join("other")).unwrap();
    host.program(&host.root.join("other/ok"), "#!/bin/sh\n");
    std::os::unix::fs::symlink(host.root.join("bin/evil"), host.root.join("other/link")).unwrap();
    for (pattern, line, allowed) in [
        ("ok", "./bin/ok", false),
        ("ok", "other/ok", false),
        ("o*", "ok", true),
        (&*format!("{bin}/ok"), "ok", true),
        (&*format!("{bin}/ok"), "./bin/ok", true),
        (&*format!("{bin}/ok"), "./other/ok", false),
        (&*format!("{bin}/*"), "evil", true),
        (&*format!("{root}/*"), "ok", false),
        (&*format!("{root}/**"), "ok", true),
        (&*format!("{root}/other/**"), "other/../bin/evil", false),
        ("~/bin/ok", "ok", true),
        ("~/other/ok", "ok", false),
        ("nothing", "nothing", false),
        ("", "ok", false),
        ("*", "ok; evil", true),
    ] {
        assert_eq!(host.allows_line(pattern, line), allowed, "{pattern} {line}");
    }
    let real = AllowEntry::of(format!("{bin}/evil"));
    assert!(host.allows(&[real], &["other/link".into()]), "a link is what it leads to");
}

#[test]
fn arguments_may_be_part_of_an_entry() {
    let host = Host::new();
    let entry = |pattern: &str| AllowEntry { arg_pattern: Some(pattern.into()), ..AllowEntry::of("ok") };
    for (pattern, line, allowed) in [
        (r"^safe\.py$", "ok safe.py", true),
        (r"^safe\.py$", "ok other.py", false),
        (r"^safe\.py$", "ok safe.py more", false),
        (r"^-n \d+$", "ok -n 5", true),
        (r"^-n \d+$", "ok -n '5; evil'", false),
        (r"^a.*$", "ok a*", false),
        (r"(?=look)", "ok look", false),
        (r"(", "ok (", false),
        ("sha256:argv:00", "ok a", false),
    ] {
        assert_eq!(host.allows(&[entry(pattern)], &shell_argv(line)), allowed, "{pattern} {line}");
    }
    assert!(
        host.allows(&[entry("^x$"), AllowEntry::of("ok")], &shell_argv("ok y")),
        "another entry names it"
    );
}

#[test]
fn what_was_allowed_for_good_is_this_command_in_this_directory() {
    let host = Host::new();
    let argv = shell_argv("ok a 'b c' && ok d");
    let grants = host.look(&argv).unwrap().grants().unwrap();
    assert_eq!(grants.len(), 2);
    assert!(host.allows(&grants, &argv));
    assert!(host.allows(&grants, &shell_argv("ok d")));
    for line in ["ok", "ok a", "ok a b c", "ok a 'b c' d", "ok d; evil", "evil d"] {
        assert!(!host.allows(&grants, &shell_argv(line)), "{line}");
    }
    let elsewhere = host.root.join("bin");
    let there = analyse(&argv, Place { cwd: &elsewhere, path: &host.path, home: None }).unwrap();
    assert!(there.listed(&grants).is_none());
    for line in ["ok *", "env ok", "python3 x.py", "find . -exec ok ';'", "awk '{}'"] {
        if let Ok(analysis) = host.look(&shell_argv(line)) {
            assert!(analysis.grants().is_none(), "{line}");
        }
    }
}

#[test]
fn what_runs_is_what_was_looked_at() {
    let host = Host::new();
    let argv = shell_argv("ok 'a b' && ok c");
    let analysis = host.look(&argv).unwrap();
    let bin = host.root.join("bin/ok");
    let pinned = format!("'{0}' 'a b' && '{0}' c", bin.display());
    assert_eq!(analysis.pinned()[1..], ["-c".to_owned(), pinned]);
    // Another program of that name, earlier on the path, comes too late.
    let early = host.root.join("early");
    std::fs::create_dir(&early).unwrap();
    std::fs::copy(host.root.join("bin/evil"), early.join("ok")).unwrap();
    let mut command = Command::new(&analysis.pinned()[0]);
    command.args(&analysis.pinned()[1..]).env("PATH", format!("{}:{}", early.display(), host.path));
    assert!(command.status().unwrap().success());
    assert!(host.ran("ok") && !host.ran("evil"));
    assert!(host.dir.path().exists());
}

/// Pieces of command lines, the harmless and the cunning.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "ok",
        "evil",
        " ",
        " ",
        "\t",
        "\n",
        ";",
        "&&",
        "||",
        "|",
        "&",
        "'",
        "\"",
        "\\",
        "$(",
        ")",
        "`",
        "${",
        "}",
        "{",
        "<(",
        ">",
        "<",
        "<<E",
        "#",
        "=",
        "X=1 ",
        "PATH=. ",
        "sh -c ",
        "bash -lc ",
        "env ",
        "exec ",
        "eval ",
        "time ",
        "command ",
        "! ",
        "if ",
        "then ",
        "fi",
        "ok evil",
        "'ok'",
        "\"ok\"",
        "o\\k",
        "e''vil",
        "~",
        "*",
        "?",
        "[",
        "bin/",
        "./",
        "../",
        "ok;evil",
        "$IFS",
        "$'\\n'",
        "\r",
        "\u{a0}",
        "x",
        "-",
        "{ok,evil}",
        "@(ok)",
        "a=(evil)",
        "f(){ evil;}",
        "cd bin;",
        "2>&1",
        "$((1))",
        "\"$(evil)\"",
        "'$(evil)'",
        "\\\n",
        "evil'",
        "\"evil",
    ]);
    prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => "[ -~]{1,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever the list lets through is run, by each of the shells, and starts nothing that is not listed.
    #[test]
    fn nothing_slips_past_the_list(pieces in prop::collection::vec(piece(), 1..9), wrap in 0u8..4) {
        let line: String = pieces.concat();
        let line = match wrap {
            0 => line,
            1 => format!("ok {line}"),
            2 => format!("ok '{line}'"),
            _ => format!("sh -c \"{line}\""),
        };
        let host = Host::new();
        let argv = shell_argv(&line);
        let Ok(analysis) = host.look(&argv) else { return Ok(()) };
        if analysis.listed(&[AllowEntry::of("ok")]).is_some() {
            host.run(analysis.pinned());
            let mut other = analysis.pinned().to_vec();
            other[0] = "/bin/bash".into();
            host.run(&other);
            prop_assert!(!host.ran("evil"), "{line:?} as {:?}", analysis.pinned());
            prop_assert!(!host.ran("env") && !host.ran("time"), "{line:?}");
        }
    }

    /// A word that is understood is the word that the program gets.
    #[test]
    fn arguments_are_read_as_the_shell_reads_them(pieces in prop::collection::vec(piece(), 1..7)) {
        let host = Host::new();
        let show = "#!/bin/sh\nfor a; do printf '%s\\0' \"$a\"; done > \"$0.args\"\n";
        host.program(&host.root.join("bin/show"), show);
        let line = format!("show {}", pieces.concat());
        let Ok(analysis) = host.look(&shell_argv(&line)) else { return Ok(()) };
        let Some(grants) = analysis.grants().filter(|g| g.len() == 1) else { return Ok(()) };
        host.run(analysis.pinned());
        let read = std::fs::read_to_string(host.root.join("bin/show.args")).unwrap();
        let read: Vec<String> = read.split_terminator('\0').map(str::to_owned).collect();
        let argv: Vec<String> = std::iter::once("show".to_owned()).chain(read).collect();
        prop_assert!(host.allows(&grants, &argv), "{line:?} was read as {argv:?}");
    }

    #[test]
    fn any_text_is_read_without_harm(line in "\\PC{0,60}") {
        let host = Host::new();
        let _ = host.look(&shell_argv(&line));
        let _ = host.look(&[line]);
    }
}
