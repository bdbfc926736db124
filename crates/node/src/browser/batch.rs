//! `batch`: several actions in one request, one after the other. It stops at the first that fails unless it is told not to, and where
//! the page has become another one: what was named is not there any more.

use super::act;
use super::error::Refusal;
use super::page::Page;
use super::request::Fields;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How deep batches may be within batches, and how many actions all of them have.
const MAX_DEPTH: usize = 5;
const MAX_ACTIONS: usize = 100;

/// Checks a batch before anything of it is done.
///
/// # Errors
/// It is no batch, is too large, or an action is about another tab.
pub(super) fn check(page: &Page<'_>, fields: Fields<'_>) -> Result<(), Refusal> {
    let count = count(page, fields, 0)?;
    if count > MAX_ACTIONS {
        return Err(Refusal::action(format!("batch exceeds maximum of {MAX_ACTIONS} actions")));
    }
    Ok(())
}

fn count(page: &Page<'_>, fields: Fields<'_>, depth: usize) -> Result<usize, Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::action(format!("batch nesting exceeds maximum depth of {MAX_DEPTH}")));
    }
    let all = fields.0.get("actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return Err(Refusal::action("actions are required"));
    }
    let mut total = 0;
    for action in all {
        let action =
            action.as_object().map(Fields).ok_or_else(|| Refusal::action("batch actions must be objects"))?;
        let kind = action.word("kind").filter(|kind| act::KINDS.contains(kind));
        let kind = kind.ok_or_else(|| Refusal::action("kind is required"))?;
        if let Some(name) = action.word("targetId") {
            let same = page.session.tabs().named(name).is_ok_and(|tab| tab.target == page.tab.target);
            if !same {
                let refusal = Refusal {
                    status: 403,
                    ..Refusal::invalid("batched action targetId must match request targetId")
                };
                return Err(refusal.with_code("ACT_TARGET_ID_MISMATCH"));
            }
        }
        total += 1;
        if kind == "batch" {
            total += count(page, action, depth + 1)?;
        }
        if total > MAX_ACTIONS {
            break;
        }
    }
    Ok(total)
}

/// Does the actions: `{results, aborted?}`.
pub(super) async fn run(page: &Page<'_>, fields: Fields<'_>, may_evaluate: bool) -> Result<Value, Refusal> {
    let actions = fields.objects("actions");
    let goes_on = fields.flag("stopOnError") == Some(false);
    let mut results: Vec<Value> = Vec::new();
    let documents = page.documents();
    let all = actions.len();
    for (number, action) in actions.into_iter().enumerate() {
        let done = Box::pin(act::act(page, action, may_evaluate)).await;
        let failed = match done {
            // What a batch within this one came to.
            Ok(Some(inner)) if action.word("kind") == Some("batch") => first_failure(&inner),
            Ok(_) => None,
            // Nobody waits any longer, or there is no browser: nothing after it would come to anything else.
            Err(refusal) if matches!(refusal.status, 503 | 504) && Instant::now() >= page.deadline => {
                return Err(refusal);
            }
            Err(refusal) => Some(refusal.message),
        };
        let stop = failed.is_some() && !goes_on;
        results.push(match failed {
            None => json!({"ok": true}),
            Some(why) => json!({"ok": false, "error": why}),
        });
        let now = page.documents();
        let left = all - number - 1;
        if now != documents || page.is_gone() {
            let reason = if page.is_gone() { "closed" } else { "navigation" };
            if reason == "navigation"
                && let Some(last) = results.last_mut()
            {
                last["navigated"] = json!(true);
                last["url"] = json!(page.url());
            }
            if left > 0 {
                let aborted =
                    json!({"reason": reason, "afterAction": number + 1, "url": page.url(), "skipped": left});
                return Ok(json!({"results": results, "aborted": aborted}));
            }
        }
        if stop {
            break;
        }
    }
    Ok(json!({"results": results}))
}

fn first_failure(inner: &Value) -> Option<String> {
    let failed = inner["results"].as_array()?.iter().find(|result| result["ok"] == false)?;
    Some(failed["error"].as_str().unwrap_or("it failed").to_owned())
}
