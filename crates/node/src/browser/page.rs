//! One tab, for as long as a request works on it.

use super::error::Refusal;
use super::guard::Guard;
use super::session::Session;
use super::tabs::Tab;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How often a page is asked whether it has loaded, should its browser not have told so.
const LOOK: Duration = Duration::from_secs(1);

/// A tab that a request works on.
pub(super) struct Page<'a> {
    pub(super) session: &'a Session,
    pub(super) guard: &'a Guard,
    /// As it was when the request began.
    pub(super) tab: Tab,
    pub(super) deadline: Instant,
}

impl Page<'_> {
    /// Calls a method of the tab.
    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let called = self.session.cdp.call(Some(&self.tab.session), method, params, self.deadline).await;
        called.map_err(|error| Refusal::of_call(method, error))
    }

    /// Where it is now.
    pub(super) fn url(&self) -> String {
        self.session.tabs().by_target(&self.tab.target).map(|tab| tab.url.clone()).unwrap_or_default()
    }

    /// Changes what is known of it.
    pub(super) fn with_tab(&self, change: impl FnOnce(&mut Tab)) {
        if let Some(tab) = self.session.tabs().by_target(&self.tab.target) {
            change(tab);
        }
    }

    /// What is in the tab is for its reader: it is on a page where this browser may be.
    pub(super) async fn check(&self) -> Result<(), Refusal> {
        let url = self.url();
        // What the browser shows where nothing came.
        if url.is_empty() || url.starts_with("chrome-error:") {
            return Ok(());
        }
        self.guard.check_page(&url).await.map_err(Refusal::blocked)
    }

    /// How many documents have taken the place of others in it.
    pub(super) fn documents(&self) -> u64 {
        self.session.tabs().by_target(&self.tab.target).map_or(0, |tab| tab.documents)
    }

    /// Whether it was closed.
    pub(super) fn is_gone(&self) -> bool {
        self.session.tabs().by_target(&self.tab.target).is_none()
    }

    /// The question of the page that waits for an answer, if there is one.
    pub(super) fn asks(&self) -> Option<Value> {
        self.session.tabs().by_target(&self.tab.target)?.dialogs.waiting().cloned()
    }

    /// Goes to an address and waits until there is a document. False where a file is there instead.
    pub(super) async fn go(&self, url: &str) -> Result<bool, Refusal> {
        self.guard.check_page(url).await.map_err(Refusal::blocked)?;
        let before = self.loads();
        let mut gone = self.call("Page.navigate", json!({"url": url})).await?;
        // An address that this host just got or lost, in the middle of it: that is no answer of the page's.
        if gone["errorText"] == "net::ERR_NETWORK_CHANGED" {
            gone = self.call("Page.navigate", json!({"url": url})).await?;
        }
        match gone["errorText"].as_str().filter(|error| !error.is_empty()) {
            Some(_) if gone["isDownload"] == true => return Ok(false),
            Some(error) if error.contains("BLOCKED_BY_CLIENT") => {
                return Err(Refusal::blocked(format!(
                    "{url} leads to where this browser may not go (browser.ssrfPolicy)"
                )));
            }
            // The way out says no by a number alone.
            Some(error) if error.contains("ERR_SOCKS_CONNECTION") => {
                return Err(Refusal::failed(format!(
                    "{url} could not be opened: its host cannot be reached"
                )));
            }
            Some(error) => return Err(Refusal::failed(format!("{url} could not be opened: {error}"))),
            None => {}
        }
        // Within one document there is nothing to wait for, and of an empty one nothing is told.
        if gone["loaderId"].is_null() || url == "about:blank" {
            return Ok(true);
        }
        self.loaded(before, &gone["loaderId"]).await?;
        // The browser tells it by and by.
        if let Ok(Value::String(title)) = self.evaluate("document.title").await {
            self.with_tab(|tab| tab.title = title);
        }
        Ok(true)
    }

    /// Waits until the page has begun a document since `before`: told by the browser, or, where that was missed because
    /// the tab had only just been made, by the page itself.
    async fn loaded(&self, before: u64, loader: &Value) -> Result<(), Refusal> {
        let target = &self.tab.target;
        loop {
            let soon = self.deadline.min(Instant::now() + LOOK);
            let told = self.session.wait("the page's loading", soon, |tabs| match tabs.by_target(target) {
                Some(tab) => (tab.loads > before).then_some(Ok(())),
                None => Some(Err(Refusal::missing("the tab was closed meanwhile"))),
            });
            match told.await {
                Err(late) if late.status == 504 && soon < self.deadline => {}
                told => return told?,
            }
            let tree = self.call("Page.getFrameTree", json!({})).await?;
            let here = tree["frameTree"]["frame"]["loaderId"] == *loader;
            if here && self.evaluate("document.readyState !== 'loading'").await? == json!(true) {
                return Ok(());
            }
        }
    }

    fn loads(&self) -> u64 {
        self.session.tabs().by_target(&self.tab.target).map_or(0, |tab| tab.loads)
    }

    /// What an expression gives, which may take its time; an error of the page's is one of ours.
    pub(super) async fn evaluate(&self, expression: &str) -> Result<Value, Refusal> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true});
        value(self.call("Runtime.evaluate", params).await?)
    }

    /// The element that the last snapshot called so.
    pub(super) fn element(&self, name: &str) -> Result<i64, Refusal> {
        let bare = name.trim().trim_start_matches('@');
        let bare = bare.strip_prefix("ref=").unwrap_or(bare);
        let numbered = format!("e{bare}");
        let found = self
            .session
            .tabs()
            .by_target(&self.tab.target)
            .and_then(|tab| tab.refs.get(bare).or_else(|| tab.refs.get(&numbered)).copied());
        found.ok_or_else(|| {
            Refusal::operation(format!(
                "there is no {name:?} in the last snapshot of this page; take a new snapshot"
            ))
        })
    }

    /// The first element that a CSS selector fits.
    pub(super) async fn select(&self, selector: &str) -> Result<i64, Refusal> {
        self.select_in(None, selector).await
    }

    /// The same in the document that a frame shows, which is an element of the page.
    pub(super) async fn select_in(&self, frame: Option<i64>, selector: &str) -> Result<i64, Refusal> {
        let found = match frame {
            None => {
                let expression = format!("document.querySelector({})", json!(selector));
                self.call("Runtime.evaluate", json!({"expression": expression})).await?
            }
            Some(frame) => {
                let object = self.object(frame).await?;
                let function = "function(selector) { return this.contentDocument.querySelector(selector) }";
                let arguments = [json!({ "value": selector })];
                let params =
                    json!({"objectId": object, "functionDeclaration": function, "arguments": arguments});
                self.call("Runtime.callFunctionOn", params).await?
            }
        };
        if !found["exceptionDetails"].is_null() {
            return Err(Refusal::invalid(format!("{selector:?} is no CSS selector")));
        }
        let Some(object) = found["result"]["objectId"].as_str() else {
            return Err(Refusal::missing(format!("nothing on the page is {selector:?}")));
        };
        let node = self.call("DOM.describeNode", json!({"objectId": object})).await?;
        node["node"]["backendNodeId"].as_i64().ok_or_else(|| Refusal::failed("the element has no name"))
    }

    /// What a function gives that is called with an element as `this`.
    pub(super) async fn on_element(
        &self,
        element: i64,
        function: &str,
        arguments: &[Value],
    ) -> Result<Value, Refusal> {
        let object = self.object(element).await?;
        let arguments: Vec<Value> = arguments.iter().map(|value| json!({"value": value})).collect();
        let params = json!({"objectId": object, "functionDeclaration": function, "arguments": arguments,
            "returnByValue": true, "awaitPromise": true, "userGesture": true});
        value(self.call("Runtime.callFunctionOn", params).await?)
    }

    /// What the page's own code calls an element.
    async fn object(&self, element: i64) -> Result<String, Refusal> {
        let gone = || Refusal::operation("the element is not there any more; take a new snapshot");
        let resolved = self.call("DOM.resolveNode", json!({"backendNodeId": element})).await;
        let resolved = resolved.map_err(|refusal| if refusal.status == 500 { gone() } else { refusal })?;
        resolved["object"]["objectId"].as_str().map(str::to_owned).ok_or_else(gone)
    }
}

/// The value of what ran in a page, or what it threw.
fn value(mut ran: Value) -> Result<Value, Refusal> {
    let thrown = &ran["exceptionDetails"];
    if !thrown.is_null() {
        let text = thrown["exception"]["description"].as_str().or_else(|| thrown["text"].as_str());
        let text: String = text.unwrap_or("it threw").chars().take(500).collect();
        return Err(Refusal::operation(format!("the page says: {text}")));
    }
    Ok(ran["result"]["value"].take())
}
