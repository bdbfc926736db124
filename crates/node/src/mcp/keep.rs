//! Keeping one server running: started, asked for its tools, watched, and started again when it ends or does not answer.

use super::catalog::ListedTool;
use super::client::Client;
use super::filter::is_lent;
use super::pause::Pause;
use super::wire::{self, Said, next_line};
use super::{
    CALL_TIMEOUT, Live, MAX_LISTED, McpHttp, McpProgram, McpServer, McpWay, Place, Servers, http, offers,
};
use crate::calls::CallError;
use exec::{CommandSpec, Pipes};
use model::ExposeSecret;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a server may take to list its tools where its configuration does not say.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server that did not answer a call in time may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that says all the time that its tools have changed is asked this often.
const LIST_PAUSE: Duration = Duration::from_secs(1);
/// Pages that a server may need to list its tools: far more than are lent.
const MAX_PAGES: usize = 128;
/// Lines that are no JSON-RPC: some programs greet. One that goes on is none that can be spoken with.
const MAX_GARBAGE: usize = 100;
/// Bytes of what a server says beside its answers that are kept, to tell why it ended.
const LAST_WORDS: usize = 600;

/// Keeps a server running until `end`. Dropping the future kills it.
pub(super) async fn keep(servers: &Servers, server: McpServer, place: Place<'_>, end: &CancellationToken) {
    let mut pause = Pause::default();
    loop {
        let mut answered = None;
        let why = run(servers, &server, place, end, &mut answered).await;
        if end.is_cancelled() {
            return;
        }
        let pause = pause.after(answered.map(|at: Instant| at.elapsed()));
        tracing::warn!(
            server = server.name,
            again_in_ms = pause.as_millis() as u64,
            "a server of tools is not there: {why}"
        );
        // Somebody who has just signed in need not wait.
        let signed_in = async {
            match &server.way {
                McpWay::Http(McpHttp { sign_in: Some(sign_in), .. }) => sign_in.changed().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = signed_in => {}
            () = end.cancelled() => return,
        }
    }
}

/// Runs it until it ends or has to be ended; why. `answered` tells when it had listed its tools.
async fn run(
    servers: &Servers,
    server: &McpServer,
    place: Place<'_>,
    end: &CancellationToken,
    answered: &mut Option<Instant>,
) -> String {
    let starting = tokio::select! {
        place = servers.starting.acquire() => place,
        () = end.cancelled() => return String::new(),
    };
    let (client, lines) = Client::new();
    let changed = Notify::new();
    let session = async {
        let itself = match greet(&client, servers.whose.client(), server.connection_timeout).await {
            Ok(itself) => itself,
            Err(error) => return format!("its start failed: {error}"),
        };
        drop(starting);
        serve(servers, (server, &itself), &client, &changed, answered).await
    };
    let why = speak(server, place, (&client, &changed, lines), session, end).await;
    client.end();
    servers.withdraw(&server.name);
    why
}

/// Speaks with a server as it is described until the session ends, or the server; why.
pub(super) async fn speak(
    server: &McpServer,
    place: Place<'_>,
    line: Line<'_>,
    session: impl Future<Output = String>,
    end: &CancellationToken,
) -> String {
    match &server.way {
        McpWay::Program(program) => run_program(program, place, line, session, end).await,
        McpWay::Http(way) => {
            let within = server.request_timeout.unwrap_or(CALL_TIMEOUT).max(server.connection_timeout);
            run_http(way, within, line, session, end).await
        }
    }
}

/// What a session is spoken over: the client, what tells that tools have changed, and the lines to be said.
pub(super) type Line<'a> = (&'a Client, &'a Notify, mpsc::Receiver<String>);

/// Reaches a server over HTTP until that ends; why.
async fn run_http(
    way: &McpHttp,
    within: Duration,
    (client, changed, lines): Line<'_>,
    session: impl Future<Output = String>,
    end: &CancellationToken,
) -> String {
    let talk = http::Session::new(way, client, changed, within);
    let why = tokio::select! {
        why = session => why,
        why = talk.run(lines) => why,
        () = end.cancelled() => "the node ends".into(),
    };
    talk.leave().await;
    why
}

/// Runs a program until it ends or has to be ended; why.
async fn run_program(
    program: &McpProgram,
    place: Place<'_>,
    (client, changed, lines): Line<'_>,
    session: impl Future<Output = String>,
    end: &CancellationToken,
) -> String {
    let (mut process, pipes) = match exec::start_guarded(&spec(program, place)).await {
        Ok(started) => started,
        Err(error) => return error.to_string(),
    };
    let Pipes { stdin, stdout, stderr } = pipes;
    let mut last_words = Vec::new();
    let why = tokio::select! {
        why = session => why,
        why = listen(stdout, client, changed) => why,
        why = write(stdin, lines) => why,
        never = hear(stderr, &mut last_words) => match never {},
        () = end.cancelled() => "the node ends".into(),
        status = process.wait() => match status {
            Ok(status) => format!("it ended: {status}"),
            Err(error) => error.to_string(),
        },
    };
    client.end();
    process.end().await;
    match printable(&last_words) {
        words if words.is_empty() => why,
        words => format!("{why}; its last words: {words}"),
    }
}

fn spec(program: &McpProgram, Place { path, cwd }: Place<'_>) -> CommandSpec {
    let mut spec = CommandSpec::new(program.argv.clone());
    spec.cwd = Some(program.cwd.as_ref().map_or_else(|| cwd.to_owned(), |own| cwd.join(own)));
    if !path.is_empty() {
        spec.env.push(("PATH".to_owned(), path.to_owned()));
    }
    spec.env.extend(program.env.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())));
    spec
}

