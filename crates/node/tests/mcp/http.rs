//! Servers of tools that are reached over HTTP, in both ways.

use crate::support::{Bench, PATIENCE, Peer, payload};
use crate::{call, names, welcome, with};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use futures_util::stream::unfold;
use node::{McpHttp, McpServer, McpTrust, McpWay};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A server of tools, and what it has seen.
#[derive(Clone, Default)]
struct Fake {
    seen: watch::Sender<Vec<Seen>>,
    /// Bumped: older sessions are over.
    session: Arc<Mutex<u32>>,
    tools: Arc<Mutex<Vec<&'static str>>>,
    streams: Arc<Mutex<Vec<mpsc::UnboundedSender<String>>>>,
    /// Answers everything so, where it is set.
    always: Arc<Mutex<Option<Always>>>,
    /// Where things are to be posted in the older way.
    place: Arc<Mutex<String>>,
}

/// Status, where it redirects to, and body.
type Always = (StatusCode, &'static str, String);

#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    message: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Fake {
    /// Starts it on a port of its own; it goes with the runtime. Gives its address.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        *self.tools.lock().unwrap() = vec!["search"];
        *self.place.lock().unwrap() = "/messages?session=1".into();
        format!("http://{address}")
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    fn says(&self, message: &Value) {
        self.streams.lock().unwrap().retain(|stream| stream.send(format!("data: {message}\n\n")).is_ok());
    }

    fn result(&self, message: &Value) -> Option<Value> {
        let tools =
            || self.tools.lock().unwrap().iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        let result = match message["method"].as_str()? {
            "initialize" => json!({"protocolVersion": "2025-03-26", "capabilities": {}, "serverInfo": {}}),
            "tools/list" => json!({"tools": tools()}),
            "tools/call" => {
                json!({"content": [{"type": "text", "text": format!("called {}", message["params"]["name"])}]})
            }
            "ping" => json!({}),
            _ => return None,
        };
        message.get("id").map(|id| json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    /// A stream that stays open; what it says first.
    fn stream(&self, first: Option<String>) -> Response<Body> {
        let (sender, receiver) = mpsc::unbounded_channel();
        first.into_iter().for_each(|first| sender.send(first).unwrap());
        self.streams.lock().unwrap().push(sender);
        let events = unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|event| (Ok::<_, Infallible>(event), receiver))
        });
        let stream = Response::builder().header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
        stream.body(Body::from_stream(events)).unwrap()
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let seen = Seen {
        method: parts.method.clone(),
        path: path.clone(),
        headers: parts.headers,
        message: message.clone(),
    };
    let session = format!("s{}", fake.session.lock().unwrap());
    let is_known = seen.header("mcp-session-id") == session || message["method"] == "initialize";
    fake.seen.send_modify(|all| all.push(seen));
    let plain = |status: StatusCode| Response::builder().status(status).body(Body::empty()).unwrap();
    if let Some((status, location, body)) = fake.always.lock().unwrap().clone() {
        let response = Response::builder().status(status).header(header::LOCATION, location);
        return response.body(Body::from(body)).unwrap();
    }
    match (parts.method, path.as_str()) {
        (Method::GET, "/sse") => {
            let place = fake.place.lock().unwrap().clone();
            fake.stream(Some(format!(": hello\n\nevent: endpoint\ndata: {place}\n\n")))
        }
        (Method::POST, "/messages") => {
            fake.result(&message).iter().for_each(|answer| fake.says(answer));
            plain(StatusCode::ACCEPTED)
        }
        (_, "/mcp") if !is_known => plain(StatusCode::NOT_FOUND),
        (Method::GET, "/mcp") => fake.stream(None),
        (Method::POST, "/mcp") => match fake.result(&message) {
            None => plain(StatusCode::ACCEPTED),
            // One as JSON, the others as events, with news before the answer.
            Some(answer) if message["method"] == "initialize" => Response::builder()
                .header(header::CONTENT_TYPE, "application/json")
                .header("Mcp-Session-Id", session)
                .body(Body::from(answer.to_string()))
                .unwrap(),
            Some(answer) => {
                let news = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}});
                let events = format!("event: message\ndata: {news}\n\nevent: message\ndata: {answer}\n\n");
                let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
                response.body(Body::from(events)).unwrap()
            }
        },
        _ => plain(StatusCode::OK),
    }
}

fn server(name: &str, url: &str, sse: bool) -> McpServer {
    // The program that tests run in has no TLS provider, and needs none.
    client::install_crypto();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    McpServer {
        name: name.into(),
        way: McpWay::Http(McpHttp {
            url: url.parse().unwrap(),
            headers: vec![("Authorization".into(), "Bearer secret".into())],
            sse,
            client: client.build().unwrap(),
            trust: McpTrust::default(),
            sign_in: None,
        }),
        connection_timeout: Duration::from_secs(20),
        request_timeout: None,
        include: Vec::new(),
        exclude: Vec::new(),
    }
}

/// Waits until the fake has seen enough.
async fn until(fake: &Fake, what: &str, is_enough: impl Fn(&[Seen]) -> bool) {
    let mut seen = fake.seen.subscribe();
    let enough = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| is_enough(seen))).await.map(drop);
    assert!(enough.is_ok(), "{what}: {:?}", fake.seen());
}

