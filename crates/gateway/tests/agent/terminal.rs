//! Shells for administrators: what is typed and printed, who looks on, and how they end.

use crate::support;
use crate::support::ask::Ask;
use crate::support::{PATIENCE, Raw, gateway_with};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::gateway::TestGateway;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

const SHELL: &str = r#"terminal: { shell: "/bin/sh" },"#;

async fn open(operator: &mut Raw) -> String {
    let opened = operator.call("terminal.open", json!({"cols": 80, "rows": 24})).await;
    assert_eq!(
        (&opened["shell"], &opened["confined"], &opened["agentId"]),
        (&json!("/bin/sh"), &json!(false), &json!("main"))
    );
    opened["sessionId"].as_str().unwrap().to_owned()
}

async fn input(operator: &mut Raw, id: &str, data: &str) -> Value {
    operator.call("terminal.input", json!({"sessionId": id, "data": data})).await["ok"].clone()
}

/// Waits until this was printed. What is typed is echoed, so that tests look for what only a program can have made.
async fn printed(operator: &mut Raw, wanted: &str) {
    let mut text = String::new();
    let mut at = 0;
    while !text.contains(wanted) {
        let (n, event) = operator.event(at, |e| e["event"] == "terminal.data").await;
        text.push_str(event["payload"]["data"].as_str().unwrap());
        at = n + 1;
    }
}

/// A pipe that programs hold. It is open for reading from the beginning, so that nobody who opens it waits.
struct Pipe {
    path: PathBuf,
    reader: pipe::Receiver,
}

impl Pipe {
    fn make(gateway: &TestGateway) -> Self {
        let path = gateway.state_dir().join("alive");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        Self { path, reader }
    }

    /// Once somebody holds it: what was written into it until nobody did any more.
    async fn until_let_go(&mut self) -> String {
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_to_string(&mut text)).await;
        read.expect("nobody holds the pipe any more").unwrap();
        text
    }
}

async fn exit(operator: &mut Raw) -> Value {
    operator.event(0, |e| e["event"] == "terminal.exit").await.1["payload"].clone()
}

#[tokio::test]
async fn a_shell_is_typed_into_resized_and_ends() {
    let gateway = gateway_with(SHELL).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut operator).await;
    assert_eq!(input(&mut operator, &id, "echo $((40+2)) é\n").await, true);
    printed(&mut operator, "42 é").await;
    let size = json!({"sessionId": id, "cols": 100, "rows": 30});
    assert_eq!(operator.call("terminal.resize", size).await["ok"], true);
    input(&mut operator, &id, "stty size\n").await;
    printed(&mut operator, "30 100").await;
    let listed = operator.call("terminal.list", json!({})).await;
    assert_eq!(
        (&listed["sessions"][0]["sessionId"], &listed["sessions"][0]["attached"]),
        (&json!(id), &json!(true))
    );
    input(&mut operator, &id, "exit 3\n").await;
    let ended = exit(&mut operator).await;
    assert_eq!(
        (&ended["reason"], &ended["exitCode"], &ended["sessionId"]),
        (&json!("process_exit"), &json!(3), &json!(id))
    );
    assert_eq!(input(&mut operator, &id, "x").await, false, "it is gone");
    assert_eq!(operator.call("terminal.list", json!({})).await["sessions"], json!([]));
    gateway.stop().await;
}

#[tokio::test]
async fn closing_kills_what_was_started_in_it() {
    let gateway = gateway_with(SHELL).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut operator).await;
    let mut pipe = Pipe::make(&gateway);
    // A job in the background that would not go by itself. It says so once it holds the pipe.
    let job = format!(
        "set -m; (trap '' HUP TERM; exec 9> {}; echo held >&9; echo $((1+1))started; sleep 300) &\n",
        pipe.path.display()
    );
    input(&mut operator, &id, &job).await;
    printed(&mut operator, "2started").await;
    assert_eq!(operator.call("terminal.close", json!({"sessionId": id})).await["ok"], true);
    assert_eq!(exit(&mut operator).await["reason"], "closed");
    assert_eq!(pipe.until_let_go().await, "held\n");
    gateway.stop().await;
}

