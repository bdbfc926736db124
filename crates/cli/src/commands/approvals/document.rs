//! `openclaw approvals get`, `set` and `allowlist`: the document of this host, of the gateway's or of a node's.

use super::{HostArgs, PatternArgs, SetArgs};
use crate::commands::nodes;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::output::{Table, printable};
use crate::view::{cell, list, text};
use exec::policy::{AllowEntry, ApprovalsError, ApprovalsFile, Document, Snapshot};
use serde_json::{Value, json};

/// A document is text that somebody wrote: more is a mistake.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where a document is.
enum Place {
    Here(ApprovalsFile),
    Gateway(Link),
    Node(Link, String),
}

impl Place {
    async fn of(args: &HostArgs, ctx: &Context) -> Result<Self, Failure> {
        if let Some(node) = &args.node {
            let link = Link::dial_for(ctx, &args.connect, "exec.approvals.node.get").await?;
            let known = link.call("node.list", json!({})).await?;
            let id = nodes::pick(list(&known, "/nodes"), node)?;
            return Ok(Self::Node(link, id));
        }
        if args.gateway {
            return Ok(Self::Gateway(Link::dial_for(ctx, &args.connect, "exec.approvals.get").await?));
        }
        if args.connect.target.url.is_some() || args.connect.target.port.is_some() {
            return Err(Failure::usage("this host's document needs no address")
                .hint("name whose document is meant: --gateway or --node NODE"));
        }
        Ok(Self::Here(ApprovalsFile::in_dir(&ctx.paths.state_dir)))
    }

    async fn read(&self) -> Result<Value, Failure> {
        match self {
            Self::Here(file) => Ok(shown(file.read().map_err(failure)?)),
            Self::Gateway(link) => link.call("exec.approvals.get", json!({})).await,
            Self::Node(link, id) => link.call("exec.approvals.node.get", json!({"nodeId": id})).await,
        }
    }

    /// Puts a document in the place of the one that has this hash.
    async fn write(&self, document: Value, base: &Value) -> Result<Value, Failure> {
        let mut params = json!({"file": document});
        if let Some(hash) = text(base, "/hash") {
            params["baseHash"] = json!(hash);
        }
        match self {
            Self::Here(file) => {
                let document = read_document(params["file"].take())?;
                Ok(shown(file.replace(document, text(base, "/hash")).map_err(failure)?))
            }
            Self::Gateway(link) => link.call("exec.approvals.set", params).await,
            Self::Node(link, id) => {
                params["nodeId"] = json!(id);
                link.call("exec.approvals.node.set", params).await
            }
        }
    }

    async fn leave(self) {
        match self {
            Self::Here(_) => {}
            Self::Gateway(link) | Self::Node(link, _) => link.leave().await,
        }
    }
}

pub(super) async fn get(args: &HostArgs, ctx: &Context) -> Result<(), Failure> {
    let place = Place::of(args, ctx).await?;
    let payload = place.read().await?;
    place.leave().await;
    ctx.out.show(&payload, || page(ctx, &payload))
}

pub(super) async fn set(args: &SetArgs, ctx: &Context) -> Result<(), Failure> {
    let wanted = given(args)?;
    // What is wrong with it is said before anybody is asked.
    let document = serde_json::to_value(read_document(wanted)?).map_err(|e| Failure::usage(e.to_string()))?;
    let place = Place::of(&args.host, ctx).await?;
    let base = place.read().await?;
    let payload = place.write(document, &base).await?;
    place.leave().await;
    ctx.out.show(&payload, || page(ctx, &payload))
}

pub(super) async fn add(args: &PatternArgs, ctx: &Context) -> Result<(), Failure> {
    let pattern = args.pattern.trim();
    if pattern.is_empty() {
        return Err(Failure::usage(
            "the pattern is empty; write a path or a name, such as /usr/bin/rg or rg",
        ));
    }
    change(args, ctx, |document| {
        let there =
            document.agents.get(&args.agent).is_some_and(|a| a.allowlist.iter().any(|e| is(e, pattern)));
        !there && document.allow(&args.agent, vec![AllowEntry::of(pattern)])
    })
    .await
}

