//! `POST /set/…`: what pages are told of the world. Of one tab: kind of device, colours, time zone and language. Of the whole
//! browser, tabs to come included: whether there is a network, headers, a name and password for servers, and where it is.

use super::cdp::Cdp;
use super::error::Refusal;
use super::page::Page;
use super::request::Fields;
use model::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Headers, and bytes of one.
const MAX_HEADERS: usize = 64;
const MAX_HEADER: usize = 4096;
/// Requests whose name and password were tried; a server that does not take them is not asked again.
const MAX_TRIED: usize = 1000;

/// What holds for all tabs.
#[derive(Debug, Default)]
pub(super) struct Settings {
    offline: bool,
    headers: Option<Value>,
    credentials: Option<(String, SecretString)>,
    place: Option<Value>,
    tried: HashSet<String>,
}

impl Settings {
    /// Tells a tab that is new; false where the browser does not read any more.
    pub(super) fn tell(&self, cdp: &Cdp, session: &str) -> bool {
        let set = [
            self.offline.then(|| network(true)),
            self.headers.as_ref().map(|headers| ("Network.setExtraHTTPHeaders", json!({"headers": headers}))),
            self.place.as_ref().map(|place| ("Emulation.setGeolocationOverride", place.clone())),
        ];
        set.into_iter().flatten().all(|(method, params)| cdp.tell(Some(session), method, params))
    }

    /// What a server is answered that asks who it is: what was set, once; else what the browser itself does.
    pub(super) fn authenticate(&mut self, asked: &Value) -> Value {
        let request = asked["requestId"].as_str().unwrap_or_default();
        let from_server = asked["authChallenge"]["source"] != "Proxy";
        let Some((name, password)) = self.credentials.as_ref().filter(|_| from_server) else {
            return json!({"response": "Default"});
        };
        if self.tried.len() >= MAX_TRIED {
            self.tried.clear();
        }
        if !self.tried.insert(request.to_owned()) {
            return json!({"response": "CancelAuth"});
        }
        json!({"response": "ProvideCredentials", "username": name, "password": password.expose_secret()})
    }
}

fn network(offline: bool) -> (&'static str, Value) {
    let how = json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    ("Network.emulateNetworkConditions", how)
}

/// A device: what it is called, its screen's width and height, how much of that a page has, pixels for one of the page, whether
/// it is a mobile one that is touched, and what its browser says that it is.
type Device = (&'static str, [u32; 4], f64, bool, &'static str);

const IOS: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const PIXEL_5: &str = "Mozilla/5.0 (Linux; Android 11; Pixel 5) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
const PIXEL_7: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36";
const DESKTOP: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const DEVICES: &[Device] = &[
    ("iPhone SE", [320, 568, 320, 568], 2.0, true, IOS),
    ("iPhone 12", [390, 844, 390, 664], 3.0, true, IOS),
    ("iPhone 13", [390, 844, 390, 664], 3.0, true, IOS),
    ("iPhone 14", [390, 844, 390, 664], 3.0, true, IOS),
    ("iPhone 14 Pro Max", [430, 932, 430, 740], 3.0, true, IOS),
    ("iPhone 15", [393, 852, 393, 659], 3.0, true, IOS),
    ("iPhone 15 Pro", [393, 852, 393, 659], 3.0, true, IOS),
    ("iPad Mini", [768, 1024, 768, 1024], 2.0, true, IPAD),
    ("iPad Pro 11", [834, 1194, 834, 1194], 2.0, true, IPAD),
    ("Pixel 5", [393, 851, 393, 727], 2.75, true, PIXEL_5),
    ("Pixel 7", [412, 915, 412, 839], 2.625, true, PIXEL_7),
    ("Desktop Chrome", [1280, 720, 1280, 720], 1.0, false, DESKTOP),
];

