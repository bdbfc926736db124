//! Files for pages: they come with the request that a page is to have them (`browser.proxy.upload.v1`), are put whole into a
//! directory of their own, and are given to the field that the page asks by. They stay for as long as a page may still read them.

use super::act;
use super::downloads::file_name;
use super::error::Refusal;
use super::page::Page;
use super::request::Fields;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

/// What the envelope of the files is called.
const ENVELOPE: &str = "browser-upload-v1";
/// Files of a request, bytes of one, and of all of them.
const MAX_FILES: usize = 256;
const MAX_FILE: usize = 10 * 1024 * 1024;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Requests whose files are kept; the oldest go. A page has read them by then, or never will.
const MAX_KEPT: usize = 16;
/// How long a page has until it asks for a file, where nobody says.
const ARMED: Duration = Duration::from_secs(120);

/// Files that the next field is given which asks for some.
#[derive(Debug, Clone)]
pub(super) struct Armed {
    /// Tells whose they are.
    pub(super) id: String,
    pub(super) paths: Vec<String>,
    pub(super) until: Instant,
    /// What became of it.
    pub(super) given: Option<Result<(), String>>,
}

/// Where files are put.
pub(super) fn dir(state_dir: &Path) -> PathBuf {
    state_dir.join("browser").join(super::PROFILE).join("uploads")
}

/// `POST /hooks/file-chooser`: gives the files to a field (`inputRef`, `element`), clicks what asks for them (`ref`), or waits for the
/// page to ask.
pub(super) async fn choose(page: &Page<'_>, fields: Fields<'_>, upload: &Value) -> Result<Value, Refusal> {
    let (by, field, selector) = (fields.word("ref"), fields.word("inputRef"), fields.word("element"));
    if by.is_some() && (field.is_some() || selector.is_some()) {
        return Err(Refusal::invalid("ref cannot be combined with inputRef/element"));
    }
    let into = match (field, selector) {
        (Some(name), _) => Some(page.element(name)?),
        (None, Some(selector)) => Some(page.select(selector).await?),
        (None, None) => None,
    };
    let paths = stage(&page.session.uploads, upload).await?;
    if let Some(element) = into {
        return give(page, element, &paths).await;
    }
    let clicked = by.map(|name| page.element(name)).transpose()?;
    // Nobody is shown a window for choosing meanwhile.
    page.call("Page.setInterceptFileChooserDialog", json!({"enabled": true})).await?;
    let id = model::new_id();
    let wait = fields.number("timeoutMs").map_or(ARMED, |ms| Duration::from_millis(ms as u64)).min(ARMED);
    let armed = Armed { id: id.clone(), paths, until: Instant::now() + wait, given: None };
    page.with_tab(|tab| tab.armed = Some(armed));
    let Some(element) = clicked else {
        return Ok(json!({"ok": true, "targetId": page.tab.target}));
    };
    act::click_on(page, element).await?;
    let target = &page.tab.target;
    let given = page.session.wait("the page's asking for a file", page.deadline, |tabs| {
        let armed = tabs.by_target(target)?.armed.as_ref().filter(|armed| armed.id == id);
        match armed {
            Some(armed) => armed.given.clone(),
            None => Some(Err("other files were given meanwhile".to_owned())),
        }
    });
    let given = given.await;
    page.with_tab(|tab| tab.armed = None);
    given?.map_err(Refusal::operation)?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}

async fn give(page: &Page<'_>, element: i64, paths: &[String]) -> Result<Value, Refusal> {
    const FIELD: &str = "function() { return this.tagName !== 'INPUT' || this.type !== 'file' ? 'it is no field for files' : this.multiple ? 'many' : 'one'; }";
    match page.on_element(element, FIELD, &[]).await?.as_str() {
        Some("many") => {}
        Some("one") if paths.len() <= 1 => {}
        Some("one") => return Err(Refusal::operation("the field takes one file")),
        _ => return Err(Refusal::operation("it is no field for files")),
    }
    page.call("DOM.setFileInputFiles", json!({"files": paths, "backendNodeId": element})).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}

