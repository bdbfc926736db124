//! Files of browsers, beside the gateway: those that a page is to have are read from where such files may lie, and those that came
//! are kept for a week, under names made here.

use crate::shared::Shared;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::ErrorShape;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Files of a request or an answer, bytes of one, and of all of them.
const MAX_FILES: usize = 256;
const MAX_FILE: u64 = 10 * 1024 * 1024;
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Where files for pages may lie, beside those that came with messages.
const UPLOADS: &str = "/tmp/openclaw/uploads";
/// How those that came with messages are called.
const INBOUND: &str = "media://inbound/";

/// Reads the files that `paths` names, and takes the names out of the request.
///
/// # Errors
/// A path that leads elsewhere, is no file, or is too large.
pub(super) async fn read(shared: &Shared, body: Option<&mut Value>) -> Result<Option<Value>, ErrorShape> {
    let Some(Value::Object(body)) = body else { return Ok(None) };
    let Some(Value::Array(paths)) = body.remove("paths") else { return Ok(None) };
    let inbound = shared.paths.state_dir.join("media").join("inbound");
    let reading = tokio::task::spawn_blocking(move || read_all(&paths, &inbound));
    let read = reading.await.map_err(|e| ErrorShape::unavailable(e.to_string()))?;
    read.map(Some).map_err(ErrorShape::invalid)
}

fn read_all(paths: &[Value], inbound: &Path) -> Result<Value, String> {
    if paths.is_empty() || paths.len() > MAX_FILES {
        return Err(format!("paths must name between one and {MAX_FILES} files"));
    }
    let (mut files, mut total) = (Vec::new(), 0);
    for path in paths {
        let path = path.as_str().ok_or("paths must contain only strings")?;
        let file = place(path, inbound)?;
        let bytes = std::fs::read(&file).map_err(|e| format!("{path} cannot be read: {e}"))?;
        total += bytes.len() as u64;
        if bytes.len() as u64 > MAX_FILE || total > MAX_BYTES {
            return Err(format!("{path} is too large: a file may have 10 MiB, and all of them 16 MiB"));
        }
        let name = file.file_name().map_or_else(|| "upload".into(), |name| name.to_string_lossy());
        files.push(json!({"name": name, "contentBase64": STANDARD.encode(bytes)}));
    }
    Ok(json!({"envelope": "browser-upload-v1", "files": files}))
}

/// The file itself, where it lies in a place for such files; no link leads there.
fn place(path: &str, inbound: &Path) -> Result<PathBuf, String> {
    let elsewhere =
        || format!("{path:?} is no file for a page: those lie in {UPLOADS}, or came with messages");
    let named = match path.strip_prefix(INBOUND) {
        Some(name) if name.contains(['/', '\\']) || name.starts_with('.') => return Err(elsewhere()),
        Some(name) => inbound.join(name),
        None => PathBuf::from(path),
    };
    let file = named.canonicalize().map_err(|e| format!("{path} cannot be read: {e}"))?;
    let roots = [Path::new(UPLOADS), inbound].into_iter().filter_map(|root| root.canonicalize().ok());
    let within = roots.into_iter().any(|root| file.starts_with(&root));
    let whole = named.symlink_metadata().is_ok_and(|m| m.is_file() && m.nlink() == 1 && m.len() <= MAX_FILE);
    if within && whole { Ok(file) } else { Err(elsewhere()) }
}

/// Keeps the files that came with an answer, all of them or none, and puts their paths into it.
///
/// # Errors
/// The answer and its files do not belong together, they are too large, or there is no room.
pub(super) async fn keep(shared: &Shared, mut result: Value, files: &Value) -> Result<Value, ErrorShape> {
    let strange = |why: &str| ErrorShape::unavailable(format!("the browser's files cannot be used: {why}"));
    let files = files.as_array().map(Vec::as_slice).unwrap_or_default();
    if files.len() > MAX_FILES {
        return Err(strange("they are too many"));
    }
    let mut named = Vec::new();
    visit(&mut result, &mut |path| {
        named.push(path.clone());
    });
    let (mut all, mut total) = (Vec::new(), 0);
    for file in files {
        let (Some(path), Some(text)) = (file["path"].as_str(), file["base64"].as_str()) else {
            return Err(strange("one has no path or no base64"));
        };
        if !named.iter().any(|name| name == path) {
            return Err(strange("one is not named in the answer"));
        }
        let bytes = STANDARD.decode(text).map_err(|e| strange(&e.to_string()))?;
        total += bytes.len() as u64;
        if bytes.len() as u64 > MAX_FILE || total > MAX_BYTES {
            return Err(strange("a file may have 10 MiB, and all of them 16 MiB"));
        }
        all.push((path, bytes));
    }
    if named.iter().any(|name| !all.iter().any(|(path, _)| path == name)) {
        return Err(strange("one that the answer names is missing"));
    }
    let dir = shared.paths.state_dir.join("media").join("browser");
    let now = UNIX_EPOCH + Duration::from_millis(shared.clock.now_ms().unsigned_abs());
    let mut kept: HashMap<String, String> = HashMap::new();
    for (path, bytes) in all {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let to = channels::keep_bytes(&dir, &model::new_id(), (name, &bytes), now).await;
        let to = to.map_err(|e| strange(&format!("{} cannot be written: {e}", dir.display())))?;
        kept.insert(path.to_owned(), to.to_string_lossy().into_owned());
    }
    visit(&mut result, &mut |path| {
        if let Some(to) = kept.get(path) {
            path.clone_from(to);
        }
    });
    Ok(result)
}

/// Sees each path of a file in an answer.
fn visit(result: &mut Value, see: &mut dyn FnMut(&mut String)) {
    let mut of = |owner: &mut Value, key: &str| {
        if let Some(Value::String(path)) = owner.get_mut(key)
            && !path.trim().is_empty()
        {
            see(path);
        }
    };
    of(result, "path");
    of(result, "imagePath");
    if let Some(download) = result.get_mut("download") {
        of(download, "path");
    }
    for download in result.get_mut("downloads").and_then(Value::as_array_mut).into_iter().flatten() {
        of(download, "path");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_lie_where_they_may_are_read() {
        let root = tempfile::tempdir().unwrap();
        let (inbound, outside) = (root.path().join("inbound"), root.path().join("secret"));
        std::fs::create_dir(&inbound).unwrap();
        std::fs::write(&outside, "secret").unwrap();
        std::fs::write(inbound.join("a.txt"), "hi").unwrap();
        std::fs::hard_link(&outside, inbound.join("hard")).unwrap();
        std::os::unix::fs::symlink(&outside, inbound.join("link")).unwrap();
        std::os::unix::fs::symlink(inbound.join("a.txt"), inbound.join("inner")).unwrap();
        let inside = |name: &str| inbound.join(name).to_string_lossy().into_owned();
        for good in ["media://inbound/a.txt", &inside("a.txt")] {
            let read = read_all(&[json!(good)], &inbound).unwrap();
            assert_eq!(read["files"][0], json!({"name": "a.txt", "contentBase64": "aGk="}));
        }
        for bad in [
            outside.to_str().unwrap(),
            "media://inbound/../secret",
            "media://inbound/link",
            "media://inbound/inner",
            "media://inbound/hard",
            "media://inbound/none",
            "media://inbound/",
            "/etc/passwd",
            &inside("../secret"),
        ] {
            assert!(read_all(&[json!(bad)], &inbound).is_err(), "{bad}");
        }
        assert!(read_all(&[], &inbound).is_err() && read_all(&[json!(1)], &inbound).is_err());
    }
}
