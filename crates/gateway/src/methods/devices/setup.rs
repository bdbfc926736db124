//! `device.pair.setupCode` and `.setupStatus`: letting in one device that is not there yet, such as a phone.
//!
//! The code is good for one device and ten minutes. Its credential is derived from the code's id; what the database has
//! lets nobody in. A join URL stands for a code that a node comes with.

use crate::auth::secret::AuthMode;
use crate::join;
use crate::methods::{Answer, Call, store_error};
use crate::setup;
use crate::shared::Shared;
use crate::start::{bind, own_address};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Uri;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::{IpAddr, SocketAddr};
use store::SetupAccess;

/// Long enough to fetch the phone, short enough for a code that somebody photographed.
const LIFE_MS: i64 = 10 * 60 * 1000;
/// As clients know it.
const ONLY_LOOPBACK: &str = "Gateway is only bound to loopback. Set gateway.bind=lan, enable tailscale serve, or \
                             configure plugins.entries.device-pair.config.publicUrl.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    public_url: Option<String>,
    #[serde(default)]
    prefer_remote_url: bool,
    bootstrap_profile: Option<String>,
    #[serde(default)]
    join_url: bool,
}

pub(super) async fn code(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let shared = &call.shared;
    let (url, source) = address(&call, &p)?;
    let wanted = wanted(&p)?;
    let join = if p.join_url { Some(url.join_base()?) } else { None };
    // Whoever listens on the way could come with the code first: then it must not be an administrator's.
    let access =
        if url.is_plain_and_far() && wanted == SetupAccess::Full { SetupAccess::Limited } else { wanted };
    let made = shared.store.make_setup_code(access, LIFE_MS).await.map_err(store_error)?;
    let mut says = Map::from_iter([("url".to_owned(), json!(url.text))]);
    let urls = if source == "gateway.bind" { ways(shared, &url) } else { Vec::new() };
    let pin = shared.tls.as_ref().filter(|_| source == "gateway.bind").map(|tls| tls.certificate().leaf);
    if let Some(pin) = &pin {
        // The digits alone, as apps read it.
        says.insert("tlsFingerprint".into(), json!(pin.hex()));
    }
    if urls.len() > 1 {
        says.insert("urls".into(), json!(urls));
    }
    let join = match join {
        Some(base) => Some((base, join::offer(shared, &made, &says).await.map_err(store_error)?)),
        None => None,
    };
    let payload = setup::payload(shared, &made, says);
    let mut answer = json!({
        "setupId": made.setup_id, "setupCode": URL_SAFE_NO_PAD.encode(payload.to_string()),
        "gatewayUrl": url.text, "urlSource": source, "access": access.as_str(),
        "auth": if matches!(shared.settings().auth, AuthMode::Password(_) | AuthMode::TrustedProxy(_)) { "password" } else { "token" },
        "expiresAtMs": made.expires_at_ms,
    });
    if access != wanted {
        answer["accessDowngraded"] = json!(true);
    }
    if urls.len() > 1 {
        answer["gatewayUrls"] = json!(urls);
    }
    if let Some((base, code)) = join {
        // Who comes to an address of this host's own can ask no authority about the certificate there. What is behind the # is
        // for whoever pastes it, and is not sent.
        let pin = pin.map(|pin| format!("#{pin}")).unwrap_or_default();
        answer["joinUrl"] = json!(format!("{base}/j/{code}{pin}"));
    }
    tracing::info!(setup = %made.setup_id, access = access.as_str(), "setup code made");
    Ok(answer.into())
}

