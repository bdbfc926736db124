//! Changing the configuration to put something right, where it is a file of this user that nobody else reads: it may get a
//! secret, and what it says decides who gets in.

use super::own::{Seen, no_link_on_the_way};
use super::{Scene, finding::Mend};
use config::{Change, Editor, Paths};
use std::path::PathBuf;

/// Makes the change that `what` comes to, given the file's text. `done` says what it was, after the file's name.
pub(super) fn config(
    scene: &Scene<'_>,
    what: impl FnOnce(&str) -> Result<Change, String> + 'static,
    done: String,
) -> Mend {
    let (paths, env) = (scene.ctx.paths.clone(), scene.ctx.env.clone());
    Box::pin(async move {
        let file = paths.config_file.display();
        check(&paths).map_err(|why| format!("{file} stays as it is: {why}"))?;
        let text = std::fs::read_to_string(&paths.config_file).map_err(|error| format!("{file}: {error}"))?;
        let editor = Editor { paths: &paths, env: &env, base: None, dry_run: false };
        editor.apply(what(&text)?).map_err(|error| error.to_string())?;
        Ok(format!("{file}: {done}"))
    })
}

/// Whether the file, and those that its former text is kept in, may be replaced.
fn check(paths: &Paths) -> Result<(), String> {
    let file = &paths.config_file;
    no_link_on_the_way(&paths.state_dir, file)?;
    let seen = Seen::at(file).ok_or("it is not there")?;
    let former = [".bak", ".broken"].map(|suffix| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        Seen::at(&PathBuf::from(name))
    });
    if let Some(why) =
        [Some(&seen)].into_iter().chain(former.iter().map(Option::as_ref)).flatten().find_map(Seen::not_ours)
    {
        return Err(why);
    }
    if seen.mode & 0o077 != 0 {
        return Err(format!(
            "others can read or change it (mode {:04o}): chmod 600 {} first",
            seen.mode,
            file.display()
        ));
    }
    Ok(())
}
