//! Files that pages give. The browser writes them into a directory of its own under names of its own; once one is whole it goes
//! with an answer, and its copy here goes. Nobody's name becomes a path.

use super::error::Refusal;
use super::page::Page;
use super::routes::Given;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Bytes of a file; with base64 two of them do not fit into an answer.
pub(super) const MAX_FILE: u64 = 10 * 1024 * 1024;
/// Bytes of all files of one answer.
const MAX_FILES: u64 = 11 * 1024 * 1024;
/// Files that wait to be fetched, or are on their way; more are refused.
const MAX_HELD: usize = 8;
/// Characters of a name.
const MAX_NAME: usize = 120;

/// A file.
#[derive(Debug, Clone)]
pub(super) struct Download {
    /// The browser's name for it, and the file's.
    guid: String,
    /// The tab that it came by.
    tab: String,
    number: u64,
    url: String,
    name: String,
    /// Bytes, once it is whole; or why it never will be.
    ended: Option<Result<u64, String>>,
}

/// The files that nobody has fetched yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    held: Vec<Download>,
    last: u64,
}

impl Downloads {
    /// A file begins; false where there is no room for it.
    pub(super) fn begun(&mut self, tab: &str, params: &Value) -> bool {
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        let full = self.held.len() >= MAX_HELD;
        self.last += 1;
        let ended = full.then(|| Err(format!("{MAX_HELD} files are waiting already; fetch them first")));
        self.held.push(Download {
            guid: text("guid").to_owned(),
            tab: tab.to_owned(),
            number: self.last,
            url: text("url").chars().take(2048).collect(),
            name: file_name(text("suggestedFilename")),
            ended,
        });
        if full {
            // What is told of the one that was refused takes the place of an older failure, never that of a file.
            let failed = |d: &Download| matches!(d.ended, Some(Err(_)));
            if self.held.iter().filter(|d| failed(d)).count() > 1
                && let Some(oldest) = self.held.iter().position(failed)
            {
                self.held.remove(oldest);
            }
        }
        !full
    }

    /// How a file comes along; false where it is larger than it may be.
    pub(super) fn came(&mut self, params: &Value) -> bool {
        let guid = params["guid"].as_str().unwrap_or_default();
        let Some(download) = self.held.iter_mut().find(|d| d.guid == guid && d.ended.is_none()) else {
            return true;
        };
        let bytes = |name: &str| params[name].as_f64().unwrap_or(0.0);
        let size = bytes("receivedBytes").max(bytes("totalBytes"));
        if size > MAX_FILE as f64 {
            download.ended = Some(Err(format!("it has {size} bytes, and a file may have {MAX_FILE}")));
            return false;
        }
        match params["state"].as_str() {
            Some("completed") => download.ended = Some(Ok(bytes("receivedBytes") as u64)),
            Some("canceled") => download.ended = Some(Err("it broke off".into())),
            _ => {}
        }
        true
    }

    /// A tab is gone: its files are those of the tab that opened it, where that is there, and otherwise nobody's any more. Gives
    /// the browser's names for these.
    pub(super) fn tab_gone(&mut self, tab: &str, opener: Option<&str>) -> Vec<String> {
        if let Some(opener) = opener {
            self.held.iter_mut().filter(|d| d.tab == tab).for_each(|d| opener.clone_into(&mut d.tab));
        }
        self.held.extract_if(.., |d| d.tab == tab).map(|d| d.guid).collect()
    }

    /// The number of the last one that began.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether a file of this tab has begun since, and was not fetched.
    fn any_since(&self, tab: &str, since: u64) -> bool {
        self.held.iter().any(|d| d.tab == tab && d.number > since)
    }

    /// The first file of this tab since then, once it has ended.
    fn take(&mut self, tab: &str, since: u64) -> Option<Download> {
        let at = self.held.iter().position(|d| d.tab == tab && d.number > since)?;
        self.held.get(at)?.ended.as_ref()?;
        Some(self.held.remove(at))
    }
}

/// The directory that the browser writes into, empty.
pub(super) async fn fresh(dir: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(dir).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).await
}

/// Where it is.
pub(super) fn dir(state_dir: &Path) -> PathBuf {
    state_dir.join("browser").join(super::PROFILE).join("downloads")
}

/// `POST /wait/download`: the next file of the tab, or the oldest that nobody has fetched.
pub(super) async fn next(page: &Page<'_>, name: Option<&str>, since: u64) -> Result<Given, Refusal> {
    let name = name.map(wanted_name).transpose()?;
    let (download, file) = wait(page, name.as_deref(), since).await?;
    let result = json!({"ok": true, "targetId": page.tab.target, "url": page.url(), "download": download});
    Ok(Given { result, files: vec![file] })
}

/// The files that began since, as far as they fit into an answer; the others wait to be fetched.
pub(super) async fn all(page: &Page<'_>, since: u64) -> Result<(Vec<Value>, Vec<Value>), Refusal> {
    let (mut told, mut files, mut bytes) = (Vec::new(), Vec::new(), 0);
    while page.session.tabs().downloads.any_since(&page.tab.target, since) && bytes + MAX_FILE <= MAX_FILES {
        match wait(page, None, since).await {
            Ok((download, file)) => {
                bytes += file["base64"].as_str().map_or(0, |text| text.len() as u64 / 4 * 3);
                told.push(download);
                files.push(file);
            }
            // It may still come; what was done stays done.
            Err(late) if late.status == 504 => break,
            Err(refusal) => told.push(json!({"error": refusal.message})),
        }
    }
    Ok((told, files))
}

