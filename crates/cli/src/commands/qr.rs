//! `openclaw qr`: a setup code that lets in one new device, as a picture for a phone's camera and as text.

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::one_call;
use crate::output::printable;
use crate::view::{flag, number, text};
use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct QrArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The address under which the device reaches the gateway [default: what the configuration says]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The address is gateway.remote.url
    #[arg(long, conflicts_with = "public_url")]
    remote: bool,
    /// Without administration
    #[arg(long)]
    limited: bool,
    /// As a node alone: for `openclaw node run --pair CODE`
    #[arg(long, conflicts_with = "limited")]
    node: bool,
    #[arg(long, hide = true)]
    voice_node: bool,
    /// Print the code and nothing else
    #[arg(long)]
    setup_code_only: bool,
    /// No picture
    #[arg(long)]
    no_ascii: bool,
}

/// Makes a code and shows it.
///
/// # Errors
/// The gateway cannot be reached or refuses, or knows no address for the device.
pub(crate) async fn run(args: QrArgs, ctx: &Context) -> Result<(), Failure> {
    if args.voice_node {
        return Err(Failure::usage(
            "--voice-node is not supported: this gateway does not lead conversations by voice",
        )
        .hint("without administration: --limited; as a node alone: --node"));
    }
    let mut params = json!({"includeQr": false});
    if let Some(url) = &args.public_url {
        params["publicUrl"] = json!(url);
    }
    if args.remote {
        params["preferRemoteUrl"] = json!(true);
    }
    if args.limited || args.node {
        params["bootstrapProfile"] = json!(if args.node { "node" } else { "limited" });
    }
    let made = one_call(ctx, &args.connect, "device.pair.setupCode", params).await?;
    let code = text(&made, "/setupCode")
        .map(printable)
        .ok_or_else(|| Failure::new(Exit::Failed, "PROTOCOL", "the gateway answered without a setup code"))?;
    ctx.out.show(&made, || {
        if args.setup_code_only { code.clone() } else { page(ctx, &made, &code, !args.no_ascii) }
    })
}

fn page(ctx: &Context, made: &Value, code: &str, picture: bool) -> String {
    let mut lines = Vec::new();
    // What is too long for a picture is still a text.
    if let (true, Ok(qr)) = (picture, QrCode::new(code)) {
        lines.push(qr.render::<Dense1x2>().build());
    }
    lines.push(code.to_owned());
    lines.push(String::new());
    lines.push(format!("gateway  {}", printable(text(made, "/gatewayUrl").unwrap_or("-"))));
    let access = printable(text(made, "/access").unwrap_or("-"));
    let why = if flag(made, "/accessDowngraded") { " (the address is not encrypted)" } else { "" };
    lines.push(format!("access   {access}{why}"));
    if let Some(until) = number(made, "/expiresAtMs") {
        let minutes = ((until - ctx.now_ms()).max(0) + 59_999) / 60_000;
        lines.push(format!("good for {minutes} min, and for one device: treat it like a password"));
    }
    lines.join("\n")
}
