//! Files that people give a terminal.

use exec::{UploadError, Uploads, keep_upload, tidy_uploads};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

#[test]
fn a_name_becomes_one_that_is_a_name_everywhere() {
    let root = tempfile::tempdir().unwrap();
    let kept = |name: &str| {
        let path = keep_upload(root.path(), (name, b""), 0, || true).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    for (name, expected) in [
        ("a b.txt", "a b.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.pdf", "y.pdf"),
        ("a\nb%!c", "a_b__c"),
        ("..", "upload"),
        ("/", "upload"),
        ("", "upload"),
        ("x. .", "x"),
    ] {
        assert_eq!(kept(name), expected, "{name}");
    }
    assert_eq!(kept(&"é".repeat(200)).len(), 180);
}

#[test]
fn what_has_had_its_day_goes_and_the_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("uploads");
    let now = std::fs::metadata("/proc/self").unwrap().mtime() * 1000;
    let keep = || keep_upload(&root, ("x", b"hello"), now, || true);
    for _ in 0..64 {
        keep().unwrap();
    }
    let refused = keep().unwrap_err().to_string();
    assert!(refused.contains("holds 64 uploaded files with 320 bytes"), "{refused}");
    assert_eq!(tidy_uploads(&root, now).unwrap(), Uploads { files: 64, bytes: 320 });
    assert_eq!(tidy_uploads(&root, now + 25 * 3600 * 1000).unwrap(), Uploads::default());
    let kept = keep().unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), b"hello");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept), mode(kept.parent().unwrap()), mode(&root)), (0o600, 0o700, 0o700));
}

#[test]
fn what_nobody_waits_for_or_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("uploads");
    let unwanted = keep_upload(&root, ("x", b"hello"), 0, || false).unwrap_err();
    assert!(matches!(unwanted, UploadError::Unwanted));
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(keep_upload(&file, ("x", b"hello"), 0, || true), Err(UploadError::Io { .. })));
}
