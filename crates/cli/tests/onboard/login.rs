//! `openclaw models auth login` at a provider of the test's own that lets any program sign in, as OpenRouter does.

use crate::live::Program;
use crate::support::Home;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// One request with its body, answered with a status and JSON.
fn answer_once(listener: TcpListener, status: &'static str, answer: Value) -> JoinHandle<(String, Value)> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let body = loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the request ends too early");
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap() {
                break serde_json::from_str(body).unwrap();
            }
        };
        let line = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
        let answer = answer.to_string();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        )
        .unwrap();
        (line, body)
    })
}

fn provider() -> (TcpListener, Home) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let home = Home::with_config(&format!(
        "{{ models: {{ providers: {{ openrouter: {{ baseUrl: '{url}' }} }} }} }}"
    ));
    (listener, home)
}

/// What a page's address says under a name, unescaped as far as these are.
fn said(page: &str, name: &str) -> String {
    let query = page.split_once('?').unwrap().1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap();
    value.replace("%3A", ":").replace("%2F", "/")
}

/// What the browser gets that is led back.
fn led_back(callback: &str, path: &str) -> String {
    let place = callback.trim_start_matches("http://localhost:").trim_end_matches('/');
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, place.parse().unwrap())).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn begin(home: &Home) -> (Program, String) {
    let login =
        Program::start("login", home.command(&["models", "auth", "login", "--provider", "openrouter"]));
    let page =
        login.wait_for("the page", |line| line.trim().starts_with("http://").then(|| line.trim().to_owned()));
    (login, page)
}

#[test]
fn a_key_is_had_for_the_code_that_the_page_gives_and_for_what_only_this_run_knows() {
    let (listener, home) = provider();
    let (login, page) = begin(&home);
    let origin = format!("http://{}/auth?", listener.local_addr().unwrap());
    assert!(page.starts_with(&origin), "{page}");
    assert_eq!(said(&page, "code_challenge_method"), "S256");
    let exchange = answer_once(listener, "200 OK", json!({"key": "sk-or-hunter2"}));
    let callback = said(&page, "callback_url");
    assert!(led_back(&callback, "/favicon.ico").starts_with("HTTP/1.1 404"));
    assert!(led_back(&callback, "/?code=abc-1").starts_with("HTTP/1.1 200"));
    let (line, body) = exchange.join().unwrap();
    assert_eq!((line.as_str(), &body["code"]), ("POST /api/v1/auth/keys HTTP/1.1", &json!("abc-1")));
    let verifier = body["code_verifier"].as_str().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())), said(&page, "code_challenge"));
    login.wait_for_text("openrouter:default is kept", 0);
    let shown = login.lines().join("\n");
    assert_eq!(login.ended(), Some(0), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains(verifier), "{shown}");
    let file = std::fs::read_to_string(home.state().join("agents/main/auth-profiles.json")).unwrap();
    let kept: Value = serde_json::from_str(&file).unwrap();
    let key = json!({"type": "api_key", "provider": "openrouter", "key": "sk-or-hunter2"});
    assert_eq!(kept["profiles"]["openrouter:default"], key);
}

#[test]
fn a_code_that_the_provider_refuses_keeps_nothing() {
    let (listener, home) = provider();
    let (login, page) = begin(&home);
    let exchange = answer_once(listener, "403 Forbidden", json!({"error": {"message": "Invalid code"}}));
    led_back(&said(&page, "callback_url"), "/?code=stale");
    exchange.join().unwrap();
    login.wait_for_text("answered 403 Forbidden: Invalid code", 0);
    assert_eq!(login.ended(), Some(1));
    assert!(!home.state().join("agents").exists());
}
