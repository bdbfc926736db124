//! The requests about tabs and pages but for snapshots and acting: listing, opening, going on, reading, pictures.

use super::error::Refusal;
use super::labels;
use super::page::Page;
use super::request::Request;
use super::session::Session;
use super::tabs::{Tab, Tabs};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Tabs at once; for one more the one is closed that was not used for the longest time.
const MAX_TABS: usize = 8;
/// Characters of a tab's label.
const MAX_LABEL: usize = 64;
/// Characters of a page's text.
const MAX_TEXT: usize = 40_000;
/// Base64 of a picture: 10 MiB.
const MAX_PICTURE: usize = 10 * 1024 * 1024 / 3 * 4;
/// The longest side of a picture of a whole page, in pixels of the page.
const MAX_SIDE: f64 = 16_000.0;

/// Opens a tab without anything in it.
pub(super) async fn blank(session: &Session, label: Option<&str>, deadline: Instant) -> Result<Tab, Refusal> {
    if let Some(label) = label {
        let taken = session.tabs().all().iter().any(|tab| tab.label.as_deref() == Some(label));
        if taken || label.chars().count() > MAX_LABEL {
            return Err(Refusal::invalid(format!(
                "{label:?} is no label for another tab: it is taken, or longer than {MAX_LABEL} characters"
            )));
        }
    }
    let oldest = {
        let tabs = session.tabs();
        (tabs.all().len() >= MAX_TABS).then(|| tabs.first_used().map(|tab| tab.target.clone())).flatten()
    };
    if let Some(oldest) = oldest {
        session.call("Target.closeTarget", json!({"targetId": oldest}), deadline).await?;
    }
    let made = session.call("Target.createTarget", json!({"url": "about:blank"}), deadline).await?;
    let target = made["targetId"].as_str().unwrap_or_default().to_owned();
    let there = |tabs: &mut Tabs| {
        let tab = tabs.by_target(&target)?;
        tab.label = label.map(str::to_owned);
        Some(tab.clone())
    };
    let tab = session.wait("a new tab", deadline, there).await?;
    // What was said of it when it came has been heard by the time that this is answered; before, it would be forgotten when
    // the tab goes to a page.
    let ready = session.cdp.call(Some(&tab.session), "Page.enable", json!({}), deadline).await;
    ready.map_err(|error| Refusal::of_call("Page.enable", error))?;
    Ok(tab)
}

/// All tabs. Of those that are where this browser may not be, the address is not told.
pub(super) async fn list(session: &Session, guard: &super::guard::Guard) -> Value {
    let tabs: Vec<Tab> = session.tabs().all().to_vec();
    let mut shown = Vec::new();
    for tab in tabs {
        let mut entry = tab.shown();
        if !tab.url.is_empty()
            && !tab.url.starts_with("chrome-error:")
            && guard.check_page(&tab.url).await.is_err()
        {
            entry["url"] = json!("");
            entry["urlUnavailableReason"] = json!("navigation_blocked");
        }
        shown.push(entry);
    }
    json!({"running": true, "tabs": shown})
}

/// `POST /tabs/action` `new` and `label`: what a label may be.
pub(super) fn label_of(label: &str) -> Result<&str, Refusal> {
    if label.chars().count() <= MAX_LABEL {
        return Ok(label);
    }
    Err(Refusal::invalid(format!("a label has at most {MAX_LABEL} characters")))
}

/// `POST /tabs/focus`.
pub(super) async fn focus(page: &Page<'_>) -> Result<Value, Refusal> {
    page.session.call("Target.activateTarget", json!({"targetId": page.tab.target}), page.deadline).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target}))
}

/// `DELETE /tabs/ID`: closes it, and waits until it is gone.
pub(super) async fn close(page: &Page<'_>) -> Result<Value, Refusal> {
    let target = &page.tab.target;
    page.session.call("Target.closeTarget", json!({"targetId": target}), page.deadline).await?;
    page.session
        .wait("closing the tab", page.deadline, |tabs| tabs.by_target(target).is_none().then_some(()))
        .await?;
    Ok(json!({"ok": true, "targetId": target}))
}

/// `GET /text`: what a reader sees of the first element that is named, or of the page's own text.
pub(super) async fn text(page: &Page<'_>, request: &Request) -> Result<Value, Refusal> {
    let most = request.number("maxChars").filter(|most| *most > 0).unwrap_or(MAX_TEXT).min(MAX_TEXT);
    let selector = request.query("selector");
    let expression = format!(
        "(s => {{ const e = s ? document.querySelector(s) : document.querySelector('article') || document.querySelector('main') || document.body; \
         return e ? e.innerText.slice(0, {}) : null; }})({})",
        most + 1,
        json!(selector)
    );
    let Value::String(text) = page.evaluate(&expression).await? else {
        return Err(Refusal::missing(format!("nothing on the page is {:?}", selector.unwrap_or("body"))));
    };
    let kept: String = text.chars().take(most).collect();
    let truncated = kept.len() < text.len();
    Ok(
        json!({"ok": true, "targetId": page.tab.target, "url": page.url(), "text": kept, "truncated": truncated}),
    )
}

