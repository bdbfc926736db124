//! Devices: asking, being approved, tokens, removal.

use crate::support::{START, ask, fixture, strings};
use store::{ApprovedVia, DeviceAsk, NodeDeclaration, Rotated, SetupAccess};

#[tokio::test]
async fn asking_again_for_the_same_keeps_the_request_and_refreshes_what_is_shown() {
    let f = fixture();
    let (first, new) = f.store.request_device(ask("d", "operator", &["a", "b"])).await.unwrap();
    assert!(new);
    f.clock.advance_ms(5);
    let mut again = ask("d", "operator", &["b", "a"]);
    again.display_name = Some("renamed".into());
    let (second, new) = f.store.request_device(again).await.unwrap();
    assert!(!new);
    assert_eq!((&second.request_id, second.ts), (&first.request_id, START));
    let f = f.restarted().await;
    assert_eq!(f.store.device_requests().await.unwrap(), [second]);
}

#[tokio::test]
async fn asking_for_something_else_takes_the_place_of_the_request() {
    let f = fixture();
    let (first, _) = f.store.request_device(ask("d", "operator", &["a"])).await.unwrap();
    let (more, new) = f.store.request_device(ask("d", "operator", &["a", "b"])).await.unwrap();
    assert!(new && more.request_id != first.request_id);
    let mut other_key = ask("d", "operator", &["a", "b"]);
    other_key.public_key = "another".into();
    let (rekeyed, new) = f.store.request_device(other_key).await.unwrap();
    assert!(new && rekeyed.request_id != more.request_id);
    let (node, _) = f.store.request_device(ask("d", "node", &[])).await.unwrap();
    assert_eq!(f.store.device_requests().await.unwrap(), [rekeyed.clone(), node]);
    // Nobody approves what they have not seen.
    for gone in [&first, &more] {
        assert_eq!(f.store.device_request(&gone.request_id).await.unwrap(), None);
        assert_eq!(f.store.approve_device(&gone.request_id, ApprovedVia::Owner).await.unwrap(), None);
    }
}

#[tokio::test]
async fn approval_adds_to_what_was_approved_and_a_request_is_good_once() {
    let f = fixture();
    f.store.pair_device(ask("d", "operator", &["a"]), ApprovedVia::Silent).await.unwrap();
    let (request, _) = f.store.request_device(ask("d", "operator", &["b"])).await.unwrap();
    f.clock.advance_ms(9);
    let (seen, device) =
        f.store.approve_device(&request.request_id, ApprovedVia::Owner).await.unwrap().unwrap();
    assert_eq!(seen, request);
    assert_eq!(device.scopes, ["a", "b"]);
    assert_eq!((device.created_at_ms, device.approved_at_ms), (START, START + 9));
    assert_eq!(device.approved_via, ApprovedVia::Owner);
    assert_eq!((device.tokens.len(), device.tokens[0].generation), (1, 1));
    assert_eq!(device.tokens[0].scopes, ["a", "b"]);
    assert_eq!(f.store.approve_device(&request.request_id, ApprovedVia::Owner).await.unwrap(), None);
    let device = f.store.pair_device(ask("d", "node", &["admin"]), ApprovedVia::Owner).await.unwrap();
    assert_eq!(device.roles, ["node", "operator"]);
    assert_eq!(device.scopes, ["a", "b"], "a node's wish never widens what the operator may do");
    let f = f.restarted().await;
    assert_eq!(f.store.device("d").await.unwrap(), Some(device));
}

