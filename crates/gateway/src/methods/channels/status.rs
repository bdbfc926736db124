//! `channels.status`: every channel and its accounts. With `probe` the platforms are asked now.

use crate::delivery::channels::{TELEGRAM, audit};
use crate::health::channel_json;
use crate::methods::{Answer, Call};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// A platform has this long to answer where the caller does not say; as with `health`.
const PATIENCE: Duration = Duration::from_secs(8);
/// Nobody keeps the gateway asking for longer.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    channel: Option<String>,
    #[serde(default)]
    probe: bool,
    timeout_ms: Option<u64>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let wanted = |name: &str| p.channel.as_deref().is_none_or(|c| c == name);
    let patience = p.timeout_ms.map_or(PATIENCE, Duration::from_millis).min(LONGEST);
    let is_probed = p.probe && shared.channels.names().iter().any(|name| wanted(name));
    let probes =
        if is_probed { shared.channels.probe(patience, Some(&shared.settings())).await } else { vec![] };
    let mut channels = Map::new();
    let mut accounts = Map::new();
    let default = shared.channels.default_account();
    let (mut list, mut issues): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for (name, status, source) in shared.channels.statuses().iter().filter(|(name, ..)| wanted(name)) {
        let mut summary = json!({
            "configured": status.configured, "running": status.running, "lastStartAt": status.last_start_at,
            "lastStopAt": status.last_stop_at, "lastError": status.last_error, "tokenSource": source,
            "mode": status.mode,
        });
        let mut account = channel_json(status, source);
        let probe = probes.iter().find(|(probed, _)| *probed == status.account).map(|(_, probe)| probe);
        for (message, fix) in audit::issues(&shared.settings(), status, probe) {
            let account = &status.account;
            issues.push(json!({"channel": name, "accountId": account, "kind": "config", "message": message, "fix": fix}));
        }
        if let Some(probe) = probe {
            for shown in [&mut summary, &mut account] {
                shown["probe"] = probe.clone();
                shown["lastProbeAt"] = json!(shared.clock.now_ms());
            }
        }
        if status.account == default || !channels.contains_key(*name) {
            channels.insert((*name).to_owned(), summary);
        }
        list.push(account);
        accounts.insert((*name).to_owned(), json!(list));
    }
    for (account, problem) in shared.channels.broken_accounts().iter().filter(|_| wanted(TELEGRAM)) {
        if *account == default || !channels.contains_key(TELEGRAM) {
            let broken = json!({"configured": false, "running": false, "lastError": problem});
            channels.insert(TELEGRAM.to_owned(), broken);
        }
        issues.push(json!({"channel": TELEGRAM, "accountId": account, "message": problem}));
    }
    let names: Vec<&String> = channels.keys().collect();
    let (label, detail_label) = (labels(&names, "Telegram"), labels(&names, "Telegram Bot"));
    let meta: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "label": label[name.as_str()], "detailLabel": detail_label[name.as_str()]}))
        .collect();
    Ok(json!({
        "ts": shared.clock.now_ms(),
        "channelOrder": names,
        "channelLabels": label,
        "channelDetailLabels": detail_label,
        "channelMeta": meta,
        "channels": channels,
        "channelAccounts": accounts,
        "channelDefaultAccountId": names.iter().map(|n| ((*n).clone(), json!(default))).collect::<Map<_, _>>(),
        "statusIssues": issues,
    })
    .into())
}

fn labels(names: &[&String], telegram: &str) -> Value {
    let label = |name: &&String| {
        let text = if name.as_str() == "telegram" { telegram.to_owned() } else { (*name).clone() };
        ((*name).clone(), json!(text))
    };
    Value::Object(names.iter().map(label).collect())
}
