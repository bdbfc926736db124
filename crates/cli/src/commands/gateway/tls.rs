//! `openclaw gateway tls`: the certificate of the gateway of this host, from its files: what clients pin, and from one key to the
//! next. A running gateway takes up what changes here by itself.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::{Args, Subcommand};
use gateway::tls::{Certificate, Rotation, TlsError, TlsFiles, prepare, switch};
use serde_json::{Value, json};

/// `gateway tls` with a subcommand.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    #[command(subcommand)]
    command: TlsCommand,
}

#[derive(Debug, Subcommand)]
enum TlsCommand {
    /// What the certificate is known by, and the line that pins it elsewhere
    Fingerprint,
    /// Prepare the next key, which clients are told of in advance, or switch to it
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// Take the prepared key into use, with a new certificate
    #[arg(long)]
    switch: bool,
}

pub(super) fn run(args: TlsArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let tls = &loaded.config.gateway.tls;
    let files = TlsFiles::of(tls, &ctx.paths);
    if !tls.enabled {
        ctx.out.remark("note: gateway.tls.enabled is not set: a gateway of this configuration speaks no TLS");
    }
    match args.command {
        TlsCommand::Fingerprint => {
            let certificate = read(&files, ctx)?;
            let report = shown(&certificate, &files);
            ctx.out.show(&report, || fingerprint_page(&certificate, &files))
        }
        TlsCommand::Rotate(args) => {
            read(&files, ctx)?;
            let now = ctx.now_ms();
            let more: Vec<_> = loaded.config.gateway.custom_bind_host.into_iter().collect();
            let rotation = if args.switch { switch(&files, &more, now) } else { prepare(&files) };
            let rotation = rotation.map_err(failed)?;
            let mut report = shown(&rotation.current, &files);
            report["next"] = json!(rotation.next.map(|pin| pin.to_string()));
            report["switched"] = json!(args.switch);
            report["changed"] = json!(rotation.changed);
            ctx.out.show(&report, || rotation_page(&rotation, args.switch, ctx))
        }
    }
}

fn read(files: &TlsFiles, ctx: &Context) -> Result<Certificate, Failure> {
    if !files.cert.exists() && !files.key.exists() {
        return Err(Failure::not_found(format!("there is no certificate yet: {}", files.cert.display()))
            .hint(format!(
                "with gateway.tls.enabled: true the gateway makes one when it starts: {}",
                ctx.command("gateway run")
            )));
    }
    Certificate::read(&files.cert).map_err(failed)
}

fn failed(error: TlsError) -> Failure {
    Failure::new(Exit::Failed, "TLS", error.to_string())
}

fn shown(certificate: &Certificate, files: &TlsFiles) -> Value {
    json!({
        "ok": true,
        "leaf": certificate.leaf.to_string(),
        "spki": certificate.spki.to_string(),
        "selfSigned": certificate.self_signed,
        "validFromMs": certificate.valid_ms.map(|(from, _)| from),
        "validUntilMs": certificate.valid_ms.map(|(_, until)| until),
        "certificate": files.cert,
        "pin": {"gateway": {"remote": {"tlsFingerprint": certificate.leaf.to_string()}}},
    })
}

fn fingerprint_page(certificate: &Certificate, files: &TlsFiles) -> String {
    let until = certificate.valid_ms.map_or("-".to_owned(), |(_, until)| day(until));
    let by = if certificate.self_signed { "itself" } else { "an authority" };
    format!(
        "certificate  {}\nsigned by    {by}\ngood until   {until}\nleaf         {}\nkey          {}\n\n\
         On the clients, in openclaw.json (gateway.remote):\n  tlsFingerprint: \"{}\",\nor for one command: --tls-fingerprint {}",
        files.cert.display(),
        certificate.leaf,
        certificate.spki,
        certificate.leaf,
        certificate.leaf,
    )
}

fn rotation_page(rotation: &Rotation, switched: bool, ctx: &Context) -> String {
    let next = rotation.next.map_or("none".to_owned(), |pin| pin.to_string());
    let current = &rotation.current;
    if switched {
        return format!(
            "in use       {}\nits key      {}\nnext key     {next}\n\n\
             The gateway shows the new certificate within seconds. Clients that were told of its key in advance go on; others, and\n\
             OpenClaw's own apps, must pin the new one: {}",
            current.leaf,
            current.spki,
            ctx.command("gateway tls fingerprint")
        );
    }
    let made = if rotation.changed { "prepared just now" } else { "was prepared before" };
    format!(
        "in use       {}\nnext key     {next} ({made})\n\n\
         Clients that pinned the certificate are told of the next key when they connect. When all of them have, switch:\n  {}",
        current.leaf,
        ctx.command("gateway tls rotate --switch")
    )
}

/// The date in UTC.
fn day(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or("-".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
