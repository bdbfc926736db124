//! Calls against a bare socket, where the test decides every byte.
// A helper that fails is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use llm::{Api, ErrorKind, Limits, Model, ModelInfo, Price, ProviderConfig, Request, Setup, StreamEvent};
use model::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn model_at(url: &str, api: Api) -> Arc<dyn Model> {
    let info = ModelInfo {
        api: "",
        provider: "local".into(),
        id: "m1".into(),
        name: "M1".into(),
        context_window: 8000,
        max_tokens: 1000,
        images: false,
        reasoning: false,
        price: Price::default(),
    };
    let headers = vec![("X-Team".to_owned(), "blue".to_owned())];
    let api_key = Some(SecretString::from(" sk-key-1234 \n"));
    let provider =
        ProviderConfig { name: "local".into(), base_url: url.into(), api_key, is_token: false, api, headers };
    llm::build_with(&provider, info, &Setup::default()).unwrap()
}

/// Accepts one request and reads it whole; gives its head in lower case.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0u8; 4096];
        let n = socket.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap_or(0);
        if body.len() >= length {
            return (socket, head.to_owned());
        }
    }
}

const NO_MESSAGES: Request<'static> = Request { system: "s", messages: &[], tools: &[], max_tokens: None };

#[tokio::test]
async fn the_key_and_the_headers_are_sent_as_each_api_wants_them() {
    for (api, path, key) in [
        (Api::OpenAiCompletions, "post /v1/chat/completions ", "authorization: bearer sk-key-1234"),
        (Api::AnthropicMessages, "post /v1/messages ", "x-api-key: sk-key-1234"),
    ] {
        let (listener, url) = listen().await;
        let model = model_at(&format!("{url}/v1"), api);
        let cancel = CancellationToken::new();
        let mut sink = |_| {};
        let call = model.complete(NO_MESSAGES, &mut sink, &cancel);
        let serve = async {
            let (mut socket, head) = accept(&listener).await;
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            head
        };
        let (result, head) = tokio::join!(call, serve);
        assert_eq!(result.unwrap_err().kind, ErrorKind::Transient, "an empty answer");
        assert!(head.starts_with(path), "{head}");
        let lines: Vec<&str> = head.lines().collect();
        assert!(lines.contains(&key) && lines.contains(&"x-team: blue"), "{head}");
        assert_eq!(lines.contains(&"anthropic-version: 2023-06-01"), api == Api::AnthropicMessages);
    }
}

#[tokio::test]
async fn a_stream_that_stands_still_is_given_up_with_what_it_brought_so_far() {
    let (listener, url) = listen().await;
    let model = model_at(&url, Api::OpenAiCompletions);
    let cancel = CancellationToken::new();
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    let mut sink = move |event| heard.send(event).unwrap();
    let serve = async {
        let (mut socket, _) = accept(&listener).await;
        let event = "data: {\"choices\":[{\"delta\":{\"content\":\"Hal\"}}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        socket.write_all(format!("{head}{event}").as_bytes()).await.unwrap();
        assert_eq!(hearing.recv().await, Some(StreamEvent::Text("Hal".into())));
        tokio::time::pause();
        tokio::time::advance(Limits::default().idle + Duration::from_secs(1)).await;
        tokio::time::resume();
        // The caller hangs up: the end of the stream, or a reset.
        assert_eq!(socket.read(&mut [0u8; 16]).await.unwrap_or(0), 0);
    };
    let call = async { model.complete(NO_MESSAGES, &mut sink, &cancel).await };
    let (result, ()) = tokio::join!(call, serve);
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("stood still"), "{error}");
}

#[tokio::test]
async fn a_complete_answer_counts_although_the_connection_breaks_behind_it() {
    let (listener, url) = listen().await;
    let model = model_at(&url, Api::OpenAiCompletions);
    let cancel = CancellationToken::new();
    let mut sink = |_| {};
    let serve = async {
        let (mut socket, _) = accept(&listener).await;
        let event = "data: {\"choices\":[{\"delta\":{\"content\":\"All\"},\"finish_reason\":\"stop\"}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
        socket.write_all(format!("{head}{event}").as_bytes()).await.unwrap();
    };
    let (result, ()) = tokio::join!(model.complete(NO_MESSAGES, &mut sink, &cancel), serve);
    assert_eq!(result.unwrap().message.text(), "All");
}

#[tokio::test]
async fn an_ollama_is_found_with_its_models_and_silence_is_none() {
    let (listener, url) = listen().await;
    let serve = async {
        let (mut socket, head) = accept(&listener).await;
        assert!(head.starts_with("get /api/tags "), "{head}");
        let body = r#"{"models":[{"name":"qwen3:8b"},{"name":"llama3.2"}]}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(answer.as_bytes()).await.unwrap();
    };
    let base = format!("{url}/v1");
    let (found, ()) = tokio::join!(llm::detect_ollama(&base), serve);
    assert_eq!(found, Some(vec!["qwen3:8b".to_owned(), "llama3.2".to_owned()]));
    assert_eq!(llm::detect_ollama("no url").await, None);
    // This one accepts and says nothing.
    assert_eq!(llm::detect_ollama(&base).await, None);
}
