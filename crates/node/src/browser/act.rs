//! `POST /act`: what a person does with a page, on elements that the last snapshot named.

use super::error::Refusal;
use super::page::Page;
use super::request::Fields;
use super::{batch, drag, keys};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a page is looked at that something is waited for on.
const LOOK: Duration = Duration::from_millis(100);
/// The longest side of a window.
const MAX_SIDE: f64 = 8192.0;
/// The longest time that is waited for without a reason, in ms.
const MAX_WAIT_MS: f64 = 60_000.0;
/// The longest time that a button or key is held, in ms.
const MAX_HELD_MS: f64 = 5_000.0;
/// How long no request may be under way for the network to be idle.
const IDLE: Duration = Duration::from_millis(500);
/// Everything that can be done.
pub(super) const KINDS: &[&str] = &[
    "batch",
    "click",
    "clickCoords",
    "close",
    "drag",
    "evaluate",
    "fill",
    "hover",
    "insertText",
    "scrollIntoView",
    "press",
    "resize",
    "select",
    "type",
    "wait",
];

/// Where in the window an element is: the middle of it, in the part that is seen. Says what is in front of it, if anything is.
const MIDDLE: &str = r"function() {
  this.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const box = this.getBoundingClientRect();
  if (!box.width || !box.height) return {problem: 'it has no size'};
  const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1), y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
  let hit = document.elementFromPoint(x, y);
  while (hit && hit.shadowRoot && hit.shadowRoot.elementFromPoint(x, y) && hit.shadowRoot.elementFromPoint(x, y) !== hit) hit = hit.shadowRoot.elementFromPoint(x, y);
  const label = hit && hit.closest && hit.closest('label');
  if (this.disabled) return {problem: 'it is disabled'};
  if (hit && hit !== this && !this.contains(hit) && !hit.contains(this) && !(label && label.control === this))
    return {problem: 'it is covered by <' + hit.tagName.toLowerCase() + '>'};
  let at = {x, y};
  for (let w = window; w !== w.parent; w = w.parent) {
    const frame = w.frameElement;
    if (!frame) return {problem: 'it is in a frame from another site'};
    const outer = frame.getBoundingClientRect(), style = w.parent.getComputedStyle(frame);
    if (Math.abs(outer.width - frame.offsetWidth) > 1 || Math.abs(outer.height - frame.offsetHeight) > 1)
      return {problem: 'its frame is scaled or turned, so that nobody knows where in the window it is'};
    const left = frame.clientLeft + parseFloat(style.paddingLeft), top = frame.clientTop + parseFloat(style.paddingTop);
    at = {x: at.x + outer.left + left, y: at.y + outer.top + top};
    const over = frame.ownerDocument.elementFromPoint(at.x, at.y);
    if (over !== frame) return {problem: 'its frame is covered' + (over ? ' by <' + over.tagName.toLowerCase() + '>' : ' or not seen')};
  }
  return at;
}";
/// Makes an element the one that is written into, with all that is in it chosen.
const CHOOSE_ALL: &str = r"function() {
  if (this.disabled || this.readOnly) return 'it cannot be written into';
  this.focus();
  if (typeof this.select === 'function' && 'value' in this) { this.select(); return ''; }
  if (this.isContentEditable) { getSelection().selectAllChildren(this); return ''; }
  return 'it is no field';
}";
/// Chooses options by value or label.
const SELECT: &str = r"function(values) {
  if (this.tagName !== 'SELECT') return 'it is no list of options';
  const found = [...this.options].filter(o => values.includes(o.value) || values.includes(o.label.trim()));
  if (found.length < (this.multiple ? values.length : 1)) return 'it has no such option; there are: ' + [...this.options].map(o => o.label.trim()).join(', ').slice(0, 400);
  for (const o of this.options) o.selected = this.multiple ? found.includes(o) : o === found[0];
  this.dispatchEvent(new Event('input', {bubbles: true}));
  this.dispatchEvent(new Event('change', {bubbles: true}));
  return '';
}";

