//! Directories for this user alone: what is in them may be secret, and the name of a file tells something, too.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

/// Makes a directory and those above it, as far as they are missing, each with mode 0700. One that is there stays as it is.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_made_is_for_its_user_alone_and_what_is_there_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let mode = |dir: &Path| std::fs::metadata(dir).unwrap().permissions().mode() & 0o777;
        let there = home.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::set_permissions(&there, std::fs::Permissions::from_mode(0o750)).unwrap();
        make(&there.join("a/b")).unwrap();
        make(&there.join("a/b")).unwrap();
        assert_eq!(
            [&there, &there.join("a"), &there.join("a/b")].map(|dir| mode(dir)),
            [0o750, 0o700, 0o700]
        );
    }
}
