//! What this computer lends as a node, as its own configuration (`nodeHost`) says.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use config::{BrowserConfig, Config, McpServerConfig, McpWayConfig, SecretInput};
use model::SecretString;
use node::{BrowserOptions, McpHttp, McpProgram, McpServer, McpWay, NodeOptions, Reach};
use std::time::Duration;

/// Puts what is lent into the options of a node.
///
/// # Errors
/// The configuration cannot be used, or a secret that it refers to cannot be had.
pub(super) async fn read(ctx: &Context, options: &mut NodeOptions) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    options.browser = browser(&loaded.config, ctx);
    options.skills = loaded.config.node_host.skills;
    let servers = loaded.config.node_host.mcp_servers.clone();
    let env = loaded.config.environment(&ctx.env);
    // Programs may be asked for secrets.
    let all =
        move || servers.into_iter().map(|server| mcp_server("nodeHost.mcp.servers", server, &env)).collect();
    let read: Result<Vec<McpServer>, Unusable> = match tokio::task::spawn_blocking(all).await {
        Ok(read) => read,
        Err(error) => return Err(Failure::new(Exit::Failed, "SECRETS", error.to_string())),
    };
    options.mcp = read.map_err(|error| match error {
        Unusable::Secret(error) => Failure::new(Exit::Config, "SECRET_UNRESOLVED", error.to_string()),
        Unusable::Server(problem) => Failure::new(Exit::Config, "CONFIG_INVALID", problem),
    })?;
    Ok(())
}

/// Why a server of tools cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    Secret(config::SecretError),
    Server(String),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(error) => error.fmt(f),
            Self::Server(problem) => f.write_str(problem),
        }
    }
}

impl From<config::SecretError> for Unusable {
    fn from(error: config::SecretError) -> Self {
        Self::Secret(error)
    }
}

/// The browser, where it may be driven from afar.
fn browser(config: &Config, ctx: &Context) -> Option<BrowserOptions> {
    let (browser, proxy) = (&config.browser, &config.node_host.browser_proxy);
    if !browser.enabled || !proxy.enabled {
        return None;
    }
    Some(BrowserOptions { allow_profiles: proxy.allow_profiles.clone(), ..browser_options(browser, ctx) })
}

/// A browser as the configuration of this computer has it.
pub(crate) fn browser_options(browser: &BrowserConfig, ctx: &Context) -> BrowserOptions {
    BrowserOptions {
        state_dir: ctx.paths.state_dir.clone(),
        executable: browser.executable.clone(),
        headless: browser.headless,
        no_sandbox: browser.no_sandbox,
        extra_args: browser.extra_args.clone(),
        may_evaluate: browser.evaluate,
        reach: Reach { allow_private: browser.allow_private, allowed_hosts: browser.allowed_hosts.clone() },
        allow_profiles: Vec::new(),
    }
}

/// A server as a part of the configuration, which is named by its `place`, describes it, with its secrets.
pub(crate) fn mcp_server(
    place: &str,
    server: McpServerConfig,
    env: &config::Env,
) -> Result<McpServer, Unusable> {
    let connection_timeout = Duration::from_millis(server.connection_timeout_ms);
    let way = match server.way {
        McpWayConfig::Program { command, args, env: variables, cwd } => McpWay::Program(McpProgram {
            argv: std::iter::once(command).chain(args).collect(),
            env: resolved(variables, env)?,
            cwd,
        }),
        McpWayConfig::Http { url, headers, sse } => {
            let problem = |why: String| Unusable::Server(format!("{place}.{}: {why}", server.name));
            let client = llm::plain_client(&url, connection_timeout).map_err(problem)?;
            let url = url.parse().map_err(|_| problem("url is no address".into()))?;
            McpWay::Http(McpHttp { url, headers: resolved(headers, env)?, sse, client })
        }
    };
    Ok(McpServer {
        name: server.name,
        way,
        connection_timeout,
        request_timeout: server.request_timeout_ms.map(Duration::from_millis),
        include: server.include,
        exclude: server.exclude,
    })
}

/// The values of variables and headers. One that is empty is one, too.
fn resolved(
    inputs: Vec<(String, SecretInput)>,
    env: &config::Env,
) -> Result<Vec<(String, SecretString)>, config::SecretError> {
    let one = |(name, input): (String, SecretInput)| {
        Ok((name, input.resolve(env)?.unwrap_or_else(|| String::new().into())))
    };
    inputs.into_iter().map(one).collect()
}
