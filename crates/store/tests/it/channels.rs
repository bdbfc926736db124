//! Inbound, outbox and strangers.

use crate::support::{Fixture, fixture, inbound, outbound};
use store::{OutboxRow, OutboxState};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn accept(f: &Fixture, messages: &[(&str, &str)], cursor: &str) -> Vec<i64> {
    let batch = messages.iter().map(|(chat, id)| inbound(chat, id)).collect();
    let rows = f.store.accept_inbound("telegram", "default", batch, cursor).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_message_that_is_delivered_again_makes_no_second_row_even_when_it_is_closed() {
    let f = fixture();
    let first = accept(&f, &[("c", "1"), ("c", "2"), ("other", "1")], "2").await;
    assert_eq!(first.len(), 3);
    assert_eq!(accept(&f, &[("c", "2"), ("c", "3"), ("c", "3")], "3").await.len(), 1);
    f.store.close_inbound(vec![first[0]], "denied", vec![]).await.unwrap();
    for (id, open) in [(first[0], false), (first[1], true), (9999, false)] {
        assert_eq!(f.store.is_open_inbound(id).await.unwrap(), open, "{id}");
    }
    let f = f.restarted().await;
    assert!(accept(&f, &[("c", "1")], "3").await.is_empty());
    let open = f.store.open_inbound().await.unwrap();
    let ids: Vec<_> = open.iter().map(|row| row.inbound.message_id.as_str()).collect();
    assert_eq!(ids, ["2", "1", "3"], "in order of arrival");
    assert_eq!(open[0].inbound, inbound("c", "2"));
    assert_eq!(f.store.cursor("telegram", "default").await.unwrap().as_deref(), Some("3"));
    assert_eq!(f.store.cursor("telegram", "work").await.unwrap(), None);
}

#[tokio::test]
async fn a_cursor_moves_without_messages_too() {
    let f = fixture();
    assert!(accept(&f, &[], "9").await.is_empty());
    assert_eq!(f.store.cursor("telegram", "default").await.unwrap().as_deref(), Some("9"));
}

#[tokio::test]
async fn the_key_against_redelivery_is_kept_for_thirty_days_and_ids_are_never_given_again() {
    let f = fixture();
    let first = accept(&f, &[("c", "1")], "1").await;
    f.store.close_inbound(first.clone(), "denied", vec![outbound("c", "no")]).await.unwrap();
    let sent = f.store.pending_outbox().await.unwrap()[0].id;
    f.store.mark_sent(sent, "77").await.unwrap();
    f.clock.advance_ms(30 * DAY_MS);
    f.store.prune().await.unwrap();
    assert!(accept(&f, &[("c", "1")], "1").await.is_empty());
    assert_eq!(f.store.outbox_state(sent).await.unwrap(), Some(OutboxState::Sent("77".into())));
    f.clock.advance_ms(1);
    f.store.prune().await.unwrap();
    assert_eq!(f.store.outbox_state(sent).await.unwrap(), None);
    let again = accept(&f, &[("c", "1")], "1").await;
    assert!(again[0] > first[0]);
    f.clock.advance_ms(60 * DAY_MS);
    f.store.prune().await.unwrap();
    assert_eq!(f.store.open_inbound().await.unwrap().len(), 1, "what is open is never thrown away");
}

#[tokio::test]
async fn the_outbox_keeps_its_order_through_retries_and_restarts() {
    let f = fixture();
    let (rows, _) = f.store.enqueue(vec![outbound("a", "1"), outbound("b", "2")], None, None).await.unwrap();
    let (more, _) = f.store.enqueue(vec![outbound("a", "3")], None, None).await.unwrap();
    f.store.retry_outbox(rows[0].id, 5_000, "429").await.unwrap();
    f.store.mark_sent(rows[1].id, "m2").await.unwrap();
    let f = f.restarted().await;
    let pending = f.store.pending_outbox().await.unwrap();
    let expected = [OutboxRow { attempts: 1, not_before_ms: 5_000, ..rows[0].clone() }, more[0].clone()];
    assert_eq!(pending, expected);
    f.store.bury_outbox(rows[0].id, "chat not found").await.unwrap();
    // What is settled stays settled.
    f.store.mark_sent(rows[0].id, "late").await.unwrap();
    f.store.retry_outbox(rows[1].id, 0, "late").await.unwrap();
    let state = |id| f.store.outbox_state(id);
    assert_eq!(state(rows[0].id).await.unwrap(), Some(OutboxState::Dead("chat not found".into())));
    assert_eq!(state(rows[1].id).await.unwrap(), Some(OutboxState::Sent("m2".into())));
    assert_eq!(state(more[0].id).await.unwrap(), Some(OutboxState::Pending));
    assert_eq!(state(999).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_given_up_stays_until_it_is_sent_again_or_dropped() {
    let f = fixture();
    let (rows, _) = f.store.enqueue(vec![outbound("a", "1"), outbound("b", "2")], None, None).await.unwrap();
    let all = || f.store.dead_letters(None, None, 10);
    assert_eq!(all().await.unwrap(), (vec![], 0));
    assert!(!f.store.resubmit_dead_letter(rows[0].id).await.unwrap(), "it only waits");
    assert!(!f.store.drop_dead_letter(rows[0].id).await.unwrap(), "it only waits");
    for row in &rows {
        f.store.bury_outbox(row.id, "chat not found").await.unwrap();
    }
    let f = f.restarted().await;
    let (letters, total) = f.store.dead_letters(None, None, 1).await.unwrap();
    assert_eq!((letters[0].row.id, letters[0].error.as_str(), total), (rows[1].id, "chat not found", 2));
    let channel = rows[0].outbound.channel.clone();
    assert_eq!(f.store.dead_letters(Some(channel), None, 10).await.unwrap().1, 2);
    assert_eq!(f.store.dead_letters(None, Some("another".into()), 10).await.unwrap().1, 0);

    assert!(f.store.resubmit_dead_letter(rows[0].id).await.unwrap());
    assert!(!f.store.resubmit_dead_letter(rows[0].id).await.unwrap(), "it is sent again once");
    let pending = f.store.pending_outbox().await.unwrap();
    assert_eq!((pending.len(), pending[0].id, pending[0].attempts), (1, rows[0].id, 0));
    assert!(f.store.drop_dead_letter(rows[1].id).await.unwrap());
    assert_eq!(f.store.outbox_state(rows[1].id).await.unwrap(), None);
    assert_eq!(f.store.dead_letters(None, None, 10).await.unwrap(), (vec![], 0));
}

#[tokio::test]
async fn a_repeated_send_is_queued_once() {
    let f = fixture();
    let (first, new) =
        f.store.enqueue(vec![outbound("a", "1"), outbound("a", "2")], Some("k"), None).await.unwrap();
    assert!(new);
    f.store.mark_sent(first[0].id, "m").await.unwrap();
    let (again, new) =
        f.store.enqueue(vec![outbound("a", "1"), outbound("a", "2")], Some("k"), None).await.unwrap();
    assert!(!new);
    assert_eq!(again.iter().map(|r| r.id).collect::<Vec<_>>(), [first[0].id, first[1].id]);
    assert!(f.store.enqueue(vec![outbound("a", "1")], Some("other"), None).await.unwrap().1);
    assert_eq!(f.store.pending_outbox().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_stranger_keeps_one_code_for_an_hour() {
    let f = fixture();
    let ask = |code| f.store.channel_request("telegram", "default", "7", Some("Ann"), code);
    let (first, new) = ask("AAAA").await.unwrap().unwrap();
    assert!(new);
    f.clock.advance_ms(3_599_999);
    let again = store::ChannelRequest { last_seen_at_ms: first.created_at_ms + 3_599_999, ..first };
    assert_eq!(ask("BBBB").await.unwrap(), Some((again, false)));
    f.clock.advance_ms(1);
    assert!(f.store.channel_requests(None).await.unwrap().is_empty());
    assert_eq!(f.store.approve_channel("telegram", "default", "AAAA").await.unwrap(), None);
    let (second, new) = ask("CCCC").await.unwrap().unwrap();
    assert!(new && second.code == "CCCC");
}

#[tokio::test]
async fn three_strangers_may_wait_and_a_code_lets_in_exactly_its_sender() {
    let f = fixture();
    let ask = |sender, code| f.store.channel_request("telegram", "default", sender, None, code);
    for (sender, code) in [("1", "AAAA"), ("2", "BBBB"), ("3", "CCCC")] {
        assert!(ask(sender, code).await.unwrap().is_some());
    }
    assert_eq!(ask("4", "DDDD").await.unwrap(), None);
    let elsewhere = f.store.channel_request("telegram", "work", "4", None, "DDDD").await.unwrap();
    assert!(elsewhere.is_some());
    let taken = f.store.channel_request("telegram", "work", "5", None, "aaaa").await.unwrap();
    assert_eq!(taken, None, "a code means one sender");
    assert_eq!(f.store.approve_channel("slack", "default", "BBBB").await.unwrap(), None);
    let approved = f.store.approve_channel("telegram", "default", " bbbb ").await.unwrap().unwrap();
    assert_eq!(approved.sender_id, "2");
    assert_eq!(f.store.approve_channel("telegram", "default", "BBBB").await.unwrap(), None);
    let f = f.restarted().await;
    for (account, sender, allowed) in [("default", "2", true), ("default", "1", false), ("work", "2", false)]
    {
        assert_eq!(f.store.channel_allowed("telegram", account, sender).await.unwrap(), allowed);
    }
    assert_eq!(f.store.channel_requests(Some("telegram")).await.unwrap().len(), 3);
    assert!(f.store.channel_requests(Some("slack")).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_another_bot_hears_takes_the_place_of_what_was_heard_under_the_same_number() {
    let f = fixture();
    let heard = async |owner: &str, id: &str, text: &str, at: i64| {
        let message = model::Inbound { text: text.into(), sent_at_ms: at, ..inbound("c", id) };
        f.store.accept_inbound("telegram", owner, vec![message], id).await.unwrap()[0].id
    };
    let said = async || {
        let page = store::SaidPage { limit: 9, ..store::SaidPage::default() };
        let (said, _) = f.store.said(("telegram", "default", "c"), page).await.unwrap();
        said.into_iter().map(|said| said.text).collect::<Vec<_>>()
    };
    for (owner, text, at) in [("a bot", "old", 1_000), ("another", "new", 9_000)] {
        let row = heard(owner, "1", text, at).await;
        f.store.close_overheard(row).await.unwrap();
        assert_eq!(said().await, [text]);
    }

    // Parts of one message stay what each of them said, although the whole has the time of the last.
    let (first, last) = (heard("another", "2", "a", 10_000).await, heard("another", "3", "b", 11_000).await);
    let merged = model::Inbound { text: "a\nb".into(), sent_at_ms: 11_000, ..inbound("c", "3") };
    assert!(f.store.merge_inbound(first, merged, vec![last], "batch").await.unwrap());
    f.store.close_overheard(first).await.unwrap();
    assert_eq!(said().await, ["new", "a", "b"]);
}
