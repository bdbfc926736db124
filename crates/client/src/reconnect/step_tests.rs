//! The table of [`super::next_step`].

use super::*;
use crate::CloseInfo;
use protocol::ErrorShape;
use serde_json::{Value, json};

fn refused(error: Value) -> ConnectError {
    let shape: ErrorShape = serde_json::from_value(error).unwrap();
    ConnectError::Refused(Box::new(shape), CloseInfo::new(1008, ""))
}

fn with_details(details: Value) -> ConnectError {
    refused(json!({"code":"INVALID_REQUEST","message":"m","details":details}))
}

fn pairing(details: Value) -> ConnectError {
    let mut all = json!({"code":"PAIRING_REQUIRED","requestId":"r"});
    for (k, v) in details.as_object().unwrap() {
        all[k] = v.clone();
    }
    refused(json!({"code":"NOT_PAIRED","message":"m","details":all}))
}

fn http(status: u16) -> ConnectError {
    ConnectError::Http { url: "u".into(), status, body: String::new() }
}

fn seconds(at_least: u64, at_most: u64) -> Step {
    Step::Retry { at_least: Duration::from_secs(at_least), at_most: Duration::from_secs(at_most) }
}

#[test]
fn each_failure_has_its_next_step() {
    let advised = |step: &str| with_details(json!({"code":"AUTH_TOKEN_MISMATCH","recommendedNextStep":step}));
    let cases = [
        (ConnectError::Protocol("x".into()), seconds(0, 1)),
        (ConnectError::Closed { url: "u".into(), close: CloseInfo::new(1012, "") }, seconds(0, 1)),
        (ConnectError::Url { url: "u".into(), problem: "p".into() }, Step::Stop),
        (
            ConnectError::Pin {
                url: "u".into(),
                expected: vec![],
                seen: crate::Seen { leaf: model::Pin::leaf([1; 32]), spki: model::Pin::spki([2; 32]) },
            },
            Step::Stop,
        ),
        (http(403), Step::Stop),
        (http(404), Step::Stop),
        (http(429), seconds(0, 1)),
        (http(502), seconds(0, 1)),
        (advised("update_auth_credentials"), Step::Stop),
        (advised("update_auth_configuration"), Step::Stop),
        (advised("review_auth_configuration"), Step::Stop),
        (advised("wait_then_retry"), seconds(0, 1)),
        (advised("something_new"), Step::Stop),
        (with_details(json!({"recommendedNextStep":"wait_then_retry","retryAfterMs":7000})), seconds(7, 8)),
        (with_details(json!({"recommendedNextStep":"wait_then_retry","pauseReconnect":true})), Step::Stop),
        (with_details(json!({"code":"PROTOCOL_MISMATCH"})), Step::Stop),
        (with_details(json!({"code":"DEVICE_AUTH_SIGNATURE_INVALID"})), Step::Stop),
        (
            refused(json!({"code":"NOT_PAIRED","message":"m","details":{"code":"DEVICE_IDENTITY_REQUIRED"}})),
            Step::Stop,
        ),
        (pairing(json!({})), seconds(0, 1)),
        (pairing(json!({"pauseReconnect":false})), seconds(0, 1)),
        (pairing(json!({"pauseReconnect":true})), Step::Stop),
        (pairing(json!({"recommendedNextStep":"wait_then_retry","retryAfterMs":2000})), seconds(2, 3)),
        (refused(json!({"code":"UNAVAILABLE","message":"m"})), seconds(0, 1)),
        (refused(json!({"code":"UNAVAILABLE","message":"m","retryAfterMs":3000})), seconds(3, 4)),
        (refused(json!({"code":"UNAVAILABLE","message":"m","retryable":false})), Step::Stop),
        (refused(json!({"code":"INVALID_REQUEST","message":"m","retryable":true})), seconds(0, 1)),
        (refused(json!({"code":"SOMETHING_NEW","message":"m"})), seconds(0, 1)),
    ];
    for (error, step) in cases {
        assert_eq!(next_step(&error, 1, false), step, "{error:?}");
    }
}

#[test]
fn the_device_token_is_tried_where_there_is_one_that_was_not_used() {
    let details = json!({"code":"AUTH_TOKEN_MISMATCH","canRetryWithDeviceToken":true,
        "recommendedNextStep":"retry_with_device_token"});
    assert_eq!(next_step(&with_details(details.clone()), 1, true), Step::RetryWithDeviceToken);
    assert_eq!(next_step(&with_details(details), 1, false), Step::Stop);
}

#[test]
fn waits_double_up_to_their_bound() {
    let network = || ConnectError::Protocol("x".into());
    for (attempt, at_most) in
        [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (40, 30), (u32::MAX, 30)]
    {
        assert_eq!(next_step(&network(), attempt, false), seconds(0, at_most), "{attempt}");
    }
    assert_eq!(next_step(&pairing(json!({})), 9, false), seconds(0, 5), "an approval is noticed soon");
    let absurd = with_details(json!({"recommendedNextStep":"wait_then_retry","retryAfterMs":u64::MAX}));
    assert_eq!(next_step(&absurd, 1, false), seconds(3600, 3601));
}
