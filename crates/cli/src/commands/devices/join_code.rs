//! `openclaw devices join-code`: a URL to paste on the computer that is to be a node.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::one_call;
use crate::output::printable;
use crate::view::{number, text};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct JoinCodeArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The address under which that computer reaches the gateway [default: what the configuration says]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// Makes one and shows it.
pub(super) async fn run(args: JoinCodeArgs, ctx: &Context) -> Result<(), Failure> {
    let mut params = json!({"bootstrapProfile": "node", "joinUrl": true, "includeQr": false});
    if let Some(url) = &args.public_url {
        params["publicUrl"] = json!(url);
    }
    let made = one_call(ctx, &args.connect, "device.pair.setupCode", params).await?;
    let url = text(&made, "/joinUrl")
        .map(printable)
        .ok_or_else(|| Failure::new(Exit::Failed, "PROTOCOL", "the gateway answered without a join URL"))?;
    ctx.out.show(&made, || {
        // Shells have their own uses for a #.
        let pasted = if url.contains('#') { format!("'{url}'") } else { url.clone() };
        let mut lines =
            vec![url.clone(), String::new(), format!("on that computer: openclaw connect {pasted}")];
        if let Some(until) = number(&made, "/expiresAtMs") {
            let minutes = ((until - ctx.now_ms()).max(0) + 59_999) / 60_000;
            lines.push(format!("good for {minutes} min, and for one node: treat it like a password"));
        }
        lines.join("\n")
    })
}
