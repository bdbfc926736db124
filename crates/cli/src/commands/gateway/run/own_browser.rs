//! The browser beside the gateway, where the configuration asks for one: the piece that nodes have.

use crate::commands::node::browser_options;
use crate::context::Context;
use config::Config;
use gateway::OwnBrowser;
use node::LocalBrowser;
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

struct Own(LocalBrowser);

/// The browser, where `browser.enabled` says true.
pub(super) fn of(config: &Config, ctx: &Context) -> Option<Arc<dyn OwnBrowser>> {
    config.browser.on_host.then(|| {
        let options = browser_options(&config.browser, ctx);
        Arc::new(Own(LocalBrowser::new(options))) as Arc<dyn OwnBrowser>
    })
}

impl OwnBrowser for Own {
    fn run<'a>(&'a self, end: &'a CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.0.run(end))
    }

    fn request<'a>(
        &'a self,
        command: &'a str,
        params: Value,
        waits: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>> {
        Box::pin(self.0.request(command, params, waits))
    }
}
