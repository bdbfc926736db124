//! Cookies of the browser, and what a page keeps by itself (`localStorage`, `sessionStorage`).

use super::error::Refusal;
use super::page::Page;
use super::request::{Fields, Request};
use serde_json::{Map, Value, json};

/// Cookies that are set by one request.
const MAX_COOKIES: usize = 5000;
/// What clients read of a cookie.
const SHOWN: &[&str] = &["name", "value", "domain", "path", "expires", "httpOnly", "secure"];

/// `GET /cookies`: all of the browser's.
pub(super) async fn cookies(page: &Page<'_>) -> Result<Value, Refusal> {
    let all = page.session.call("Storage.getCookies", json!({}), page.deadline).await?;
    let shown = all["cookies"].as_array().into_iter().flatten().map(|cookie| {
        let mut shown: Map<String, Value> =
            SHOWN.iter().map(|name| ((*name).to_owned(), cookie[*name].clone())).collect();
        shown.insert("sameSite".into(), json!(cookie["sameSite"].as_str().unwrap_or("Lax")));
        Value::Object(shown)
    });
    Ok(json!({"ok": true, "targetId": page.tab.target, "cookies": shown.collect::<Vec<_>>()}))
}

/// `POST /cookies/set`.
pub(super) async fn set_cookie(page: &Page<'_>, fields: Fields<'_>) -> Result<Value, Refusal> {
    let given = fields.object("cookie").ok_or_else(|| Refusal::invalid("cookie is required"))?;
    put(page, &[cookie(given)?]).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}

/// `POST /cookies/set-many`: those that the browser takes; how many.
pub(super) async fn set_cookies(page: &Page<'_>, fields: Fields<'_>) -> Result<Value, Refusal> {
    let given = fields.objects("cookies");
    if given.is_empty() || given.len() > MAX_COOKIES {
        return Err(Refusal::invalid(format!("cookies must be a non-empty array of at most {MAX_COOKIES}")));
    }
    let all: Vec<Value> = given.into_iter().map(cookie).collect::<Result<_, _>>()?;
    let mut added = 0;
    // One that is not taken would take the others with it.
    for cookie in all {
        match put(page, &[cookie]).await {
            Ok(()) => added += 1,
            Err(refusal) if refusal.status == 400 => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(json!({"ok": true, "targetId": page.tab.target, "added": added}))
}

async fn put(page: &Page<'_>, cookies: &[Value]) -> Result<(), Refusal> {
    let set = page.session.call("Storage.setCookies", json!({"cookies": cookies}), page.deadline).await;
    match set {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.status == 500 => {
            Err(Refusal::invalid(format!("the cookie was not taken: {}", refusal.message)))
        }
        Err(refusal) => Err(refusal),
    }
}

fn cookie(given: Fields<'_>) -> Result<Value, Refusal> {
    let name = given.word("name").ok_or_else(|| Refusal::invalid("cookie name and value are required"))?;
    let value = given.text("value").ok_or_else(|| Refusal::invalid("cookie name and value are required"))?;
    let mut cookie = json!({"name": name, "value": value});
    let (url, domain, path) = (given.word("url"), given.word("domain"), given.word("path"));
    if url.is_none() && (domain.is_none() || path.is_none()) {
        return Err(Refusal::invalid("cookie requires url, or domain+path"));
    }
    for (name, word) in [("url", url), ("domain", domain), ("path", path)] {
        if let Some(word) = word {
            cookie[name] = json!(word);
        }
    }
    if let Some(expires) = given.any_number("expires").filter(|expires| *expires >= 0.0) {
        cookie["expires"] = json!(expires);
    }
    for name in ["httpOnly", "secure"] {
        if let Some(flag) = given.flag(name) {
            cookie[name] = json!(flag);
        }
    }
    if let Some(site) = given.word("sameSite").filter(|site| ["Lax", "None", "Strict"].contains(site)) {
        cookie["sameSite"] = json!(site);
    }
    Ok(cookie)
}

/// `POST /cookies/clear`: all of the browser's.
pub(super) async fn clear_cookies(page: &Page<'_>) -> Result<Value, Refusal> {
    page.session.call("Storage.clearCookies", json!({}), page.deadline).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}

/// Which of the two a page keeps something in.
fn store(kind: &str) -> Result<&'static str, Refusal> {
    match kind {
        "local" => Ok("localStorage"),
        "session" => Ok("sessionStorage"),
        _ => Err(Refusal::invalid("kind must be local|session")),
    }
}

/// `GET /storage/KIND`: everything, or what is kept under one key. Keys are as they are, blanks around them too.
pub(super) async fn read(page: &Page<'_>, kind: &str, request: &Request) -> Result<Value, Refusal> {
    let key = request.query_text("key").filter(|key| !key.trim().is_empty());
    let expression = format!(
        "(key => {{ const s = {}; const all = key === null ? Object.keys(s) : [key]; \
         return all.map(k => [k, s.getItem(k)]).filter(e => e[1] !== null); }})({})",
        store(kind)?,
        json!(key)
    );
    let entries = page.evaluate(&expression).await?;
    let values: Map<String, Value> = entries
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry[0].as_str()?.to_owned(), entry[1].clone())))
        .collect();
    Ok(json!({"ok": true, "targetId": page.tab.target, "values": values}))
}

/// `POST /storage/KIND/set` and `/clear`.
pub(super) async fn write(
    page: &Page<'_>,
    kind: &str,
    what: &str,
    fields: Fields<'_>,
) -> Result<Value, Refusal> {
    let store = store(kind)?;
    let expression = match what {
        "clear" => format!("{store}.clear()"),
        _ => {
            let key = fields.text("key").filter(|key| !key.trim().is_empty());
            let key = key.ok_or_else(|| Refusal::invalid("key is required"))?;
            let value = fields.text("value").unwrap_or_default();
            format!("{store}.setItem({}, {})", json!(key), json!(value))
        }
    };
    page.evaluate(&expression).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}
