//! The state of the machine: what `node.host.stats` says. What cannot be learned is left out.

use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A network file system may take its time, or for ever; then the disk is left out.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);
/// Looks at a disk at once: those that hang keep their thread, and more must not join them.
static DISK_LOOKS: Semaphore = Semaphore::const_new(2);

/// `node.host.stats`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostStats {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_count: Option<usize>,
    /// Over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average: Option<[f64; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_total_bytes: Option<u64>,
    /// What programs could still have, caches included.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_total_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_available_bytes: Option<u64>,
}

/// The state of the machine now; the disk is the one that holds `directory`.
pub(crate) async fn read(directory: &Path) -> HostStats {
    let load = tokio::fs::read_to_string("/proc/loadavg").await.unwrap_or_default();
    let memory = tokio::fs::read_to_string("/proc/meminfo").await.unwrap_or_default();
    let disk = disk(directory).await;
    HostStats {
        cpu_count: std::thread::available_parallelism().ok().map(usize::from),
        load_average: load_average(&load),
        memory_total_bytes: memory_bytes(&memory, "MemTotal"),
        memory_free_bytes: memory_bytes(&memory, "MemAvailable").or_else(|| memory_bytes(&memory, "MemFree")),
        disk_total_bytes: disk.as_ref().map(|d| d.f_blocks.saturating_mul(d.f_frsize)),
        disk_available_bytes: disk.as_ref().map(|d| d.f_bavail.saturating_mul(d.f_frsize)),
    }
}

async fn disk(directory: &Path) -> Option<rustix::fs::StatVfs> {
    let place = DISK_LOOKS.try_acquire().ok()?;
    let directory = directory.to_owned();
    let look = tokio::task::spawn_blocking(move || {
        let disk = rustix::fs::statvfs(&directory).ok();
        drop(place);
        disk
    });
    tokio::time::timeout(DISK_TIMEOUT, look).await.ok()?.ok().flatten()
}

/// `2.46 1.85 0.93 1/234 5678`
fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map(|n| n.parse::<f64>().ok().filter(|n| n.is_finite()));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// `MemTotal:       24684084 kB`
fn memory_bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(load_average("2.46 1.85 0.93 1/234 5678\n"), Some([2.46, 1.85, 0.93]));
        let memory = "MemTotal:       24684084 kB\nMemFree:         1000 kB\nMemAvailable:   2000 kB\n";
        assert_eq!(memory_bytes(memory, "MemTotal"), Some(24_684_084 * 1024));
        assert_eq!(memory_bytes(memory, "MemAvailable"), Some(2_048_000));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        for text in ["", "1.0 2.0", "a b c", "NaN 1 1"] {
            assert_eq!(load_average(text), None, "{text:?}");
        }
        for text in ["", "MemTotal: x kB", "MemTotal: 5", "MemTotalX: 5 kB"] {
            assert_eq!(memory_bytes(text, "MemTotal"), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_disk_that_is_not_there_is_left_out() {
        let stats = serde_json::to_value(read(Path::new("/no/such/directory")).await).unwrap();
        assert!(stats.get("diskTotalBytes").is_none());
        let stats = serde_json::to_value(read(Path::new("/")).await).unwrap();
        assert!(stats["diskTotalBytes"].as_u64().unwrap() >= stats["diskAvailableBytes"].as_u64().unwrap());
    }
}
