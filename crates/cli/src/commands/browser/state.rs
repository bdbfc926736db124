//! What the browser keeps, and what pages are told of the world.

use super::act::ResizeArgs;
use super::request::{Ask, Driver, InTab};
use crate::commands::nodes::invoke::object;
use crate::failure::Failure;
use crate::output::{Table, printable};
use crate::view::{cell, list};
use clap::{Args, Subcommand, ValueEnum};
use model::{ExposeSecret, SecretString};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct CookiesArgs {
    #[command(subcommand)]
    command: Option<CookiesCommand>,
}

#[derive(Debug, Subcommand)]
enum CookiesCommand {
    /// Set a cookie
    Set(SetCookieArgs),
    /// Forget all cookies
    Clear,
}

#[derive(Debug, Args)]
struct SetCookieArgs {
    /// Its name
    name: String,
    /// Its value
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// The address that it is for; --url says the same
    #[arg(long = "for", value_name = "URL")]
    site: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct StorageArgs {
    #[command(subcommand)]
    command: StorageCommand,
}

#[derive(Debug, Subcommand)]
enum StorageCommand {
    /// What stays when the tab is closed (localStorage)
    Local(KindArgs),
    /// What goes with the tab (sessionStorage)
    Session(KindArgs),
}

#[derive(Debug, Args)]
struct KindArgs {
    #[command(subcommand)]
    command: KindCommand,
}

#[derive(Debug, Subcommand)]
enum KindCommand {
    /// Everything, or what is kept under one key
    Get(GetArgs),
    /// Keep something under a key
    Set(KeepArgs),
    /// Forget everything
    Clear(TabOnly),
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The key, blanks around it included
    key: Option<String>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct KeepArgs {
    /// The key, blanks around it included
    key: String,
    /// What is kept
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct TabOnly {
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(subcommand)]
    command: SetCommand,
}

#[derive(Debug, Subcommand)]
enum SetCommand {
    /// The size of the page's window
    Viewport(ResizeArgs),
    /// Whether there is a network
    Offline(OfflineArgs),
    /// Headers of every request
    Headers(HeadersArgs),
    /// A name and a password for servers that ask
    Credentials(CredentialsArgs),
    /// Where the browser is
    Geo(GeoArgs),
    /// Which colours the page is to prefer
    Media(MediaArgs),
    /// The time zone
    Timezone(ZoneArgs),
    /// The language
    Locale(LocaleArgs),
    /// The kind of device
    Device(DeviceArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnOff {
    /// There is none.
    On,
    /// There is one.
    Off,
}

#[derive(Debug, Args)]
struct OfflineArgs {
    /// Without a network, or with one
    state: OnOff,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct HeadersArgs {
    /// The headers, a JSON object; {} takes them back
    #[arg(value_name = "JSON", value_parser = object, required_unless_present = "headers_json")]
    headers: Option<Value>,
    /// The same
    #[arg(long, value_name = "JSON", value_parser = object, conflicts_with = "headers")]
    headers_json: Option<Value>,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct CredentialsArgs {
    /// The name
    #[arg(required_unless_present = "clear")]
    username: Option<String>,
    /// The password; other users of this host can see it
    #[arg(value_name = "SECRET", value_parser = crate::args::secret)]
    secret: Option<SecretString>,
    /// Take them back
    #[arg(long, conflicts_with_all = ["username", "secret"])]
    clear: bool,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct GeoArgs {
    /// North of the equator, in degrees
    #[arg(allow_hyphen_values = true, required_unless_present = "clear")]
    latitude: Option<f64>,
    /// East of Greenwich, in degrees
    #[arg(allow_hyphen_values = true, required_unless_present = "clear")]
    longitude: Option<f64>,
    /// How sure that is, in metres
    #[arg(long, value_name = "M")]
    accuracy: Option<f64>,
    /// The site that may know it [default: the one that is open]
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Take it back
    #[arg(long, conflicts_with_all = ["latitude", "longitude", "accuracy", "origin"])]
    clear: bool,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scheme {
    /// Dark ones.
    Dark,
    /// Light ones.
    Light,
    /// Any.
    NoPreference,
    /// As the browser has it.
    None,
}

#[derive(Debug, Args)]
struct MediaArgs {
    /// Which
    scheme: Scheme,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct ZoneArgs {
    /// Its name, such as Europe/London
    zone: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct LocaleArgs {
    /// Its name, such as en-GB
    locale: String,
    #[command(flatten)]
    tab: InTab,
}

#[derive(Debug, Args)]
struct DeviceArgs {
    /// Its name, such as 'iPhone 14'; a wrong one is answered with all that there are
    name: String,
    #[command(flatten)]
    tab: InTab,
}

pub(super) async fn cookies(
    args: CookiesArgs,
    url: Option<String>,
    driver: &Driver<'_>,
) -> Result<(), Failure> {
    match args.command {
        None => {
            driver
                .show(Ask::get("/cookies", Value::Null), |answer| {
                    let mut table = Table::new(&["NAME", "VALUE", "DOMAIN", "PATH"]);
                    for cookie in list(answer, "/cookies") {
                        table.row(
                            ["/name", "/value", "/domain", "/path"].map(|pointer| cell(cookie, pointer)),
                        );
                    }
                    table.render(&driver.ctx.out, "no cookies")
                })
                .await
        }
        Some(CookiesCommand::Set(set)) => {
            let site = set
                .site
                .or(url)
                .ok_or_else(|| Failure::usage("say which address the cookie is for: --for URL"))?;
            let cookie = json!({"name": set.name, "value": set.value, "url": site});
            driver
                .show(Ask::post("/cookies/set", json!({"cookie": cookie})), |_| "the cookie is set".into())
                .await
        }
        Some(CookiesCommand::Clear) => {
            driver
                .show(Ask::post("/cookies/clear", json!({})), |_| "there are no cookies any more".into())
                .await
        }
    }
}

pub(super) async fn storage(args: StorageArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let (kind, command) = match args.command {
        StorageCommand::Local(args) => ("local", args.command),
        StorageCommand::Session(args) => ("session", args.command),
    };
    let path = format!("/storage/{kind}");
    match command {
        KindCommand::Get(get) => {
            let ask = Ask::get(&path, json!({"key": get.key, "targetId": get.tab.target_id}));
            driver.show(ask, |answer| printable(&format!("{:#}", answer["values"]))).await
        }
        KindCommand::Set(keep) => {
            let path = format!("{path}/set");
            let body = json!({"key": keep.key, "value": keep.value, "targetId": keep.tab.target_id});
            driver.show(Ask::post(&path, body), |_| "it is kept".into()).await
        }
        KindCommand::Clear(clear) => {
            let path = format!("{path}/clear");
            let body = json!({"targetId": clear.tab.target_id});
            driver.show(Ask::post(&path, body), |_| "nothing is kept any more".into()).await
        }
    }
}

pub(super) async fn set(args: SetArgs, driver: &Driver<'_>) -> Result<(), Failure> {
    let (what, mut body, tab) = match args.command {
        SetCommand::Viewport(size) => return super::act::resize(size, driver).await,
        SetCommand::Offline(args) => ("offline", json!({"offline": args.state == OnOff::On}), args.tab),
        SetCommand::Headers(args) => {
            ("headers", json!({"headers": args.headers.or(args.headers_json)}), args.tab)
        }
        SetCommand::Credentials(args) => {
            let password = args.secret.as_ref().map(ExposeSecret::expose_secret);
            let clear = args.clear.then_some(true);
            (
                "credentials",
                json!({"username": args.username, "password": password, "clear": clear}),
                args.tab,
            )
        }
        SetCommand::Geo(args) => {
            let clear = args.clear.then_some(true);
            let place = json!({"latitude": args.latitude, "longitude": args.longitude, "accuracy": args.accuracy,
                "origin": args.origin, "clear": clear});
            ("geolocation", place, args.tab)
        }
        SetCommand::Media(args) => {
            let scheme = match args.scheme {
                Scheme::Dark => "dark",
                Scheme::Light => "light",
                Scheme::NoPreference => "no-preference",
                Scheme::None => "none",
            };
            ("media", json!({"colorScheme": scheme}), args.tab)
        }
        SetCommand::Timezone(args) => ("timezone", json!({"timezoneId": args.zone}), args.tab),
        SetCommand::Locale(args) => ("locale", json!({"locale": args.locale}), args.tab),
        SetCommand::Device(args) => ("device", json!({"name": args.name}), args.tab),
    };
    body["targetId"] = json!(tab.target_id);
    let path = format!("/set/{what}");
    driver.show(Ask::post(&path, body), |_| "it is set".into()).await
}
