//! `openclaw completion`: scripts with which shells complete command lines of this program, and where shells look for them.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Which shell, and whether the script is put in its place.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell [default: that of SHELL]
    #[arg(short, long, value_name = "SHELL")]
    shell: Option<ShellName>,
    /// Put the script where the shell finds it, instead of printing it
    #[arg(short, long)]
    install: bool,
}

/// The shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShellName {
    /// Bash, with bash-completion.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
    /// PowerShell.
    Powershell,
}

impl ShellName {
    fn shell(self) -> Shell {
        match self {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
            ShellName::Powershell => Shell::PowerShell,
        }
    }

    fn word(self) -> String {
        self.shell().to_string()
    }
}

/// Prints the script, or puts it in its place.
///
/// # Errors
/// The shell is not known, or the file cannot be written.
pub(crate) fn run(args: &CompletionArgs, line: clap::Command, ctx: &Context) -> Result<(), Failure> {
    let shell = args.shell.or_else(|| of_environment(ctx)).ok_or_else(|| {
        Failure::usage("SHELL names no shell that is known here")
            .hint("add --shell bash, zsh, fish or powershell")
    })?;
    let script = script(shell, line);
    if !args.install {
        return ctx.out.show(&json!({"shell": shell.word(), "script": script}), || script.clone());
    }
    let (file, left) = place(shell, ctx)?;
    write(&file, &script)?;
    let report = json!({"ok": true, "shell": shell.word(), "file": file, "left": left});
    ctx.out.show(&report, || {
        let done = format!("written: {}; shells that start from now on use it", file.display());
        left.map_or(done.clone(), |left| format!("{done}, once this is done:\n{left}"))
    })
}

fn of_environment(ctx: &Context) -> Option<ShellName> {
    let name = Path::new(ctx.env.get_filled("SHELL")?).file_name()?.to_str()?;
    ShellName::from_str(name, true).ok()
}

fn script(shell: ShellName, mut line: clap::Command) -> String {
    let mut bytes = Vec::new();
    generate(shell.shell(), &mut line, "openclaw", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the script goes, and what whoever sits there does once, where the shell does not look there by itself. Nobody's own
/// start-up file is changed.
fn place(shell: ShellName, ctx: &Context) -> Result<(PathBuf, Option<String>), Failure> {
    let home = ctx.env.get_filled("HOME").map(PathBuf::from);
    let under = |variable: &str, rest: &str| {
        let set = ctx.env.get_filled(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let found = set.or_else(|| home.as_ref().map(|home| home.join(rest)));
        found.ok_or_else(|| Failure::usage(format!("neither {variable} nor HOME is set")))
    };
    Ok(match shell {
        ShellName::Bash => {
            (under("XDG_DATA_HOME", ".local/share")?.join("bash-completion/completions/openclaw"), None)
        }
        ShellName::Fish => {
            (under("XDG_CONFIG_HOME", ".config")?.join("fish/completions/openclaw.fish"), None)
        }
        ShellName::Zsh => {
            let dir = under("XDG_DATA_HOME", ".local/share")?.join("zsh/site-functions");
            let line =
                format!("put this before compinit in ~/.zshrc: fpath=({} $fpath)", quoted(&dir, "'\\''"));
            (dir.join("_openclaw"), Some(line))
        }
        ShellName::Powershell => {
            let file = under("XDG_DATA_HOME", ".local/share")?.join("openclaw/completion.ps1");
            let line = format!("put this into the file that $PROFILE names: . {}", quoted(&file, "''"));
            (file, Some(line))
        }
    })
}

/// A path as the shell takes it word for word; `quote` is how it has a quote within quotes.
fn quoted(path: &Path, quote: &str) -> String {
    format!("'{}'", path.display().to_string().replace('\'', quote))
}

fn write(file: &Path, script: &str) -> Result<(), Failure> {
    let dir = file.parent().unwrap_or(file);
    std::fs::create_dir_all(dir)
        .and_then(|()| tempfile::NamedTempFile::new_in(dir))
        .and_then(|mut new| std::io::Write::write_all(&mut new, script.as_bytes()).map(|()| new))
        .and_then(|new| new.persist(file).map_err(|error| error.error))
        .map(drop)
        .map_err(|error| {
            Failure::new(Exit::Failed, "FILE", format!("{} cannot be written: {error}", file.display()))
        })
}
