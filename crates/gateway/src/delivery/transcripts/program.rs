//! A program of this host that makes a transcript: what it is told, and where it says what it heard.

use crate::models::hearing::Hearer;
use channels::Sound;
use exec::{CommandSpec, run};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// Bytes of what it prints.
const MAX_OUTPUT: usize = 5 << 20;
/// What a run left behind whose gateway was killed goes after this time: none takes as long.
const LEFT_FOR: Duration = Duration::from_secs(3600);

/// A directory of one run, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes one below `dir`, and takes away what is left there of earlier ones.
    fn make(dir: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        for old in std::fs::read_dir(dir)?.flatten() {
            let age = old
                .metadata()
                .and_then(|of| of.modified())
                .map(|at| now().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age > LEFT_FOR) {
                // Another run may have been quicker.
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        let own = dir.join(format!("{:016x}", getrandom::u64().map_err(io::Error::other)?));
        std::fs::DirBuilder::new().mode(0o700).create(&own)?;
        Ok(Self(own))
    }
}

// Ages of files are told by the system's clock alone.
#[allow(clippy::disallowed_methods)]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(dir = %self.0.display(), %error, "what a transcript was made in stays for an hour");
        }
    }
}

/// Runs it and gives what it heard. Dropping this ends the program, and all that it started.
pub(super) async fn run_in(
    dir: &Path,
    (command, args): (&Path, &[String]),
    hearer: &Hearer,
    sound: &Sound,
    timeout: Duration,
) -> Result<String, String> {
    let dir = dir.to_owned();
    let making = tokio::task::spawn_blocking(move || Scratch::make(&dir));
    let scratch =
        making.await.map_err(|e| e.to_string())?.map_err(|e| format!("no place to work in: {e}"))?;
    let args: Vec<String> = args.iter().map(|arg| filled(arg, &scratch.0, hearer, sound)).collect();
    let written = written(&args, command, sound);
    let argv = std::iter::once(command.to_string_lossy().into_owned()).chain(args).collect();
    let spec = CommandSpec {
        cwd: Some(scratch.0.clone()),
        timeout: Some(timeout),
        max_output: MAX_OUTPUT,
        ..CommandSpec::new(argv)
    };
    let ended = run(spec, &CancellationToken::new()).await.map_err(|e| e.to_string())?;
    if ended.timed_out {
        return Err(format!("it took longer than {} s", timeout.as_secs()));
    }
    if ended.exit_code != Some(0) {
        let end = ended
            .exit_code
            .map_or_else(|| "a signal ended it".to_owned(), |code| format!("exit code {code}"));
        let last =
            ended.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
        return Err(format!("{end}: {last}"));
    }
    match written {
        Some(file) => read(&file).await.map_err(|e| {
            format!("it wrote no {}: {e}", file.file_name().unwrap_or_default().to_string_lossy())
        }),
        None => Ok(without_times(&ended.stdout)),
    }
}