/// Does what `/set/WHAT` asks for.
pub(super) async fn set(page: &Page<'_>, what: &str, fields: Fields<'_>) -> Result<(), Refusal> {
    match what {
        "offline" => {
            let offline = fields.flag("offline").ok_or_else(|| Refusal::invalid("offline is required"))?;
            page.session.settings().offline = offline;
            everywhere(page, network(offline)).await
        }
        "headers" => {
            let headers = headers(fields)?;
            let set = json!({"headers": headers});
            page.session.settings().headers = Some(headers);
            everywhere(page, ("Network.setExtraHTTPHeaders", set)).await
        }
        "credentials" => credentials(page, fields),
        "geolocation" => place(page, fields).await,
        "media" => {
            let scheme = fields.word("colorScheme").unwrap_or_default();
            if !["dark", "light", "no-preference", "none"].contains(&scheme) {
                return Err(Refusal::invalid("colorScheme must be dark|light|no-preference|none"));
            }
            let value = if scheme == "none" { "" } else { scheme };
            let set = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
            page.call("Emulation.setEmulatedMedia", set).await.map(|_| ())
        }
        "timezone" => {
            let zone = fields.word("timezoneId").ok_or_else(|| Refusal::invalid("timezoneId is required"))?;
            let set = page.call("Emulation.setTimezoneOverride", json!({"timezoneId": zone})).await;
            set.map(|_| ()).map_err(|refusal| unknown(refusal, &format!("invalid timezone ID: {zone}")))
        }
        "locale" => {
            let locale = fields.word("locale").ok_or_else(|| Refusal::invalid("locale is required"))?;
            // One is set in the place of another only when that was taken back.
            page.call("Emulation.setLocaleOverride", json!({})).await?;
            let set = page.call("Emulation.setLocaleOverride", json!({"locale": locale})).await;
            set.map(|_| ()).map_err(|refusal| unknown(refusal, &format!("invalid locale: {locale}")))
        }
        "device" => device(page, fields).await,
        _ => Err(Refusal::unsupported(&format!("POST /set/{what}"))),
    }
}

/// What the browser does not know is the caller's mistake.
fn unknown(refusal: Refusal, message: &str) -> Refusal {
    if refusal.status == 500 { Refusal::invalid(message) } else { refusal }
}

async fn everywhere(page: &Page<'_>, (method, params): (&str, Value)) -> Result<(), Refusal> {
    let sessions: Vec<String> = page.session.tabs().all().iter().map(|tab| tab.session.clone()).collect();
    for session in sessions {
        match page.session.cdp.call(Some(&session), method, params.clone(), page.deadline).await {
            Ok(_) => {}
            // A tab that was closed meanwhile needs nothing.
            Err(error) if session != page.tab.session => {
                tracing::debug!(%error, method, "a tab was not told")
            }
            Err(error) => return Err(Refusal::of_call(method, error)),
        }
    }
    Ok(())
}

fn headers(fields: Fields<'_>) -> Result<Value, Refusal> {
    let given = fields.object("headers").ok_or_else(|| Refusal::invalid("headers is required"))?;
    let texts = given.0.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let mut headers = Map::new();
    for (name, value) in texts {
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&b));
        let is_value = value.len() <= MAX_HEADER && !value.contains(['\r', '\n', '\0']);
        if !is_name || !is_value || headers.len() >= MAX_HEADERS {
            return Err(Refusal::invalid(format!(
                "{name:?} is no header that can be set: {MAX_HEADERS} of {MAX_HEADER} bytes each, without line breaks"
            )));
        }
        headers.insert(name, json!(value));
    }
    Ok(Value::Object(headers))
}

fn credentials(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let set = if fields.is_set("clear") {
        None
    } else {
        let name = fields.word("username");
        let name = name.ok_or_else(|| Refusal::invalid("username is required (or set clear=true)"))?;
        Some((name.to_owned(), SecretString::from(fields.text("password").unwrap_or_default())))
    };
    let mut settings = page.session.settings();
    settings.credentials = set;
    settings.tried.clear();
    Ok(())
}

