//! The skills of this node: `skills/NAME/SKILL.md` in its state directory. Their texts are told to the gateway, what belongs to
//! them stays here: a command that is to run in `node://NODE/skills/NAME` runs in that folder.

use crate::invoke::Failure;
use model::{MAX_SKILL, MAX_SKILL_DESCRIPTION, is_skill_name, skill_head};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Skills that a gateway takes of one node.
const MAX_SKILLS: usize = 64;
/// Bytes of all of them together.
const MAX_TOTAL: usize = 512 * 1024;

/// The folder of all of them.
fn dir(state_dir: &Path) -> PathBuf {
    state_dir.join("skills")
}

/// Reads the skills, by name. One that is not in order is left out, and the log says why.
pub(crate) fn scan(state_dir: &Path) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(dir(state_dir)) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let (mut skills, mut total) = (Vec::new(), 0);
    for name in names {
        let file = dir(state_dir).join(&name).join("SKILL.md");
        if !file.is_file() {
            continue;
        }
        let left_out = |why: &str| tracing::warn!(file = %file.display(), "a skill is left out: {why}");
        match read(&file, &name) {
            Ok(_) if skills.len() >= MAX_SKILLS => left_out("a node has 64 at most"),
            Ok((_, text)) if total + text.len() > MAX_TOTAL => {
                left_out("all of them together have more than 512 KiB")
            }
            Ok((description, text)) => {
                total += text.len();
                skills.push(json!({"name": name, "description": description, "content": text}));
            }
            Err(why) => left_out(&why),
        }
    }
    skills
}

fn read(file: &Path, name: &str) -> Result<(String, String), String> {
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|e| e.to_string())?;
    opened.take(MAX_SKILL as u64 + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() > MAX_SKILL {
        return Err(format!("it has more than {MAX_SKILL} bytes"));
    }
    let head =
        skill_head(&text).ok_or("it does not begin with its name and description between lines of ---")?;
    if head.name != name || !is_skill_name(name) {
        return Err(format!("its name {:?} is not that of its folder, or no name for a skill", head.name));
    }
    if head.description.chars().count() > MAX_SKILL_DESCRIPTION {
        return Err(format!("its description has more than {MAX_SKILL_DESCRIPTION} characters"));
    }
    Ok((head.description, text))
}

/// The folder that `node://NODE/skills/NAME` stands for; `None` for any other directory.
///
/// # Errors
/// It is a skill of another node, or there is none of that name.
pub(crate) fn folder(state_dir: &Path, node_id: &str, cwd: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(rest) = cwd.strip_prefix("node://") else { return Ok(None) };
    let name = rest.strip_prefix(node_id).and_then(|rest| rest.strip_prefix("/skills/"));
    let name = name.map(|name| name.trim_end_matches('/')).filter(|name| is_skill_name(name));
    let name = name.ok_or_else(|| Failure::invalid(format!("{cwd:?} is no skill's folder on this node")))?;
    let gone = || Failure::invalid(format!("there is no skill {name:?} on this node any more"));
    let all = dir(state_dir).canonicalize().map_err(|_| gone())?;
    let folder = all.join(name).canonicalize().map_err(|_| gone())?;
    if !folder.starts_with(&all) || !folder.join("SKILL.md").is_file() {
        return Err(gone());
    }
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_in_order_are_told_and_their_folders_are_found() {
        let state = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(dir(state.path()).join(name)).unwrap();
            std::fs::write(dir(state.path()).join(name).join("SKILL.md"), text).unwrap();
        };
        assert_eq!(scan(state.path()), [] as [Value; 0]);
        let pdf = "---\nname: pdf\ndescription: Reads PDFs.\n---\nUse it.";
        write("pdf", pdf);
        write("other", pdf);
        write("bare", "no head");
        write("huge", &format!("---\nname: huge\ndescription: x\n---\n{}", "x".repeat(MAX_SKILL)));
        std::fs::write(dir(state.path()).join("loose"), "x").unwrap();
        assert_eq!(
            scan(state.path()),
            [json!({"name": "pdf", "description": "Reads PDFs.", "content": pdf})]
        );

        let found = |cwd: &str| folder(state.path(), "aa11", cwd);
        let real = dir(state.path()).canonicalize().unwrap().join("pdf");
        assert_eq!(found("node://aa11/skills/pdf").unwrap(), Some(real.clone()));
        assert_eq!(found("/tmp").unwrap(), None);
        std::os::unix::fs::symlink("/", dir(state.path()).join("root")).unwrap();
        for cwd in [
            "node://bb22/skills/pdf",
            "node://aa11/skills/../..",
            "node://aa11/skills/none",
            "node://aa11/skills/root",
            "node://aa11",
        ] {
            assert!(found(cwd).is_err(), "{cwd}");
        }
    }
}
