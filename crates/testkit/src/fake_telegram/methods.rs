//! The Bot API's methods, as far as a gateway uses them.

use crate::fake_telegram::html::visible_text;
use crate::fake_telegram::state::{Draft, Inner, Look, Planned, Shown};
use crate::fake_telegram::{BOT_ID, BOT_USERNAME};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

type App = (Arc<Inner>, CancellationToken);
/// A result, or a status with a description.
type Answer = Result<Value, (u16, String)>;

/// Telegram's own bound, in UTF-16 units of visible text.
const MAX_TEXT: usize = 4096;
/// Bytes of the files in one request.
const MAX_UPLOAD: usize = 50 * 1024 * 1024;
/// Bytes of a file that a bot may fetch.
const MAX_DOWNLOAD: u64 = 20 * 1024 * 1024;

pub(super) async fn call(
    app: State<App>,
    Path((bot, method)): Path<(String, String)>,
    query: Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    call_via(app, Path((String::new(), bot, method)), query, body).await
}

pub(super) async fn call_via(
    State((inner, cancel)): State<App>,
    Path((via, bot, method)): Path<(String, String, String)>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let at = Instant::now();
    if bot.strip_prefix("bot") != Some(inner.token.as_str()) {
        return reply(Err((401, "Unauthorized".to_owned())));
    }
    let method = method.to_lowercase();
    let params = match parameters(query, &body) {
        Ok(params) => params,
        Err(why) => return reply(Err((400, format!("Bad Request: {why}")))),
    };
    let planned = inner.enter(&method, &params);
    match &planned {
        Some(Planned::Instead { status, body }) => return raw(*status, body.clone()),
        // Until the caller goes, or the platform does.
        Some(Planned::Held(go)) => go.notified().await,
        Some(Planned::Silence) => {
            cancel.cancelled().await;
            return raw(503, json!({}));
        }
        _ => {}
    }
    if let Some(to) = integer(&params, "chat_id").and_then(|chat| inner.moved_to(chat)) {
        let why = "Bad Request: group chat was upgraded to a supergroup chat";
        let parameters = json!({ "migrate_to_chat_id": to });
        return raw(
            400,
            json!({ "ok": false, "error_code": 400, "description": why, "parameters": parameters }),
        );
    }
    if uploaded(&params) > MAX_UPLOAD && !inner.is_local() {
        return reply(Err((413, "Request Entity Too Large".to_owned())));
    }
    let answer = match method.as_str() {
        "getme" => Ok(json!({ "id": BOT_ID, "is_bot": true, "first_name": "Fake", "username": BOT_USERNAME,
            "can_join_groups": true, "can_read_all_group_messages": false })),
        "getupdates" => get_updates(&inner, &params, &cancel).await,
        "sendmessage" => send_message(&inner, &params, via, at),
        "sendphoto" => send_file(&inner, &params, "photo", via, at),
        "senddocument" => send_file(&inner, &params, "document", via, at),
        "sendvoice" => send_file(&inner, &params, "voice", via, at),
        "sendvideonote" => send_file(&inner, &params, "video_note", via, at),
        "sendmediagroup" => send_album(&inner, &params, &via, at),
        "sendpoll" => send_poll(&inner, &params),
        "sendsticker" => send_sticker(&inner, &params),
        "sendlocation" | "sendvenue" => send_place(&inner, &params),
        "createforumtopic" => known_chat(&inner, &params).map(|chat| {
            json!({"message_thread_id": inner.show(chat, ""), "name": params["name"], "icon_color": 7_322_096})
        }),
        "editforumtopic" => known_chat(&inner, &params).map(|_| json!(true)),
        "setmessagereaction" => react(&inner, &params),
        "editmessagetext" => edit(&inner, &params),
        "editmessagereplymarkup" => edit_buttons(&inner, &params),
        "answercallbackquery" => match params["callback_query_id"].as_str() {
            Some(id) if !id.is_empty() => Ok(json!(true)),
            _ => Err(bad("query is too old and response timeout expired or query ID is invalid")),
        },
        "deletemessage" => change(&inner, &params, "delete", |_| false).map(|_| json!(true)),
        "pinchatmessage" => change(&inner, &params, "pin", |shown| pinned(shown, true)).map(|_| json!(true)),
        "unpinchatmessage" => {
            change(&inner, &params, "unpin", |shown| pinned(shown, false)).map(|_| json!(true))
        }
        "sendchataction" => known_chat(&inner, &params).map(|_| json!(true)),
        "setwebhook" => set_webhook(&inner, &params),
        "getwebhookinfo" => Ok(webhook_info(&inner)),
        "getchatmember" => known_chat(&inner, &params).map(|_| json!({"status": "member"})),
        "getchat" => known_chat(&inner, &params).map(|chat| match inner.allowed(chat) {
            Some(allowed) => json!({ "id": chat, "available_reactions": allowed }),
            None => json!({ "id": chat }),
        }),
        "getfile" => get_file(&inner, &params),
        "setmycommands" | "deletemycommands" | "deletewebhook" => Ok(json!(true)),
        _ => Err((404, "Not Found".to_owned())),
    };
    match planned {
        Some(Planned::After { status, body }) => raw(status, body),
        Some(Planned::Cut) => cut(answer),
        _ => reply(answer),
    }
}

