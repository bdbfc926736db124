//! Fetches from real servers on loopback, which the policy of these tests allows.

use super::*;
use crate::BoxFuture;
use crate::fakes::{Bench, text};
use serde_json::json;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const OPEN: EgressPolicy = EgressPolicy { allow_private: true };

/// A server that answers requests for paths; its tasks end with it.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// `answer` gives the raw answer to a request head.
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                log.lock().unwrap().push(head.clone());
                // The client may hang up when it has enough.
                let _ = stream.write_all(&answer(&head)).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, seen, _tasks: tasks }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn page(kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

struct Script(Mutex<VecDeque<IpAddr>>);

impl Resolver for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move { Ok(next.into_iter().collect()) })
    }
}

fn script(addresses: &[&str]) -> Arc<Script> {
    Arc::new(Script(Mutex::new(addresses.iter().map(|a| a.parse().unwrap()).collect())))
}

#[tokio::test]
async fn a_page_is_fetched_without_credentials() {
    let server = Server::start(|_| page("text/plain", "hello")).await;
    let fetched = Egress::new(OPEN).fetch(&server.url("/a#b")).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_str(), fetched.truncated), (200, "hello", false));
    assert_eq!(fetched.url, server.url("/a"));
    let head = server.seen.lock().unwrap()[0].to_lowercase();
    assert!(
        head.starts_with("get /a http/1.1") && !head.contains("cookie") && !head.contains("authorization"),
        "{head}"
    );
}

#[tokio::test]
async fn loopback_is_not_reached_without_leave() {
    let server = Server::start(|_| page("text/plain", "secret")).await;
    let strict = Egress::new(EgressPolicy::default());
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "localhost", "localhost.", "[::ffff:127.0.0.1]"]
    {
        let error = strict.fetch(&format!("http://{host}:{}/", server.port)).await.unwrap_err();
        assert!(matches!(error, EgressError::Address { .. }), "{host}: {error}");
    }
    // A public name with a private address, too.
    let named = Egress::with_resolver(EgressPolicy::default(), script(&["127.0.0.1"]));
    let error = named.fetch(&format!("http://example.com:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, EgressError::Address { .. }), "{error}");
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn redirects_are_followed_and_each_is_checked() {
    let server = Server::start(|head| match head.split(' ').nth(1).unwrap() {
        "/one" => redirect("/two"),
        "/two" => page("text/plain", "there"),
        "/metadata" => redirect("http://169.254.169.254/latest/meta-data"),
        "/file" => redirect("file:///etc/passwd"),
        "/user" => redirect("http://u:p@127.0.0.1/"),
        _ => redirect("/loop"),
    })
    .await;
    let egress = Egress::new(OPEN);
    let fetched = egress.fetch(&server.url("/one")).await.unwrap();
    assert_eq!((fetched.body.as_str(), fetched.url), ("there", server.url("/two")));
    let to = async |path| egress.fetch(&server.url(path)).await.unwrap_err();
    assert!(matches!(to("/metadata").await, EgressError::Address { .. }));
    assert!(matches!(to("/file").await, EgressError::Url { .. }));
    assert!(matches!(to("/user").await, EgressError::Url { .. }));
    let before = server.seen();
    assert!(matches!(to("/loop").await, EgressError::Redirects { limit: 5, .. }));
    assert_eq!(server.seen() - before, 6);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_again() {
    let server = Server::start(|_| redirect("/again")).await;
    let rebinding = Egress::with_resolver(OPEN, script(&["127.0.0.1", "169.254.169.254"]));
    let error = rebinding.fetch(&format!("http://rebind.example:{}/", server.port)).await.unwrap_err();
    assert_eq!(
        error,
        EgressError::Address { host: "rebind.example".into(), reason: "it is a link-local address" }
    );
    assert_eq!(server.seen(), 1);
}

#[tokio::test]
async fn too_long_answers_are_cut_and_what_is_no_text_is_refused() {
    let server = Server::start(|head| match head.split(' ').nth(1).unwrap() {
        "/long" => page("text/plain", &"x".repeat(3_000_000)),
        "/nul" => page("text/plain", "a\0b"),
        _ => page("image/png", "png"),
    })
    .await;
    let egress = Egress::new(OPEN);
    let long = egress.fetch(&server.url("/long")).await.unwrap();
    assert_eq!((long.body.len(), long.truncated), (2_000_000, true));
    for path in ["/nul", "/image"] {
        let error = egress.fetch(&server.url(path)).await.unwrap_err();
        assert!(matches!(error, EgressError::NotText { .. }), "{error}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_told() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let egress = Egress::new(OPEN);
    let error = egress.fetch(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable { .. }), "{error}");
    let nameless = Egress::with_resolver(OPEN, script(&[]));
    let error = nameless.fetch("http://nobody.example/").await.unwrap_err();
    assert!(matches!(error, EgressError::Lookup { .. }), "{error}");
}

#[tokio::test]
async fn the_tool_gives_a_page_as_marked_text() {
    let server = Server::start(|head| match head.split(' ').nth(1).unwrap() {
        "/gone" => {
            b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngone".to_vec()
        }
        _ => page("text/html", "<title>T</title><h1>Hi</h1><script>x()</script><p>a <a href='/b'>link</a>"),
    })
    .await;
    let bench = Bench::new();
    let out = bench.call("web_fetch", json!({"url": server.url("/")})).await;
    let read = text(&out);
    assert!(!out.is_error && read.contains("untrusted data"), "{read}");
    assert!(read.contains(&format!("Title: T\n# Hi\n\na [link]({})\n<<<end ", server.url("/b"))), "{read}");
    let gone = bench.call("web_fetch", json!({"url": server.url("/gone")})).await;
    assert!(gone.is_error && text(&gone).contains("answered 404") && text(&gone).contains("\ngone\n"));
    let short = text(&bench.call("web_fetch", json!({"url": server.url("/"), "maxChars": 1})).await);
    assert!(!short.contains("left out"), "100 characters at least are given: {short}");
    let bad = bench.call("web_fetch", json!({"url": "http://169.254.169.254/"})).await;
    assert!(bad.is_error && text(&bad).contains("link-local"), "{bad:?}");
}
