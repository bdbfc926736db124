//! Who is heard and who is not.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use channels::policy::{Access, AccessPolicy, DmPolicy, GroupPolicy, GroupRule, decide};
use model::{Chat, ChatKind, Inbound, Sender};
use proptest::prelude::*;

fn message(kind: ChatKind, chat: &str, sender: &str, addressed: bool) -> Inbound {
    Inbound {
        channel: "telegram".into(),
        account: "default".into(),
        message_id: "1".into(),
        chat: Chat { id: chat.into(), kind, title: None },
        sender: Sender { id: sender.into(), name: None, username: Some("Ada".into()) },
        context: None,
        event: None,
        album: None,
        said: None,
        sticker: None,
        coming: vec![],
        text: "hi".into(),
        images: Vec::new(),
        forwarded: false,
        addressed,
        sent_at_ms: 0,
        directives: None,
    }
}

fn direct(sender: &str) -> Inbound {
    message(ChatKind::Direct, sender, sender, true)
}

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|e| (*e).to_owned()).collect()
}

fn rule(id: &str, require_mention: bool, enabled: bool) -> GroupRule {
    GroupRule { id: id.into(), require_mention, enabled, policy: None, allow_from: None }
}

fn short(access: Access) -> &'static str {
    match access {
        Access::Allow => "allow",
        Access::Ignore(_) => "ignore",
        Access::NeedsPairing => "pair",
        Access::Overhear => "overhear",
    }
}

#[test]
fn a_direct_message_is_judged_by_dm_policy() {
    use DmPolicy::{Allowlist, Disabled, Open, Pairing};
    let table: &[(DmPolicy, &[&str], bool, &str)] = &[
        (Pairing, &[], false, "pair"),
        (Pairing, &[], true, "allow"),
        (Pairing, &["7"], false, "allow"),
        (Pairing, &["*"], false, "allow"),
        (Pairing, &["77", "@bob"], false, "pair"),
        (Pairing, &["@ada"], false, "pair"),
        (Pairing, &["@"], false, "pair"),
        (Pairing, &[""], false, "pair"),
        (Pairing, &[" TG:7 "], false, "allow"),
        (Pairing, &["Telegram:7"], false, "allow"),
        (Pairing, &["slack:7"], false, "pair"),
        (Allowlist, &["7"], false, "allow"),
        (Allowlist, &[], true, "ignore"),
        (Open, &["*"], false, "allow"),
        (Open, &[], true, "ignore"),
        (Open, &["8"], false, "ignore"),
        (Open, &["7"], false, "allow"),
        (Disabled, &["*"], true, "ignore"),
    ];
    for (dm, allow, paired, expected) in table {
        let policy = AccessPolicy { dm: *dm, allow_from: list(allow), ..AccessPolicy::default() };
        assert_eq!(
            short(decide(&policy, &direct("7"), *paired)),
            *expected,
            "{dm:?} {allow:?} paired {paired}"
        );
    }
}

#[test]
fn an_open_policy_without_a_star_says_what_is_missing() {
    let policy = AccessPolicy { dm: DmPolicy::Open, ..AccessPolicy::default() };
    let Access::Ignore(reason) = decide(&policy, &direct("7"), false) else { panic!("it was let in") };
    assert!(reason.contains("allowFrom has no \"*\""), "{reason}");
}

#[test]
fn a_group_message_is_judged_by_group_member_and_mention() {
    use GroupPolicy::{Allowlist, Disabled, Open};
    type Row<'a> = (GroupPolicy, &'a [GroupRule], &'a [&'a str], &'a [&'a str], bool, &'a str);
    let all = [rule("*", true, true)];
    let quiet = [rule("-100", false, true), rule("*", true, true)];
    let topic = [rule("-100:topic:7", false, true), rule("-100", true, false)];
    let off = [rule("-100", true, false), rule("*", true, true)];
    let off_everywhere = [rule("*:topic:7", true, false), rule("*", true, true)];
    let quiet_topics = [rule("*:topic:*", false, true), rule("*", true, true)];
    let own = [rule("-100", true, true), rule("*:topic:7", true, false), rule("*", true, false)];
    let other = [rule("-200", true, true)];
    let table: &[Row<'_>] = &[
        (Allowlist, &[], &["*"], &["*"], true, "ignore"),
        (Allowlist, &all, &["7"], &[], true, "allow"),
        (Allowlist, &all, &[], &["7"], true, "allow"),
        (Allowlist, &all, &["7"], &["8"], true, "ignore"),
        (Allowlist, &all, &[], &[], true, "ignore"),
        (Allowlist, &all, &["*"], &[], false, "overhear"),
        (Allowlist, &quiet, &["7"], &[], false, "allow"),
        (Allowlist, &topic, &["7"], &[], false, "allow"),
        (Allowlist, &off, &["7"], &[], true, "ignore"),
        (Allowlist, &off_everywhere, &["7"], &[], true, "ignore"),
        (Allowlist, &quiet_topics, &["7"], &[], false, "allow"),
        (Allowlist, &own, &["7"], &[], true, "allow"),
        (Allowlist, &other, &["7"], &[], true, "ignore"),
        (Open, &[], &[], &[], true, "allow"),
        (Open, &[], &[], &[], false, "overhear"),
        (Open, &other, &["*"], &[], true, "ignore"),
        (Open, &quiet, &[], &["8"], false, "allow"),
        (Disabled, &quiet, &["*"], &["*"], true, "ignore"),
    ];
    for (group, rules, allow, members, addressed, expected) in table {
        let policy = AccessPolicy {
            group: *group,
            groups: rules.to_vec(),
            allow_from: list(allow),
            group_allow_from: list(members),
            ..AccessPolicy::default()
        };
        let inbound = message(ChatKind::Group, "-100:topic:7", "7", *addressed);
        let row = format!("{group:?} {rules:?} {allow:?} {members:?} addressed {addressed}");
        assert_eq!(short(decide(&policy, &inbound, false)), *expected, "{row}");
    }
}