pub(super) async fn download(
    State((inner, cancel)): State<App>,
    Path((bot, path)): Path<(String, String)>,
) -> Response {
    if bot.strip_prefix("bot") != Some(inner.token.as_str()) {
        return reply(Err((401, "Unauthorized".to_owned())));
    }
    let Some(bytes) = path.strip_prefix("files/").and_then(|id| inner.file(id)) else {
        return reply(Err((404, "Not Found".to_owned())));
    };
    match inner.enter("download", &json!({ "path": path })) {
        Some(Planned::Instead { status, body } | Planned::After { status, body }) => raw(status, body),
        Some(Planned::Cut) => cut_off(bytes),
        Some(Planned::Silence) => {
            cancel.cancelled().await;
            raw(503, json!({}))
        }
        Some(Planned::Held(go)) => {
            go.notified().await;
            bytes.into_response()
        }
        None => bytes.into_response(),
    }
}

fn parameters(query: HashMap<String, String>, body: &Bytes) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(query.into_iter().map(|(k, v)| (k, Value::String(v))).collect());
    }
    if body.starts_with(b"--") {
        return form(body).ok_or_else(|| "can't parse the request's form".to_owned());
    }
    serde_json::from_slice(body).map_err(|e| format!("can't parse the request's JSON: {e}"))
}

/// The fields of a form; a file is an object with its name and, in base64, its bytes.
fn form(body: &[u8]) -> Option<Value> {
    let line = body.windows(2).position(|two| two == b"\r\n")?;
    let mark = [b"\r\n", &body[..line]].concat();
    let mut fields = Map::new();
    let mut rest = &body[line..];
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = part.windows(4).position(|four| four == b"\r\n\r\n")?;
        let content = &part[head + 4..];
        let end = content.windows(mark.len()).position(|end| end == mark)?;
        let headers = String::from_utf8_lossy(&part[..head]).into_owned();
        let named =
            |what: &str| headers.split(&format!("; {what}=\"")).nth(1)?.split('"').next().map(str::to_owned);
        let (name, value) = (named("name")?, &content[..end]);
        let value = match named("filename") {
            Some(file) => json!({ "name": file, "bytes": STANDARD.encode(value) }),
            None => json!(String::from_utf8_lossy(value)),
        };
        fields.insert(name, value);
        rest = &content[end + mark.len()..];
    }
    Some(Value::Object(fields))
}

/// Bytes of all files of a form.
fn uploaded(params: &Value) -> usize {
    let fields = params.as_object().into_iter().flat_map(Map::values);
    fields.filter_map(|field| Some(field.get("bytes")?.as_str()?.len() / 4 * 3)).sum()
}

