//! `system.info`: the machine and the process that the gateway is.

use crate::methods::{Answer, Call};
use protocol::ErrorShape;
use serde_json::{Map, Value, json};

/// There is no Node.js in this gateway, and the published answer has to name a version of it.
const NO_NODE: &str = "none";

pub(super) async fn handle(call: Call) -> Answer {
    let shared = &call.shared;
    let (host, stats) = tokio::join!(exec::host::identity(), exec::host::stats(&shared.paths.state_dir));
    let Ok(Value::Object(mut out)) = serde_json::to_value(&stats) else {
        return Err(ErrorShape::unavailable("the machine's state has no JSON form"));
    };
    demand(&out)?;
    if stats.disk_total_bytes.is_some() {
        out.insert("diskPath".into(), json!(shared.paths.state_dir.display().to_string()));
    }
    if let Some(model) = host.cpu_model {
        out.insert("cpuModel".into(), json!(model));
    }
    let rest = [
        ("machineName", json!(host.hostname)),
        ("hostname", json!(host.hostname)),
        ("platform", json!(platform())),
        ("arch", json!(arch())),
        ("osLabel", json!(format!("{} {}", host.system, host.release))),
        ("release", json!(host.release)),
        ("port", json!(shared.addr.port())),
        ("nodeVersion", json!(NO_NODE)),
        ("pid", json!(std::process::id())),
        ("processInstanceId", json!(shared.boot_id)),
        ("uptimeMs", json!(shared.uptime_ms())),
    ];
    out.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    Ok(Value::Object(out).into())
}

/// What every client may rely on.
fn demand(stats: &Map<String, Value>) -> Result<(), ErrorShape> {
    match ["cpuCount", "memoryTotalBytes", "memoryFreeBytes"].iter().find(|name| !stats.contains_key(**name))
    {
        None => Ok(()),
        Some(name) => Err(ErrorShape::unavailable(format!(
            "this machine does not tell its {name}; on Linux it is in /proc, which must be readable"
        ))),
    }
}

/// The system's name as OpenClaw's clients know it.
fn platform() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}

/// The processor's kind as OpenClaw's clients know it.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    }
}
