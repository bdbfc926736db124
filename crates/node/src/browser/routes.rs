//! Which request is answered where: those about the browser and its tabs here, those about one page by the parts that know how.

use super::error::Refusal;
use super::page::Page;
use super::request::Request;
use super::{
    Browser, PROFILE, act, batch, dialogs, doctor, downloads, emulate, pages, snapshot, storage, trace,
    uploads,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer to a question of a page waits for it, where nobody says.
const ARMED: Duration = Duration::from_secs(120);
/// Characters of what a server answered, where nobody says and at most.
const BODY: usize = 200_000;
const MAX_BODY: usize = 5_000_000;

/// What a request came to.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) result: Value,
    /// `{path, base64, mimeType}` each; the path stands in the result, too.
    pub(super) files: Vec<Value>,
}

impl From<Value> for Given {
    fn from(result: Value) -> Self {
        Self { result, files: Vec::new() }
    }
}

impl From<(Value, Value)> for Given {
    fn from((result, file): (Value, Value)) -> Self {
        Self { result, files: vec![file] }
    }
}

/// The requests about one page, by method and path; a `*` stands for one word.
const OF_A_PAGE: &[(&str, &str)] = &[
    ("POST", "/tabs/focus"),
    ("POST", "/navigate"),
    ("GET", "/snapshot"),
    ("POST", "/screenshot"),
    ("GET", "/text"),
    ("POST", "/act"),
    ("POST", "/pdf"),
    ("POST", "/hooks/file-chooser"),
    ("POST", "/hooks/dialog"),
    ("POST", "/download"),
    ("POST", "/wait/download"),
    ("POST", "/permissions/grant"),
    ("GET", "/console"),
    ("GET", "/errors"),
    ("GET", "/requests"),
    ("GET", "/dialogs"),
    ("POST", "/highlight"),
    ("POST", "/trace/start"),
    ("POST", "/trace/stop"),
    ("POST", "/response/body"),
    ("GET", "/cookies"),
    ("POST", "/cookies/*"),
    ("GET", "/storage/*"),
    ("POST", "/storage/*/set"),
    ("POST", "/storage/*/clear"),
    ("POST", "/set/*"),
];

fn is_of_a_page(method: &str, path: &str) -> bool {
    OF_A_PAGE.iter().any(|(known, pattern)| {
        let (parts, words) = (pattern.split('/'), path.split('/'));
        *known == method
            && parts.clone().count() == words.clone().count()
            && parts.zip(words).all(|(part, word)| part == word || (part == "*" && !word.is_empty()))
    })
}