/// Where to deliver, perhaps with the certificate of the address: a file, in PEM, and nothing beside it.
fn set_webhook(inner: &Inner, params: &Value) -> Answer {
    let url = params["url"].as_str().filter(|url| url.starts_with("https://"));
    let url = url.ok_or_else(|| bad("bad webhook: An HTTPS URL must be provided for webhook"))?;
    if let Some(file) = params.get("certificate") {
        let bytes = file["bytes"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let pem = String::from_utf8_lossy(&bytes).trim().to_owned();
        let is_pem =
            pem.starts_with("-----BEGIN CERTIFICATE-----") && pem.ends_with("-----END CERTIFICATE-----");
        if !is_pem || pem.contains("PRIVATE KEY") {
            return Err(bad("bad webhook: a PEM file with the certificate is expected"));
        }
    }
    inner.set_webhook(url);
    Ok(json!(true))
}

/// A file, with a caption of at most 1,024 UTF-16 units under it.
fn send_file(inner: &Inner, params: &Value, field: &str, via: String, at: Instant) -> Answer {
    let chat_id = known_chat(inner, params)?;
    if params[field]["bytes"].as_str().is_none_or(str::is_empty) {
        return Err(bad("file must be non-empty"));
    }
    let text = params["caption"].as_str().unwrap_or_default().to_owned();
    let parse_mode = params.get("parse_mode").and_then(Value::as_str).map(str::to_owned);
    let plain = match &parse_mode {
        Some(_) => visible_text(&text).map_err(|why| bad(&format!("can't parse entities: {why}")))?,
        None => text.clone(),
    };
    if plain.encode_utf16().count() > 1024 {
        return Err(bad("message caption is too long"));
    }
    let thread_id = integer(params, "message_thread_id");
    let buttons = vec![];
    Ok(inner.accept(Draft { chat_id, thread_id, reply_to: None, text, plain, parse_mode, buttons, via, at }))
}

/// Two to ten pictures, each a file of the form.
fn send_album(inner: &Inner, params: &Value, via: &str, at: Instant) -> Answer {
    let chat_id = known_chat(inner, params)?;
    let media: Vec<Value> = serde_json::from_str(params["media"].as_str().unwrap_or_default())
        .map_err(|_| bad("can't parse media JSON object"))?;
    if !(2..=10).contains(&media.len()) {
        return Err(bad("wrong number of messages to send as an album"));
    }
    let mut sent = Vec::new();
    for item in media {
        let file = item["media"].as_str().and_then(|name| name.strip_prefix("attach://")).unwrap_or_default();
        if params[file]["bytes"].as_str().is_none_or(str::is_empty) {
            return Err(bad("file must be non-empty"));
        }
        let text = item["caption"].as_str().unwrap_or_default().to_owned();
        let parse_mode = item["parse_mode"].as_str().map(str::to_owned);
        let plain = visible_text(&text).map_err(|why| bad(&format!("can't parse entities: {why}")))?;
        let (thread_id, via) = (integer(params, "message_thread_id"), via.to_owned());
        let (reply_to, buttons) = (None, vec![]);
        sent.push(inner.accept(Draft {
            chat_id,
            thread_id,
            reply_to,
            text,
            plain,
            parse_mode,
            buttons,
            via,
            at,
        }));
    }
    Ok(Value::Array(sent))
}

/// An answer that announces more than it brings.
fn cut(answer: Answer) -> Response {
    cut_off(json!({ "ok": true, "result": answer.unwrap_or_default() }).to_string().into_bytes())
}

/// A body that breaks off in its middle.
fn cut_off(mut whole: Vec<u8>) -> Response {
    let length = whole.len();
    whole.truncate(length / 2);
    let broken = std::io::Error::other("cut");
    let stream = futures_util::stream::iter([Ok(whole), Err(broken)]);
    ([("content-length", length.to_string())], axum::body::Body::from_stream(stream)).into_response()
}

fn raw(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

fn reply(answer: Answer) -> Response {
    match answer {
        Ok(result) => raw(200, json!({ "ok": true, "result": result })),
        Err((status, description)) => {
            raw(status, json!({ "ok": false, "error_code": status, "description": description }))
        }
    }
}

/// Numbers may come as numbers or as text, as in the original.
fn integer(params: &Value, name: &str) -> Option<i64> {
    let value = params.get(name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

async fn get_updates(inner: &Inner, params: &Value, cancel: &CancellationToken) -> Answer {
    let limit = integer(params, "limit").and_then(|n| usize::try_from(n).ok()).unwrap_or(100).clamp(1, 100);
    let seconds = integer(params, "timeout").and_then(|n| u64::try_from(n).ok()).unwrap_or(0).min(50);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut changed = inner.watch();
    let poller = inner.begin_poll(integer(params, "offset").unwrap_or(0));
    loop {
        changed.mark_unchanged();
        match inner.look(poller, limit) {
            Look::Updates(updates) => return Ok(Value::Array(updates)),
            Look::Superseded => {
                let why = "Conflict: terminated by other getUpdates request; \
                           make sure that only one bot instance is running";
                return Err((409, why.to_owned()));
            }
            Look::Nothing => {}
        }
        tokio::select! {
            () = cancel.cancelled() => return Err((502, "Bad Gateway".to_owned())),
            () = tokio::time::sleep_until(until) => return Ok(json!([])),
            _ = changed.changed() => {}
        }
    }
}

fn known_chat(inner: &Inner, params: &Value) -> Result<i64, (u16, String)> {
    let chat = integer(params, "chat_id").filter(|id| inner.knows_chat(*id));
    chat.ok_or_else(|| (400, "Bad Request: chat not found".to_owned()))
}

fn send_message(inner: &Inner, params: &Value, via: String, at: Instant) -> Answer {
    let bad = |why: String| (400, format!("Bad Request: {why}"));
    let chat_id = known_chat(inner, params)?;
    let text = params.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    let parse_mode = params.get("parse_mode").and_then(Value::as_str).map(str::to_owned);
    let plain = match parse_mode.as_deref() {
        None => text.clone(),
        Some("HTML") => visible_text(&text).map_err(|why| bad(format!("can't parse entities: {why}")))?,
        Some(_) => return Err(bad("unsupported parse_mode".to_owned())),
    };
    if plain.trim().is_empty() {
        return Err(bad("message text is empty".to_owned()));
    }
    if plain.encode_utf16().count() > MAX_TEXT {
        return Err(bad("message is too long".to_owned()));
    }
    let reply_to = params.get("reply_parameters").and_then(|r| integer(r, "message_id"));
    let thread_id = integer(params, "message_thread_id");
    let buttons = buttons(params).map_err(|why| bad(why.to_owned()))?;
    Ok(inner.accept(Draft { chat_id, thread_id, reply_to, text, plain, parse_mode, buttons, via, at }))
}

/// What the buttons of a message give, row by row; the original takes 64 bytes of each.
fn buttons(params: &Value) -> Result<Vec<Vec<String>>, &'static str> {
    let rows = params.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
    let mut out = Vec::new();
    for row in rows.into_iter().flatten().filter_map(Value::as_array) {
        let mut says = Vec::new();
        for button in row {
            let data = button["callback_data"].as_str().filter(|data| (1..=64).contains(&data.len()));
            let data = data.or(button["url"].as_str()).or(button["web_app"]["url"].as_str());
            if button["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
                return Err("inline keyboard button text is empty");
            }
            says.push(data.ok_or("BUTTON_DATA_INVALID")?.to_owned());
        }
        out.push(says);
    }
    Ok(out)
}

fn edit_buttons(inner: &Inner, params: &Value) -> Answer {
    let new = buttons(params).map_err(bad)?;
    let mut is_same = false;
    change(inner, params, "edit", |shown| {
        is_same = shown.buttons == new;
        shown.buttons = new;
        true
    })?;
    if is_same {
        Err(bad("message is not modified: the new content is exactly the same"))
    } else {
        Ok(json!(true))
    }
}

/// The reactions that a bot may use here; the original knows some seventy.
const REACTIONS: [&str; 10] = ["👍", "👎", "❤", "🔥", "👀", "🤔", "👨‍💻", "⚡", "✍", "😱"];

fn bad(why: &str) -> (u16, String) {
    (400, format!("Bad Request: {why}"))
}

/// Telegram's bounds: 300 characters of a question, 2 to 12 options of 100, 5 to 604,800 seconds.
fn send_poll(inner: &Inner, params: &Value) -> Answer {
    let chat_id = known_chat(inner, params)?;
    let fits = |text: &str, most: usize| (1..=most).contains(&text.trim().chars().count());
    let question = params["question"].as_str().filter(|text| fits(text, 300));
    let question = question.ok_or_else(|| bad("poll question must be 1-300 characters long"))?;
    let options = params["options"].as_array().cloned().unwrap_or_default();
    if !(2..=12).contains(&options.len()) {
        return Err(bad("poll must have from 2 to 12 options"));
    }
    if options.iter().any(|option| !option["text"].as_str().is_some_and(|text| fits(text, 100))) {
        return Err(bad("poll options must be 1-100 characters long"));
    }
    if params.get("open_period").is_some()
        && !integer(params, "open_period").is_some_and(|s| (5..=604_800).contains(&s))
    {
        return Err(bad("open_period must be from 5 to 604800"));
    }
    let message_id = inner.show(chat_id, question);
    Ok(json!({"message_id": message_id, "date": 1, "chat": {"id": chat_id, "type": "private"},
        "poll": {"id": format!("poll-{message_id}"), "question": question, "options": options}}))
}

fn made(chat_id: i64, message_id: i64) -> Value {
    json!({"message_id": message_id, "date": 1, "chat": {"id": chat_id, "type": "private"}})
}

/// A sticker that it knows: one of its files.
fn send_sticker(inner: &Inner, params: &Value) -> Answer {
    let chat_id = known_chat(inner, params)?;
    let file = params["sticker"].as_str().filter(|id| inner.file(id).is_some());
    let file = file.ok_or_else(|| bad("wrong file identifier/HTTP URL specified"))?;
    Ok(made(chat_id, inner.show(chat_id, &format!("sticker {file}"))))
}

fn send_place(inner: &Inner, params: &Value) -> Answer {
    let chat_id = known_chat(inner, params)?;
    let within = |name: &str, most: f64| params[name].as_f64().filter(|n| n.abs() <= most);
    let (latitude, longitude) = (within("latitude", 90.0), within("longitude", 180.0));
    let (Some(latitude), Some(longitude)) = (latitude, longitude) else { return Err(bad("wrong location")) };
    let title = params["title"].as_str().unwrap_or("place");
    Ok(made(chat_id, inner.show(chat_id, &format!("{title} at {latitude}, {longitude}"))))
}

fn react(inner: &Inner, params: &Value) -> Answer {
    let emoji = params.pointer("/reaction/0/emoji").and_then(Value::as_str).map(str::to_owned);
    if emoji.as_deref().is_some_and(|emoji| !REACTIONS.contains(&emoji)) {
        return Err(bad("REACTION_INVALID"));
    }
    change(inner, params, "react", |shown| {
        shown.reaction = emoji;
        true
    })
    .map(|_| json!(true))
}

fn edit(inner: &Inner, params: &Value) -> Answer {
    let text = params["text"].as_str().unwrap_or_default();
    let plain = match params.get("parse_mode") {
        Some(_) => visible_text(text).map_err(|why| bad(&format!("can't parse entities: {why}")))?,
        None => text.to_owned(),
    };
    if plain.trim().is_empty() {
        return Err(bad("message text is empty"));
    }
    if plain.encode_utf16().count() > MAX_TEXT {
        return Err(bad("MESSAGE_TOO_LONG"));
    }
    // Buttons that are not given again go.
    let buttons = buttons(params).map_err(bad)?;
    let mut is_same = false;
    let (chat_id, message_id) = change(inner, params, "edit", |shown| {
        is_same = shown.text == plain && shown.buttons == buttons;
        shown.text.clone_from(&plain);
        shown.buttons = buttons;
        true
    })?;
    if is_same {
        return Err(bad("message is not modified: the new content is exactly the same"));
    }
    Ok(
        json!({"message_id": message_id, "date": 1, "chat": {"id": chat_id, "type": "private"}, "text": plain}),
    )
}

fn pinned(shown: &mut Shown, is_pinned: bool) -> bool {
    shown.pinned = is_pinned;
    true
}

/// Changes a message that is shown; it goes where `with` gives false. Gives chat and message.
fn change(
    inner: &Inner,
    params: &Value,
    what: &str,
    with: impl FnOnce(&mut Shown) -> bool,
) -> Result<(i64, i64), (u16, String)> {
    let chat_id = known_chat(inner, params)?;
    let message_id = integer(params, "message_id").unwrap_or_default();
    let is_there = inner.change(chat_id, message_id, with);
    is_there.then_some((chat_id, message_id)).ok_or_else(|| bad(&format!("message to {what} not found")))
}

fn webhook_info(inner: &Inner) -> Value {
    let undelivered = inner.undelivered();
    let mut info = json!({ "url": inner.webhook(), "has_custom_certificate": false,
        "pending_update_count": undelivered.waiting });
    if let Some(why) = undelivered.why {
        info["last_error_date"] = json!(undelivered.date);
        info["last_error_message"] = json!(why);
    }
    info
}

fn get_file(inner: &Inner, params: &Value) -> Answer {
    let id = params.get("file_id").and_then(Value::as_str).unwrap_or_default();
    let size = inner.announced(id).ok_or_else(|| (400, "Bad Request: invalid file_id".to_owned()))?;
    if size > MAX_DOWNLOAD && !inner.is_local() {
        return Err(bad("file is too big"));
    }
    let path = inner.local_path(id).unwrap_or_else(|| format!("files/{id}"));
    Ok(json!({ "file_id": id, "file_unique_id": id, "file_size": size, "file_path": path }))
}