#[tokio::test]
async fn tokens_rotate_are_revoked_and_come_back_as_another_generation() {
    let f = fixture();
    let rotate = async |from| f.store.rotate_device_token("d", "node", from, None).await.unwrap();
    assert_eq!(rotate(1).await, Rotated::Changed);
    assert_eq!(f.store.revoke_device_token("d", "node").await.unwrap(), None);
    f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Silent).await.unwrap();
    f.clock.advance_ms(1);
    let Rotated::Done(rotated) = rotate(1).await else { panic!("it is of the first generation") };
    assert_eq!((rotated.generation, rotated.rotated_at_ms), (2, Some(START + 1)));
    assert_eq!(rotate(1).await, Rotated::Changed, "the same wish again does not count up");
    f.clock.advance_ms(1);
    f.store.revoke_device_token("d", "node").await.unwrap();
    f.clock.advance_ms(1);
    let revoked = f.store.revoke_device_token("d", "node").await.unwrap().unwrap();
    assert_eq!((revoked.generation, revoked.revoked_at_ms), (2, Some(START + 2)));
    let device = f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Owner).await.unwrap();
    assert_eq!((device.tokens[0].generation, device.tokens[0].revoked_at_ms), (3, None));
    assert_eq!(device.tokens[0].good().collect::<Vec<_>>(), [3], "what was revoked never comes back");
}

#[tokio::test]
async fn a_revoked_token_comes_back_by_a_decision_alone_and_with_what_that_gave() {
    let f = fixture();
    f.store.pair_device(ask("d", "operator", &["admin"]), ApprovedVia::Owner).await.unwrap();
    f.store.revoke_device_token("d", "operator").await.unwrap();
    let device = f.store.pair_device(ask("d", "operator", &["read"]), ApprovedVia::Silent).await.unwrap();
    assert_eq!(device.scopes, ["admin", "read"]);
    assert_eq!(
        (device.tokens[0].good().count(), device.tokens[0].scopes.as_slice()),
        (0, &strings(&["admin"])[..])
    );
    let code = f.store.make_setup_code(SetupAccess::Limited, 600_000).await.unwrap();
    let asks = vec![ask("d", "operator", &["write"])];
    let device = f.store.redeem_setup_code(&code.setup_id, asks).await.unwrap().unwrap();
    assert_eq!(device.tokens[0].good().collect::<Vec<_>>(), [2]);
    assert_eq!(device.tokens[0].scopes, ["write"]);
    assert_eq!(device.scopes, ["write"], "what it was approved for before is over");
}

#[tokio::test]
async fn a_rotated_token_is_good_until_one_after_it_was_used() {
    let f = fixture();
    f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Silent).await.unwrap();
    for from in 1..4 {
        f.store.rotate_device_token("d", "node", from, None).await.unwrap();
    }
    let good = async || f.store.device("d").await.unwrap().unwrap().tokens[0].good().collect::<Vec<_>>();
    let used = async |generation| f.store.use_device_token("d", "node", generation).await.unwrap();
    assert_eq!(good().await, [4, 3, 2, 1]);
    assert!(used(1).await && used(1).await, "an answer may be lost");
    assert_eq!(good().await, [4, 3, 2, 1]);
    assert!(used(3).await);
    assert_eq!(good().await, [4, 3]);
    for worthless in [0, 1, 2, 5] {
        assert!(!used(worthless).await, "{worthless}");
    }
    let f = f.restarted().await;
    assert!(f.store.use_device_token("d", "node", 4).await.unwrap());
    f.store.revoke_device_token("d", "node").await.unwrap();
    assert!(!f.store.use_device_token("d", "node", 4).await.unwrap());
    assert_eq!(f.store.device("d").await.unwrap().unwrap().tokens[0].good().count(), 0);
}

#[tokio::test]
async fn a_token_that_nobody_comes_for_is_not_rotated_for_ever() {
    let f = fixture();
    f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Silent).await.unwrap();
    for from in 1..64 {
        let rotated = f.store.rotate_device_token("d", "node", from, None).await.unwrap();
        assert!(matches!(rotated, Rotated::Done(_)), "{from}: {rotated:?}");
    }
    let rotate = async || f.store.rotate_device_token("d", "node", 64, None).await.unwrap();
    assert_eq!(rotate().await, Rotated::Unclaimed);
    assert!(f.store.use_device_token("d", "node", 60).await.unwrap(), "no generation was lost");
    assert!(matches!(rotate().await, Rotated::Done(_)));
}

