//! Large files on their way to a real node in pieces, and what may come between: a node that is killed, a full disk. They arrive whole
//! or not at all, and what was begun does not stay.

use super::files::{begin, names};
use super::scripted::stream::{Call, Says, create, looked};
use super::scripted::{FakeGateway, Peer};
use crate::support::Home;
use client::duplex::MAX_MESSAGE;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Three messages, the last of them a short one.
fn content() -> Vec<u8> {
    (0..2 * MAX_MESSAGE + 1001).map(|n| n as u8).collect()
}

fn port(gateway: &FakeGateway) -> &str {
    gateway.url.rsplit(':').next().unwrap()
}

/// The call that makes a file, as far as that the node waits for its content.
async fn make(peer: &mut Peer, path: &Path, content: &[u8]) -> Call {
    let params = looked(peer, "file.create", create(path, content)).await;
    let mut call = Call::make(peer, "file.create", params).await;
    assert_eq!(call.says(peer).await, Says::Ready);
    call
}

/// Sends all of it; what the node says at the end.
async fn send_all(peer: &mut Peer, path: &Path, content: &[u8]) -> Value {
    let mut call = make(peer, path, content).await;
    for message in content.chunks(MAX_MESSAGE) {
        call.send(peer, message).await;
        match call.says(peer).await {
            Says::Message(ack) => assert_eq!(ack, b"ack"),
            Says::End(end) => return end.unwrap(),
            Says::Ready => panic!("it was ready"),
        }
    }
    call.send(peer, b"").await;
    call.end(peer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_in_the_middle_takes_away_what_it_had_begun_when_it_starts_again() {
    let (gateway, home) = (FakeGateway::start().await, Home::new());
    let dir = home.path().canonicalize().unwrap().join("files");
    std::fs::create_dir(&dir).unwrap();
    let (path, content) = (dir.join("new/deep/large"), content());

    let node = begin(&home, port(&gateway), "", "");
    let (mut peer, _) = gateway.welcome().await;
    let mut call = make(&mut peer, &path, &content).await;
    for message in content.chunks(MAX_MESSAGE).take(2) {
        call.send(&mut peer, message).await;
        assert_eq!(call.says(&mut peer).await, Says::Message(b"ack".to_vec()));
    }
    node.kill();
    let left = names(&dir.join("new/deep"));
    assert!(left.len() == 1 && left[0].ends_with(".openclaw-part"), "it was in the middle: {left:?}");
    drop(peer);

    let node = begin(&home, port(&gateway), "", "");
    let (mut peer, _) = gateway.welcome().await;
    assert_eq!(names(&dir), [""; 0], "before anybody can ask for anything");
    let made = send_all(&mut peer, &path, &content).await;
    assert_eq!((&made["status"], &made["size"]), (&json!("created"), &json!(content.len())), "{made}");
    assert_eq!(names(&dir.join("new/deep")), ["large"]);
    assert_eq!(std::fs::read(&path).unwrap(), content);
    assert_eq!(names(&home.state().join("transfers")), [""; 0], "nothing is under way");

    // Killed when it is done, it leaves what it did.
    node.kill();
    let _node = begin(&home, port(&gateway), "", "");
    let (_peer, _) = gateway.welcome().await;
    assert_eq!(names(&dir.join("new/deep")), ["large"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_in_the_middle_of_a_stream_leaves_nothing_and_the_node_goes_on() {
    let (gateway, home) = (FakeGateway::start().await, Home::new());
    let dir = home.path().canonicalize().unwrap().join("small");
    std::fs::create_dir(&dir).unwrap();
    // Room for one message, and not for two.
    let node = begin(&home, port(&gateway), "mount -t tmpfs -o size=1600k none small &&", "");
    let (mut peer, _) = gateway.welcome().await;
    let seen = PathBuf::from(format!("/proc/{}/root", node.pid())).join(dir.strip_prefix("/").unwrap());
    let content = content();
    for name in ["large", "new/deep/large"] {
        let told = send_all(&mut peer, &dir.join(name), &content).await;
        assert_eq!((&told["ok"], &told["code"]), (&json!(false), &json!("WRITE_ERROR")), "{told}");
        assert!(told["message"].as_str().unwrap().contains("No space left on device"), "{told}");
        assert_eq!(names(&seen), [""; 0]);
    }
    let fits = &content[..MAX_MESSAGE];
    assert_eq!(send_all(&mut peer, &dir.join("fits"), fits).await["status"], "created");
    assert_eq!(std::fs::read(seen.join("fits")).unwrap(), fits);
}
