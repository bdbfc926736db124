//! Telling the gateway what this node lends to its agents: all of it at once, on each connection and whenever it changes.

use client::Caller;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The method by which a gateway is told of tools; one that does not have it is not told.
pub(crate) const METHOD: &str = "node.pluginTools.update";
/// How long the gateway may take to note it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A list that was not taken is sent again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// The same of skills.
pub(crate) const SKILLS: &str = "node.skills.update";

/// Tells the gateway of the skills, once on each connection.
pub(crate) async fn skills(caller: &Caller, skills: &[Value]) -> Infallible {
    while !skills.is_empty() {
        match caller.call(SKILLS, json!({"skills": skills}), TIMEOUT).await {
            Ok(_) => break,
            Err(error) => tracing::warn!(%error, "the gateway did not take the skills of this node"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    std::future::pending().await
}

/// Tells the gateway of the tools: now, when they change, and when an operator has decided about the commands of this node,
/// because some gateways keep only those that may be called already.
pub(crate) async fn tools(
    caller: &Caller,
    mut lent: watch::Receiver<Arc<Vec<Value>>>,
    mut decided: watch::Receiver<()>,
) -> Infallible {
    // A connection begins without any.
    let mut told_any = false;
    loop {
        let tools = Arc::clone(&lent.borrow_and_update());
        let mut taken = true;
        if told_any || !tools.is_empty() {
            let answer = caller.call(METHOD, json!({"tools": *tools}), TIMEOUT).await;
            taken = answer.is_ok();
            told_any = true;
            if let Err(error) = answer {
                tracing::warn!(%error, "the gateway did not take the tools of this node");
            }
        }
        tokio::select! {
            _ = lent.changed() => {}
            _ = decided.changed() => {}
            () = tokio::time::sleep(AGAIN), if !taken => {}
        }
    }
}