/// What whoever comes with the code may do. Whoever fetches a join URL runs a node and nothing else.
fn wanted(p: &Params) -> Result<SetupAccess, ErrorShape> {
    match p.bootstrap_profile.as_deref() {
        Some("node") => Ok(SetupAccess::Node),
        None if p.join_url => Ok(SetupAccess::Node),
        Some(_) if p.join_url => Err(ErrorShape::invalid(
            "a join URL is for nodes: leave bootstrapProfile out or say \"node\", or use the setup code itself",
        )),
        Some(_) => Ok(SetupAccess::Limited),
        None => Ok(SetupAccess::Full),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    setup_id: String,
}

/// Who came with a code, and whether the answer went out to it. Nothing where nobody has, or the code is forgotten.
pub(super) async fn status(mut call: Call) -> Answer {
    let p: Status = call.params()?;
    let code = call.shared.store.setup_code(&p.setup_id).await.map_err(store_error)?;
    let Some(code) = code else { return Ok(json!({}).into()) };
    let Some(outcome) = setup::outcome(&code) else { return Ok(json!({}).into()) };
    // A device that came with one of its tokens has them, whatever became of the answer.
    let arrived = code.used.is_some_and(|u| u.answered_at_ms.or(u.claimed_at_ms).is_some());
    let name = if arrived { "completion" } else { "deliveryUncertain" };
    Ok(json!({name: outcome}).into())
}

/// Where a device reaches this gateway.
struct Address {
    text: String,
    secure: bool,
    host: String,
}

impl Address {
    /// `wss://…`, or `ws://…` to a host of the same network; `http` means the same.
    fn read(text: &str) -> Result<Self, ErrorShape> {
        let unusable =
            |why: &str| ErrorShape::invalid(format!("the gateway's address {text:?} cannot be used: {why}"));
        let uri: Uri = text.trim().parse().map_err(|_| unusable("it is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("wss" | "https") => true,
            Some("ws" | "http") => false,
            _ => return Err(unusable("it must begin with wss:// or ws://")),
        };
        let authority = uri.authority().ok_or_else(|| unusable("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(unusable("it must hold no user name"));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let path = uri.path_and_query().map_or("", |p| p.as_str()).trim_end_matches('/');
        let address =
            Self { text: format!("{}://{authority}{path}", if secure { "wss" } else { "ws" }), secure, host };
        if !secure && !address.is_loopback() && !address.is_near() {
            return Err(unusable("over a public network it must be wss://"));
        }
        Ok(address)
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// In this network: a tailnet has certificates to be had, and so its own wss://.
    fn is_near(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => model::is_private_ip(ip),
            Err(_) => self.host.ends_with(".local"),
        }
    }

    /// Where the code is fetched from. It is as good as what it stands for, so nobody may listen.
    fn join_base(&self) -> Result<String, ErrorShape> {
        if self.is_plain_and_far() {
            return Err(ErrorShape::invalid(format!(
                "a join URL needs a gateway address with TLS (wss://) or on loopback, and {} is neither; \
                 use the setup code itself (openclaw qr --node), or name an address with publicUrl",
                self.text
            )));
        }
        Ok(self.text.replacen("ws", "http", 1))
    }

    fn is_plain_and_far(&self) -> bool {
        !self.secure && !self.is_loopback()
    }
}

fn address(call: &Call, p: &Params) -> Result<(Address, &'static str), ErrorShape> {
    let current = call.shared.current();
    let loaded = &current.loaded;
    if let Some(url) = &p.public_url {
        return Ok((Address::read(url)?, "request.publicUrl"));
    }
    if p.prefer_remote_url {
        let url =
            loaded.config.gateway.remote.url.as_deref().ok_or_else(|| {
                ErrorShape::invalid("gateway.remote.url is not set; set it, or give publicUrl")
            })?;
        return Ok((Address::read(url)?, "gateway.remote.url"));
    }
    let configured =
        loaded.source.pointer("/plugins/entries/device-pair/config/publicUrl").and_then(Value::as_str);
    if let Some(url) = configured {
        return Ok((Address::read(url)?, "plugins.entries.device-pair.config.publicUrl"));
    }
    // Only the route that this gateway holds itself: another's may lead to a listener that turns its visitors away.
    if let Some(name) = call.shared.tailscale.name() {
        return Ok((Address::read(&format!("wss://{name}"))?, "gateway.tailscale.mode"));
    }
    let listening = call.shared.addr;
    let ip = match listening.ip() {
        ip if ip.is_loopback() => return Err(ErrorShape::invalid(ONLY_LOOPBACK)),
        ip if ip.is_unspecified() => own_address::in_network().ok_or_else(|| {
            ErrorShape::invalid("this host has no address in a network; connect it to one, or give publicUrl")
        })?,
        ip => ip,
    };
    let scheme = if call.shared.tls.is_some() { "wss" } else { "ws" };
    Ok((Address::read(&format!("{scheme}://{}", SocketAddr::new(ip, listening.port())))?, "gateway.bind"))
}

/// The ways to a gateway that listens on all addresses, in the order in which they are tried: the one that is known, and the one
/// through the tailnet. Without TLS there is none through there: nothing else says who answers.
fn ways(shared: &Shared, url: &Address) -> Vec<String> {
    let mut ways = vec![url.text.clone()];
    if shared.addr.ip().is_unspecified() && shared.tls.is_some() {
        let tailnet = bind::tailnet_addresses().into_iter().find(IpAddr::is_ipv4);
        let way = tailnet.map(|ip| format!("wss://{}", SocketAddr::new(ip, shared.addr.port())));
        ways.extend(way.filter(|way| *way != url.text));
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_safe_or_near_and_says_what_it_may_carry() {
        for (text, becomes, plain_and_far) in [
            ("wss://gw.example.com/ws/", Some("wss://gw.example.com/ws"), false),
            ("https://gw.example.com", Some("wss://gw.example.com"), false),
            ("ws://127.0.0.1:18789", Some("ws://127.0.0.1:18789"), false),
            ("http://[::1]:5", Some("ws://[::1]:5"), false),
            ("ws://192.168.1.5:18789/", Some("ws://192.168.1.5:18789"), true),
            ("ws://box.local:1", Some("ws://box.local:1"), true),
            ("ws://gw.example.com", None, false),
            ("ws://100.64.0.1:1", None, false),
            ("ws://box.ts.net", None, false),
            ("wss://me:secret@gw.example.com", None, false),
            ("ftp://192.168.1.5", None, false),
            ("192.168.1.5", None, false),
            ("", None, false),
        ] {
            let read = Address::read(text);
            assert_eq!(read.as_ref().ok().map(|a| a.text.as_str()), becomes, "{text}");
            assert_eq!(read.is_ok_and(|a| a.is_plain_and_far()), plain_and_far, "{text}");
        }
    }
}
