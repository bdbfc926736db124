//! What this computer lends as a node, as its own configuration (`nodeHost`) says.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use config::{Config, McpServerConfig};
use model::SecretString;
use node::{BrowserOptions, McpServer, NodeOptions, Reach};
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
    let all = move || servers.into_iter().map(|server| mcp_server(server, &env)).collect();
    let read: Result<Vec<McpServer>, config::SecretError> = match tokio::task::spawn_blocking(all).await {
        Ok(read) => read,
        Err(error) => return Err(Failure::new(Exit::Failed, "SECRETS", error.to_string())),
    };
    options.mcp = read.map_err(|error| Failure::new(Exit::Config, "SECRET_UNRESOLVED", error.to_string()))?;
    Ok(())
}

/// The browser, where it may be driven from afar.
fn browser(config: &Config, ctx: &Context) -> Option<BrowserOptions> {
    let (browser, proxy) = (&config.browser, &config.node_host.browser_proxy);
    if !browser.enabled || !proxy.enabled {
        return None;
    }
    Some(BrowserOptions {
        state_dir: ctx.paths.state_dir.clone(),
        executable: browser.executable.clone(),
        headless: browser.headless,
        no_sandbox: browser.no_sandbox,
        extra_args: browser.extra_args.clone(),
        may_evaluate: browser.evaluate,
        reach: Reach { allow_private: browser.allow_private, allowed_hosts: browser.allowed_hosts.clone() },
        allow_profiles: proxy.allow_profiles.clone(),
    })
}

fn mcp_server(server: McpServerConfig, env: &config::Env) -> Result<McpServer, config::SecretError> {
    let mut variables: Vec<(String, SecretString)> = Vec::new();
    for (name, input) in server.env {
        // One that is empty is a variable, too.
        variables.push((name, input.resolve(env)?.unwrap_or_else(|| String::new().into())));
    }
    Ok(McpServer {
        name: server.name,
        argv: std::iter::once(server.command).chain(server.args).collect(),
        env: variables,
        cwd: server.cwd,
        connection_timeout: Duration::from_millis(server.connection_timeout_ms),
        request_timeout: server.request_timeout_ms.map(Duration::from_millis),
        include: server.include,
        exclude: server.exclude,
    })
}
