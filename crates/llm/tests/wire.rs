//! Calls over real connections on the loopback, against a provider that behaves well and badly.
// A helper that fails is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use llm::{
    Api, Completion, ErrorKind, Limits, Model, ModelError, ModelInfo, Price, ProviderConfig, Request, Setup,
    StreamEvent,
};
use model::{Message, SecretString, StopReason};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::fake_model::{FakeModel, Step};
use tokio_util::sync::CancellationToken;

const APIS: [Api; 2] = [Api::OpenAiCompletions, Api::AnthropicMessages];

fn model_at(url: String, api: Api, setup: &Setup) -> Arc<dyn Model> {
    let info = ModelInfo {
        api: "",
        provider: "local".into(),
        id: "m1".into(),
        name: "M1".into(),
        context_window: 8000,
        max_tokens: 1000,
        images: true,
        reasoning: false,
        price: Price { input: 1_000_000.0, ..Price::default() },
    };
    let api_key = Some(SecretString::from("sk-very-secret-key"));
    let provider = ProviderConfig {
        name: "local".into(),
        base_url: url,
        api_key,
        is_token: false,
        api,
        headers: vec![],
    };
    llm::build_with(&provider, info, setup).unwrap()
}

fn user(text: &str) -> Vec<Message> {
    serde_json::from_value(json!([{"role":"user","content":text,"timestamp":0}])).unwrap()
}

async fn ask(model: &dyn Model, messages: &[Message]) -> (Result<Completion, ModelError>, Vec<StreamEvent>) {
    ask_until(model, messages, &CancellationToken::new()).await
}

async fn ask_until(
    model: &dyn Model,
    messages: &[Message],
    cancel: &CancellationToken,
) -> (Result<Completion, ModelError>, Vec<StreamEvent>) {
    let request = Request { system: "Be brief.", messages, tools: &[], max_tokens: None };
    let mut events = Vec::new();
    let result = model.complete(request, &mut |e| events.push(e), cancel).await;
    (result, events)
}

async fn failure(model: &dyn Model) -> ModelError {
    let error = ask(model, &user("hi")).await.0.unwrap_err();
    assert!(error.message.starts_with("local (m1) "), "{error}");
    assert!(!error.message.contains("secret"), "{error}");
    error
}

#[tokio::test]
async fn a_text_and_a_tool_call_come_back_over_both_apis() {
    for api in APIS {
        let fake = FakeModel::start().await;
        let model = model_at(fake.url(), api, &Setup::default());
        let (answer, events) = ask(&*model, &user("hello")).await;
        let message = answer.unwrap().message;
        assert_eq!((message.text(), message.stop_reason), ("echo: hello".into(), StopReason::Stop));
        assert_eq!(
            (message.api.as_str(), message.provider.as_str(), message.model.as_str()),
            (api.as_str(), "local", "m1")
        );
        assert!(message.usage.input > 0 && message.usage.cost > 0.0, "{:?}", message.usage);
        assert!(events.len() > 1, "streamed");

        let mut messages = user("TOOL:ls {\"path\":\"a\"} TOOL:id");
        let call = ask(&*model, &messages).await.0.unwrap().message;
        let names: Vec<_> = call.tool_calls().map(|(_, n, a)| (n.to_owned(), a.clone())).collect();
        assert_eq!(names, [("ls".into(), json!({"path":"a"})), ("id".into(), json!({}))]);
        let results: Vec<Value> = call.tool_calls().map(|(id, name, _)| json!({"role":"toolResult","toolCallId":id,
            "toolName":name,"content":[{"type":"text","text":format!("{name} ok")}],"isError":false,"timestamp":0})).collect();
        messages.push(Message::Assistant(call));
        messages.extend(results.into_iter().map(|r| serde_json::from_value::<Message>(r).unwrap()));
        let told = ask(&*model, &messages).await.0.unwrap().message;
        assert_eq!(told.text(), "tool said: ls ok\nid ok");
        assert_eq!(fake.request_count(), 3);
    }
}