/// What it says of itself.
pub(super) async fn greet(client: &Client, name: &str, within: Duration) -> Result<Value, CallError> {
    let itself = client.call("initialize", wire::introduction(name), within).await?;
    client.tell(wire::notification("notifications/initialized", &json!({})));
    Ok(itself)
}

/// Lends its tools, again whenever they change, until it does not answer any more; why.
async fn serve(
    servers: &Servers,
    (server, itself): (&McpServer, &Value),
    client: &Client,
    changed: &Notify,
    answered: &mut Option<Instant>,
) -> String {
    loop {
        let tools = match lent(server, itself, client).await {
            Ok(tools) => tools,
            Err(error) => return format!("its tools could not be listed: {error}"),
        };
        answered.get_or_insert_with(Instant::now);
        let live = Live { client: client.clone(), tools, request_timeout: server.request_timeout };
        servers.lend(&server.name, live);
        sleep(LIST_PAUSE).await;
        loop {
            tokio::select! {
                () = changed.notified() => break,
                () = client.suspect() => {
                    let within = server.request_timeout.unwrap_or(PING_TIMEOUT).min(PING_TIMEOUT);
                    let there = client.call("ping", json!({}), within).await;
                    // One that does not know the question is there, too.
                    if let Err(CallError::Late | CallError::Gone) = there {
                        return "it does not answer any more".into();
                    }
                }
            }
        }
    }
}

/// All that it lends: its tools, and what it offers beside them.
pub(super) async fn lent(
    server: &McpServer,
    itself: &Value,
    client: &Client,
) -> Result<Vec<ListedTool>, CallError> {
    let can = &itself["capabilities"];
    let offers = offers::of(can);
    // One that has resources or prompts need not have tools.
    let has_tools = offers.is_empty() || !can["tools"].is_null();
    let mut tools = if has_tools { list(server, client).await? } else { Vec::new() };
    // A tool of the server's own goes before what it offers under that name.
    let taken: HashSet<String> = tools.iter().map(|tool| tool.name.clone()).collect();
    let fits = |offer: &ListedTool| is_lent(server, &offer.name) && !taken.contains(&offer.name);
    tools.extend(offers.into_iter().filter(fits));
    Ok(tools)
}

/// Its tools that are lent.
async fn list(server: &McpServer, client: &Client) -> Result<Vec<ListedTool>, CallError> {
    let within = server.request_timeout.unwrap_or(LIST_TIMEOUT);
    let mut tools = Vec::new();
    let all = async {
        let mut params = json!({});
        for _ in 0..MAX_PAGES {
            let page = client.call("tools/list", params, within).await?;
            let Some(listed) = page["tools"].as_array() else {
                return Err(CallError::Refused("no list of tools".into()));
            };
            let listed = listed.iter().filter_map(ListedTool::read);
            tools.extend(listed.filter(|tool| is_lent(server, &tool.name)));
            match page["nextCursor"].as_str() {
                Some(cursor) if tools.len() < MAX_LISTED => params = json!({"cursor": cursor}),
                _ => return Ok(()),
            }
        }
        Ok(())
    };
    timeout(within, all).await.unwrap_or(Err(CallError::Late))?;
    // Of two of the same name nobody knows which one is meant.
    tools.sort_by(|a: &ListedTool, b| a.name.cmp(&b.name));
    tools.dedup_by(|a, b| a.name == b.name);
    Ok(tools)
}

/// Reads what the server says until it says no more; why.
async fn listen(stdout: impl AsyncRead + Unpin, client: &Client, changed: &Notify) -> String {
    let mut stdout = BufReader::new(stdout);
    let mut garbage = 0;
    loop {
        let line = match next_line(&mut stdout).await {
            Ok(Some(line)) => line,
            Ok(None) => return "it closed its standard output".into(),
            Err(problem) => return problem,
        };
        match wire::read(&line) {
            Said::Answer(id, answer) => client.answer(id, answer),
            Said::ToolsChanged => changed.notify_one(),
            Said::Asks(reply) => client.tell(reply),
            Said::Other => {}
            Said::Garbage if line.iter().all(u8::is_ascii_whitespace) => {}
            Said::Garbage => garbage += 1,
        }
        if garbage > MAX_GARBAGE {
            return format!("it wrote {garbage} lines that are no JSON-RPC");
        }
    }
}

/// Writes to the server what it is to be told; why that ended.
async fn write(mut stdin: impl tokio::io::AsyncWrite + Unpin, mut lines: mpsc::Receiver<String>) -> String {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        let written = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.flush().await
        };
        if written.await.is_err() {
            break;
        }
    }
    "it closed its standard input".into()
}

/// Keeps the end of what the server says beside its answers. One that closes that goes on all the same.
async fn hear(mut stderr: impl AsyncRead + Unpin, last: &mut Vec<u8>) -> Infallible {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
        last.extend_from_slice(buffer.get(..n).unwrap_or_default());
        let over = last.len().saturating_sub(LAST_WORDS);
        last.drain(..over);
    }
    std::future::pending().await
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
