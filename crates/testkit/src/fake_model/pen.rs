//! An answer that a test writes while it is being read.

use super::wire::{self, Dialect, Reply};
use axum::body::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::Value;
use std::io;
use tokio::sync::watch;

/// Writes one answer; dropping all clones of it ends the answer where it is.
#[derive(Debug, Clone)]
pub struct Pen(watch::Sender<Page>);

/// What is written so far.
#[derive(Debug, Default)]
struct Page {
    text: String,
    is_done: bool,
}

impl Default for Pen {
    fn default() -> Self {
        Self(watch::Sender::new(Page::default()))
    }
}

impl PartialEq for Pen {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Pen {
    /// Adds to the answer.
    pub fn write(&self, text: &str) {
        self.0.send_modify(|page| page.text.push_str(text));
    }

    /// Ends the answer.
    pub fn end(&self) {
        self.0.send_modify(|page| page.is_done = true);
    }

    /// The events of the answer as it is written, in OpenAI's dialect.
    pub(super) fn read(&self, request: &Value) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        let (request, page) = (request.clone(), self.0.subscribe());
        stream::unfold(Some((page, 0)), move |at| {
            let request = request.clone();
            async move {
                let (mut page, from) = at?;
                let is_new = |page: &Page| page.is_done || page.text.len() > from;
                let (new, is_done) = match page.wait_for(is_new).await {
                    Ok(page) => (page.text.get(from..).unwrap_or_default().to_owned(), page.is_done),
                    Err(_) => (String::new(), true),
                };
                let (end, events) =
                    (from + new.len(), wire::render(Dialect::OpenAi, &request, &Reply::Text(new)));
                // The last three end an answer: why it ends, what it used, and that this was all.
                let pieces = if is_done { events.len() } else { events.len().saturating_sub(3) };
                let events = events.into_iter().take(pieces).collect::<String>();
                Some((Ok(Bytes::from(events)), (!is_done).then_some((page, end))))
            }
        })
    }
}