#[test]
fn a_group_may_be_stricter_or_more_open_than_the_account() {
    use GroupPolicy::{Allowlist, Disabled, Open};
    /// The account's policy, the group's own, the group's own members, and what becomes of a message from 7.
    type Case<'a> = (GroupPolicy, Option<GroupPolicy>, Option<&'a [&'a str]>, &'a str);
    let table: &[Case<'_>] = &[
        (Allowlist, None, None, "allow"),
        (Allowlist, None, Some(&["8"]), "ignore"),
        (Allowlist, None, Some(&[]), "ignore"),
        (Open, None, Some(&["8"]), "ignore"),
        (Open, None, Some(&["7"]), "allow"),
        (Open, Some(Disabled), None, "ignore"),
        (Open, Some(Allowlist), Some(&["8"]), "ignore"),
        (Allowlist, Some(Open), None, "allow"),
        (Disabled, Some(Open), Some(&["*"]), "ignore"),
    ];
    for (account, group, members, expected) in table {
        let own = GroupRule { policy: *group, allow_from: members.map(list), ..rule("-100", true, true) };
        let policy = AccessPolicy {
            group: *account,
            groups: vec![own, rule("*", true, true)],
            group_allow_from: list(&["7"]),
            ..AccessPolicy::default()
        };
        let inbound = message(ChatKind::Group, "-100", "7", true);
        let row = format!("{account:?} {group:?} {members:?}");
        assert_eq!(short(decide(&policy, &inbound, false)), *expected, "{row}");
    }
}

#[test]
fn policies_are_read_from_their_names() {
    assert_eq!("open".parse(), Ok(DmPolicy::Open));
    assert_eq!("allowlist".parse(), Ok(GroupPolicy::Allowlist));
    let error = "public".parse::<DmPolicy>().unwrap_err().to_string();
    assert_eq!(error, "\"public\" is no dmPolicy; write one of pairing, allowlist, open, disabled");
    assert!("pairing".parse::<GroupPolicy>().is_err());
}

proptest! {
    #[test]
    fn a_pairing_opens_no_group_and_nothing_but_pairing(
        dm in prop_oneof![Just(DmPolicy::Allowlist), Just(DmPolicy::Open), Just(DmPolicy::Disabled)],
        group in prop_oneof![Just(GroupPolicy::Allowlist), Just(GroupPolicy::Open), Just(GroupPolicy::Disabled)],
        allow in proptest::collection::vec("[0-9*@a-z]{0,3}", 0..4),
        sender in "[0-9]{1,2}",
        addressed: bool,
    ) {
        let policy = AccessPolicy { dm, group, allow_from: allow, ..AccessPolicy::default() };
        for inbound in [direct(&sender), message(ChatKind::Group, "-1", &sender, addressed)] {
            prop_assert_eq!(decide(&policy, &inbound, true), decide(&policy, &inbound, false));
        }
    }

    #[test]
    fn nobody_unlisted_gets_past_an_allowlist(allow in proptest::collection::vec("[a-z0-9:@]{0,5}", 0..6)) {
        prop_assume!(!allow.iter().any(|e| e.trim_start_matches("tg:").trim_start_matches("telegram:") == "123456"));
        let policy = AccessPolicy { dm: DmPolicy::Allowlist, allow_from: allow, ..AccessPolicy::default() };
        let mut inbound = direct("123456");
        inbound.sender.username = None;
        prop_assert_ne!(decide(&policy, &inbound, true), Access::Allow);
    }
}