pub(super) async fn remove(args: &PatternArgs, ctx: &Context) -> Result<(), Failure> {
    change(args, ctx, |document| {
        let Some(rules) = document.agents.get_mut(&args.agent) else { return false };
        let before = rules.allowlist.len();
        rules.allowlist.retain(|e| !is(e, args.pattern.trim()));
        rules.allowlist.len() < before
    })
    .await
}

/// Whether an entry is this pattern, for any arguments, written by hand.
fn is(entry: &AllowEntry, pattern: &str) -> bool {
    entry.pattern.trim() == pattern && entry.arg_pattern.is_none() && !entry.is_generated()
}

/// Changes a document; one that need not be changed is not written.
async fn change(
    args: &PatternArgs,
    ctx: &Context,
    change: impl FnOnce(&mut Document) -> bool,
) -> Result<(), Failure> {
    let place = Place::of(&args.host, ctx).await?;
    let base = place.read().await?;
    let file = base.get("file").cloned().ok_or_else(|| {
        Failure::usage(
            "that host keeps a policy of another form; change it with `approvals set` or on the host itself",
        )
    })?;
    let mut document = read_document(file)?;
    let payload = if change(&mut document) {
        let next = serde_json::to_value(document).map_err(|e| Failure::usage(e.to_string()))?;
        place.write(next, &base).await?
    } else {
        base
    };
    place.leave().await;
    ctx.out.show(&payload, || page(ctx, &payload))
}

fn given(args: &SetArgs) -> Result<Value, Failure> {
    let (text, name) = crate::input::read(args.file.as_deref(), MAX_BYTES)?;
    config::read_value(&text).ok_or_else(|| Failure::usage(format!("{name} is no JSON5")))
}

fn read_document(value: Value) -> Result<Document, Failure> {
    let document: Document = serde_json::from_value(value)
        .map_err(|e| Failure::usage(format!("that is no exec-approvals document: {e}")))?;
    match document.unknown_property() {
        None => Ok(document),
        Some(path) => Err(Failure::usage(format!("that is no exec-approvals document: {path} is not known"))),
    }
}

fn failure(error: ApprovalsError) -> Failure {
    Failure::new(Exit::Failed, "APPROVALS", error.to_string())
}

fn shown(snapshot: Snapshot) -> Value {
    let resolved = snapshot.document.resolved_defaults();
    json!({
        "path": snapshot.path.display().to_string(), "exists": snapshot.exists, "hash": snapshot.hash,
        "file": snapshot.document.redacted(), "resolvedDefaults": resolved,
    })
}

fn page(ctx: &Context, payload: &Value) -> String {
    let level = |name: &str| cell(payload, &format!("/resolvedDefaults/{name}"));
    let mut lines = vec![
        format!("document  {}", printable(&cell(payload, "/path"))),
        format!(
            "defaults  security {}, ask {}, askFallback {}",
            level("security"),
            level("ask"),
            level("askFallback")
        ),
    ];
    let mut table = Table::new(&["AGENT", "PATTERN", "ARGUMENTS", "SOURCE"]);
    for (agent, rules) in payload.pointer("/file/agents").and_then(Value::as_object).into_iter().flatten() {
        let said: Vec<String> = ["security", "ask", "askFallback"]
            .iter()
            .filter_map(|name| text(rules, &format!("/{name}")).map(|value| format!("{name} {value}")))
            .collect();
        if !said.is_empty() {
            lines.push(printable(&format!("agent {agent}  {}", said.join(", "))));
        }
        for entry in list(rules, "/allowlist") {
            let arguments: String = cell(entry, "/argPattern").chars().take(24).collect();
            table.row([
                printable(agent),
                printable(&cell(entry, "/pattern")),
                printable(&arguments),
                cell(entry, "/source"),
            ]);
        }
    }
    format!("{}\n\n{}", lines.join("\n"), table.render(&ctx.out, "nothing is on the list"))
}