#[tokio::test]
async fn a_wish_on_another_platform_is_another_wish() {
    let f = fixture();
    let on = |platform: &str| DeviceAsk { platform: Some(platform.into()), ..ask("d", "operator", &["a"]) };
    let (first, _) = f.store.request_device(on("linux")).await.unwrap();
    let (second, new) = f.store.request_device(on("macos")).await.unwrap();
    assert!(new && first.request_id != second.request_id);
    assert_eq!(f.store.approve_device(&first.request_id, ApprovedVia::Owner).await.unwrap(), None);
}

#[tokio::test]
async fn removal_takes_everything_but_the_memory_of_generations() {
    let f = fixture();
    f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Silent).await.unwrap();
    f.store.request_device(ask("d", "operator", &["a"])).await.unwrap();
    let declaration = NodeDeclaration {
        node_id: "d".into(),
        commands: strings(&["system.run"]),
        ..NodeDeclaration::default()
    };
    let pending = f.store.declare_node(declaration.clone()).await.unwrap().pending.unwrap();
    f.store.approve_node(&pending.request_id).await.unwrap().unwrap();
    let more = NodeDeclaration { commands: strings(&["system.run", "camera"]), ..declaration };
    f.store.declare_node(more).await.unwrap();
    assert!(f.store.remove_device("d").await.unwrap());
    assert!(!f.store.remove_device("d").await.unwrap());
    assert!(f.store.devices().await.unwrap().is_empty());
    assert!(f.store.device_requests().await.unwrap().is_empty());
    assert!(f.store.nodes().await.unwrap().is_empty());
    assert!(f.store.node_requests().await.unwrap().is_empty());
    let device = f.store.pair_device(ask("d", "node", &[]), ApprovedVia::Silent).await.unwrap();
    assert_eq!(device.tokens[0].generation, 2);
}

#[tokio::test]
async fn devices_are_listed_the_latest_approved_first_and_seen_when_they_connect() {
    let f = fixture();
    for id in ["x", "y", "z"] {
        f.store.pair_device(ask(id, "operator", &["a"]), ApprovedVia::Silent).await.unwrap();
        f.clock.advance_ms(1);
    }
    f.store.touch_device("x").await.unwrap();
    f.store.touch_device("nobody").await.unwrap();
    let ids: Vec<String> = f.store.devices().await.unwrap().into_iter().map(|d| d.device_id).collect();
    assert_eq!(ids, ["z", "y", "x"]);
    assert_eq!(f.store.device("x").await.unwrap().unwrap().last_seen_at_ms, Some(START + 3));
}

#[tokio::test]
async fn silent_pairing_answers_the_pending_request_of_that_role_and_rejecting_drops_one() {
    let f = fixture();
    f.store.request_device(ask("d", "operator", &["a"])).await.unwrap();
    let (node, _) = f.store.request_device(ask("d", "node", &[])).await.unwrap();
    f.store.pair_device(ask("d", "operator", &["a"]), ApprovedVia::Silent).await.unwrap();
    assert_eq!(f.store.device_requests().await.unwrap(), std::slice::from_ref(&node));
    assert_eq!(f.store.reject_device(&node.request_id).await.unwrap(), Some(node.clone()));
    assert_eq!(f.store.reject_device(&node.request_id).await.unwrap(), None);
}

#[tokio::test]
async fn strangers_cannot_fill_the_list_of_requests_without_end() {
    let f = fixture();
    for n in 0..300 {
        f.clock.advance_ms(1);
        f.store.request_device(ask(&format!("d{n}"), "operator", &[])).await.unwrap();
    }
    let waiting = f.store.device_requests().await.unwrap();
    assert_eq!((waiting.len(), waiting[0].ask.device_id.as_str()), (256, "d44"));
}
