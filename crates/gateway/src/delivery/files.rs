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
/// Bytes of one album: it goes out in one request, which has more in it than pictures, and is in memory meanwhile.
const ALBUM_BYTES: u64 = 45 * 1024 * 1024;

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
pub(crate) async fn acts(files: Vec<SentFile>, seen_as: FileAs) -> Vec<Act> {
    let mut acts = Vec::new();
    let (mut row, mut bytes): (Vec<SentFile>, u64) = (Vec::new(), 0);
    for file in files {
        if seen_as != FileAs::Itself || !is_picture(&file.name) {
            acts.extend(album(std::mem::take(&mut row)));
            acts.push(Act::File { file, seen_as });
            continue;
        }
        // One that is not there any more is told of where it is sent.
        let size = tokio::fs::metadata(&file.path).await.map_or(0, |file| file.len());
        if row.len() == ALBUM || bytes.saturating_add(size) > ALBUM_BYTES {
            acts.extend(album(std::mem::take(&mut row)));
        }
        bytes = if row.is_empty() { size } else { bytes.saturating_add(size) };
        row.push(file);
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

    async fn shape(names: &[(&str, u64)], seen_as: FileAs) -> Vec<usize> {
        let dir = tempfile::tempdir().unwrap();
        let file = |(n, (name, size)): (usize, &(&str, u64))| {
            let path = dir.path().join(format!("{n}-{name}"));
            // Sparse: it takes no room on the test's disk.
            std::fs::File::create(&path).unwrap().set_len(*size).unwrap();
            SentFile { path: path.to_string_lossy().into_owned(), name: (*name).to_owned() }
        };
        let files = names.iter().enumerate().map(file).collect();
        acts(files, seen_as).await.iter().map(|act| act.files().len()).collect()
    }

    #[tokio::test]
    async fn pictures_in_a_row_are_albums_of_at_most_ten() {
        let itself = FileAs::Itself;
        let mixed = [("a.png", 1), ("b.JPG", 1), ("c.pdf", 1), ("d.png", 1)];
        assert_eq!(shape(&mixed, itself).await, [2, 1, 1]);
        assert_eq!(shape(&[("a.png", 1); 12], itself).await, [10, 2]);
        assert_eq!(shape(&[("a.png", 1); 11], itself).await, [10, 1]);
        assert_eq!(shape(&[("a.png", 1); 3], FileAs::Document).await, [1, 1, 1]);
        assert_eq!(shape(&[], itself).await, [0; 0]);
    }

    #[tokio::test]
    async fn an_album_ends_where_it_would_be_more_than_goes_out_at_once() {
        let itself = FileAs::Itself;
        let megabytes = |n: u64| n * 1_000_000;
        assert_eq!(shape(&[("a.png", megabytes(9)); 7], itself).await, [5, 2]);
        let (large, small) = (("a.png", MAX_FILE), ("b.png", 1));
        assert_eq!(shape(&[small, large, small, small], itself).await, [1, 1, 2]);
        // What was before another file does not count for the next album.
        let film = ("c.mp4", 1);
        let row = [("a.png", megabytes(40)), film, ("a.png", megabytes(40)), small];
        assert_eq!(shape(&row, itself).await, [1, 1, 2]);
    }
}
