//! A look at servers of tools: each is started or reached once, says what it can do, and is left again.

use super::catalog::{ListedTool, Whose, descriptors};
use super::client::Client;
use super::keep::{greet, lent, speak};
use super::{McpServer, Place, STARTING};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use std::path::Path;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What was seen.
#[derive(Debug)]
pub struct Probe {
    /// Each server, in the order in which they were given.
    pub servers: Vec<ProbedServer>,
    /// The tools of all of them under the names that a gateway's agents would have them.
    pub tools: Vec<String>,
}

/// What was seen of one server.
#[derive(Debug)]
pub struct ProbedServer {
    /// Its name.
    pub name: String,
    /// What it says that it can do (`capabilities`), and how many tools it lends; or why it cannot be spoken with.
    pub seen: Result<(Value, usize), String>,
}

impl Probe {
    /// Looks at them, a few at a time, each within the times that it is configured with. Programs are looked for in `path` and run in
    /// `cwd`, as a gateway's.
    pub async fn of(servers: Vec<McpServer>, path: &str, cwd: &Path) -> Self {
        let place = Place { path, cwd };
        let looks = stream::iter(servers).map(|server| async move {
            let seen = look(&server, place).await;
            (server.name, seen)
        });
        let seen: Vec<(String, Result<Seen, String>)> = looks.buffered(STARTING).collect().await;
        let listed = seen.iter().filter_map(|(name, seen)| {
            let seen = seen.as_ref().ok()?;
            Some((name.as_str(), seen.tools.as_slice()))
        });
        let described = descriptors(Whose::Gateway, listed);
        let tools = described.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect();
        let one = |(name, seen): (String, Result<Seen, String>)| ProbedServer {
            name,
            seen: seen.map(|seen| (seen.capabilities, seen.tools.len())),
        };
        Self { servers: seen.into_iter().map(one).collect(), tools }
    }
}

struct Seen {
    capabilities: Value,
    tools: Vec<ListedTool>,
}

async fn look(server: &McpServer, place: Place<'_>) -> Result<Seen, String> {
    let (client, lines) = Client::new();
    let (changed, end) = (Notify::new(), CancellationToken::new());
    let mut seen = None;
    let session = async {
        let itself = match greet(&client, Whose::Gateway.client(), server.connection_timeout).await {
            Ok(itself) => itself,
            Err(error) => return format!("its start failed: {error}"),
        };
        match lent(server, &itself, &client).await {
            Ok(tools) => seen = Some(Seen { capabilities: itself["capabilities"].clone(), tools }),
            Err(error) => return format!("its tools could not be listed: {error}"),
        }
        String::new()
    };
    let why = speak(server, place, (&client, &changed, lines), session, &end).await;
    client.end();
    seen.ok_or(why)
}