/// `POST /screenshot`: gives the answer, and the picture that belongs to its `path`.
pub(super) async fn screenshot(page: &Page<'_>, request: &Request) -> Result<(Value, Value), Refusal> {
    let fields = request.fields();
    let (full, element) = (fields.is_set("fullPage"), fields.word("ref"));
    let selector = fields.word("element");
    if full && (element.is_some() || selector.is_some()) {
        return Err(Refusal::invalid("fullPage is not supported for element screenshots"));
    }
    let element = match (element, selector) {
        (Some(name), _) => Some(page.element(name)?),
        (None, Some(selector)) => Some(page.select(selector).await?),
        (None, None) => None,
    };
    let format = if fields.word("type") == Some("jpeg") { "jpeg" } else { "png" };
    let mut params = json!({"format": format, "captureBeyondViewport": full});
    if format == "jpeg" {
        params["quality"] = json!(85);
    }
    if let Some(element) = element {
        params["clip"] = clip_of(page, element).await?;
    } else if full {
        let size = page.call("Page.getLayoutMetrics", json!({})).await?;
        let side = |name: &str| size["cssContentSize"][name].as_f64().unwrap_or(0.0).clamp(1.0, MAX_SIDE);
        params["clip"] =
            json!({"x": 0, "y": 0, "width": side("width"), "height": side("height"), "scale": 1});
    }
    let (file, labels) = picture(page, params, fields.is_set("labels")).await?;
    let told = json!({"ok": true, "path": file["path"], "targetId": page.tab.target, "url": page.url()});
    Ok((super::snapshot::with(told, labels), file))
}

/// Takes a picture, with the names of the last snapshot drawn over it or not: the file, and what is told of the names.
pub(super) async fn picture(
    page: &Page<'_>,
    params: Value,
    with_labels: bool,
) -> Result<(Value, Value), Refusal> {
    let format = params["format"].as_str().unwrap_or("png").to_owned();
    let (taken, labels) = match with_labels {
        false => (page.call("Page.captureScreenshot", params).await?, json!({})),
        true => {
            let drawn = labels::draw(page, params.get("clip")).await?;
            let taken = page.call("Page.captureScreenshot", params).await;
            labels::clear(page).await?;
            (taken?, drawn)
        }
    };
    let Some(data) = taken["data"].as_str() else {
        return Err(Refusal::failed("the browser gave no picture"));
    };
    if data.len() > MAX_PICTURE {
        return Err(Refusal::failed(format!(
            "the picture has {} bytes, and may have 10 MiB; take it as jpeg, or of less of the page",
            data.len() / 4 * 3
        )));
    }
    // Nothing is left on the node: the picture goes with the answer, under a name that is made for that.
    let path = format!("/browser/{}.{format}", model::new_id());
    let file = json!({"path": path, "base64": data, "mimeType": format!("image/{format}")});
    Ok((file, labels))
}

/// `POST /pdf`: the page as it would be printed.
pub(super) async fn pdf(page: &Page<'_>) -> Result<(Value, Value), Refusal> {
    let printed = page.call("Page.printToPDF", json!({"printBackground": true})).await?;
    let Some(data) = printed["data"].as_str() else {
        return Err(Refusal::failed("the browser gave no PDF"));
    };
    if data.len() > MAX_PICTURE {
        return Err(Refusal::failed(format!(
            "the PDF has {} bytes, and may have 10 MiB",
            data.len() / 4 * 3
        )));
    }
    let path = format!("/browser/{}.pdf", model::new_id());
    let file = json!({"path": path, "base64": data, "mimeType": "application/pdf"});
    Ok((json!({"ok": true, "path": path, "targetId": page.tab.target, "url": page.url()}), file))
}

/// `POST /highlight`: shows a person at the window which element is meant.
pub(super) async fn highlight(page: &Page<'_>, request: &Request) -> Result<Value, Refusal> {
    const MARK: &str = "function() { this.scrollIntoView({block: 'center', inline: 'center'}); const [o, f] = [this.style.outline, this.style.outlineOffset]; \
        this.style.outline = '3px solid #ff4500'; this.style.outlineOffset = '2px'; \
        setTimeout(() => { this.style.outline = o; this.style.outlineOffset = f; }, 2000); }";
    let name = request.body("ref").ok_or_else(|| Refusal::invalid("ref is required"))?;
    page.on_element(page.element(name)?, MARK, &[]).await?;
    Ok(json!({"ok": true, "targetId": page.tab.target, "url": page.url()}))
}

async fn clip_of(page: &Page<'_>, element: i64) -> Result<Value, Refusal> {
    const BOX: &str = "function() { this.scrollIntoView({block: 'center', behavior: 'instant'}); const b = this.getBoundingClientRect(); \
        return {x: b.left + scrollX, y: b.top + scrollY, width: b.width, height: b.height, scale: 1}; }";
    let clip = page.on_element(element, BOX, &[]).await?;
    let has_size = |name: &str| clip[name].as_f64().is_some_and(|side| side >= 1.0);
    if has_size("width") && has_size("height") {
        Ok(clip)
    } else {
        Err(Refusal::operation("the element has no size"))
    }
}
