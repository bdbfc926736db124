//! `openclaw channels dead-letters`: what could not be sent, and what is done with it.

use crate::world::World;
use serde_json::{Value, json};

const CHAT: &str = "7";

impl World {
    /// Sends a message that the platform refuses for good.
    fn refused(&self, text: &str) {
        let answer =
            json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"});
        self.telegram.fail_next("sendMessage", 403, answer);
        let ran =
            self.run(&["message", "send", "--channel", "telegram", "--target", CHAT, "--message", text]);
        assert_ne!(ran.code, 0, "{}", ran.out);
    }

    fn letters(&self) -> Value {
        self.json(&["channels", "dead-letters", "list"])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_given_up_is_listed_sent_again_and_dropped() {
    let world = World::start().await;
    world.telegram.know_chat(7);
    assert_eq!(world.letters(), json!({"entries": [], "total": 0}));
    for text in ["one", "two", "three"] {
        world.refused(text);
    }
    let letters = world.letters();
    let of = |n: usize, key: &str| letters["entries"][n][key].clone();
    assert_eq!((&letters["total"], of(0, "text"), of(2, "text")), (&json!(3), json!("three"), json!("one")));
    assert!(of(0, "error").as_str().unwrap().contains("blocked"), "{letters}");
    assert_eq!(
        (of(0, "to"), of(0, "accountId"), of(0, "resubmittable")),
        (json!(CHAT), json!("default"), json!(true))
    );
    let few = world.json(&["channels", "failed", "list", "--channel", "telegram", "--limit", "1"]);
    assert_eq!((few["entries"].as_array().unwrap().len(), &few["total"]), (1, &json!(3)));

    let oldest = of(2, "id").to_string();
    let again = world.json(&["channels", "dead-letters", "resubmit", &oldest]);
    assert_eq!(again["ids"], json!([of(2, "id")]));
    world.telegram.wait_for_chat(7, &["one"], crate::live::PATIENCE).await.unwrap();
    let late = world.run(&["channels", "dead-letters", "resubmit", &oldest]);
    assert!(late.code == 1 && late.err.contains("dead-letters list"), "{}{}", late.code, late.err);

    let dropped = world.json(&["channels", "dead-letters", "drop", "--all"]);
    assert_eq!(dropped["ids"], json!([of(1, "id"), of(0, "id")]));
    assert_eq!(world.letters()["total"], 0);
    assert_eq!(world.telegram.chat(7), ["one"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_also_seen_while_no_gateway_runs() {
    let world = World::start().await;
    world.refused("one");
    let home = world.home;
    assert_eq!(world.gateway.program.stop("-TERM"), Some(0));
    let ran = home.run(&["channels", "dead-letters", "list", "--json"]);
    assert_eq!((ran.code, &ran.json()["total"]), (0, &json!(1)), "{}", ran.err);
    let again = home.run(&["channels", "dead-letters", "resubmit", "--all"]);
    assert!(again.code == 3 && again.err.contains("gateway"), "{}{}", again.code, again.err);
}