/// Acts; gives what the action gave, if it gave anything.
pub(super) async fn act(
    page: &Page<'_>,
    fields: Fields<'_>,
    may_evaluate: bool,
) -> Result<Option<Value>, Refusal> {
    let Some(kind) = fields.word("kind") else {
        return Err(Refusal::invalid("kind is required").with_code("ACT_KIND_REQUIRED"));
    };
    if !KINDS.contains(&kind) {
        return Err(Refusal::invalid("kind is required").with_code("ACT_KIND_REQUIRED"));
    }
    if fields.word("selector").is_some() && kind != "wait" {
        return Err(Refusal::invalid(format!("{kind} goes by ref, from a snapshot, and not by selector"))
            .with_code("ACT_SELECTOR_UNSUPPORTED"));
    }
    match kind {
        "click" => click(page, fields).await?,
        "clickCoords" => {
            let (Some(x), Some(y)) = (fields.number("x"), fields.number("y")) else {
                return Err(Refusal::action("clickCoords requires non-negative x and y"));
            };
            press_mouse(page, fields, (x, y)).await?;
        }
        "hover" => {
            let at = middle(page, element(page, fields, "hover")?).await?;
            mouse(page, "mouseMoved", at, json!({})).await?;
        }
        "scrollIntoView" => {
            let element = element(page, fields, "scrollIntoView")?;
            page.call("DOM.scrollIntoViewIfNeeded", json!({"backendNodeId": element})).await?;
        }
        "type" => {
            let text = fields.text("text").ok_or_else(|| Refusal::action("type requires text"))?;
            write(page, element(page, fields, "type")?, text, fields.is_set("slowly")).await?;
            if fields.is_set("submit") {
                press(page, "Enter", 0.0).await?;
            }
        }
        "insertText" => {
            let text = fields.text("text").ok_or_else(|| Refusal::action("insertText requires text"))?;
            page.call("Input.insertText", json!({"text": text})).await?;
        }
        "press" => {
            let key = fields.text("key").filter(|key| !key.is_empty());
            press(page, key.ok_or_else(|| Refusal::action("press requires key"))?, held(fields)?).await?;
        }
        "select" => {
            let values = fields.texts("values");
            if values.is_empty() {
                return Err(Refusal::action("select requires ref and values"));
            }
            did(page.on_element(element(page, fields, "select")?, SELECT, &[json!(values)]).await?)?;
        }
        "drag" => {
            let word = |name: &str| {
                fields.word(name).ok_or_else(|| Refusal::action(format!("drag requires {name}")))
            };
            let (start, end) = (word("startRef")?, word("endRef")?);
            drag::drag(page, page.element(start)?, page.element(end)?).await?;
        }
        "batch" => return batch::run(page, fields, may_evaluate).await.map(Some),
        "fill" => fill(page, fields).await?,
        "resize" => resize(page, fields).await?,
        "wait" => wait(page, fields, may_evaluate).await?,
        "evaluate" => return evaluate(page, fields, may_evaluate).await.map(Some),
        "close" => {
            page.session
                .call("Target.closeTarget", json!({"targetId": page.tab.target}), page.deadline)
                .await?;
        }
        _ => return Err(Refusal::invalid("kind is required").with_code("ACT_KIND_REQUIRED")),
    }
    Ok(None)
}

fn element(page: &Page<'_>, fields: Fields<'_>, kind: &str) -> Result<i64, Refusal> {
    let name = fields.word("ref").ok_or_else(|| Refusal::action(format!("{kind} requires ref")))?;
    page.element(name)
}

/// What a function of ours says: nothing where it did its part.
fn did(said: Value) -> Result<(), Refusal> {
    match said.as_str() {
        None | Some("") => Ok(()),
        Some(problem) => Err(Refusal::operation(problem)),
    }
}

