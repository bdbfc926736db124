//! `docs/protocol.md` is written from the method table, the list of events and the published list of methods. With
//! `UPDATE_DOCS=1` this test writes the page; without, it says where the page is not what the program does.

// Helpers outside of test functions may end the test too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use protocol::Access;
use protocol::events::EVENTS;
use protocol::methods::{self, COMMON_ERRORS, MethodSpec};
use protocol::shape::{Field, Kind, Shape};
use std::collections::BTreeMap;
use std::path::Path;
use testkit::contract::published::schema;
use testkit::contract::table::{Published, answer_of};

const COMMAND: &str = "UPDATE_DOCS=1 cargo test -p testkit --test protocol_page";

const HEAD: &str = "\
# The protocol, method by method
Protocol 4 for operators; 3 and 4 for nodes and probes. Device signatures of version 2 and 3. `hello-ok.features` lists exactly the methods and events of this page.
It is written by a test from the tables that the gateway itself uses; after a change to them: `UPDATE_DOCS=1 cargo test -p testkit --test protocol_page`.

A method that is not here is answered with `INVALID_REQUEST` and `unknown method`. Of the parameters, those with a `?` may be left out; those under *ignored* are known to
OpenClaw's clients and change nothing here; any other is refused by name. An answer has no property that is not listed, and always those without a `?`; among the codes
of refusals `…` stands for what a node gave as its own. Where the published contract has a definition of the answer, it is named. Every test holds the gateway's
answers against both.
";

const TAIL: &str = "\
## Limits
64 KiB and 15 s before authentication; 25 MiB per frame and 50 MiB unsent per client afterwards; a tick every 30 s, a ping every 25 s.

## HTTP on the same port
`/healthz` `/health`, `/readyz` `/ready`, `/startupz` `/startup`, and a status page at `/`. `/v1/*`, `/tools/invoke` and `/hooks/*` are not there yet.
";

/// What is missing, and why.
const WHY_NOT: &[(&[&str], &str)] = &[
    (
        &["artifacts.list", "artifacts.get", "artifacts.download"],
        "no file that a run made is kept beside the transcript, so that there is none to give",
    ),
    (
        &["tasks.retry", "tasks.dismiss"],
        "a run that has ended stays as it ended; the message is sent again under a new key",
    ),
    (
        &["node.runnerInventory.update"],
        "nodes run commands and no agents, so that no runner is chosen among them",
    ),
    (
        &["voicewake.routing.get", "voicewake.routing.set"],
        "whatever word is heard, the session of the device hears it",
    ),
    (
        &["node.invoke.input"],
        "an event to nodes whose command takes what is typed meanwhile; no published method brings anything to type, and none is declared here that takes it",
    ),
];

#[test]
fn the_protocol_page_is_what_the_program_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = page.lines().zip(kept.lines().chain(std::iter::repeat("(the page ends)")));
    if let Some((is, was)) = lines.find(|(is, was)| is != was) {
        panic!(
            "docs/protocol.md is out of date; write it anew with `{COMMAND}`\n  page: {was}\n  is:   {is}"
        );
    }
    assert_eq!(page, kept, "docs/protocol.md is longer than what the program does; {COMMAND}");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page += &format!(
        "\nAny method may refuse with {}, with a wrong parameter named, or because the state cannot be used.\n",
        code(COMMON_ERRORS)
    );
    for (title, table) in methods::areas().filter(|(_, table)| !table.is_empty()) {
        page += &format!("\n## {title}\n");
        table.iter().for_each(|method| page += &entry(method));
    }
    page += &format!("\n## Events\n{}\n\n", code(EVENTS));
    page += TAIL;
    page + &missing()
}

fn entry(method: &MethodSpec) -> String {
    let key = if method.idempotent { " · the same idempotency key gives the first answer" } else { "" };
    let more = if method.elevates.is_some() { ", and `operator.admin` for more than that" } else { "" };
    let mut text = format!("\n### `{}`\nWho: {}{more}{key}  \n", method.name, who(method.access));
    if !method.params.fields.is_empty() {
        text += &format!("Parameters: {}  \n", fields(method.params));
    }
    let unset: Vec<&str> = method.params.fields.iter().filter(|f| is_unset(f)).map(|f| f.name).collect();
    if !unset.is_empty() {
        text += &format!("Not supported, and refused unless null or false: {}  \n", code(&unset));
    }
    if !method.params.ignored.is_empty() {
        text += &format!("Ignored: {}  \n", code(method.params.ignored));
    }
    text += &match method.result {
        ["[]"] => "Answer: a list".to_owned(),
        ["*"] => "Answer: an object, as it was given".to_owned(),
        _ => format!("Answer: {}", answer(method)),
    };
    if let Published::Whole(definition) = answer_of(method.name) {
        text += &format!(" (`{definition}`)");
    }
    text += "  \n";
    if !method.errors.is_empty() {
        text += &format!("Refuses with: {}\n", code(method.errors));
    }
    text
}

fn answer(method: &MethodSpec) -> String {
    let one = |(name, always)| format!("`{name}`{}", if always { "" } else { "?" });
    method.answer().map(one).collect::<Vec<_>>().join(" · ")
}

fn who(access: Access) -> String {
    match access {
        Access::Anyone => "anyone who is connected".to_owned(),
        Access::Operator(scope) => format!("`{}`", scope.as_str()),
        Access::Node => "nodes".to_owned(),
    }
}

fn fields(shape: &Shape) -> String {
    let one = |field: &Field| {
        let optional = if field.required { "" } else { "?" };
        format!("`{}`{optional} {}", field.name, kind(field.kind))
    };
    shape.fields.iter().filter(|f| !is_unset(f)).map(one).collect::<Vec<_>>().join(", ")
}

fn is_unset(field: &Field) -> bool {
    matches!(field.kind, Kind::Unset)
}

fn kind(value: Kind) -> String {
    match value {
        Kind::OrNull(inner) => format!("{} or null", kind(*inner)),
        Kind::Unset => "null or false: nothing else is supported".to_owned(),
        Kind::Date => "date as 2026-01-31".to_owned(),
        Kind::Any => "any JSON".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Filled => "text, not empty".to_owned(),
        Kind::Name => "text of 1 to 4096 characters".to_owned(),
        Kind::Label => "text of 1 to 256 characters".to_owned(),
        Kind::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        Kind::Int(least) => format!("whole number from {least}"),
        Kind::Bool => "true or false".to_owned(),
        Kind::Names => "list of texts".to_owned(),
        Kind::List => "list".to_owned(),
        Kind::Map => "object".to_owned(),
        Kind::Object(shape) => format!("{{{}}}", fields(shape)),
    }
}

fn code(names: &[&str]) -> String {
    let one = |name: &&str| if *name == "*" { "…".to_owned() } else { format!("`{name}`") };
    names.iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// What OpenClaw's gateways have and this one does not, by scope.
fn missing() -> String {
    let mut by_scope: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, scope) in schema().methods() {
        if methods::find(&name).is_none() {
            by_scope.entry(scope).or_default().push(name);
        }
    }
    let mut text = "\n## Published and not here\n| scope | methods |\n|---|---|\n".to_owned();
    for (scope, mut names) in by_scope {
        names.sort();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        text += &format!("| {scope} | {} |\n", code(&names));
    }
    text += "\nWhy, of those that clients of phones and computers ask for:\n";
    for (names, why) in WHY_NOT {
        for name in *names {
            assert!(methods::find(name).is_none(), "{name} is here: no reason is needed");
        }
        text += &format!("- {}: {why}\n", code(names));
    }
    text
}