#[tokio::test]
async fn a_shell_outlives_its_connection_and_is_taken_over() {
    let gateway = gateway_with(SHELL).await;
    let mut first = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut first).await;
    input(&mut first, &id, "echo $((40+2))\n").await;
    printed(&mut first, "42").await;
    let mut second = Raw::connected(gateway.port(), &Ask::operator()).await;
    assert_eq!(input(&mut second, &id, "x").await, false, "it looks at nothing yet");
    first.leave().await;
    let attached = second.call("terminal.attach", json!({"sessionId": id})).await;
    assert!(attached["buffer"].as_str().unwrap().contains("42"), "{attached}");
    assert!(
        attached["seq"].is_u64(),
        "what is in the buffer and what comes behind it are told apart: {attached}"
    );
    input(&mut second, &id, "echo $((50+5))\n").await;
    printed(&mut second, "55").await;
    let mut third = Raw::connected(gateway.port(), &Ask::operator()).await;
    third.call("terminal.attach", json!({"sessionId": id})).await;
    assert_eq!(exit(&mut second).await["reason"], "detached");
    assert_eq!(input(&mut second, &id, "x").await, false);
    third.fails("terminal.attach", json!({"sessionId": "nothing"})).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_shell_that_nobody_comes_back_to_ends() {
    let gateway = gateway_with(r#"terminal: { shell: "/bin/sh", detachedSessionTimeoutSeconds: 0 },"#).await;
    let mut first = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut first).await;
    let mut pipe = Pipe::make(&gateway);
    input(&mut first, &id, &format!("exec 9> {}; echo $((1+1))go\n", pipe.path.display())).await;
    printed(&mut first, "2go").await;
    first.leave().await;
    assert_eq!(pipe.until_let_go().await, "");
    gateway.stop().await;
}

/// More than the 50 MiB after which a client that does not read is closed, were they queued.
const FLOOD: usize = 60_000_000;
/// More than is queued of a terminal, and through long before a write that hangs is given up (30 s), on a slow machine too.
const SMALLER: usize = 4_000_000;

/// Prints very much, leaves a file and says that it is through.
async fn flood(operator: &mut Raw, id: &str, bytes: usize, done: &Path) {
    let flood =
        format!("head -c {bytes} /dev/zero | tr '\\0' x; echo > {}; echo $((1+1))through\n", done.display());
    input(operator, id, &flood).await;
}

/// Reads until all of that has come.
async fn read_flood(operator: &mut Raw, bytes: usize) {
    let (mut printed, mut end) = (0, String::new());
    while !end.contains("2through") {
        let (at, event) = operator.event(0, |e| e["event"] == "terminal.data").await;
        let data = event["payload"]["data"].as_str().unwrap();
        printed += data.matches('x').count();
        end = end.split_off(end.len().saturating_sub(20)) + data;
        operator.events.truncate(at);
    }
    assert!(printed >= bytes, "{printed}");
}

