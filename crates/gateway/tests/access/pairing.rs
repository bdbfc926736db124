//! The whole life of a pairing as it was recorded, replayed: the same answers, and the same events at operator and node.
mod compare;
mod decisions;

use crate::support::ask::{Ask, Device};
use crate::support::{Raw, gateway_with};
use compare::Ids;
use serde_json::{Value, json};

const RECORDED: &str = include_str!("../data/flow-pairing.jsonl");

/// No silent approval: everyone has to be approved, as in the recording.
const ASKED_ABOUT: &str = "nodes: { pairing: { autoApproveLocal: false } },";

/// The one step whose answer is another here: there, a rotated token is worth nothing at once, and the device that holds it is
/// locked out. Here it is good for its own key until its successor was used, which is how the device gets that.
const ANOTHER_HERE: &str = "old operator token after rotate";

/// Events that are not compared: presence describes hosts, ticks come with time, and words that wake go to one place here.
const OTHER_EVENTS: [&str; 4] = ["presence", "tick", "health", "voicewake.routing.changed"];

/// Fields of the recorded build that the protocol leaves optional and ours does not send.
const OPTIONAL_THERE: [&str; 3] = ["recoveryScope", "recoveryMigrationAllowed", "capabilities"];

struct Replay {
    port: u16,
    operator: Raw,
    node: Option<Raw>,
    tui: Option<Raw>,
    node_token: String,
    tui_token: String,
    ids: Ids,
}

impl Replay {
    async fn step(&mut self, row: &Value) {
        let step = row["step"].as_str().unwrap();
        if step == ANOTHER_HERE {
            return self.old_token(row).await;
        }
        match step.strip_prefix("operator ").filter(|method| method.contains('.')) {
            Some(method) => self.call(method, row).await,
            None if row.get("events").is_some() => self.events(step, row).await,
            None => self.connect(step, row).await,
        }
    }

    async fn call(&mut self, method: &str, row: &Value) {
        let expected = expected_answer(row);
        if expected["error"]["details"]["code"] == "NOT_CONNECTED" && row["params"]["nodeId"] != "nope" {
            self.node_leaves().await;
        }
        let id = self.operator.request(method, self.ids.ours(&row["params"])).await;
        if method == "node.invoke" && expected["ok"] == true {
            let node = self.node.as_mut().unwrap();
            let invoked = node.invoked().await;
            assert_eq!(invoked["command"], row["params"]["command"]);
            node.result(&invoked, &json!({"bins": {}})).await;
        }
        let answer = self.operator.response(&id).await;
        let observed = match answer["ok"].as_bool() {
            Some(true) => json!({"ok": true, "payload": answer["payload"]}),
            _ => json!({"ok": false, "error": answer["error"]}),
        };
        self.ids.compare(&format!("{method} ({})", row["params"]), &expected, &observed);
        match method {
            "device.token.rotate" => {
                let closed = self.tui.take().unwrap().closed().await;
                assert_eq!(
                    closed,
                    (1012, "device token rotated".to_owned()),
                    "it comes again for the new one"
                );
            }
            "device.token.revoke" => {
                let closed = self.node.take().unwrap().closed().await;
                assert_eq!(closed, (1008, "device token revoked".to_owned()));
            }
            _ => {}
        }
    }

    /// The old token gives the new one; once that was used, the old one is refused as recorded.
    async fn old_token(&mut self, row: &Value) {
        let old = self.ask(ANOTHER_HERE);
        for _ in 0..2 {
            let tui = Raw::connected(self.port, &old).await;
            assert_eq!(tui.hello["auth"]["method"], "device-token");
            let new = tui.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
            assert_ne!(new, old.params["auth"]["token"], "also where the first answer was lost");
            self.tui_token = new;
            tui.leave().await;
        }
        Raw::connected(self.port, &self.ask(ANOTHER_HERE)).await.leave().await;
        let (error, (code, reason)) = Raw::refused(self.port, &old).await;
        self.ids.compare(ANOTHER_HERE, &row["error"], &error);
        assert_eq!((&row["close"]["code"], &row["close"]["reason"]), (&json!(code), &json!(reason)));
    }

    /// The operator sees it leave before anything else happens.
    async fn node_leaves(&mut self) {
        let from = self.operator.events.len();
        if let Some(node) = self.node.take() {
            node.leave().await;
            self.operator.event(from, |e| is_leaving(e, &Device::new(1).id())).await;
        }
    }

    async fn connect(&mut self, step: &str, row: &Value) {
        if step == "operator without a device, shared token" {
            let hello = self.operator.hello.clone();
            return self.ids.compare(step, &expected_auth(row), &json!({"ok": true, "auth": hello["auth"]}));
        }
        let ask = self.ask(step);
        if ask.params["role"] == "node" {
            self.node_leaves().await;
        }
        let mut raw = Raw::open(self.port).await;
        let answer = raw.shake(&ask).await;
        if answer["ok"] == true {
            let auth = &answer["payload"]["auth"];
            self.ids.compare(step, &expected_auth(row), &json!({"ok": true, "auth": auth}));
            let token = auth["deviceToken"].as_str().unwrap().to_owned();
            match ask.params["role"].as_str() {
                Some("node") => (self.node_token, self.node) = (token, Some(raw)),
                _ => (self.tui_token, self.tui) = (token, Some(raw)),
            }
            return;
        }
        let observed = json!({"ok": false, "error": answer["error"]});
        self.ids.compare(step, &json!({"ok": row["ok"], "error": row["error"]}), &observed);
        let (code, reason) = raw.closed().await;
        assert_eq!(row["close"]["code"], code, "{step}");
        assert_eq!(self.ids.our_reason(&row["close"]["reason"], &answer["error"]), reason, "{step}");
    }

