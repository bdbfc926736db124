//! Nodes: declaring, approving, declaring more.

use crate::support::{Fixture, START, ask, fixture, strings};
use store::{ApprovedVia, Declared, NodeDeclaration};

/// With the node's device paired.
async fn paired() -> Fixture {
    let f = fixture();
    f.store.pair_device(ask("n", "node", &[]), ApprovedVia::Silent).await.unwrap();
    f
}

fn declaration(commands: &[&str]) -> NodeDeclaration {
    NodeDeclaration {
        node_id: "n".into(),
        client_id: "node-host".into(),
        client_mode: "node".into(),
        display_name: Some("a node".into()),
        caps: strings(&["system"]),
        commands: strings(commands),
        ..NodeDeclaration::default()
    }
}

#[tokio::test]
async fn nothing_declared_leaves_nothing_waiting() {
    let f = paired().await;
    f.store.declare_node(declaration(&["a"])).await.unwrap();
    let nothing = NodeDeclaration { caps: vec![], ..declaration(&[]) };
    assert_eq!(f.store.declare_node(nothing).await.unwrap(), Declared::default());
    assert!(f.store.node_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_declaration_keeps_its_request_and_another_takes_its_place() {
    let f = paired().await;
    let first = f.store.declare_node(declaration(&["a", "b"])).await.unwrap();
    assert!(first.newly_pending && first.approved.is_none());
    let again = f.store.declare_node(declaration(&["b", "a"])).await.unwrap();
    assert!(!again.newly_pending);
    let (first, again) = (first.pending.unwrap(), again.pending.unwrap());
    assert_eq!(again.request_id, first.request_id);
    let other = f.store.declare_node(declaration(&["a", "c"])).await.unwrap();
    assert!(other.newly_pending);
    let other = other.pending.unwrap();
    assert_ne!(other.request_id, first.request_id);
    assert_eq!(f.store.node_request(&first.request_id).await.unwrap(), None);
    assert_eq!(f.store.approve_node(&first.request_id).await.unwrap(), None);
    assert_eq!(f.store.reject_node(&other.request_id).await.unwrap(), Some(other.clone()));
    assert_eq!(f.store.reject_node(&other.request_id).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_approved_keeps_working_while_more_waits_and_less_withdraws_it() {
    let f = paired().await;
    let pending = f.store.declare_node(declaration(&["a", "b"])).await.unwrap().pending.unwrap();
    let (request, node) = f.store.approve_node(&pending.request_id).await.unwrap().unwrap();
    assert_eq!((request, node.last_seen_at_ms), (pending, Some(START)));
    f.clock.advance_ms(4);
    let more = f.store.declare_node(declaration(&["a", "c"])).await.unwrap();
    assert_eq!(more.approved.unwrap().declaration.commands, ["a", "b"]);
    let wish = more.pending.unwrap();
    let mut less = declaration(&["a"]);
    less.display_name = Some("renamed".into());
    less.path_env = Some("/bin".into());
    let now = f.store.declare_node(less).await.unwrap();
    assert_eq!(now.pending, None);
    assert_eq!(f.store.node_request(&wish.request_id).await.unwrap(), None);
    let f = f.restarted().await;
    let node = f.store.node("n").await.unwrap().unwrap();
    assert_eq!(Some(&*node), now.approved.as_ref());
    assert_eq!(node.declaration.commands, ["a", "b"]);
    assert_eq!(node.declaration.display_name.as_deref(), Some("renamed"));
    assert_eq!(node.last_seen_at_ms, Some(START + 4));
}

#[tokio::test]
async fn approving_a_later_declaration_takes_the_place_of_the_earlier() {
    let f = paired().await;
    for commands in [["a", "b"], ["a", "c"]] {
        let pending = f.store.declare_node(declaration(&commands)).await.unwrap().pending.unwrap();
        let (_, node) = f.store.approve_node(&pending.request_id).await.unwrap().unwrap();
        assert_eq!(node.declaration.commands, commands);
    }
    assert!(f.store.declare_node(declaration(&["b"])).await.unwrap().newly_pending);
    let (was_approved, request) = f.store.remove_node("n").await.unwrap();
    assert!(was_approved && request.is_some());
    assert_eq!(f.store.remove_node("n").await.unwrap(), (false, None));
    assert!(f.store.node_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_removed_device_declares_nothing_and_nothing_of_it_is_approved() {
    let f = fixture();
    assert_eq!(
        f.store.declare_node(declaration(&["a"])).await.unwrap(),
        Declared::default(),
        "it never was paired"
    );
    f.store.pair_device(ask("n", "operator", &[]), ApprovedVia::Silent).await.unwrap();
    assert_eq!(
        f.store.declare_node(declaration(&["a"])).await.unwrap(),
        Declared::default(),
        "not as a node"
    );
    f.store.pair_device(ask("n", "node", &[]), ApprovedVia::Silent).await.unwrap();
    let pending = f.store.declare_node(declaration(&["a"])).await.unwrap().pending.unwrap();
    assert!(f.store.remove_device("n").await.unwrap());
    assert_eq!(f.store.approve_node(&pending.request_id).await.unwrap(), None);
    assert_eq!(f.store.declare_node(declaration(&["a"])).await.unwrap(), Declared::default());
    assert!(f.store.node_requests().await.unwrap().is_empty());
}