#[tokio::test]
async fn a_shell_whose_program_takes_nothing_in_is_closed_and_left_all_the_same() {
    let gateway = gateway_with(r#"terminal: { shell: "/bin/sh", detachedSessionTimeoutSeconds: 0 },"#).await;
    for closes in [true, false] {
        let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
        let id = open(&mut operator).await;
        input(&mut operator, &id, "stty raw -echo; echo $((1+1))raw; sleep 300\n").await;
        printed(&mut operator, "2raw").await;
        // More than the terminal holds, and then more than is queued behind it.
        assert_eq!(input(&mut operator, &id, &"x".repeat(200 * 1024)).await, true);
        while input(&mut operator, &id, "x").await == true {}
        if closes {
            assert_eq!(operator.call("terminal.close", json!({"sessionId": id})).await["ok"], true);
            assert_eq!(exit(&mut operator).await["reason"], "closed");
        } else {
            operator.leave().await;
            let mut other = Raw::connected(gateway.port(), &Ask::operator()).await;
            let is_there =
                |list: &Value| list["sessions"].as_array().unwrap().iter().any(|s| s["sessionId"] == id);
            // Each answer is held against the contract in the end: thousands of the same would take a minute.
            let gone = async {
                while is_there(&other.call("terminal.list", json!({})).await) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(support::PATIENCE, gone).await.expect("it ends");
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_its_own_program_alone() {
    let gateway = gateway_with(SHELL).await;
    let (done, others) = (gateway.state_dir().join("done"), gateway.state_dir().join("others"));
    let mut slow = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut slow).await;
    flood(&mut slow, &id, FLOOD, &done).await;
    // Another program gets through meanwhile, as it has a reader.
    let mut other = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut other).await;
    flood(&mut other, &id, SMALLER, &others).await;
    read_flood(&mut other, SMALLER).await;
    assert!(!done.exists(), "the first one waits for its reader");
    // Once that reads, all of it comes, and it was never closed for being slow.
    read_flood(&mut slow, FLOOD).await;
    gateway.stop().await;
}

#[tokio::test]
async fn shells_are_for_administrators_where_they_are_switched_on() {
    let gateway = gateway_with(SHELL).await;
    let ask = Ask::operator().scopes(&["operator.write", "operator.approvals"]);
    let mut other = Raw::connected(gateway.port(), &ask).await;
    for (method, params) in [
        ("terminal.open", json!({"cols": 80, "rows": 24})),
        ("terminal.attach", json!({"sessionId": "x"})),
        ("terminal.list", json!({})),
    ] {
        assert_eq!(
            other.fails(method, params).await["details"]["missingScope"],
            "operator.admin",
            "{method}"
        );
    }
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    for (params, says) in [
        (json!({"cols": 80}), "must have required property 'rows'"),
        (json!({"cols": 80, "rows": 0}), "must be >= 1"),
        (json!({"cols": 2001, "rows": 24}), "must be <= 2000"),
        (json!({"cols": 80, "rows": 24, "agentId": "nobody"}), "unknown agent"),
        (json!({"cols": 80, "rows": 24, "catalog": {"catalogId": "c"}}), "unknown session catalog"),
    ] {
        let error = operator.fails("terminal.open", params).await;
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
    for _ in 0..32 {
        open(&mut operator).await;
    }
    let error = operator.fails("terminal.open", json!({"cols": 80, "rows": 24})).await;
    assert!(error["message"].as_str().unwrap().contains("32 terminals"), "{error}");
    gateway.stop().await;

    let gateway = gateway_with("terminal: { enabled: false },").await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let error = operator.fails("terminal.open", json!({"cols": 80, "rows": 24})).await;
    assert!(error["message"].as_str().unwrap().contains("disabled"), "{error}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_file_for_a_shell_is_kept_for_its_owner_alone_and_taken_of_who_looks_at_it() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = gateway_with(SHELL).await;
    let mut operator = Raw::connected(gateway.port(), &Ask::operator()).await;
    let mut other = Raw::connected(gateway.port(), &Ask::operator()).await;
    let id = open(&mut operator).await;
    let upload = json!({"sessionId": id, "name": "../a b.txt", "contentBase64": "aGVsbG8="});
    let kept = operator.call("terminal.upload", upload.clone()).await;
    let path = PathBuf::from(kept["path"].as_str().unwrap());
    let root = gateway.state_dir().canonicalize().unwrap().join("terminal-uploads");
    assert!(path.starts_with(&root) && path.file_name().is_some_and(|name| name == "a b.txt"), "{kept}");
    assert_eq!((std::fs::read(&path).unwrap(), &kept["size"]), (b"hello".to_vec(), &json!(5)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let error = other.fails("terminal.upload", upload.clone()).await;
    assert!(error["message"].as_str().unwrap().contains("unknown terminal session"), "{error}");
    for (content, says) in
        [("a", "base64"), (&*"AAAA".repeat(4 * 1024 * 1024 + 1024 * 1024 + 700_000), "16777216")]
    {
        let mut upload = upload.clone();
        upload["contentBase64"] = json!(content);
        let error = operator.fails("terminal.upload", upload).await;
        assert!(error["message"].as_str().unwrap().contains(says), "{error:.200}");
    }
    assert_eq!(std::fs::read_dir(root).unwrap().count(), 1, "nothing of what was refused");
}
