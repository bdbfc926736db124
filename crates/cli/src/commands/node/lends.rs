//! What this computer lends as a node, as its own configuration (`nodeHost`) says.

use crate::context::Context;
use crate::failure::Failure;
use crate::tool_servers::{self, Described};
use config::{BrowserConfig, Config};
use node::{BrowserOptions, NodeOptions, Reach};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

/// Puts what is lent into the options of a node. What comes back keeps to it for as long as the node runs: servers of tools whose
/// secrets cannot be had yet come later.
///
/// # Errors
/// The configuration cannot be used.
pub(super) fn read(
    ctx: &Context,
    options: &mut NodeOptions,
) -> Result<impl Future<Output = Infallible> + use<>, Failure> {
    let loaded = ctx.load()?;
    options.browser = browser(&loaded.config, ctx);
    options.skills = loaded.config.node_host.skills;
    let described = Described::of_node(&loaded.config, &ctx.env, &ctx.paths.state_dir);
    let (lent, wanted) = watch::channel(Arc::default());
    options.mcp = wanted;
    Ok(async move {
        // The configuration is read once: there is nobody who changes it.
        let described = watch::channel(described).1;
        let set = |servers| drop(lent.send_replace(Arc::new(servers)));
        tool_servers::follow(described, tool_servers::AGAIN, set).await
    })
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
