//! The machine that this runs on: what it is, and how it is doing. What cannot be learned is left out.

use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A network file system may take its time, or for ever; then the disk is left out.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);
/// Looks at a disk at once: those that hang keep their thread, and more must not join them.
static DISK_LOOKS: Semaphore = Semaphore::const_new(2);

/// How the machine is doing, as `node.host.stats` and `system.info` say it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostStats {
    /// Processors that this program may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<usize>,
    /// Over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// All of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// What programs could still have, caches included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_free_bytes: Option<u64>,
    /// Of the disk that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_total_bytes: Option<u64>,
    /// What this user may still write there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_available_bytes: Option<u64>,
}

/// What the machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The name that it has in the network.
    pub hostname: String,
    /// The kernel's name, such as `Linux`.
    pub system: String,
    /// The kernel's version.
    pub release: String,
    /// The processor's name.
    pub cpu_model: Option<String>,
}

/// The name that the machine has in the network.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What the machine is.
pub async fn identity() -> HostIdentity {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    let cpu = tokio::fs::read_to_string("/proc/cpuinfo").await.unwrap_or_default();
    HostIdentity {
        hostname: text(names.nodename()),
        system: text(names.sysname()),
        release: text(names.release()),
        cpu_model: cpu_model(&cpu),
    }
}

/// How the machine is doing now; the disk is the one that holds `directory`. Ends within some ten seconds.
pub async fn stats(directory: &Path) -> HostStats {
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
    let directory = directory.to_owned();
    let look = async {
        let place = DISK_LOOKS.acquire().await.ok()?;
        let look = tokio::task::spawn_blocking(move || {
            let disk = rustix::fs::statvfs(&directory).ok();
            drop(place);
            disk
        });
        look.await.ok().flatten()
    };
    tokio::time::timeout(DISK_TIMEOUT, look).await.ok().flatten()
}

/// A line of `/proc/cpuinfo`: `model name`, a tab, a colon and the name.
fn cpu_model(text: &str) -> Option<String> {
    let line = text.lines().find_map(|l| l.strip_prefix("model name"))?;
    let name = line.trim_start().strip_prefix(':')?.trim();
    (!name.is_empty()).then(|| name.to_owned())
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
    fn the_first_processor_names_itself() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(cpu_model(text).as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_model("model name\t:  \n"), None);
        assert_eq!(cpu_model("processor\t: 0\n"), None);
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
        let told = serde_json::to_value(stats(Path::new("/no/such/directory")).await).unwrap();
        assert!(told.get("diskTotalBytes").is_none());
        let told = serde_json::to_value(stats(Path::new("/")).await).unwrap();
        assert!(told["diskTotalBytes"].as_u64().unwrap() >= told["diskAvailableBytes"].as_u64().unwrap());
    }
}