pub(super) async fn middle(page: &Page<'_>, element: i64) -> Result<(f64, f64), Refusal> {
    let found = page.on_element(element, MIDDLE, &[]).await?;
    match (found["x"].as_f64(), found["y"].as_f64()) {
        (Some(x), Some(y)) => Ok((x, y)),
        _ => Err(Refusal::operation(found["problem"].as_str().unwrap_or("it is nowhere on the page"))),
    }
}

/// Clicks on an element.
pub(super) async fn click_on(page: &Page<'_>, element: i64) -> Result<(), Refusal> {
    let at = middle(page, element).await?;
    press_mouse(page, Fields(&serde_json::Map::new()), at).await
}

async fn click(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let element = element(page, fields, "click")?;
    let at = middle(page, element).await?;
    press_mouse(page, fields, at).await
}

async fn press_mouse(page: &Page<'_>, fields: Fields<'_>, at: (f64, f64)) -> Result<(), Refusal> {
    let button = fields.word("button").unwrap_or("left");
    if !["left", "right", "middle"].contains(&button) {
        return Err(Refusal::action("click button must be left|right|middle"));
    }
    let pause = held(fields)?;
    let held = keys::modifiers(&fields.texts("modifiers")).map_err(Refusal::action)?;
    mouse(page, "mouseMoved", at, json!({"modifiers": held})).await?;
    let clicks = if fields.is_set("doubleClick") { 2 } else { 1 };
    for count in 1..=clicks {
        let how = json!({"button": button, "clickCount": count, "modifiers": held});
        mouse(page, "mousePressed", at, how.clone()).await?;
        hold(page, pause).await?;
        mouse(page, "mouseReleased", at, how).await?;
    }
    Ok(())
}

/// How long a button or key is held, in ms.
fn held(fields: Fields<'_>) -> Result<f64, Refusal> {
    match fields.0.get("delayMs") {
        None | Some(Value::Null) => Ok(0.0),
        Some(_) => fields
            .number("delayMs")
            .filter(|ms| *ms <= MAX_HELD_MS)
            .ok_or_else(|| Refusal::action(format!("delayMs must be between 0 and {MAX_HELD_MS}"))),
    }
}

async fn hold(page: &Page<'_>, ms: f64) -> Result<(), Refusal> {
    let until = Instant::now() + Duration::from_millis(ms as u64);
    if until > page.deadline {
        return Err(Refusal::action("delayMs is longer than the request may take; say timeoutMs, too"));
    }
    if ms > 0.0 {
        tokio::time::sleep_until(until).await;
    }
    Ok(())
}

pub(super) async fn mouse(
    page: &Page<'_>,
    what: &str,
    (x, y): (f64, f64),
    mut how: Value,
) -> Result<(), Refusal> {
    for (name, value) in [("type", json!(what)), ("x", json!(x)), ("y", json!(y))] {
        how[name] = value;
    }
    page.call("Input.dispatchMouseEvent", how).await.map(|_| ())
}

async fn press(page: &Page<'_>, key: &str, pause: f64) -> Result<(), Refusal> {
    for event in keys::chord(key).map_err(Refusal::action)? {
        if event["type"] == "keyUp" {
            hold(page, pause).await?;
        }
        page.call("Input.dispatchKeyEvent", event).await?;
    }
    Ok(())
}

/// Puts a text in the place of what is in a field; slowly is key by key, so that the page hears each.
async fn write(page: &Page<'_>, element: i64, text: &str, slowly: bool) -> Result<(), Refusal> {
    did(page.on_element(element, CHOOSE_ALL, &[]).await?)?;
    if text.is_empty() {
        return press(page, "Delete", 0.0).await;
    }
    if slowly {
        for letter in text.chars() {
            let name = letter.to_string();
            // What is no key is put there as it is.
            let key = match letter {
                '\n' | '\r' => Some("Enter"),
                '\t' => None,
                _ => keys::chord(&name).is_ok().then_some(name.as_str()),
            };
            match key {
                Some(key) => press(page, key, 0.0).await?,
                None => page.call("Input.insertText", json!({"text": name})).await.map(|_| ())?,
            }
        }
        return Ok(());
    }
    page.call("Input.insertText", json!({"text": text})).await.map(|_| ())
}

