//! The `connect` request against a recorded one.

use super::*;
use crate::{ClientDescription, Identity};
use std::sync::Arc;

const RECORDED: &str = include_str!("../tests/fixtures/connect-node.json");

fn options(identity: &Arc<Identity>) -> ConnectOptions {
    let client = ClientDescription {
        id: "node-host".into(),
        version: "2026.9.6".into(),
        mode: "node".into(),
        platform: "linux".into(),
        device_family: Some("Linux".into()),
        display_name: Some("capnode".into()),
        instance_id: Some("92c864cd-dc51-4163-a4e1-2fbd31ff9b7a".into()),
    };
    let mut options = ConnectOptions::new("ws://x", client);
    options.token = Some("<shared-token>".into());
    options.identity = Some(Arc::clone(identity));
    options.role = "node".into();
    options.caps = vec!["system".into()];
    options.commands = vec!["system.run".into(), "system.which".into()];
    options.path_env = Some("/usr/bin:/bin".into());
    options
}

fn challenge() -> Challenge {
    Challenge { nonce: "b8c8564c-eaf9-4358-8885-620dc01d2d3a".into(), ts: 1_795_225_647_638 }
}

#[test]
fn connect_has_the_recorded_shape() {
    let identity = Arc::new(Identity::generate().unwrap());
    let mut params = connect_params(&options(&identity), &challenge());
    assert_eq!(protocol::connect::CONNECT.check(&params), Ok(()));
    let device = params["device"].as_object_mut().unwrap();
    assert_eq!(device["id"], identity.device_id());
    for own in ["id", "publicKey", "signature"] {
        device[own] = "own".into();
    }
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    assert_eq!(params, recorded["params"]);
}

#[test]
fn the_signature_covers_the_credential_that_is_sent() {
    type Change = fn(&mut ConnectOptions);
    let cases: [(Change, Value, &str); 8] = [
        (|_| {}, json!({"token":"<shared-token>"}), "<shared-token>"),
        (|o| o.token = None, Value::Null, ""),
        (|o| (o.token, o.password) = (None, Some("pw".into())), json!({"password":"pw"}), ""),
        (|o| (o.token, o.device_token) = (None, Some("dev".into())), json!({"deviceToken":"dev"}), "dev"),
        (
            |o| (o.token, o.bootstrap_token) = (None, Some("boot".into())),
            json!({"bootstrapToken":"boot"}),
            "boot",
        ),
        (
            |o| {
                o.token = None;
                (o.device_token, o.bootstrap_token) = (Some("dev".into()), Some("boot".into()));
            },
            json!({"deviceToken":"dev","bootstrapToken":"boot"}),
            "dev",
        ),
        (|o| o.bootstrap_token = Some("boot".into()), json!({"token":"<shared-token>"}), "<shared-token>"),
        (|o| o.device_token = Some("dev".into()), json!({"token":"<shared-token>"}), "<shared-token>"),
    ];
    let identity = Arc::new(Identity::generate().unwrap());
    for (change, auth, signed) in cases {
        let mut options = options(&identity);
        change(&mut options);
        let params = connect_params(&options, &challenge());
        assert_eq!(params.get("auth").cloned().unwrap_or_default(), auth);
        let text = format!(
            "v3|{}|node-host|node|node||1795225647638|{signed}|b8c8564c-eaf9-4358-8885-620dc01d2d3a|linux|linux",
            identity.device_id()
        );
        assert_eq!(params["device"]["signature"], identity.sign(&text).as_str());
    }
}

#[test]
fn what_is_empty_is_left_out() {
    let mut options = ConnectOptions::new("ws://x", ClientDescription::new("cli", "cli", "1"));
    options.client.display_name = Some(String::new());
    let params = connect_params(&options, &challenge());
    assert_eq!(protocol::connect::CONNECT.check(&params), Ok(()));
    for absent in ["auth", "device", "commands", "pathEnv"] {
        assert!(params.get(absent).is_none(), "{absent}");
    }
    assert!(params["client"].get("displayName").is_none());
}