    /// What each connecting step brings.
    fn ask(&self, step: &str) -> Ask {
        let which = ["system.which", "system.run"];
        let node = || Ask::node(Device::new(1), &which);
        let tui = |scopes: &[&str]| {
            Ask::operator()
                .with("/client/id", json!("openclaw-tui"))
                .with("/client/mode", json!("ui"))
                .device(Device::new(2))
                .scopes(scopes)
        };
        let more = ["operator.read", "operator.write"];
        let token = json!({"token": self.node_token});
        match step {
            "node, first connect" | "node, connects again (same request id?)" => node(),
            "node token after revoke" => node().auth(token),
            "old operator token after rotate" => {
                tui(&["operator.read"]).auth(json!({"token": self.tui_token}))
            }
            "node, after device approval" | "node after removal" => node(),
            "node, device token in auth.token" => node().auth(token),
            "node, device token in auth.deviceToken" => node().auth(json!({"deviceToken": self.node_token})),
            "node, wrong token, paired key" => node().auth(json!({"token": "not-the-token"})),
            "stranger with the node's token" => Ask::node(Device::new(3), &which).auth(token),
            "node's token, asks for operator.admin" => {
                Ask::operator().device(Device::new(1)).scopes(&["operator.admin"]).auth(token)
            }
            "node declares more commands" => {
                Ask::node(Device::new(1), &["system.which", "system.run", "fs.listDir"]).auth(token)
            }
            "operator device, read only, first connect" => tui(&["operator.read"]),
            "operator device, after approval" => tui(&["operator.read"]),
            "its token, asks for more scopes" => tui(&more).auth(json!({"token": self.tui_token})),
            "shared token, asks for more scopes" => tui(&more),
            other => panic!("no input for the step {other:?}"),
        }
    }

    async fn events(&mut self, step: &str, row: &Value) {
        let seen = match step {
            "events seen by the node" => {
                let node = self.node.as_mut().unwrap();
                // What was sent before this answer has come when the answer has.
                node.assert_open().await;
                let challenge = json!({"event": "connect.challenge", "payload": node.challenge});
                [&[challenge], node.events.as_slice()].concat()
            }
            _ => self.operator.events.clone(),
        };
        let comparable = |events: &[Value]| -> Value {
            let those = events.iter().filter(|e| !OTHER_EVENTS.contains(&e["event"].as_str().unwrap()));
            those.map(|e| json!({"event": e["event"], "payload": without_optional(&e["payload"])})).collect()
        };
        let expected = comparable(row["events"].as_array().unwrap());
        self.ids.compare(step, &expected, &comparable(&seen));
    }
}

fn is_leaving(event: &Value, device_id: &str) -> bool {
    let listed = event["payload"]["presence"].as_array();
    listed.into_iter().flatten().any(|p| p["deviceId"] == device_id && p["reason"] == "disconnect")
}

fn without_optional(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Object(map) = &mut value {
        map.retain(|name, _| !OPTIONAL_THERE.contains(&name.as_str()));
    }
    value
}

fn expected_auth(row: &Value) -> Value {
    json!({"ok": true, "auth": without_optional(&row["auth"])})
}

/// The recorded answer. Two calls met an accident of timing there ("node pairing changed while invocation was
/// active"); ours says what is the case: not approved yet, or not connected.
fn expected_answer(row: &Value) -> Value {
    let command = &row["params"]["command"];
    let error = match (&row["error"]["details"]["code"], &row["params"]["nodeId"]) {
        (Value::String(code), Value::String(node)) if code == "PAIRING_CHANGED" && node == "nope" => json!({
            "code": "UNAVAILABLE", "message": "node not connected",
            "details": {
                "code": "NOT_CONNECTED", "nodeCommandDispatched": false,
                "nodeError": {"code": "NOT_CONNECTED", "message": "node not connected"},
            },
        }),
        (Value::String(code), _) if code == "PAIRING_CHANGED" => json!({
            "code": "INVALID_REQUEST", "message": compare::ANY,
            "details": {"reason": "command not approved", "command": command},
        }),
        _ => row["error"].clone(),
    };
    match row["ok"] == true {
        true => json!({"ok": true, "payload": row["payload"]}),
        false => json!({"ok": false, "error": error}),
    }
}

#[tokio::test]
async fn a_pairing_lives_as_it_was_recorded() {
    let gateway = gateway_with(ASKED_ABOUT).await;
    let rows: Vec<Value> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut replay = Replay {
        port: gateway.port(),
        operator: Raw::connected(gateway.port(), &Ask::operator()).await,
        node: None,
        tui: None,
        node_token: String::new(),
        tui_token: String::new(),
        ids: Ids::default(),
    };
    for row in &rows {
        replay.step(row).await;
    }
    assert!(
        rows.iter().any(|row| row["step"] == ANOTHER_HERE),
        "what is excepted is a step of the recording"
    );
}
