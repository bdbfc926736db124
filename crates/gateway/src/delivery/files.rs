//! Files that go out: each is a copy of its own below `media/outbound` from the moment on at which it is accepted, so that what arrives is
//! what it was then.

use super::channels::telegram::outgoing_dir;
use crate::shared::Shared;
use channels::MAX_FILE;
use model::{Act, FileAs, SentFile};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tools::Media;

/// Pictures of one album.
const ALBUM: usize = 10;

/// Where a file comes from.
pub(crate) enum Source {
    /// A file that may be sent, or an address.
    Media(Media),
    /// The bytes themselves, and what they are called.
    Bytes(Vec<u8>, String),
}

/// Keeps copies of what is to be sent. The same key has the same copies.
///
/// # Errors
/// What cannot be sent and why; nothing is kept of the others for longer than a week.
pub(crate) async fn keep(shared: &Shared, sources: Vec<Source>, key: &str) -> Result<Vec<SentFile>, String> {
    let mut kept = Vec::with_capacity(sources.len());
    for (n, source) in sources.into_iter().enumerate() {
        let key = if n == 0 { key.to_owned() } else { format!("{key}:{n}") };
        kept.push(one(shared, source, &key).await?);
    }
    Ok(kept)
}

async fn one(shared: &Shared, source: Source, key: &str) -> Result<SentFile, String> {
    let id = hex::encode(Sha256::digest(key)).get(..24).unwrap_or_default().to_owned();
    let dir = outgoing_dir(&shared.paths.state_dir);
    let now = now(shared);
    let (name, path) = match source {
        Source::Media(Media::File(file)) => {
            let name =
                file.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
            let copy = channels::keep_copy(&dir, &id, &file, MAX_FILE, now).await;
            (name, copy.map_err(|e| format!("{} cannot be sent: {e}", file.display()))?)
        }
        Source::Media(Media::Url(url)) => {
            // One at a time: it is in memory until it is on disk.
            let _alone = shared.channels.fetches().await;
            let fetched = shared.current().egress.fetch_file(&url, MAX_FILE).await;
            let fetched = fetched.map_err(|e| format!("{url} cannot be sent: {e}"))?;
            let kept = channels::keep_bytes(&dir, &id, (&fetched.name, &fetched.bytes), now).await;
            let kept = kept.map_err(|e| format!("{url} cannot be kept: {e}"))?;
            (fetched.name, kept)
        }
        Source::Bytes(bytes, name) => {
            if bytes.len() as u64 > MAX_FILE {
                return Err(format!("{name} is larger than {MAX_FILE} bytes"));
            }
            let kept = channels::keep_bytes(&dir, &id, (&name, &bytes), now).await;
            let kept = kept.map_err(|e| format!("{name} cannot be kept: {e}"))?;
            (name, kept)
        }
    };
    Ok(SentFile { path: path.to_string_lossy().into_owned(), name })
}

fn now(shared: &Shared) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(shared.clock.now_ms().unsigned_abs())
}

/// What sends them: pictures in a row as albums, where they are not meant otherwise.
pub(crate) fn acts(files: Vec<SentFile>, seen_as: FileAs) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut row: Vec<SentFile> = Vec::new();
    for file in files {
        let is_picture = seen_as == FileAs::Itself && is_picture(&file.name);
        if !is_picture || row.len() == ALBUM {
            acts.extend(album(std::mem::take(&mut row)));
        }
        if is_picture {
            row.push(file);
        } else {
            acts.push(Act::File { file, seen_as });
        }
    }
    acts.extend(album(row));
    acts
}

/// Pictures as one album; one alone is none.
fn album(mut files: Vec<SentFile>) -> Option<Act> {
    if files.len() > 1 {
        return Some(Act::Album { files });
    }
    files.pop().map(|file| Act::File { file, seen_as: FileAs::Itself })
}

fn is_picture(name: &str) -> bool {
    let end = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
    ["png", "jpg", "jpeg", "webp"].iter().any(|picture| picture.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_in_a_row_are_albums_of_at_most_ten() {
        let file = |name: &str| SentFile { path: format!("/{name}"), name: name.to_owned() };
        let shape = |names: &[&str], seen_as| -> Vec<usize> {
            let files = names.iter().map(|name| file(name)).collect();
            acts(files, seen_as).iter().map(|act| act.files().len()).collect()
        };
        let itself = FileAs::Itself;
        assert_eq!(shape(&["a.png", "b.JPG", "c.pdf", "d.png"], itself), [2, 1, 1]);
        assert_eq!(shape(&["a.png"; 12], itself), [10, 2]);
        assert_eq!(shape(&["a.png"; 11], itself), [10, 1]);
        assert_eq!(shape(&["a.png"; 3], FileAs::Document), [1, 1, 1]);
        assert_eq!(shape(&[], itself), [0; 0]);
    }
}