impl Browser {
    /// Answers a request.
    pub(super) async fn dispatch(
        &self,
        request: &Request,
        upload: Option<&Value>,
        deadline: Instant,
    ) -> Result<Given, Refusal> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/") => Ok(self.status().into()),
            ("GET", "/doctor") => Ok(doctor::report(self.status()).into()),
            ("GET", "/profiles") => Ok(self.profiles().into()),
            ("POST", "/start") => {
                self.session(request.flag("headless")).await?;
                Ok(json!({"ok": true, "profile": PROFILE}).into())
            }
            ("POST", "/stop") => {
                Ok(json!({"ok": true, "stopped": self.stop().await?, "profile": PROFILE}).into())
            }
            ("GET", "/tabs") => match self.running() {
                Some(session) => Ok(pages::list(&session, &self.guard).await.into()),
                None => Ok(json!({"running": false, "tabs": []}).into()),
            },
            ("POST", "/tabs/open") => self.open(request, deadline).await.map(Given::from),
            ("POST", "/tabs/action") => self.tab(request, deadline).await.map(Given::from),
            ("POST", "/screencast") => {
                Err(Refusal::unsupported("POST /screencast").with_code("SCREENCAST_UNSUPPORTED"))
            }
            _ => self.on_a_page(request, upload, deadline).await,
        }
    }

    /// The requests that are about one tab. One that names its tab starts no browser: it would have no such tab.
    async fn on_a_page(
        &self,
        request: &Request,
        upload: Option<&Value>,
        deadline: Instant,
    ) -> Result<Given, Refusal> {
        let closes = request.path.strip_prefix("/tabs/").filter(|_| request.method == "DELETE");
        let name = closes.or_else(|| request.word("targetId"));
        let route = (request.method.as_str(), request.path.as_str());
        if closes.is_none() && !is_of_a_page(route.0, route.1) {
            return Err(Refusal::unsupported(&format!("{} {}", route.0, route.1)));
        }
        if name.is_none() && route.1 == "/tabs/focus" {
            return Err(Refusal::invalid("targetId is required"));
        }
        let session = match (self.running(), name) {
            (Some(session), _) => session,
            (None, None) => self.session(None).await?,
            (None, Some(_)) => {
                return Err(Refusal::unavailable(
                    "the browser does not run, so that it has no such tab; open one",
                ));
            }
        };
        let page = self.page(&session, name, deadline).await?;
        match route.1 {
            _ if closes.is_some() => return pages::close(&page).await.map(Given::from),
            "/tabs/focus" => return pages::focus(&page).await.map(Given::from),
            "/hooks/dialog" => return dialog(&page, request).await.map(Given::from),
            "/dialogs" => return Ok(state(&page).into()),
            "/act" => return self.act(&page, request).await,
            _ => {}
        }
        // A page that asks something answers nothing.
        if let Some(question) = page.asks() {
            return Err(Refusal::conflict(format!(
                "the page asks something and waits for an answer ({}): answer it first, by /hooks/dialog",
                question["id"].as_str().unwrap_or_default()
            )));
        }
        if route.1 == "/navigate" {
            return navigate(&page, request).await;
        }
        page.check().await?;
        if request.method == "GET" {
            look(&page, request).await
        } else {
            change(&page, request, upload).await
        }
    }

    async fn act(&self, page: &Page<'_>, request: &Request) -> Result<Given, Refusal> {
        let fields = request.fields();
        if fields.word("kind") == Some("batch") {
            batch::check(page, fields)?;
        }
        if page.asks().is_some() {
            return Ok(blocked(page));
        }
        page.check().await?;
        let target = &page.tab.target;
        let (asked, files) = {
            let mut tabs = page.session.tabs();
            let asked = tabs.by_target(target).map_or(0, |tab| tab.dialogs.count);
            (asked, tabs.downloads.last())
        };
        let asks = |tabs: &mut super::tabs::Tabs| tabs.by_target(target)?.dialogs.waiting().map(|_| ());
        let done = tokio::select! {
            biased;
            done = act::act(page, fields, self.options.may_evaluate) => done?,
            asks = page.session.wait("the action", page.deadline, asks) => {
                asks?;
                return Ok(blocked(page));
            }
        };
        let mut result = json!({"ok": true, "targetId": target, "url": page.url()});
        match (fields.word("kind"), done) {
            (Some("batch"), Some(Value::Object(batch))) => {
                for (name, value) in batch {
                    result[name] = value;
                }
            }
            (_, Some(gave)) => result["result"] = gave,
            _ => {}
        }
        let (downloads, files) = downloads::all(page, files).await?;
        if !downloads.is_empty() {
            result["downloads"] = json!(downloads);
        }
        page.with_tab(|tab| {
            if tab.dialogs.count > asked {
                result["browserState"] = tab.dialogs.state();
            }
        });
        Ok(Given { result, files })
    }

    /// `POST /tabs/action`: what the command line does with tabs, which it counts.
    async fn tab(&self, request: &Request, deadline: Instant) -> Result<Value, Refusal> {
        let fields = request.fields();
        let label = fields.word("label").map(pages::label_of).transpose()?;
        let running =
            || self.running().ok_or_else(|| Refusal::unavailable("the browser does not run; open a tab"));
        match fields.word("action").unwrap_or_default() {
            "list" => match self.running() {
                Some(session) => {
                    let mut listed = pages::list(&session, &self.guard).await;
                    Ok(json!({"ok": true, "tabs": listed["tabs"].take()}))
                }
                None => Ok(json!({"ok": true, "tabs": []})),
            },
            "new" => {
                let session = self.session(None).await?;
                let tab = pages::blank(&session, label, deadline).await?;
                Ok(json!({"ok": true, "tab": tab.shown()}))
            }
            "label" => {
                let name = fields.word("targetId").ok_or_else(|| Refusal::invalid("targetId is required"))?;
                let label = label.ok_or_else(|| Refusal::invalid("label is required"))?;
                let session = running()?;
                let mut tabs = session.tabs();
                let target = tabs.named(name)?.target.clone();
                Ok(json!({"ok": true, "tab": tabs.label(&target, label)?}))
            }
            action @ ("select" | "close") => {
                let session = running()?;
                let number = match fields.0.get("index") {
                    None if action == "close" => 0,
                    index => index
                        .and_then(Value::as_u64)
                        .and_then(|n| usize::try_from(n).ok())
                        .ok_or_else(|| Refusal::invalid("index must be a non-negative integer"))?,
                };
                let target = session.tabs().all().get(number).map(|tab| tab.target.clone());
                let target =
                    target.ok_or_else(|| Refusal::missing(format!("there is no tab {}", number + 1)))?;
                let page = self.page(&session, Some(&target), deadline).await?;
                if action == "close" { pages::close(&page).await } else { pages::focus(&page).await }
            }
            _ => Err(Refusal::invalid("unknown tab action")),
        }
    }
}