#[tokio::test]
async fn refusals_are_classified_and_carry_the_time_to_wait() {
    let status = |code, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Step::Status(code, headers, body.to_owned())
    };
    let long = "x".repeat(5000);
    let cases = [
        (
            status(429, &[("retry-after", "7")], "slow"),
            ErrorKind::RateLimited,
            "429 Too Many Requests: slow",
            Some(7),
        ),
        (status(500, &[], ""), ErrorKind::Transient, "500", None),
        (
            status(
                529,
                &[],
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ),
            ErrorKind::RateLimited,
            "Overloaded",
            None,
        ),
        (
            status(401, &[], r#"{"error":{"message":"bad key sk-very-secret-key"}}"#),
            ErrorKind::Auth,
            "bad key [key]",
            None,
        ),
        (
            status(400, &[], r#"{"error":{"message":"prompt is too long"}}"#),
            ErrorKind::ContextOverflow,
            "too long",
            None,
        ),
        (
            status(307, &[("location", "http://elsewhere/v1")], ""),
            ErrorKind::NoAnswer,
            "points to http://elsewhere/v1",
            None,
        ),
        (status(400, &[], &long), ErrorKind::Refused, "xxx…; check", None),
        (Step::Garbage, ErrorKind::NoAnswer, "this is no model", None),
        (Step::CutStream(0), ErrorKind::Transient, "cut its answer short", None),
        (Step::CutStream(150), ErrorKind::Transient, "cut its answer short", None),
        (status(200, &[], "<html>login</html>"), ErrorKind::NoAnswer, "login", None),
    ];
    let fake = FakeModel::start().await;
    for api in APIS {
        let model = model_at(fake.url(), api, &Setup::default());
        for (step, kind, said, wait) in &cases {
            fake.script(vec![step.clone()]);
            let error = failure(&*model).await;
            assert_eq!(error.kind, *kind, "{step:?}: {error}");
            assert!(error.message.contains(said), "{step:?}: {error}");
            assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{step:?}");
            assert!(error.message.chars().count() < 700, "{error}");
        }
    }
}

#[tokio::test]
async fn every_cut_of_a_stream_is_retryable_or_a_whole_answer() {
    let fake = FakeModel::start().await;
    for api in APIS {
        let model = model_at(fake.url(), api, &Setup::default());
        for after in (0..1500).step_by(37) {
            fake.script(vec![Step::CutStream(after)]);
            match ask(&*model, &user("hi")).await.0 {
                Ok(done) => assert_eq!(done.message.text(), "echo: hi"),
                Err(error) => assert!(error.kind.is_retryable(), "cut after {after}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_a_transient_failure_that_names_it() {
    let fake = FakeModel::start().await;
    let url = fake.url();
    drop(fake);
    // The port is free once the server has been ended, or still refuses to answer: both are failures to connect.
    let error = failure(&*model_at(url.clone(), Api::OpenAiCompletions, &Setup::default())).await;
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains(&format!("{url}/chat/completions")), "{error}");
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up_after_the_first_byte_limit() {
    let fake = FakeModel::start().await;
    fake.script(vec![Step::Hang]);
    let model = model_at(fake.url(), Api::OpenAiCompletions, &Setup::default());
    let asked = async {
        fake.wait_for_requests(1).await;
        tokio::time::pause();
        tokio::time::advance(Limits::default().first_byte + Duration::from_secs(1)).await;
        tokio::time::resume();
    };
    let (error, ()) = tokio::join!(failure(&*model), asked);
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("within 180 s"), "{error}");
    fake.wait_for_hang_ups(1).await;
}

#[tokio::test]
async fn cancelling_or_dropping_a_call_closes_the_connection() {
    let fake = FakeModel::start().await;
    fake.script(vec![Step::Hang, Step::Hang]);
    let model = model_at(fake.url(), Api::AnthropicMessages, &Setup::default());
    let cancel = CancellationToken::new();
    let messages = user("hi");
    let stop = async {
        fake.wait_for_requests(1).await;
        cancel.cancel();
    };
    let ((result, _), ()) = tokio::join!(ask_until(&*model, &messages, &cancel), stop);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Aborted);
    fake.wait_for_hang_ups(1).await;

    tokio::select! {
        _ = ask(&*model, &messages) => panic!("the fake does not answer"),
        () = fake.wait_for_requests(2) => {}
    }
    fake.wait_for_hang_ups(2).await;
}

#[tokio::test]
async fn an_answer_without_bounds_is_given_up() {
    let fake = FakeModel::start().await;
    let setup = Setup::with_limits(Limits { max_bytes: 1000, ..Limits::default() });
    let model = model_at(fake.url(), Api::OpenAiCompletions, &setup);
    fake.script(vec![Step::Text("word ".repeat(1000))]);
    assert_eq!(failure(&*model).await.kind, ErrorKind::NoAnswer);
}
