//! The main job (S13), whole and with the built programs: a Telegram message of somebody who paired by code runs a
//! command on a node of its own, and the answer comes back. Only the platform and the model's provider are stand-ins,
//! and those speak the real thing on the wire.

use crate::live::{Node, PATIENCE};
use crate::world::{PAIRING, World};

const PERSON: i64 = 4711;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telegram_message_runs_a_command_on_a_node_with_an_openai_compatible_model() {
    main_job("openai-completions").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_telegram_message_runs_a_command_on_a_node_with_an_anthropic_model() {
    main_job("anthropic-messages").await;
}

async fn main_job(api: &str) {
    let World { telegram, model, home, gateway } = World::with(api, PAIRING, "").await;

    // A stranger gets a code and nothing else.
    telegram.push_text(PERSON, PERSON, "hello");
    let sent = telegram.wait_for_sent(1, PATIENCE).await.unwrap();
    let code = code_in(&sent[0].plain);
    assert_eq!(model.request_count(), 0);
    let approved = gateway.run(&home, &["pairing", "approve", "telegram", &code]);
    assert_eq!(approved.code, 0, "{}{}", approved.out, approved.err);

    // A node with its own state directory; its device is let in on loopback, its commands are approved.
    let _node = Node::start_approved(&gateway, &home, "box");

    // Approving may tell the person so; what counts is what comes after.
    let before = telegram.sent().len();
    telegram.push_text(PERSON, PERSON, r#"TOOL:exec {"command":"uname -s","host":"node"}"#);
    let sent = telegram.wait_for_sent(before + 1, PATIENCE).await.unwrap();
    let reply = sent.last().unwrap();
    let said = |word: &str| reply.plain.contains(word);
    assert!(reply.chat_id == PERSON && said("Linux") && said("Node: box"), "{reply:?}");
    // The model was asked for the answer twice: once before the command and once after it.
    assert_eq!(model.request_count(), 2);

    assert_eq!(gateway.program.stop("-TERM"), Some(0));
}

/// The code that the owner is to type.
fn code_in(text: &str) -> String {
    let command = "openclaw pairing approve telegram ";
    let (_, behind) = text.split_once(command).unwrap_or_else(|| panic!("no command in {text:?}"));
    behind.chars().take_while(char::is_ascii_alphanumeric).collect()
}
