//! Programs that run other programs, or code that is handed to them.

use super::analysis::Program;

/// Programs whose arguments or input are commands again. The list never allows one for its name: what it would run is not
/// what was listed.
const CARRIERS: &[&str] = &[
    "ash",
    "bash",
    "builtin",
    "busybox",
    "chroot",
    "chrt",
    "command",
    "csh",
    "dash",
    "doas",
    "env",
    "eval",
    "exec",
    "fakeroot",
    "fish",
    "flock",
    "ionice",
    "ksh",
    "mksh",
    "nice",
    "nohup",
    "nsenter",
    "numactl",
    "parallel",
    "pkexec",
    "prlimit",
    "proot",
    "pwsh",
    "rbash",
    "run0",
    "runuser",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "sh",
    "ssh",
    "start-stop-daemon",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "tcsh",
    "time",
    "timeout",
    "toybox",
    "unbuffer",
    "unshare",
    "watch",
    "xargs",
    "xonsh",
    "zsh",
];

/// Shells that read the subset that is understood here alike.
const SHELLS: &[&str] = &["sh", "bash", "dash"];

/// Where a shell must be to be believed to be one.
const SHELL_PLACES: &[&str] = &["/bin", "/usr/bin"];

/// Programs that run what is in files, which may change after a decision.
const INTERPRETERS: &[&str] = &[
    "ansible-playbook",
    "awk",
    "bun",
    "bunx",
    "cargo",
    "cmake",
    "deno",
    "docker",
    "emacs",
    "expect",
    "gawk",
    "gdb",
    "go",
    "gradle",
    "java",
    "julia",
    "just",
    "lua",
    "luajit",
    "make",
    "mawk",
    "mvn",
    "ninja",
    "node",
    "nodejs",
    "npm",
    "npx",
    "osascript",
    "perl",
    "php",
    "pip",
    "pipx",
    "pnpm",
    "podman",
    "poetry",
    "pypy",
    "python",
    "r",
    "rscript",
    "ruby",
    "sed",
    "tclsh",
    "tsx",
    "ts-node",
    "uv",
    "uvx",
    "vi",
    "vim",
    "yarn",
];

/// Arguments with which `find` and its like run commands.
const RUNNING_ARGUMENTS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];

/// Whether the program, under any of its names, runs commands that it is given.
pub(super) fn carries(program: &Program, arguments: &[&str]) -> bool {
    names(program).any(|name| CARRIERS.contains(&name.as_str()))
        || arguments.iter().any(|a| RUNNING_ARGUMENTS.contains(a))
}

/// Whether what the program does is decided by files that may change.
pub(super) fn interprets(program: &Program) -> bool {
    names(program).any(|name| INTERPRETERS.contains(&name.as_str()))
}

/// Whether it is a shell whose command line can be looked into.
pub(super) fn is_known_shell(program: &Program) -> bool {
    let place = program.found.parent().and_then(|p| p.to_str());
    let name = program.found.file_name().and_then(|n| n.to_str());
    place.is_some_and(|p| SHELL_PLACES.contains(&p)) && name.is_some_and(|n| SHELLS.contains(&n))
}

/// What the program is called where it was found and where links lead, in small letters and without a version.
fn names(program: &Program) -> impl Iterator<Item = String> {
    [&program.found, &program.real].into_iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
        Some(if bare.is_empty() { name } else { bare.to_owned() })
    })
}