/// Waits for a file and reads it: what is told of it, and the file.
async fn wait(page: &Page<'_>, name: Option<&str>, since: u64) -> Result<(Value, Value), Refusal> {
    let tab = &page.tab.target;
    let ended = page.session.wait("a download", page.deadline, |tabs| tabs.downloads.take(tab, since));
    let download = ended.await?;
    let path = page.session.downloads.join(&download.guid);
    let size = match download.ended {
        Some(Ok(size)) => size,
        Some(Err(why)) => {
            return Err(Refusal::failed(format!("{} was not downloaded: {why}", download.name)));
        }
        None => return Err(Refusal::failed(format!("{} is not whole", download.name))),
    };
    let read = tokio::fs::read(&path).await;
    // The browser writes no more; what cannot be removed goes with the next start.
    if let Err(error) = tokio::fs::remove_file(&path).await {
        tracing::debug!(%error, "the copy of a download stays until the browser is started anew");
    }
    let bytes = read.map_err(|e| Refusal::failed(format!("{} cannot be read: {e}", download.name)))?;
    if bytes.len() as u64 != size || size > MAX_FILE {
        return Err(Refusal::failed(format!(
            "{} is not whole: {} of {size} bytes",
            download.name,
            bytes.len()
        )));
    }
    let path = format!("/browser/{}/{}", model::new_id(), name.unwrap_or(&download.name));
    let told = json!({"url": download.url, "suggestedFilename": download.name, "path": path});
    let file = json!({"path": path, "base64": STANDARD.encode(&bytes), "mimeType": kind_of(&download.name)});
    Ok((told, file))
}

/// The name that a caller wants for a file: a name in the directory for downloads, and nothing else.
pub(super) fn wanted_name(path: &str) -> Result<String, Refusal> {
    let plain = path.strip_prefix("/tmp/openclaw/downloads/").unwrap_or(path);
    let is_name = !plain.is_empty()
        && !plain.starts_with('.')
        && plain.chars().count() <= MAX_NAME
        && plain.chars().all(|c| !c.is_control() && !matches!(c, '/' | '\\'));
    if is_name {
        return Ok(plain.to_owned());
    }
    Err(Refusal::invalid(format!(
        "path must stay within the downloads directory; {path:?} is no name of a file"
    )))
}

/// What a server calls a file, as a name and never a path.
pub(super) fn file_name(suggested: &str) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe = |c: char| {
        if c.is_control() || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c }
    };
    let name: String = last.trim_start_matches('.').trim().chars().map(safe).collect();
    // The end says what kind of file it is.
    let skip = name.chars().count().saturating_sub(MAX_NAME);
    let name: String = name.chars().skip(skip).collect();
    if name.is_empty() { "download".to_owned() } else { name }
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "txt" | "md" | "log" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for (suggested, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..\\x\\.bashrc", "bashrc"),
            ("a\0b:c", "a_b_c"),
            ("..", "download"),
            ("", "download"),
        ] {
            assert_eq!(file_name(suggested), name, "{suggested}");
        }
        assert!(file_name(&format!("{}.pdf", "x".repeat(500))).ends_with("x.pdf"));
        for good in ["a.pdf", "/tmp/openclaw/downloads/a b.pdf"] {
            assert!(wanted_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../a",
            "a/b",
            "/tmp/openclaw/downloads/../x",
            ".hidden",
            "/tmp/openclaw/downloads/",
        ] {
            assert_eq!(wanted_name(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn what_is_too_large_or_too_much_ends_and_whole_files_wait_in_order() {
        let mut all = Downloads::default();
        let begin = |guid: &str| json!({"guid": guid, "url": "http://x/", "suggestedFilename": guid});
        assert!(all.begun("t", &begin("a")) && all.begun("t", &begin("b")));
        assert!(
            !all.came(&json!({"guid": "a", "totalBytes": 1e12, "receivedBytes": 0, "state": "inProgress"}))
        );
        assert!(all.came(&json!({"guid": "a", "state": "canceled"})), "that it broke off is known already");
        assert!(all.take("u", 0).is_none());
        assert!(all.take("t", 0).unwrap().ended.unwrap().unwrap_err().contains("may have"));
        assert!(all.take("t", 0).is_none(), "it is on its way");
        assert!(all.came(&json!({"guid": "b", "receivedBytes": 3, "totalBytes": 3, "state": "completed"})));
        assert!(!all.any_since("t", 2) && all.any_since("t", 1));
        assert_eq!(all.take("t", 0).unwrap().ended, Some(Ok(3)));
        for i in 0..100 {
            assert_eq!(all.begun("t", &begin(&i.to_string())), i < MAX_HELD);
        }
        assert_eq!(all.held.len(), MAX_HELD + 1);
    }

    #[test]
    fn a_tab_that_is_gone_leaves_its_files_to_the_one_that_opened_it_or_gives_its_places_free() {
        let mut all = Downloads::default();
        let begin = |guid: &str| json!({"guid": guid, "url": "http://x/", "suggestedFilename": guid});
        for i in 0..MAX_HELD {
            assert!(all.begun(["t", "popup"][i % 2], &begin(&i.to_string())));
        }
        all.came(&json!({"guid": "1", "receivedBytes": 3, "totalBytes": 3, "state": "completed"}));
        assert!(!all.begun("u", &begin("full")));
        assert_eq!(all.tab_gone("popup", Some("u")), [""; 0]);
        assert_eq!(all.take("u", 0).unwrap().guid, "1", "a file that opened a tab of its own is not lost");
        assert_eq!(all.tab_gone("t", None), ["0", "2", "4", "6"]);
        assert!(all.begun("u", &begin("fits")));
        assert!(all.came(&json!({"guid": "0", "state": "canceled"})), "nobody asks for it any more");
    }
}
