//! Whether keys of providers work: each is asked for a few words. What it costs is a handful of tokens, and nobody's key rests for it.

use super::Models;
use super::auth::KeySource;
use super::keys::Key;
use futures_util::StreamExt;
use futures_util::stream;
use llm::Request;
use model::{Content, Message, UserMessage};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where nobody says otherwise: as OpenClaw's.
const TIMEOUT_MS: u64 = 8_000;
const CONCURRENCY: usize = 2;
const MAX_TOKENS: u64 = 8;
/// However many are wanted at once, and however long one may take.
const MOST_AT_ONCE: usize = 16;
const LONGEST_MS: u64 = 120_000;
/// Keys that one call asks with: each is a request that costs money.
const MOST_KEYS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Wish {
    pub(crate) agent_id: Option<String>,
    provider: Option<String>,
    profile_ids: Vec<String>,
    timeout_ms: Option<u64>,
    concurrency: Option<usize>,
    max_tokens: Option<u64>,
}

/// One key that is asked with, or why none is.
struct Target {
    provider: String,
    model: Option<String>,
    key: Result<Key, (&'static str, String)>,
}

/// Asks with all keys that are wished for, a few at a time. Reads a file.
///
/// # Errors
/// The file with the keys cannot be read.
pub(crate) async fn run(
    models: &Arc<Models>,
    agent: &str,
    wish: &Wish,
    now_ms: &(dyn Fn() -> i64 + Sync),
) -> Result<Value, String> {
    let started = now_ms();
    let (finding, of, wished) = (models.clone(), agent.to_owned(), wish.clone());
    let targets = tokio::task::spawn_blocking(move || finding.targets(&of, &wished))
        .await
        .map_err(|error| error.to_string())??;
    let total = targets.len();
    let timeout = Duration::from_millis(wish.timeout_ms.unwrap_or(TIMEOUT_MS).min(LONGEST_MS));
    let tokens = wish.max_tokens.unwrap_or(MAX_TOKENS);
    let at_once = wish.concurrency.unwrap_or(CONCURRENCY).clamp(1, MOST_AT_ONCE);
    let asks = stream::iter(targets).map(|target| async move {
        let begun = now_ms();
        let (status, error) = models.ask(&target, timeout, tokens).await;
        let mut out = target.shown();
        out["status"] = status.into();
        if let Some(error) = error {
            out["error"] = error.into();
        }
        if target.key.is_ok() {
            out["latencyMs"] = now_ms().saturating_sub(begun).into();
        }
        out
    });
    let results: Vec<Value> = asks.buffered(at_once).collect().await;
    let finished = now_ms();
    Ok(json!({
        "startedAt": started, "finishedAt": finished, "durationMs": finished.saturating_sub(started), "totalTargets": total,
        "options": {
            "provider": wish.provider, "profileIds": wish.profile_ids, "timeoutMs": timeout.as_millis() as u64,
            "concurrency": at_once, "maxTokens": tokens,
        },
        "results": results,
    }))
}

impl Target {
    fn shown(&self) -> Value {
        let mut out = json!({"provider": self.provider, "model": self.model});
        let Ok(key) = &self.key else {
            out["label"] = self.provider.clone().into();
            return out;
        };
        out["label"] = key.id.clone().into();
        // What is no profile's name has a space in it.
        let source = match key.id.rsplit_once(" (") {
            Some((_, "environment)")) => "env",
            Some((_, "configuration)")) => "models.json",
            _ => "profile",
        };
        out["source"] = source.into();
        if source == "profile" {
            out["profileId"] = key.id.clone().into();
            out["mode"] = if key.is_token { "token" } else { "api_key" }.into();
        }
        out
    }
}

impl Models {
    /// What there is to be asked, provider by provider.
    fn targets(&self, agent: &str, wish: &Wish) -> Result<Vec<Target>, String> {
        let known = self.auth()?;
        let mut providers: BTreeSet<String> = self.config.models.providers.keys().cloned().collect();
        providers.extend(known.iter().map(|auth| auth.provider.clone()));
        let chain = self.names_for_run(agent, &super::Wanted::Own).unwrap_or_default();
        let mut targets = Vec::new();
        for provider in
            providers.into_iter().filter(|name| wish.provider.as_ref().is_none_or(|only| only == name))
        {
            let of = |name: &&String| name.split_once('/').is_some_and(|(of, _)| of == provider);
            let listed = || {
                let entry = self.config.models.providers.get(&provider)?;
                entry.models.first().map(|listed| format!("{provider}/{}", listed.id))
            };
            let model = chain.iter().find(of).cloned().or_else(listed);
            let missing =
                known.iter().any(|auth| auth.provider == provider && auth.key == KeySource::Missing);
            let keys = match &model {
                _ if missing => Err(("auth", "it has no key that counts".to_owned())),
                None => Err((
                    "no_model",
                    "no model of it is configured; name one in agents.defaults.model".to_owned(),
                )),
                Some(model) => {
                    let id = model.split_once('/').map_or("", |(_, id)| id);
                    self.keys(&provider, id, 0).map_err(|why| ("auth", why))
                }
            };
            let target = |key| Target { provider: provider.clone(), model: model.clone(), key };
            match keys {
                Ok(keys) => targets.extend(
                    keys.into_iter()
                        .filter(|key| wish.profile_ids.is_empty() || wish.profile_ids.contains(&key.id))
                        .map(|key| target(Ok(key))),
                ),
                Err(why) if wish.profile_ids.is_empty() => targets.push(target(Err(why))),
                Err(_) => {}
            }
        }
        targets.truncate(MOST_KEYS);
        Ok(targets)
    }

    /// What came of one: a word for it, and what there is to be said.
    async fn ask(&self, target: &Target, timeout: Duration, tokens: u64) -> (&'static str, Option<String>) {
        let (key, name) = match (&target.key, &target.model) {
            (Ok(key), Some(name)) => (key, name),
            (Err((status, why)), _) => return (status, Some(why.clone())),
            (Ok(_), None) => return ("no_model", None),
        };
        let model = match self.with_key(name, key) {
            Ok(model) => model,
            Err(why) => return ("unknown", Some(why)),
        };
        let messages = [Message::User(UserMessage {
            content: Content::Text("Reply with OK.".to_owned()),
            timestamp: self.setup.clock.now_ms(),
            idempotency_key: None,
        })];
        let request = Request { system: "", messages: &messages, tools: &[], max_tokens: Some(tokens) };
        let cancel = CancellationToken::new();
        let mut unheard = |_| {};
        match tokio::time::timeout(timeout, model.complete(request, &mut unheard, &cancel)).await {
            Ok(Ok(_)) => ("ok", None),
            // So few words can be no answer at all, and the key worked.
            Ok(Err(error)) if error.kind == llm::ErrorKind::NoAnswer => ("ok", None),
            Ok(Err(error)) => (error.kind.as_str(), Some(error.message)),
            Err(_) => ("timeout", Some(format!("no answer within {} ms", timeout.as_millis()))),
        }
    }
}
