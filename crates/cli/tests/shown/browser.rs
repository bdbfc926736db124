//! A browser on a node, driven by hand: Debian's Chromium and a page of the test's own.

use crate::book::Scene;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// The node's configuration: as root a browser has no sandbox of its own, and this computer's addresses are for none.
pub(crate) const CONFIG: &str = r#"{ browser: { executablePath: "/usr/bin/chromium", headless: true, noSandbox: true,
    ssrfPolicy: { allowedHostnames: ["127.0.0.1"] } } }"#;

const PAGE: &str = r#"<!doctype html><title>Shop</title><main><h1>Shop</h1><label>Name <input id=n></label>
<select aria-label=Colour><option>Red</option><option>Green</option></select>
<button onclick="out.textContent = 'ordered for ' + n.value">Order</button><button onclick="out.textContent = confirm('Sure?')">Ask</button>
<button draggable=true ondragstart="event.dataTransfer.setData('text/plain', 'x')">Goods</button><button ondragover="event.preventDefault()" ondrop="event.preventDefault()">Basket</button>
<input type=file aria-label=File><a href="/report.txt" download>Report</a><p id=out></p></main>
<script>console.warn('no stock'); setTimeout(() => { throw new Error('no price'); }); setInterval(() => fetch('/price'), 200);</script>"#;

/// Serves the page until the test ends; gives its address.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { continue };
            std::thread::spawn(move || {
                let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                let (kind, body) = match first.split(' ').nth(1) {
                    Some("/") => ("text/html", PAGE),
                    Some("/price") => ("text/plain", "12 for two"),
                    Some("/report.txt") => ("application/octet-stream", "all sold"),
                    _ => ("text/plain", ""),
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // A browser that does not want it any more is none of the site's business.
                let _ = socket.write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    url
}

/// What an element is called in the last snapshot.
fn named(scene: &Scene, role: &str, name: &str) -> String {
    let shot = scene.json(&["browser", "snapshot", "--target-id", "shop"]);
    let refs = shot["refs"].as_object().unwrap();
    let found = refs.iter().find(|(_, entry)| entry["role"] == role && entry["name"] == name);
    found.unwrap_or_else(|| panic!("{role} {name}: {shot}")).0.clone()
}

pub(crate) fn run(scene: &Scene) {
    let url = &format!("{}/", site());
    scene.shows(&["browser", "profiles"]);
    scene.shows(&["browser", "tabs"]);
    scene.shows(&["browser", "start"]);
    scene.shows(&["browser", "status"]);
    tabs(scene, url);
    let pages = |args: &[&str]| scene.shows(&[&["browser"], args].concat());
    pages(&["snapshot"]);
    pages(&["trace", "start", "--no-screenshots"]);
    pages(&["trace", "start"]);
    let of = |role: &str, name: &str| named(scene, role, name);
    let (name, order) = (of("textbox", "Name"), of("button", "Order"));
    pages(&["type", &name, "Ada"]);
    pages(&["select", &of("combobox", "Colour"), "Green"]);
    pages(&["fill", "--fields", &format!(r#"[{{"ref":"{name}","value":"Grace"}}]"#)]);
    pages(&["hover", &order]);
    pages(&["scrollintoview", &order]);
    pages(&["highlight", &order]);
    pages(&["click", &order]);
    pages(&["click", "e99"]);
    pages(&["click-coords", "1", "1"]);
    pages(&["press", "Tab"]);
    pages(&["wait", "--text", "ordered for Grace"]);
    pages(&["evaluate", "--fn", "document.title"]);
    pages(&["drag", &of("button", "Goods"), &of("button", "Basket")]);
    pages(&["batch", "--actions", r#"[{"kind":"press","key":"Tab"},{"kind":"click","ref":"e99"}]"#]);
    pages(&["click", &of("button", "Ask")]);
    pages(&["dialog", "--accept"]);
    std::fs::write(scene.home.path().join("list.txt"), "bread").unwrap();
    pages(&["upload", "list.txt", "--element", "input[type=file]"]);
    pages(&["download", &of("link", "Report"), "sold.txt"]);
    let later = "void setTimeout(() => document.querySelector('a').click(), 300)";
    scene.json(&["browser", "evaluate", "--fn", later]);
    pages(&["waitfordownload"]);
    pages(&["screenshot", "--element", "h1"]);
    pages(&["pdf"]);
    pages(&["trace", "stop", "--out", "shop.json.gz"]);
    told(scene, url);
    pages(&["close", "shop"]);
    pages(&["doctor"]);
    pages(&["stop"]);
}

fn tabs(scene: &Scene, url: &str) {
    let pages = |args: &[&str]| scene.shows(&[&["browser"], args].concat());
    pages(&["open", url, "--label", "shop"]);
    pages(&["open", "http://127.0.0.2/"]);
    pages(&["tab", "new", "--label", "empty"]);
    pages(&["tab", "label", "empty", "blank"]);
    pages(&["tab", "select", "2"]);
    pages(&["tab", "close", "1"]);
    pages(&["tabs"]);
    pages(&["focus", "shop"]);
    pages(&["navigate", url, "--target-id", "shop"]);
}

/// What pages tell, and are told.
fn told(scene: &Scene, url: &str) {
    let pages = |args: &[&str]| scene.shows(&[&["browser"], args].concat());
    pages(&["console", "--level", "warn"]);
    pages(&["errors"]);
    pages(&["requests", "--filter", "document"]);
    pages(&["responsebody", "**/price"]);
    pages(&["cookies", "set", "basket", "full", "--url", url]);
    scene.json(&["browser", "cookies"]);
    pages(&["cookies", "clear"]);
    for kind in ["local", "session"] {
        pages(&["storage", kind, "set", "theme", "dark"]);
        pages(&["storage", kind, "get"]);
        pages(&["storage", kind, "clear"]);
    }
    pages(&["resize", "800", "600"]);
    pages(&["set", "viewport", "1280", "720"]);
    pages(&["set", "offline", "off"]);
    pages(&["set", "headers", r#"{"x-test":"1"}"#]);
    pages(&["set", "credentials", "--clear"]);
    pages(&["set", "geo", "51.5", "-0.12"]);
    pages(&["set", "media", "dark"]);
    pages(&["set", "timezone", "Europe/London"]);
    pages(&["set", "locale", "en-GB"]);
    pages(&["set", "device", "iPhone 14"]);
}