/// What it wrote, as much of it as may be.
async fn read(file: &Path) -> io::Result<String> {
    use tokio::io::AsyncReadExt;
    let mut text = Vec::new();
    tokio::fs::File::open(file).await?.take(MAX_OUTPUT as u64).read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An argument with what stands in it filled in.
fn filled(arg: &str, scratch: &Path, hearer: &Hearer, sound: &Sound) -> String {
    let path = sound.path.to_string_lossy();
    let dir = sound.path.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let (output, base) = (scratch.to_string_lossy(), scratch.join("transcript"));
    let bounds = &hearer.bounds;
    let max_chars = bounds.max_chars.map(|max| max.to_string()).unwrap_or_default();
    let values: [(&str, &str); 13] = [
        ("AttachmentPath", &path),
        ("MediaPath", &path),
        ("AttachmentDir", &dir),
        ("MediaDir", &dir),
        ("AttachmentContentType", &sound.media_type),
        ("MediaType", &sound.media_type),
        ("AttachmentIndex", "0"),
        ("AttachmentUrl", ""),
        ("OutputDir", &output),
        ("OutputBase", &base.to_string_lossy()),
        ("Prompt", bounds.prompt.as_deref().unwrap_or_default()),
        ("MaxChars", &max_chars),
        ("Language", bounds.language.as_deref().unwrap_or_default()),
    ];
    // Once through, so that nothing in what is filled in is filled in again.
    let (mut out, mut rest) = (String::new(), arg);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let found = after.split_once("}}").and_then(|(name, behind)| {
            let value = values.iter().find(|(known, _)| *known == name.trim())?.1;
            Some((value, behind))
        });
        match found {
            Some((value, behind)) => {
                out.push_str(value);
                rest = behind;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The file that a known program writes its transcript to, as its arguments say; `None`: it prints it.
fn written(args: &[String], command: &Path, sound: &Sound) -> Option<PathBuf> {
    let name = command.file_name().unwrap_or_default().to_string_lossy();
    let behind = |flags: &[&str]| {
        let at = args.iter().position(|arg| flags.contains(&arg.as_str()))?;
        args.get(at + 1)
    };
    let has = |flags: &[&str]| args.iter().any(|arg| flags.contains(&arg.as_str()));
    match name.as_ref() {
        "whisper-cli" if has(&["-otxt", "--output-txt"]) => {
            Some(PathBuf::from(format!("{}.txt", behind(&["-of", "--output-file"])?)))
        }
        "whisper" if matches!(behind(&["--output_format", "-f"])?.as_str(), "txt" | "all") => {
            let stem = sound.path.file_stem()?.to_string_lossy().into_owned();
            Some(Path::new(behind(&["--output_dir", "-o"])?).join(format!("{stem}.txt")))
        }
        _ => None,
    }
}

/// Whisper prints each piece behind the time at which it was said.
fn without_times(printed: &str) -> String {
    let words = |line: &str| {
        let timed =
            line.strip_prefix('[').and_then(|rest| rest.split_once(']')).filter(|(at, _)| at.contains("-->"));
        timed.map_or(line, |(_, words)| words).trim().to_owned()
    };
    printed.lines().map(words).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::hearing::HeardBy;
    use config::MediaBounds;

    fn world() -> (Hearer, Sound) {
        let bounds = MediaBounds { prompt: Some("{{MediaPath}}".into()), ..MediaBounds::default() };
        let sound = Sound { path: "/m/u-a.b.oga".into(), size: 9, media_type: "audio/ogg".into() };
        (Hearer { name: "x".into(), by: HeardBy::Nobody(String::new()), bounds }, sound)
    }

    #[test]
    fn arguments_are_filled_in_once() {
        let (hearer, sound) = world();
        for (arg, expected) in [
            ("{{AttachmentPath}}", "/m/u-a.b.oga"),
            ("-x={{ MediaPath }}:{{MediaType}}", "-x=/m/u-a.b.oga:audio/ogg"),
            ("{{Prompt}}", "{{MediaPath}}"),
            ("{{OutputBase}}.txt", "/s/transcript.txt"),
            ("{{Unknown}} {{", "{{Unknown}} {{"),
            ("plain", "plain"),
        ] {
            assert_eq!(filled(arg, Path::new("/s"), &hearer, &sound), expected, "{arg}");
        }
    }

    #[test]
    fn a_transcript_is_where_the_program_is_told_to_write_it() {
        let (_, sound) = world();
        let written = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            written(&words[1..], Path::new(&words[0]), &sound)
        };
        for (line, expected) in [
            ("/usr/bin/whisper-cli -m x -otxt -of /s/t -nt f", Some("/s/t.txt")),
            ("whisper-cli -m x f", None),
            ("whisper --output_format txt --output_dir /s f", Some("/s/u-a.b.txt")),
            ("whisper --model base f", None),
            ("mine -otxt -of /s/t", None),
        ] {
            assert_eq!(written(line), expected.map(PathBuf::from), "{line}");
        }
        let printed = "[00:00.000 --> 00:02.000]  Hello\n\n[00:02.000 --> 00:03.000] there\n[x] y\n";
        assert_eq!(without_times(printed), "Hello\nthere\n[x] y");
    }
}
