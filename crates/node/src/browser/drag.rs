//! `drag`: an element is taken with the mouse and let go over another one. Where the page makes a drag of its own of that
//! (`draggable`, `dragstart`), what is dragged is carried by the browser's protocol instead of by the mouse.

use super::act::{middle, mouse};
use super::error::Refusal;
use super::page::Page;
use serde_json::{Value, json};

/// How far the mouse goes before that counts as dragging.
const SLACK: f64 = 8.0;
/// Into how many parts the rest of the way is cut: pages follow the mouse.
const STEPS: u32 = 8;

/// Drags one element onto another.
pub(super) async fn drag(page: &Page<'_>, from: i64, to: i64) -> Result<(), Refusal> {
    let start = middle(page, from).await?;
    page.call("Input.setInterceptDrags", json!({"enabled": true})).await?;
    page.with_tab(|tab| tab.dragged = None);
    let dragged = carry(page, start, to).await;
    // Whatever became of it, the mouse is the page's again.
    let reset = page.call("Input.setInterceptDrags", json!({"enabled": false})).await;
    dragged.and(reset.map(|_| ()))
}

async fn carry(page: &Page<'_>, start: (f64, f64), to: i64) -> Result<(), Refusal> {
    // Under a name that the page cannot know.
    let seen = format!("drag_{}", model::new_id().replace('-', ""));
    page.evaluate(&format!(
        "void addEventListener('dragstart', e => window.{seen} = e, {{capture: true, once: true}})"
    ))
    .await?;
    let held = || json!({"button": "left", "buttons": 1});
    mouse(page, "mouseMoved", start, json!({})).await?;
    mouse(page, "mousePressed", start, json!({"button": "left", "buttons": 1, "clickCount": 1})).await?;
    // Where it is to go is looked up now: what was picked up may have moved the rest.
    let end = middle(page, to).await?;
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = dx.hypot(dy).max(1.0);
    let first = (start.0 + dx / length * SLACK.min(length), start.1 + dy / length * SLACK.min(length));
    mouse(page, "mouseMoved", first, held()).await?;
    let took = format!(
        "(() => {{ const e = window.{seen}; delete window.{seen}; return !!e && !e.defaultPrevented; }})()"
    );
    if page.evaluate(&took).await? == json!(true) {
        let target = &page.tab.target;
        let data = page
            .session
            .wait("what is dragged", page.deadline, |tabs| tabs.by_target(target)?.dragged.take());
        let data = data.await?;
        for kind in ["dragEnter", "dragOver", "drop"] {
            over(page, kind, end, &data).await?;
        }
    } else {
        for step in 1..=STEPS {
            let part = f64::from(step) / f64::from(STEPS);
            let at = (first.0 + (end.0 - first.0) * part, first.1 + (end.1 - first.1) * part);
            mouse(page, "mouseMoved", at, held()).await?;
        }
    }
    mouse(page, "mouseReleased", end, json!({"button": "left", "clickCount": 1})).await
}

async fn over(page: &Page<'_>, kind: &str, (x, y): (f64, f64), data: &Value) -> Result<(), Refusal> {
    let params = json!({"type": kind, "x": x, "y": y, "data": data});
    page.call("Input.dispatchDragEvent", params).await.map(|_| ())
}