async fn place(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    if fields.is_set("clear") {
        page.session.settings().place = None;
        everywhere(page, ("Emulation.clearGeolocationOverride", json!({}))).await?;
        return page.session.call("Browser.resetPermissions", json!({}), page.deadline).await.map(|_| ());
    }
    let within = |name: &str, most: f64| -> Result<f64, Refusal> {
        let number = fields
            .any_number(name)
            .ok_or_else(|| Refusal::invalid("latitude and longitude are required (or set clear=true)"))?;
        if number.abs() <= most {
            Ok(number)
        } else {
            Err(Refusal::invalid(format!("{name} must be between -{most} and {most}.")))
        }
    };
    let (latitude, longitude) = (within("latitude", 90.0)?, within("longitude", 180.0)?);
    let accuracy = fields.any_number("accuracy").unwrap_or(0.0);
    if accuracy < 0.0 {
        return Err(Refusal::invalid("accuracy must be non-negative."));
    }
    let origin = match fields.word("origin") {
        Some(given) => {
            Some(origin_of(given).ok_or_else(|| Refusal::invalid("origin must be an http(s) origin"))?)
        }
        None => origin_of(&page.url()),
    };
    let place = json!({"latitude": latitude, "longitude": longitude, "accuracy": accuracy});
    page.session.settings().place = Some(place.clone());
    everywhere(page, ("Emulation.setGeolocationOverride", place)).await?;
    let Some(origin) = origin else { return Ok(()) };
    let grant = json!({"origin": origin, "permissions": ["geolocation"]});
    page.session.call("Browser.grantPermissions", grant, page.deadline).await.map(|_| ())
}

/// The origin of an address on the web.
fn origin_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

async fn device(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let name = fields.word("name").ok_or_else(|| Refusal::invalid("name is required"))?;
    let Some((_, [wide, high, width, height], scale, mobile, agent)) = DEVICES.iter().find(|d| d.0 == name)
    else {
        let known: Vec<&str> = DEVICES.iter().map(|d| d.0).collect();
        return Err(Refusal::invalid(format!("unknown device {name:?}; there are: {}", known.join(", "))));
    };
    page.call("Emulation.setUserAgentOverride", json!({"userAgent": agent})).await?;
    let orientation = if *mobile {
        json!({"angle": 0, "type": "portraitPrimary"})
    } else {
        json!({"angle": 0, "type": "landscapePrimary"})
    };
    let screen = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile,
        "screenWidth": wide, "screenHeight": high, "screenOrientation": orientation});
    page.call("Emulation.setDeviceMetricsOverride", screen).await?;
    page.call("Emulation.setTouchEmulationEnabled", json!({"enabled": mobile})).await.map(|_| ())
}

/// `POST /permissions/grant`.
pub(super) async fn grant(page: &Page<'_>, fields: Fields<'_>) -> Result<Value, Refusal> {
    let origin = fields.word("origin").and_then(origin_of);
    let origin = origin.ok_or_else(|| Refusal::invalid("origin must be an http(s) origin"))?;
    let required = fields.texts("permissions");
    if required.is_empty() {
        return Err(Refusal::invalid("permissions must be a non-empty string array"));
    }
    let optional = fields.texts("optionalPermissions");
    let all: Vec<String> = required.iter().chain(&optional).cloned().collect();
    let ask = |permissions: &[String]| {
        let params = json!({"origin": origin, "permissions": permissions});
        page.session.call("Browser.grantPermissions", params, page.deadline)
    };
    let (granted, without) = match ask(&all).await {
        Ok(_) => (all, Vec::new()),
        Err(refusal) if refusal.status == 500 && !optional.is_empty() => {
            ask(&required).await?;
            (required, optional)
        }
        Err(refusal) => return Err(unknown(refusal.clone(), &refusal.message)),
    };
    Ok(
        json!({"ok": true, "origin": origin, "grantedPermissions": granted, "unsupportedPermissions": without, "grantMethod": "cdp"}),
    )
}
