//! `terminal.*`: a shell on the gateway's host, for administrators.

use crate::methods::{Answer, Call, submit};
use exec::TerminalSpec;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most that a screen may have of each.
const MAX_SIDE: u32 = 2000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenParams {
    agent_id: Option<String>,
    session_key: Option<String>,
    catalog: Option<Value>,
    cols: u32,
    rows: u32,
}

pub(super) async fn open(mut call: Call) -> Answer {
    let p: OpenParams = call.params()?;
    check_enabled(&call)?;
    if let Some(catalog) = p.catalog {
        let id = catalog["catalogId"].as_str().unwrap_or_default();
        return Err(ErrorShape::invalid(format!("unknown session catalog: {id}")));
    }
    let agent = match p.session_key {
        Some(key) => submit::session_key(&call, Some(&key), p.agent_id.as_deref())?.agent_id().to_owned(),
        None => p.agent_id.unwrap_or_else(|| call.shared.settings().default_agent.clone()),
    };
    if !call.shared.settings().has_agent(&agent) {
        return Err(ErrorShape::invalid(format!("unknown agent {agent:?}")));
    }
    let settings = call.shared.settings();
    let shell = settings.terminal.shell.clone().or_else(|| std::env::var("SHELL").ok());
    let spec = TerminalSpec {
        shell: shell.filter(|s| !s.is_empty()).unwrap_or_else(|| "/bin/sh".into()),
        cwd: settings.agent(&agent).workspace.clone(),
        cols: side("terminal.open", "cols", p.cols)?,
        rows: side("terminal.open", "rows", p.rows)?,
    };
    let info = call.shared.terminals.open(&call.shared, &call.conn, spec, agent).await?;
    tracing::info!(terminal = %info.session_id, conn = call.conn.id(), "a terminal was opened");
    Ok(json!({
        "sessionId": info.session_id, "agentId": info.agent_id, "shell": info.shell, "cwd": info.cwd, "confined": false,
    })
    .into())
}

pub(super) fn check_enabled(call: &Call) -> Result<(), ErrorShape> {
    if call.shared.settings().terminal.enabled {
        return Ok(());
    }
    Err(ErrorShape::unavailable("terminal is disabled (gateway.terminal.enabled)"))
}

fn side(method: &str, name: &str, n: u32) -> Result<u16, ErrorShape> {
    let fits = u16::try_from(n).ok().filter(|_| n <= MAX_SIDE);
    fits.ok_or_else(|| {
        ErrorShape::invalid(format!("invalid {method} params: at /{name}: must be <= {MAX_SIDE}"))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputParams {
    session_id: String,
    data: String,
}

pub(super) async fn input(mut call: Call) -> Answer {
    let p: InputParams = call.params()?;
    let ok = call.shared.terminals.input(call.conn.id(), &p.session_id, p.data)?;
    Ok(json!({"ok": ok}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResizeParams {
    session_id: String,
    cols: u32,
    rows: u32,
}

pub(super) async fn resize(mut call: Call) -> Answer {
    let p: ResizeParams = call.params()?;
    let (cols, rows) = (side("terminal.resize", "cols", p.cols)?, side("terminal.resize", "rows", p.rows)?);
    Ok(json!({"ok": call.shared.terminals.resize(call.conn.id(), &p.session_id, cols, rows)}).into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionParams {
    session_id: String,
}

pub(super) async fn close(mut call: Call) -> Answer {
    let p: SessionParams = call.params()?;
    Ok(json!({"ok": call.shared.terminals.close(call.conn.id(), &p.session_id)}).into())
}

pub(super) async fn attach(mut call: Call) -> Answer {
    let p: SessionParams = call.params()?;
    check_enabled(&call)?;
    let attached = call.shared.terminals.attach(&call.conn, &p.session_id);
    let (info, printed) = attached
        .ok_or_else(|| ErrorShape::invalid(format!("unknown terminal session {:?}", p.session_id)))?;
    tracing::info!(terminal = %info.session_id, conn = call.conn.id(), "a terminal was attached");
    let mut answer = json!({
        "sessionId": info.session_id, "agentId": info.agent_id, "shell": info.shell, "cwd": info.cwd,
        "confined": false, "owner": "conn", "buffer": printed.text,
    });
    if let Some(seq) = printed.seq {
        answer["seq"] = json!(seq);
    }
    Ok(answer.into())
}

pub(super) async fn list(call: Call) -> Answer {
    Ok(json!({"sessions": call.shared.terminals.list()}).into())
}
