//! `openclaw models status --probe`: which keys work.

use crate::world::World;
use serde_json::{Value, json};
use testkit::fake_model::Step;

fn results(status: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = status["auth"]["probes"]["results"].as_array().unwrap_or_else(|| panic!("{status}"));
    all.iter().map(|result| (text(&result["label"]), text(&result["status"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_is_asked_with_once_and_what_came_of_it_is_told() {
    let world = World::start().await;
    let well = world.json(&["models", "status", "--probe", "--probe-max-tokens", "3"]);
    assert_eq!(results(&well), [("local (configuration)".to_owned(), "ok".to_owned())]);
    let probes = &well["auth"]["probes"];
    assert_eq!((&probes["totalTargets"], &probes["options"]["maxTokens"]), (&json!(1), &json!(3)));
    assert_eq!(
        (&probes["results"][0]["model"], &probes["results"][0]["source"]),
        (&json!("local/some-model"), &json!("models.json"))
    );
    let asked = world.model.requests();
    assert!(asked.len() == 1 && asked[0].to_string().contains(":3"), "{asked:?}");

    let answer = json!({"error": {"message": "no such key"}}).to_string();
    world.model.script(vec![Step::Status(401, vec![], answer)]);
    let ill = world.run(&["models", "status", "--probe"]);
    assert!(
        ill.code == 0 && ill.out.contains("no: auth") && ill.out.contains("no such key"),
        "{}{}",
        ill.out,
        ill.err
    );
    world.model.script(vec![Step::Hang]);
    let late = world.json(&["models", "status", "--probe", "--probe-timeout", "50"]);
    assert_eq!(results(&late)[0].1, "timeout");
    assert_eq!(world.model.request_count(), 3, "nobody is asked again");
    let rests = world.json(&["models", "status"])["providers"][0].to_string();
    assert!(!rests.contains("Until"), "{rests}");

    let nobody = world.json(&["models", "status", "--probe", "--probe-provider", "nobody"]);
    assert_eq!(nobody["auth"]["probes"]["totalTargets"], 0);
    let none = world.json(&["models", "status", "--probe", "--probe-profile", "local:work,local:home"]);
    assert_eq!(none["auth"]["probes"]["totalTargets"], 0);
    assert_eq!(world.run(&["models", "status", "--probe-timeout", "5"]).code, 2);
    let unknown = world.run(&["models", "list", "--agent", "nobody"]);
    assert!(unknown.code == 1 && unknown.err.contains("nobody"), "{}{}", unknown.code, unknown.err);
    assert_eq!(world.json(&["models", "list", "--agent", "main"])["models"][0]["id"], "some-model");
}