async fn navigate(page: &Page<'_>, request: &Request) -> Result<Given, Refusal> {
    let url = request.body("url").ok_or_else(|| Refusal::invalid("url is required"))?;
    let before = page.session.tabs().downloads.last();
    if page.go(url).await? {
        return Ok(json!({"ok": true, "targetId": page.tab.target, "url": page.url()}).into());
    }
    downloads::next(page, None, before).await
}

/// A page that asks something, as the answer to an action.
fn blocked(page: &Page<'_>) -> Given {
    let mut result =
        json!({"ok": true, "targetId": page.tab.target, "url": page.url(), "blockedByDialog": true});
    page.with_tab(|tab| result["browserState"] = tab.dialogs.state());
    result.into()
}

fn state(page: &Page<'_>) -> Value {
    let mut result = json!({"ok": true, "targetId": page.tab.target, "url": page.url()});
    page.with_tab(|tab| result["browserState"] = tab.dialogs.state());
    result
}

/// `POST /hooks/dialog`: answers the question of the page, or the next one.
async fn dialog(page: &Page<'_>, request: &Request) -> Result<Value, Refusal> {
    let fields = request.fields();
    let accept = fields.flag("accept").ok_or_else(|| Refusal::invalid("accept is required"))?;
    let answer = dialogs::Answer { accept, text: fields.text("promptText").map(str::to_owned) };
    let ok = json!({"ok": true, "targetId": page.tab.target});
    let open = page.asks();
    if let Some(id) = fields.word("dialogId")
        && open.as_ref().is_none_or(|open| open["id"] != id)
    {
        return Err(Refusal::missing(format!("dialog {id:?} is not pending")));
    }
    if open.is_some() {
        page.with_tab(|tab| tab.dialogs.answering());
        page.call("Page.handleJavaScriptDialog", answer.params()).await?;
        return Ok(ok);
    }
    let wait = fields.number("timeoutMs").map_or(ARMED, |ms| Duration::from_millis(ms as u64)).min(ARMED);
    page.with_tab(|tab| tab.dialogs.arm(answer, Instant::now() + wait));
    Ok(ok)
}

/// The requests that change nothing.
async fn look(page: &Page<'_>, request: &Request) -> Result<Given, Refusal> {
    let path = request.path.as_str();
    let clear = request.is_set("clear");
    let told = |name: &str, take: &dyn Fn(&mut super::log::Log) -> Vec<Value>| {
        let all = page.session.tabs().log(&page.tab.target).map(take).unwrap_or_default();
        let mut result = json!({"ok": true, "targetId": page.tab.target, "url": page.url()});
        result[name] = json!(all);
        result
    };
    let result = match path {
        "/snapshot" => return snapshot::snapshot(page, request).await,
        "/text" => pages::text(page, request).await?,
        "/console" => told("messages", &|log| log.messages(request.query("level"))),
        "/errors" => told("errors", &|log| log.errors(clear)),
        "/requests" => told("requests", &|log| log.requests(request.query("filter"), clear)),
        "/cookies" => storage::cookies(page).await?,
        _ => match path.strip_prefix("/storage/") {
            Some(kind) => storage::read(page, kind, request).await?,
            None => return Err(Refusal::unsupported(&format!("GET {path}"))),
        },
    };
    Ok(result.into())
}

