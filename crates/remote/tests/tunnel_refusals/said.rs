//! What a test cannot make a real ssh say in good time. All else is said by a real one.

use proptest::prelude::*;
use remote::tunnel::{Asked, IdentityProblem, Refusal};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

fn asked() -> Asked {
    Asked { destination: "me@far.example".to_owned(), ssh_port: None, local_port: 18789, far_port: 18789 }
}

fn read_all(text: &str) -> Option<Refusal> {
    Refusal::read(&asked(), text.lines(), Some(ExitStatus::from_raw(255 << 8)))
}

#[test]
fn what_the_system_says_of_the_way_is_told_apart() {
    let cases = [
        ("ssh: connect to host far.example port 22: No route to host", "SSH_UNREACHABLE"),
        ("ssh: connect to host far.example port 22: Network is unreachable", "SSH_UNREACHABLE"),
        ("ssh: connect to host far.example port 22: Connection timed out", "SSH_TIMED_OUT"),
        ("Timeout, server far.example not responding.", "SSH_TIMED_OUT"),
        (
            "ssh: Could not resolve hostname far.example: Temporary failure in name resolution",
            "SSH_NAME_NOT_FOUND",
        ),
        ("client_loop: send disconnect: Broken pipe", "SSH_CONNECTION_LOST"),
        ("Connection reset by 192.0.2.1 port 22", "SSH_CONNECTION_LOST"),
    ];
    for (line, code) in cases {
        let refusal = read_all(line).map(|refusal| (refusal.code(), refusal.is_lasting()));
        assert_eq!(refusal, Some((code, false)), "{line}");
    }
}

#[test]
fn a_key_that_the_agent_does_not_sign_with_is_named() {
    let text = "debug1: Offering public key: work ED25519 SHA256:abc agent\n\
        debug1: Server accepts key: work ED25519 SHA256:abc agent\n\
        sign_and_send_pubkey: signing failed for ED25519 \"work\" from agent: agent refused operation\n\
        me@far.example: Permission denied (publickey).\n";
    let problem = IdentityProblem::Other("agent refused operation".to_owned());
    assert_eq!(read_all(text), Some(Refusal::IdentityUnusable { file: "work".to_owned(), problem }));
}

#[test]
fn a_key_that_was_let_in_is_not_blamed_for_what_comes_after_it() {
    let accepted = "debug1: Offering public key: /k ED25519 SHA256:abc\ndebug1: Server accepts key: /k ED25519 SHA256:abc\n";
    for let_in in [
        "Authenticated using \"publickey\" with partial success.",
        "Authenticated to jump.example ([192.0.2.1]:22) using \"publickey\".",
    ] {
        let text = format!("{accepted}{let_in}\nme@far.example: Permission denied (keyboard-interactive).\n");
        let refusal = read_all(&text);
        let Some(Refusal::PermissionDenied { methods, offered, .. }) = &refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!((methods.as_str(), offered.len()), ("keyboard-interactive", 0), "{let_in}");
    }
}

#[test]
fn the_port_that_is_taken_is_the_one_that_ssh_names() {
    for (line, port) in [
        ("bind [127.0.0.1]:5432: Address already in use", 5432),
        ("bind [::1]:18789: Address already in use", 18789),
    ] {
        assert_eq!(read_all(line), Some(Refusal::LocalPortTaken { port }), "{line}");
    }
}

#[test]
fn an_ssh_too_old_for_an_option_is_not_tried_again_and_again() {
    let refusal =
        read_all("command-line: line 0: Bad configuration option: forkafterauthentication").unwrap();
    assert_eq!((refusal.code(), refusal.is_lasting()), ("SSH_BAD_CONFIG", true));
    assert!(refusal.to_string().contains("forkafterauthentication"), "{refusal}");
}

#[test]
fn the_hop_that_failed_is_named_and_not_the_one_behind_it() {
    let text = "ssh: connect to host jump.example port 22: Connection refused\n\
        kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n";
    assert_eq!(
        read_all(text),
        Some(Refusal::ConnectionRefused { host: "jump.example".to_owned(), port: 22 })
    );
}

#[test]
fn what_has_no_name_is_shown_by_its_last_words_within_bounds() {
    let text = format!("first\nsecond\n{}\u{1b}[31m\nlast\n", "long ".repeat(1000));
    let Some(Refusal::Unknown(text)) = read_all(&text) else { panic!("{text}") };
    assert!(text.starts_with("second; long") && text.len() <= 300 && !text.contains('\u{1b}'), "{text}");
    let silent = read_all("debug1: Reading configuration data\n");
    assert_eq!(silent, Some(Refusal::Unknown("it ended with exit status: 255 and said nothing".to_owned())));
    assert_eq!(Refusal::read(&asked(), ["some warning"], None), None, "it still runs");
}

proptest! {
    #[test]
    fn no_text_panics(lines in proptest::collection::vec("(debug1: |channel |ssh: connect to host |Offending |Load key \")?\\PC{0,40}", 0..12)) {
        if let Some(refusal) = Refusal::read(&asked(), lines.iter().map(String::as_str), Some(ExitStatus::from_raw(0))) {
            prop_assert!(!refusal.to_string().is_empty());
        }
    }
}
