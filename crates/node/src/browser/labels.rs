//! Names of elements drawn over a page for the moment of a picture: those that its last snapshot gave.

use super::error::Refusal;
use super::page::Page;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Names in one picture; more would hide it.
const MAX_LABELS: usize = 150;
/// What is drawn goes by itself after this time, in ms, should nobody be there any more to take it away.
const GOES_AFTER: u32 = 10_000;

/// A part of a page, in pixels of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Area {
    fn of(value: &Value) -> Self {
        let side = |name: &str| value[name].as_f64().unwrap_or_default();
        Self { x: side("x"), y: side("y"), width: side("width"), height: side("height") }
    }

    /// The smallest that holds the corners of a quadrangle: x and y of each.
    fn around(quad: &Value) -> Option<Self> {
        let corners: Vec<f64> = quad.as_array()?.iter().filter_map(Value::as_f64).collect();
        let of = |from: usize| corners.iter().skip(from).step_by(2).copied();
        let least = |from| of(from).fold(f64::INFINITY, f64::min);
        let most = |from| of(from).fold(f64::NEG_INFINITY, f64::max);
        let area = Self { x: least(0), y: least(1), width: most(0) - least(0), height: most(1) - least(1) };
        (area.width >= 1.0 && area.height >= 1.0).then_some(area)
    }

    fn moved(self, x: f64, y: f64) -> Self {
        Self { x: self.x + x, y: self.y + y, ..self }
    }

    fn touches(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    fn scaled(self, by: f64) -> Value {
        let round = |side: f64| (side * by).round();
        json!({"x": round(self.x), "y": round(self.y), "width": round(self.width), "height": round(self.height)})
    }
}

/// Draws them: what is told of it. `clip`: the part of the page that the picture shows, where that is not what is seen of it.
pub(super) async fn draw(page: &Page<'_>, clip: Option<&Value>) -> Result<Value, Refusal> {
    let seen = "({x: scrollX, y: scrollY, width: innerWidth, height: innerHeight, scale: devicePixelRatio})";
    let seen = page.evaluate(seen).await?;
    let scale = seen["scale"].as_f64().filter(|scale| *scale > 0.0).unwrap_or(1.0);
    let seen = Area::of(&seen);
    let shown = clip.map_or(seen, Area::of);
    let (mut boxes, mut annotations, mut skipped) = (Vec::new(), Vec::new(), 0);
    let (refs, about) = match page.session.tabs().by_target(&page.tab.target) {
        Some(tab) => (tab.refs.clone(), tab.about.clone()),
        None => Default::default(),
    };
    for (name, element) in in_order(refs) {
        let place = if boxes.len() < MAX_LABELS { place_of(page, element).await? } else { None };
        let place = place.map(|place| place.moved(seen.x, seen.y)).filter(|place| place.touches(shown));
        let Some(place) = place else {
            skipped += 1;
            continue;
        };
        boxes.push(json!([name, place.x, place.y, place.width, place.height]));
        annotations.push(annotation(
            &about,
            &name,
            boxes.len(),
            place.moved(-shown.x, -shown.y).scaled(scale),
        ));
    }
    page.evaluate(&drawing(&boxes)).await?;
    Ok(
        json!({"labels": true, "labelsCount": boxes.len(), "labelsSkipped": skipped, "annotations": annotations}),
    )
}

/// Takes them away again.
pub(super) async fn clear(page: &Page<'_>) -> Result<(), Refusal> {
    page.evaluate("document.querySelectorAll('[data-openclaw-labels]').forEach(e => e.remove())").await?;
    Ok(())
}

/// The elements of the last snapshot, by number.
fn in_order(refs: HashMap<String, i64>) -> Vec<(String, i64)> {
    let mut all: Vec<(String, i64)> = refs.into_iter().collect();
    let number = |name: &str| name.trim_start_matches(char::is_alphabetic).parse().unwrap_or(usize::MAX);
    all.sort_by_key(|(name, _)| number(name));
    all
}

/// Where an element is, of what is seen. `None`: it has no size, or is not there any more.
async fn place_of(page: &Page<'_>, element: i64) -> Result<Option<Area>, Refusal> {
    match page.call("DOM.getBoxModel", json!({"backendNodeId": element})).await {
        Ok(found) => Ok(Area::around(&found["model"]["border"])),
        // What it says of one that is not shown.
        Err(refusal) if refusal.status == 500 => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn annotation(about: &Map<String, Value>, name: &str, number: usize, place: Value) -> Value {
    let mut out = json!({"ref": name, "number": number, "box": place});
    let about = about.get(name);
    for key in ["role", "name"] {
        if let Some(text) = about.and_then(|about| about[key].as_str()).filter(|text| !text.is_empty()) {
            out[key] = json!(text);
        }
    }
    out
}

/// What draws boxes with their names, above everything and in nobody's way.
fn drawing(boxes: &[Value]) -> String {
    const DRAW: &str = "((boxes, goesAfter) => { \
        const host = document.createElement('div'); host.setAttribute('data-openclaw-labels', ''); \
        const put = (e, style) => { for (const [k, v] of Object.entries(style)) e.style.setProperty(k, v, 'important'); return e; }; \
        put(host, {all: 'initial', position: 'absolute', left: '0', top: '0', width: '0', height: '0', 'z-index': '2147483647', 'pointer-events': 'none'}); \
        const root = host.attachShadow({mode: 'closed'}); document.documentElement.appendChild(host); \
        const at = host.getBoundingClientRect(); const [dx, dy] = [at.left + scrollX, at.top + scrollY]; \
        for (const [name, x, y, w, h] of boxes) { \
          root.appendChild(put(document.createElement('div'), {position: 'absolute', 'box-sizing': 'border-box', border: '2px solid #ff4500', \
            left: (x - dx) + 'px', top: (y - dy) + 'px', width: w + 'px', height: h + 'px'})); \
          const tag = put(document.createElement('div'), {position: 'absolute', left: (x - dx) + 'px', top: (Math.max(0, y - 14) - dy) + 'px', \
            font: '11px/14px monospace', color: '#fff', background: '#ff4500', padding: '0 2px', 'white-space': 'nowrap'}); \
          tag.textContent = name; root.appendChild(tag); } \
        setTimeout(() => host.remove(), goesAfter); })";
    format!("{DRAW}({}, {GOES_AFTER})", json!(boxes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_smallest_area_around_its_corners_and_nothing_without_a_size() {
        let area = Area::around(&json!([10, 20, 30, 22, 28, 40, 8, 38])).unwrap();
        assert_eq!(area, Area { x: 8.0, y: 20.0, width: 22.0, height: 20.0 });
        assert_eq!(
            area.moved(2.0, -20.0).scaled(2.0),
            json!({"x": 20.0, "y": 0.0, "width": 44.0, "height": 40.0})
        );
        assert_eq!(Area::around(&json!([1, 1, 1, 1, 1, 5, 1, 5])), None);
        assert_eq!(Area::around(&json!([])), None);
        let beside = Area { x: 30.0, ..area };
        assert!(area.touches(area) && !area.touches(beside) && !beside.touches(area));
    }
}
