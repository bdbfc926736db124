//! Setup codes: one device each, for minutes, and a lost answer costs nothing.

use crate::support::{START, ask, fixture};
use store::{SetupAccess, Store};

const LIFE: i64 = 600_000;

async fn open_ids(store: &Store) -> Vec<String> {
    store.open_setup_codes().await.unwrap().into_iter().map(|code| code.setup_id).collect()
}

#[tokio::test]
async fn a_code_lets_in_one_device_which_may_ask_again_until_it_has_its_tokens() {
    let f = fixture();
    let code = f.store.make_setup_code(SetupAccess::Limited, LIFE).await.unwrap();
    let redeem = async |device: &str| {
        let asks = vec![ask(device, "node", &[]), ask(device, "operator", &["a"])];
        f.store.redeem_setup_code(&code.setup_id, asks).await.unwrap()
    };
    let paired = redeem("d").await.unwrap();
    assert_eq!(
        (paired.roles.len(), paired.tokens.len(), paired.scopes.as_slice()),
        (2, 2, &["a".to_owned()][..])
    );
    assert_eq!(redeem("thief").await, None);
    assert_eq!(redeem("d").await, Some(paired), "its first answer was lost");
    let seen = f.store.setup_code(&code.setup_id).await.unwrap().unwrap().used.unwrap();
    assert_eq!((seen.device_id.as_str(), seen.at_ms, seen.answered_at_ms), ("d", START, None));
    f.clock.advance_ms(1);
    f.store.note_setup_answered(&code.setup_id).await.unwrap();
    assert!(f.store.use_device_token("d", "node", 1).await.unwrap());
    assert_eq!(redeem("d").await, None, "it has its tokens");
    let f = f.restarted().await;
    let seen = f.store.setup_code(&code.setup_id).await.unwrap().unwrap().used.unwrap();
    assert_eq!((seen.answered_at_ms, seen.claimed_at_ms), (Some(START + 1), Some(START + 1)));
}

#[tokio::test]
async fn a_code_gives_no_more_than_what_its_devices_token_was_narrowed_to() {
    for (scopes, again) in [(None, true), (Some(vec!["a".to_owned()]), false)] {
        let f = fixture();
        let code = f.store.make_setup_code(SetupAccess::Limited, LIFE).await.unwrap();
        let redeem = async || {
            let asks = vec![ask("d", "operator", &["a", "b"])];
            f.store.redeem_setup_code(&code.setup_id, asks).await.unwrap()
        };
        assert!(redeem().await.is_some());
        f.store.rotate_device_token("d", "operator", 1, scopes).await.unwrap();
        assert_eq!(redeem().await.is_some(), again);
    }
}

#[tokio::test]
async fn a_code_gives_back_nothing_that_was_taken() {
    for revoke in [true, false] {
        let f = fixture();
        let code = f.store.make_setup_code(SetupAccess::Node, LIFE).await.unwrap();
        let redeem =
            async || f.store.redeem_setup_code(&code.setup_id, vec![ask("d", "node", &[])]).await.unwrap();
        assert!(redeem().await.is_some());
        if revoke {
            f.store.revoke_device_token("d", "node").await.unwrap();
        } else {
            f.store.remove_device("d").await.unwrap();
        }
        assert_eq!(redeem().await, None);
    }
}

#[tokio::test]
async fn codes_end_with_their_time_and_the_oldest_makes_room() {
    let f = fixture();
    let first = f.store.make_setup_code(SetupAccess::Full, LIFE).await.unwrap();
    for _ in 0..15 {
        f.clock.advance_ms(1);
        f.store.make_setup_code(SetupAccess::Full, LIFE).await.unwrap();
    }
    assert!(open_ids(&f.store).await.contains(&first.setup_id));
    let last = f.store.make_setup_code(SetupAccess::Full, LIFE).await.unwrap();
    let open = open_ids(&f.store).await;
    assert_eq!(
        (open.len(), open.contains(&first.setup_id), open.contains(&last.setup_id)),
        (16, false, true)
    );
    f.clock.advance_ms(LIFE);
    assert!(open_ids(&f.store).await.is_empty());
    let late = f.store.redeem_setup_code(&last.setup_id, vec![ask("d", "node", &[])]).await.unwrap();
    assert_eq!((late, f.store.devices().await.unwrap().len()), (None, 0));
}

#[tokio::test]
async fn a_join_url_is_told_once_in_its_time_and_over_a_new_start() {
    let f = fixture();
    let mut codes = Vec::new();
    for says in [Some("one"), Some("two"), None] {
        let code = f.store.make_setup_code(SetupAccess::Node, LIFE).await.unwrap();
        if let Some(says) = says {
            f.store.offer_join(&code.setup_id, says.to_owned()).await.unwrap();
        }
        codes.push(code);
    }
    let f = f.restarted().await;
    let take = async |at: usize| f.store.take_join(&codes[at].setup_id).await.unwrap().map(|(_, says)| says);
    assert_eq!(f.store.open_joins().await.unwrap().len(), 2);
    assert_eq!((take(0).await, take(0).await), (Some("one".to_owned()), None));
    assert_eq!(take(2).await, None, "nobody offered it");
    assert_eq!(f.store.open_joins().await.unwrap(), [codes[1].setup_id.clone()]);
    f.clock.advance_ms(LIFE);
    assert_eq!(take(1).await, None, "its time is over");
    assert!(f.store.open_joins().await.unwrap().is_empty());
}