/// The requests that may change something.
async fn change(page: &Page<'_>, request: &Request, upload: Option<&Value>) -> Result<Given, Refusal> {
    let fields = request.fields();
    let result = match request.path.as_str() {
        "/screenshot" => return pages::screenshot(page, request).await.map(Given::from),
        "/pdf" => return pages::pdf(page).await.map(Given::from),
        "/trace/start" => trace::start(page, fields).await?,
        "/trace/stop" => return trace::stop(page, fields).await,
        "/highlight" => pages::highlight(page, request).await?,
        "/hooks/file-chooser" => {
            let upload = upload.ok_or_else(|| {
                Refusal::invalid("files for a page come with the request (browser.proxy.upload.v1); paths on the node are not read")
            })?;
            uploads::choose(page, fields, upload).await?
        }
        "/wait/download" => return downloads::next(page, fields.word("path"), 0).await,
        "/download" => return download(page, request).await,
        "/permissions/grant" => emulate::grant(page, fields).await?,
        "/response/body" => body(page, request).await?,
        "/cookies/set" => storage::set_cookie(page, fields).await?,
        "/cookies/set-many" => storage::set_cookies(page, fields).await?,
        "/cookies/clear" => storage::clear_cookies(page).await?,
        path => {
            let words: Vec<&str> = path.split('/').skip(1).collect();
            match words.as_slice() {
                ["storage", kind, what @ ("set" | "clear")] => {
                    storage::write(page, kind, what, fields).await?
                }
                ["set", what] => {
                    emulate::set(page, what, fields).await?;
                    json!({"ok": true, "targetId": page.tab.target})
                }
                _ => return Err(Refusal::unsupported(&format!("POST {path}"))),
            }
        }
    };
    Ok(result.into())
}

/// `POST /download`: clicks, and waits for the file that comes of it.
async fn download(page: &Page<'_>, request: &Request) -> Result<Given, Refusal> {
    let fields = request.fields();
    if fields.is_set("currentDocument") {
        return Err(Refusal::unsupported("downloading the current document"));
    }
    let name = fields.word("ref").ok_or_else(|| Refusal::invalid("ref is required"))?;
    let path = fields.word("path").ok_or_else(|| Refusal::invalid("path is required"))?;
    downloads::wanted_name(path)?;
    let before = page.session.tabs().downloads.last();
    act::click_on(page, page.element(name)?).await?;
    downloads::next(page, Some(path), before).await
}

/// `POST /response/body`: waits for the next answer from an address, and gives what is in it.
async fn body(page: &Page<'_>, request: &Request) -> Result<Value, Refusal> {
    let fields = request.fields();
    let pattern = fields.word("url").ok_or_else(|| Refusal::invalid("url is required"))?;
    let most = fields.number("maxChars").map_or(BODY, |n| n as usize).clamp(1, MAX_BODY);
    let (id, target) = (model::new_id(), &page.tab.target);
    let wanted = page.session.tabs().log(target).is_some_and(|log| log.want(&id, pattern));
    if !wanted {
        return Err(Refusal::unavailable("too many wait for answers in this tab already"));
    }
    let _forgotten = Forgotten { page, id: &id };
    let came =
        page.session.wait("a response from such an address", page.deadline, |tabs| match tabs.log(target) {
            Some(log) => log.hit(&id).map(Ok),
            None => Some(Err(Refusal::missing("the tab was closed meanwhile"))),
        });
    let hit = came.await??;
    if let Some(Err(why)) = hit.ended {
        return Err(Refusal::failed(format!("the response broke off: {why}")));
    }
    let (method, params) = ("Network.getResponseBody", json!({"requestId": hit.key}));
    let got = page.session.cdp.call(Some(&hit.session), method, params, page.deadline).await;
    let got = got.map_err(|error| Refusal::of_call(method, error))?;
    let text = got["body"].as_str().unwrap_or_default();
    let text = if got["base64Encoded"] == true { decoded(text)? } else { text.to_owned() };
    let kept: String = text.chars().take(most).collect();
    let mut response = hit.shown;
    if kept.len() < text.len() {
        response["truncated"] = json!(true);
    }
    response["body"] = json!(kept);
    Ok(json!({"ok": true, "targetId": target, "url": page.url(), "response": response}))
}

fn decoded(text: &str) -> Result<String, Refusal> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let bytes = bytes.map_err(|e| Refusal::failed(format!("the browser gave no base64: {e}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Nobody waits for an answer any more, however that ended.
struct Forgotten<'a> {
    page: &'a Page<'a>,
    id: &'a str,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        if let Some(log) = self.page.session.tabs().log(&self.page.tab.target) {
            log.forget(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_word_by_word() {
        for (method, path, known) in [
            ("GET", "/cookies", true),
            ("POST", "/cookies", false),
            ("POST", "/storage/local/set", true),
            ("GET", "/storage/", false),
            ("POST", "/set/device/more", false),
            ("POST", "/trace/start", true),
            ("POST", "/trace", false),
        ] {
            assert_eq!(is_of_a_page(method, path), known, "{method} {path}");
        }
    }
}
