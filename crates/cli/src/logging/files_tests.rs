//! What the log files do over days and sizes.

use super::*;

const DAY: i64 = 86_400_000;
/// 2026-11-21.
const START: i64 = 20_778 * DAY;

fn open(dir: &Path, full: u64) -> (Files, PathBuf) {
    Files::open_with(Place::Dir(dir.to_owned()), START, full).ok().unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_file_and_a_new_day_begin_a_new_one_and_the_link_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, current) = open(dir.path(), 10);
    files.write("12345", START).unwrap();
    files.write("67890", START).unwrap();
    assert_eq!(std::fs::read_to_string(&current).unwrap(), "67890\n");
    files.write("tomorrow", START + DAY).unwrap();
    assert_eq!(std::fs::read_to_string(&current).unwrap(), "tomorrow\n");
    let expected =
        ["current.log", "openclaw-2026-11-21.1.log", "openclaw-2026-11-21.log", "openclaw-2026-11-22.log"];
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn only_the_last_seven_files_are_kept_and_nothing_else_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("openclaw-notes.log"), "mine").unwrap();
    let (mut files, _) = open(dir.path(), 1000);
    for day in 0..10 {
        files.write("x", START + day * DAY).unwrap();
    }
    let names = names(dir.path());
    assert_eq!(names.iter().filter(|n| n.starts_with("openclaw-2026")).count(), KEPT);
    assert!(names.contains(&"openclaw-2026-11-30.log".to_owned()));
    assert!(names.contains(&"openclaw-notes.log".to_owned()));
}

#[test]
fn a_restart_goes_on_where_the_last_run_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, _) = open(dir.path(), 10);
    files.write("12345", START).unwrap();
    files.write("67890", START).unwrap();
    drop(files);
    let (mut files, current) = open(dir.path(), 100);
    files.write("again", START).unwrap();
    assert_eq!(std::fs::read_to_string(current).unwrap(), "67890\nagain\n");
}

#[test]
fn a_file_of_ones_own_keeps_its_name_over_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/my.log");
    let (mut files, stable) = Files::open_with(Place::File(path.clone()), START, 10).ok().unwrap();
    assert_eq!(stable, path);
    files.write("12345", START).unwrap();
    files.write("67890", START + DAY).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "67890\n");
    assert_eq!(std::fs::read_to_string(dir.path().join("deep/my.old.log")).unwrap(), "12345\n");
}

#[cfg(unix)]
#[test]
fn log_files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (_files, current) = open(&dir.path().join("logs"), 10);
    assert_eq!(std::fs::metadata(current).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(dir.path().join("logs")).unwrap().permissions().mode() & 0o777, 0o700);
}
