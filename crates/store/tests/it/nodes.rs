//! Nodes: declaring, approving, declaring more.

use crate::support::{START, fixture, strings};
use store::{Declared, NodeDeclaration};

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
    let f = fixture();
    f.store.declare_node(declaration(&["a"])).await.unwrap();
    let nothing = NodeDeclaration { caps: vec![], ..declaration(&[]) };
    assert_eq!(f.store.declare_node(nothing).await.unwrap(), Declared::default());
    assert!(f.store.node_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_declaration_keeps_its_request_and_another_takes_its_place() {
    let f = fixture();
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
    let f = fixture();
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
    assert_eq!(Some(&node), now.approved.as_ref());
    assert_eq!(node.declaration.commands, ["a", "b"]);
    assert_eq!(node.declaration.display_name.as_deref(), Some("renamed"));
    assert_eq!(node.last_seen_at_ms, Some(START + 4));
}

#[tokio::test]
async fn approving_a_later_declaration_takes_the_place_of_the_earlier() {
    let f = fixture();
    for commands in [["a", "b"], ["a", "c"]] {
        let pending = f.store.declare_node(declaration(&commands)).await.unwrap().pending.unwrap();
        let (_, node) = f.store.approve_node(&pending.request_id).await.unwrap().unwrap();
        assert_eq!(node.declaration.commands, commands);
    }
    assert!(f.store.declare_node(declaration(&["b"])).await.unwrap().newly_pending);
    assert!(f.store.remove_node("n").await.unwrap());
    assert!(!f.store.remove_node("n").await.unwrap());
    assert!(f.store.node_requests().await.unwrap().is_empty());
}