async fn fill(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let all = fields.objects("fields");
    if all.is_empty() {
        return Err(Refusal::action("fill requires fields"));
    }
    for field in all {
        let into = element(page, field, "fill")?;
        match (field.word("type").unwrap_or("text"), field.0.get("value")) {
            ("checkbox" | "radio", value) => {
                let wanted = value.is_none_or(|value| *value == json!(true) || *value == json!("true"));
                let now = page.on_element(into, "function() { return this.checked === true; }", &[]).await?;
                if now != json!(wanted) {
                    let at = middle(page, into).await?;
                    press_mouse(page, Fields(&serde_json::Map::new()), at).await?;
                }
            }
            (_, Some(Value::String(text))) => write(page, into, text, false).await?,
            (_, Some(value @ (Value::Number(_) | Value::Bool(_)))) => {
                write(page, into, &value.to_string(), false).await?
            }
            _ => return Err(Refusal::action("a field to fill has a ref and a value")),
        }
    }
    Ok(())
}

async fn resize(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let side = |name| fields.number(name).filter(|side| (1.0..=MAX_SIDE).contains(side)).map(f64::round);
    let (Some(width), Some(height)) = (side("width"), side("height")) else {
        return Err(Refusal::action(format!("resize requires a width and a height up to {MAX_SIDE}")));
    };
    let size =
        json!({"width": width as u32, "height": height as u32, "deviceScaleFactor": 0, "mobile": false});
    page.call("Emulation.setDeviceMetricsOverride", size).await.map(|_| ())
}

async fn evaluate(page: &Page<'_>, fields: Fields<'_>, may: bool) -> Result<Value, Refusal> {
    let function = fields.word("fn").ok_or_else(|| Refusal::action("evaluate requires fn"))?;
    check_evaluates(may)?;
    match fields.word("ref") {
        Some(name) => {
            let on = format!("function() {{ return ({function})(this); }}");
            page.on_element(page.element(name)?, &on, &[]).await
        }
        None => page.evaluate(&as_expression(function)).await,
    }
}

fn check_evaluates(may: bool) -> Result<(), Refusal> {
    if may {
        return Ok(());
    }
    let refusal = Refusal {
        status: 403,
        ..Refusal::invalid(
            "code of callers is not run in pages (browser.evaluateEnabled is false on the node)",
        )
    };
    Err(refusal.with_code("ACT_EVALUATE_DISABLED"))
}

/// A function is called, statements are put into one, and what is an expression already stays.
fn as_expression(text: &str) -> String {
    let text = text.trim();
    if is_arrow(text) || text.starts_with("function") || text.starts_with("async function") {
        format!("({text})()")
    } else if text.contains("return ") {
        format!("(async () => {{ {text} }})()")
    } else {
        text.to_owned()
    }
}

/// Whether it begins as a function with an arrow does: `x =>`, `(x, y) =>`, `async () =>`.
fn is_arrow(text: &str) -> bool {
    let rest = text.strip_prefix("async").map_or(text, str::trim_start);
    let after = if rest.starts_with('(') {
        let mut depth = 0;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        end.and_then(|end| rest.get(end + 1..))
    } else {
        Some(rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '$'))
            .filter(|after| after.len() < rest.len())
    };
    after.is_some_and(|after| after.trim_start().starts_with("=>"))
}