/// The next result, which is an error, and how many tools were lent last on the way to it.
async fn failed(peer: &mut Peer) -> (String, Option<usize>) {
    let mut lent = None;
    loop {
        let (id, method, params) = peer.request().await;
        peer.answer(&id, json!({"ok": true})).await;
        match method.as_str() {
            "node.invoke.result" => return (params["error"]["code"].as_str().unwrap().to_owned(), lent),
            "node.pluginTools.update" => lent = params["tools"].as_array().map(Vec::len),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_server_over_http_lends_its_tools_tells_of_changes_and_is_greeted_anew_when_its_session_is_over() {
    let (bench, fake) = (Bench::new().await, Fake::default());
    let url = fake.start().await;
    let servers = vec![server("api", &format!("{url}/mcp"), false)];
    bench
        .during_with(with(&bench, servers), async {
            let mut peer = welcome(&bench).await;
            assert_eq!(names(&mut peer, 1).await, ["api_search"]);
            call(&mut peer, "c1", "api", "search").await;
            assert_eq!(payload(&mut peer).await["content"][0]["text"], "called \"search\"");

            until(&fake, "a stream for news", |seen| seen.iter().any(|s| s.method == Method::GET)).await;
            fake.tools.lock().unwrap().push("look");
            fake.says(&json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
            assert_eq!(names(&mut peer, 2).await, ["api_look", "api_search"]);

            for seen in fake.seen() {
                assert_eq!(seen.header("authorization"), "Bearer secret", "{seen:?}");
                let agreed = (seen.header("mcp-session-id"), seen.header("mcp-protocol-version"));
                let first = seen.message["method"] == "initialize";
                assert_eq!(agreed, if first { ("", "") } else { ("s0", "2025-03-26") }, "{seen:?}");
            }

            // The call that finds the session over fails and is not made again.
            *fake.session.lock().unwrap() = 1;
            call(&mut peer, "c2", "api", "search").await;
            let (code, lent) = failed(&mut peer).await;
            assert_eq!(code, "MCP_SERVER_UNAVAILABLE");
            if lent != Some(2) {
                assert_eq!(names(&mut peer, 2).await, ["api_look", "api_search"]);
            }
            call(&mut peer, "c3", "api", "search").await;
            assert_eq!(payload(&mut peer).await["content"][0]["text"], "called \"search\"");
            let calls = |id: &str| {
                let is = |s: &Seen| s.message["method"] == "tools/call" && s.header("mcp-session-id") == id;
                fake.seen().iter().filter(|s| is(s)).count()
            };
            assert_eq!((calls("s0"), calls("s1")), (2, 1));
        })
        .await;
    let last = fake.seen().pop().unwrap();
    assert_eq!(
        (last.method.clone(), last.header("mcp-session-id")),
        (Method::DELETE, "s1"),
        "it is told of the end"
    );
}

#[tokio::test]
async fn a_server_in_the_older_way_answers_on_its_stream() {
    let (bench, fake) = (Bench::new().await, Fake::default());
    let url = fake.start().await;
    bench
        .during_with(with(&bench, vec![server("old", &format!("{url}/sse"), true)]), async {
            let mut peer = welcome(&bench).await;
            assert_eq!(names(&mut peer, 1).await, ["old_search"]);
            call(&mut peer, "c1", "old", "search").await;
            assert_eq!(payload(&mut peer).await["content"][0]["text"], "called \"search\"");
            // Its stream ends: so does what it lends, until it is there again.
            fake.streams.lock().unwrap().clear();
            assert_eq!(names(&mut peer, 0).await, [""; 0]);
            assert_eq!(names(&mut peer, 1).await, ["old_search"]);
        })
        .await;
    assert!(fake.seen().iter().all(|seen| seen.header("authorization") == "Bearer secret"));
}

#[tokio::test]
async fn a_server_leads_nobody_to_another_host_and_its_refusal_is_no_end() {
    let (bench, other) = (Bench::new().await, Fake::default());
    let elsewhere = other.start().await;
    let (redirects, names_another, refuses) = (Fake::default(), Fake::default(), Fake::default());
    let (a, b, c) = (redirects.start().await, names_another.start().await, refuses.start().await);
    let target = format!("{elsewhere}/mcp");
    *redirects.always.lock().unwrap() =
        Some((StatusCode::TEMPORARY_REDIRECT, Box::leak(target.into_boxed_str()), String::new()));
    *names_another.place.lock().unwrap() = format!("{elsewhere}/messages");
    *refuses.always.lock().unwrap() = Some((StatusCode::UNAUTHORIZED, "", "no token".into()));
    let servers = vec![
        server("a", &format!("{a}/mcp"), false),
        server("b", &format!("{b}/sse"), true),
        server("c", &format!("{c}/mcp"), false),
    ];
    bench
        .during_with(with(&bench, servers), async {
            let mut peer = welcome(&bench).await;
            call(&mut peer, "c1", "a", "search").await;
            assert_eq!(failed(&mut peer).await.0, "MCP_SERVER_UNAVAILABLE");
            for fake in [&redirects, &names_another, &refuses] {
                until(fake, "it is tried again", |seen| seen.len() > 1).await;
            }
            // It comes to its senses.
            *refuses.always.lock().unwrap() = None;
            assert_eq!(names(&mut peer, 1).await, ["c_search"]);
        })
        .await;
    assert!(other.seen().is_empty(), "{:?}", other.seen());
    assert!(names_another.seen().iter().all(|seen| seen.path == "/sse"));
}
