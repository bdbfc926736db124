//! `openclaw mcp probe`: servers of tools are spoken with once, as this host's gateway would, from this process.

use super::look::NONE;
use super::{is_on, one, written};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Table, printable};
use crate::tool_servers;
use config::Loaded;
use node::Probe;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What was seen of servers.
pub(super) struct Seen {
    probe: Probe,
    /// Those that could not even be asked, and why.
    left_out: Vec<(String, String)>,
}

/// Speaks with one server, or with all that are used.
///
/// # Errors
/// There is none of this name, or it is not used; one cannot be spoken with (exit code 1, after all has been said).
pub(super) async fn run(name: Option<&str>, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    if let Some(name) = name {
        let servers = written(&loaded);
        if !is_on(one(&servers, name)?) {
            return Err(Failure::usage(format!("{name} is turned off"))
                .hint(format!("turn it on: openclaw mcp configure {name} --enable")));
        }
    }
    let seen = look(ctx, &loaded, name).await?;
    ctx.out.show(&seen.report(ctx), || seen.page(ctx))?;
    match seen.first_problem() {
        // It has been said.
        Some(_) => Err(Failure::new(Exit::Failed, "", "")),
        None => Ok(()),
    }
}

/// Speaks with the servers of a configuration, or with the one of this name.
pub(super) async fn look(ctx: &Context, loaded: &Loaded, name: Option<&str>) -> Result<Seen, Failure> {
    let servers = loaded.config.mcp.servers.clone();
    let meant: Vec<_> =
        servers.into_iter().filter(|server| name.is_none_or(|name| server.name == name)).collect();
    let env = loaded.config.environment(&ctx.env);
    let state_dir = ctx.paths.state_dir.clone();
    // Programs may be asked for secrets.
    let resolved = move || {
        let (mut ready, mut left_out) = (Vec::new(), Vec::new());
        for server in meant {
            let name = server.name.clone();
            match tool_servers::resolve(("mcp.servers", &state_dir), server, &env) {
                Ok(server) => ready.push(server),
                Err(why) => left_out.push((name, why)),
            }
        }
        (ready, left_out)
    };
    let (ready, left_out) = tokio::task::spawn_blocking(resolved)
        .await
        .map_err(|error| Failure::new(Exit::Failed, "SECRETS", error.to_string()))?;
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let path = ctx.env.get("PATH").unwrap_or_default();
    Ok(Seen { probe: Probe::of(ready, path, &cwd).await, left_out })
}

impl Seen {
    /// Why the first one of those that cannot be spoken with cannot.
    pub(super) fn first_problem(&self) -> Option<(&str, &str)> {
        self.problems().into_iter().next()
    }

    /// Which cannot be spoken with, and why.
    pub(super) fn problems(&self) -> Vec<(&str, &str)> {
        let asked = self.probe.servers.iter().filter_map(|server| {
            let why = server.seen.as_ref().err()?;
            Some((server.name.as_str(), why.as_str()))
        });
        asked.chain(self.left_out.iter().map(|(name, why)| (name.as_str(), why.as_str()))).collect()
    }

    /// What agents would have of them.
    pub(super) fn in_words(&self) -> String {
        match self.probe.tools.as_slice() {
            [] => "it answers, and lends no tools".to_owned(),
            tools => printable(&format!("it answers, and lends: {}", tools.join(", "))),
        }
    }

    fn report(&self, ctx: &Context) -> Value {
        let mut servers = Map::new();
        for server in &self.probe.servers {
            let Ok((capabilities, tools)) = &server.seen else { continue };
            let changes = |of: &str| capabilities[of]["listChanged"] == true;
            let mut entry = json!({
                "tools": tools,
                "listChanged": {"tools": changes("tools"), "resources": changes("resources"), "prompts": changes("prompts")},
            });
            for key in ["resources", "prompts"] {
                if capabilities[key].is_object() {
                    entry[key] = true.into();
                }
            }
            servers.insert(server.name.clone(), entry);
        }
        let problems: Vec<Value> =
            self.problems().iter().map(|(name, why)| json!({"server": name, "message": why})).collect();
        let at = jiff::Timestamp::from_millisecond(ctx.now_ms()).map(|at| at.to_string()).unwrap_or_default();
        json!({"generatedAt": at, "servers": servers, "tools": self.probe.tools, "diagnostics": problems})
    }

    fn page(&self, ctx: &Context) -> String {
        let mut table = Table::new(&["NAME", "ANSWERS", "TOOLS"]);
        for server in &self.probe.servers {
            match &server.seen {
                Ok((_, tools)) => table.row([server.name.clone(), "yes".to_owned(), tools.to_string()]),
                Err(_) => table.row([server.name.clone(), "no".to_owned(), "-".to_owned()]),
            }
        }
        for (name, _) in &self.left_out {
            table.row([name.clone(), "no".to_owned(), "-".to_owned()]);
        }
        let mut lines = vec![table.render(&ctx.out, NONE)];
        lines.extend(self.problems().iter().map(|(name, why)| printable(&format!("{name}: {why}"))));
        if !self.probe.tools.is_empty() {
            lines.push(printable(&format!("tools: {}", self.probe.tools.join(", "))));
        }
        lines.join("\n")
    }
}
