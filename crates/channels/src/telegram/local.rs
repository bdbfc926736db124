//! Files that a Bot API server of one's own has on a disk of this host: it tells where, and they are read only below the directories
//! that the configuration trusts.

use super::media::Missed;
use crate::kept::Keeping;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Whether a path is one of this host, and none of the server's.
pub(super) fn is_local(path: &str) -> bool {
    path.starts_with('/')
}

/// A file's bytes.
pub(super) async fn read(roots: &[PathBuf], path: &str, max: u64) -> Result<Vec<u8>, Missed> {
    let mut bytes = Vec::new();
    let mut file = open(roots, path, max).await?;
    let read = (&mut file).take(max.saturating_add(1)).read_to_end(&mut bytes).await;
    read.map_err(|e| format!("it could not be read: {e}"))?;
    if bytes.len() as u64 > max {
        return Err(Missed::from(format!("it is larger than {max} bytes")));
    }
    Ok(bytes)
}

/// A file, piece by piece to where it is kept. Gives its size.
pub(super) async fn copy(roots: &[PathBuf], path: &str, max: u64, to: &mut Keeping) -> Result<u64, Missed> {
    let mut file = open(roots, path, max).await?;
    let (mut piece, mut size) = (vec![0; 64 * 1024], 0u64);
    loop {
        let read = file.read(&mut piece).await.map_err(|e| format!("it could not be read: {e}"))?;
        if read == 0 {
            return Ok(size);
        }
        size = size.saturating_add(read as u64);
        if size > max {
            return Err(Missed::from(format!("it is larger than {max} bytes")));
        }
        let written = to.write(piece.get(..read).unwrap_or_default()).await;
        written.map_err(|e| format!("it could not be written: {e}"))?;
    }
}

/// Opens a file that lies below one of the roots, wherever links lead.
async fn open(roots: &[PathBuf], path: &str, max: u64) -> Result<File, Missed> {
    if roots.is_empty() {
        let why = "the Bot API server has it on its own disk, and channels.telegram.trustedLocalFileRoots names no directory there";
        return Err(Missed::from(why.to_owned()));
    }
    let gone = |e: std::io::Error| {
        format!("the Bot API server says that it has it on its disk, and it cannot be read there: {e}")
    };
    let real = tokio::fs::canonicalize(path).await.map_err(gone)?;
    if !is_below(roots, &real).await {
        return Err(Missed::from("it is not below channels.telegram.trustedLocalFileRoots".to_owned()));
    }
    let file = File::open(&real).await.map_err(gone)?;
    let about = file.metadata().await.map_err(gone)?;
    if !about.is_file() {
        return Err(Missed::from("it is no regular file".to_owned()));
    }
    if about.len() > max {
        return Err(Missed::from(format!("it is larger than {max} bytes")));
    }
    Ok(file)
}

async fn is_below(roots: &[PathBuf], real: &Path) -> bool {
    for root in roots {
        if let Ok(root) = tokio::fs::canonicalize(root).await
            && real.starts_with(&root)
        {
            return true;
        }
    }
    false
}