/// Puts the files of a request on disk, all or none of them, and gives their paths.
async fn stage(dir: &Path, upload: &Value) -> Result<Vec<String>, Refusal> {
    let files = read(upload)?;
    let place = dir.join(model::new_id());
    let put = async {
        make_dir(dir).await?;
        make_dir(&place).await?;
        let mut paths = Vec::new();
        for (number, (name, bytes)) in files.iter().enumerate() {
            // Two may have one name.
            let own = place.join(number.to_string());
            make_dir(&own).await?;
            let path = own.join(name);
            let mut file =
                tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
            file.write_all(bytes).await?;
            file.flush().await?;
            paths.push(path.to_string_lossy().into_owned());
        }
        forget_oldest(dir).await?;
        Ok::<_, std::io::Error>(paths)
    };
    match put.await {
        Ok(paths) => Ok(paths),
        Err(error) => {
            // What is left goes with the next start of the browser.
            let _ = tokio::fs::remove_dir_all(&place).await;
            Err(Refusal::failed(format!("the files cannot be kept in {}: {error}", dir.display())))
        }
    }
}

async fn make_dir(dir: &Path) -> std::io::Result<()> {
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).await
}

async fn forget_oldest(dir: &Path) -> std::io::Result<()> {
    let (mut kept, mut entries) = (Vec::new(), tokio::fs::read_dir(dir).await?);
    while let Some(entry) = entries.next_entry().await? {
        kept.push((entry.metadata().await?.modified()?, entry.path()));
    }
    kept.sort();
    let over = kept.len().saturating_sub(MAX_KEPT);
    for (_, path) in kept.into_iter().take(over) {
        tokio::fs::remove_dir_all(path).await?;
    }
    Ok(())
}

/// The files of an envelope: names, and what is in them.
fn read(upload: &Value) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    if upload["envelope"] != ENVELOPE {
        return Err(Refusal::invalid(format!("files come in an envelope that is called {ENVELOPE}")));
    }
    let files = upload["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    if files.is_empty() || files.len() > MAX_FILES {
        return Err(Refusal::invalid(format!("an upload has between one and {MAX_FILES} files")));
    }
    let (mut read, mut total) = (Vec::new(), 0);
    for file in files {
        let name = file["name"].as_str().filter(|name| !name.trim().is_empty());
        let (Some(name), Some(text)) = (name, file["contentBase64"].as_str()) else {
            return Err(Refusal::invalid("a file of an upload has a name and contentBase64"));
        };
        let bytes =
            STANDARD.decode(text).map_err(|e| Refusal::invalid(format!("{name:?} is no base64: {e}")))?;
        total += bytes.len();
        if bytes.len() > MAX_FILE || total > MAX_BYTES {
            return Err(Refusal::invalid("a file of an upload may have 10 MiB, and all of them 16 MiB"));
        }
        read.push((file_name(name), bytes));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn upload(files: &[(&str, &str)]) -> Value {
        let files: Vec<Value> = files
            .iter()
            .map(|(name, text)| json!({"name": name, "contentBase64": STANDARD.encode(text)}))
            .collect();
        json!({"envelope": ENVELOPE, "files": files})
    }

    #[tokio::test]
    async fn files_are_put_whole_into_their_place_whatever_they_are_called() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("uploads");
        let paths = stage(&dir, &upload(&[("../../a.txt", "one"), ("a.txt", "two")])).await.unwrap();
        for (path, text) in paths.iter().zip(["one", "two"]) {
            assert!(path.starts_with(dir.to_str().unwrap()) && path.ends_with("/a.txt"), "{path}");
            assert_eq!(std::fs::read_to_string(path).unwrap(), text);
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for _ in 0..MAX_KEPT + 3 {
            stage(&dir, &upload(&[("b", "x")])).await.unwrap();
        }
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), MAX_KEPT);
        let large = "x".repeat(MAX_FILE + 1);
        for wrong in [
            json!(null),
            json!({"envelope": "other", "files": [{"name": "a", "contentBase64": ""}]}),
            json!({"envelope": ENVELOPE, "files": []}),
            json!({"envelope": ENVELOPE, "files": [{"name": "a", "contentBase64": "!"}]}),
            json!({"envelope": ENVELOPE, "files": [{"name": "a"}]}),
            upload(&[("a", &large)]),
        ] {
            assert_eq!(stage(&dir, &wrong).await.unwrap_err().status, 400);
        }
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), MAX_KEPT);
    }
}