async fn wait(page: &Page<'_>, fields: Fields<'_>, may_evaluate: bool) -> Result<(), Refusal> {
    let mut conditions = Vec::new();
    let text = "(document.body ? document.body.innerText : '')";
    if let Some(wanted) = fields.word("text") {
        conditions.push(format!("{text}.includes({})", json!(wanted)));
    }
    if let Some(gone) = fields.word("textGone") {
        conditions.push(format!("!{text}.includes({})", json!(gone)));
    }
    if let Some(selector) = fields.word("selector") {
        conditions.push(format!("!!document.querySelector({})", json!(selector)));
    }
    if let Some(url) = fields.word("url") {
        // `**` and `*` stand for any characters, as in a pattern for files.
        let parts: Vec<&str> = url.split('*').filter(|part| !part.is_empty()).collect();
        conditions.push(format!("(p => {{ let at = 0; return p.every(s => {{ const i = location.href.indexOf(s, at); at = i + s.length; return i >= 0; }}); }})({})", json!(parts)));
    }
    match fields.word("loadState") {
        Some("domcontentloaded") => conditions.push("document.readyState !== 'loading'".into()),
        Some("load") => conditions.push("document.readyState === 'complete'".into()),
        Some("networkidle") => {}
        Some(other) => {
            return Err(Refusal::action(format!(
                "there is no loadState {other:?}; there are load, domcontentloaded, networkidle"
            )));
        }
        None => {}
    }
    let idle = fields.word("loadState") == Some("networkidle");
    if let Some(function) = fields.word("fn") {
        check_evaluates(may_evaluate)?;
        conditions.push(format!("({})", as_expression(function)));
    }
    let pause = fields.number("timeMs");
    if conditions.is_empty() && pause.is_none() && !idle {
        return Err(Refusal::action(
            "wait requires at least one of: timeMs, text, textGone, selector, url, loadState, fn",
        ));
    }
    if let Some(ms) = pause {
        let until = Instant::now() + Duration::from_millis(ms.min(MAX_WAIT_MS) as u64);
        if until > page.deadline {
            return Err(Refusal::action("timeMs is longer than the request may take; say timeoutMs, too"));
        }
        tokio::time::sleep_until(until).await;
    }
    for condition in conditions {
        let condition = format!("(async () => !!(await {condition}))()");
        // While a page is left for another there is nothing to ask.
        while page
            .evaluate(&condition)
            .await
            .or_else(|e| if e.status == 500 { Ok(json!(false)) } else { Err(e) })?
            != json!(true)
        {
            if Instant::now() + LOOK >= page.deadline {
                return Err(Refusal::late("what was waited for"));
            }
            sleep(LOOK).await;
        }
    }
    if idle { network_idle(page).await } else { Ok(()) }
}

/// Waits until the page has had no request under way for a while.
async fn network_idle(page: &Page<'_>) -> Result<(), Refusal> {
    loop {
        let quiet = page.session.tabs().log(&page.tab.target).map(|log| log.quiet_since);
        let quiet = quiet.ok_or_else(|| Refusal::missing("the tab was closed meanwhile"))?;
        if quiet.is_some_and(|since| since.elapsed() >= IDLE) {
            return Ok(());
        }
        if Instant::now() + LOOK >= page.deadline {
            return Err(Refusal::late("waiting for the network to be idle"));
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_evaluated_may_be_written_in_several_ways() {
        for (text, expression) in [
            ("document.title", "document.title"),
            ("() => 1", "(() => 1)()"),
            ("async () => { await x; }", "(async () => { await x; })()"),
            ("function() { return 1; }", "(function() { return 1; })()"),
            ("const a = 1; return a;", "(async () => { const a = 1; return a; })()"),
            ("x => x", "(x => x)()"),
            ("(a, [b] = (1)) => { return a; }", "((a, [b] = (1)) => { return a; })()"),
            ("setTimeout(() => 1)", "setTimeout(() => 1)"),
            ("[1].map(x => x)", "[1].map(x => x)"),
            ("const f = () => 1; return f();", "(async () => { const f = () => 1; return f(); })()"),
        ] {
            assert_eq!(as_expression(text), expression);
        }
    }
}
