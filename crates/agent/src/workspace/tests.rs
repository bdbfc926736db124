use super::*;

fn names(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn a_new_workspace_gets_all_files_and_an_old_one_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/workspace");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("SOUL.md"), "mine").unwrap();
    let workspace = Workspace::new(&root);
    let made = workspace.seed().await.unwrap();
    assert_eq!(made, ["AGENTS.md", "IDENTITY.md", "USER.md", "TOOLS.md", "MEMORY.md"]);
    assert_eq!(fs::read_to_string(root.join("SOUL.md")).unwrap(), "mine");
    assert_eq!(
        names(&workspace.bootstrap().await),
        ["AGENTS.md", "SOUL.md", "IDENTITY.md", "USER.md", "TOOLS.md", "MEMORY.md"]
    );
}

#[tokio::test]
async fn a_file_that_the_user_deleted_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(folder.path());
    workspace.seed().await.unwrap();
    fs::remove_file(folder.path().join("USER.md")).unwrap();
    assert!(workspace.seed().await.unwrap().is_empty());
    assert!(!folder.path().join("USER.md").exists());
    assert!(!names(&workspace.bootstrap().await).contains(&"USER.md"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Workspace::new(folder.path().join("file/workspace")).seed().await.unwrap_err();
    assert!(error.to_string().contains("file/workspace: cannot make the folder"), "{error}");
}

#[tokio::test]
async fn long_files_are_cut_and_all_together_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in FILES {
        fs::write(folder.path().join(name), "ö".repeat(30_000)).unwrap();
    }
    let files = Workspace::new(folder.path()).bootstrap().await;
    assert!(files[0].1.ends_with("[… cut after 20000 characters …]"));
    let total: usize = files.iter().map(|(_, text)| text.chars().count()).sum();
    assert!((60_000..61_000).contains(&total), "{total}");
}

#[cfg(unix)]
#[tokio::test]
async fn odd_files_are_left_out_and_links_within_the_folder_are_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("workspace");
    fs::create_dir_all(root.join("SOUL.md")).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::write(root.join("notes"), "notes").unwrap();
    fs::write(root.join("TOOLS.md"), b"bad \xff byte").unwrap();
    fs::write(root.join("IDENTITY.md"), "  \n").unwrap();
    symlink(folder.path().join("secret"), root.join("AGENTS.md")).unwrap();
    symlink("notes", root.join("USER.md")).unwrap();
    symlink("nowhere", root.join("MEMORY.md")).unwrap();
    let workspace = Workspace::new(&root);
    assert!(workspace.seed().await.unwrap().is_empty(), "each name is taken by something");
    let files = workspace.bootstrap().await;
    assert_eq!(files, [("USER.md".into(), "notes".into()), ("TOOLS.md".into(), "bad \u{fffd} byte".into())]);
}
