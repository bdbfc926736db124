//! `models.authStatus`: which provider has a key, and where from. Never a key, and no provider is asked.

use crate::methods::{Answer, Call, store_error};
use crate::models::Models;
use crate::models::auth::{KeySource, ProviderAuth};
use crate::reload::READ_WITHIN;
use config::AuthProfile;
use protocol::ErrorShape;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::KeyHealth;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    agent_id: Option<String>,
}

pub(super) async fn handle(mut call: Call) -> Answer {
    let p: Params = call.params()?;
    let current = call.shared.current();
    if let Some(agent) = p.agent_id.filter(|agent| !current.settings.has_agent(agent)) {
        return Err(ErrorShape::invalid(format!(
            "unknown agent id {agent:?}; agents.list names those that there are"
        )));
    }
    let providers = providers(current.models.clone()).await?;
    let health = call.shared.store.key_health().await.map_err(store_error)?;
    Ok(status(&providers, &health, call.shared.clock.now_ms()).into())
}

/// The providers that need a key, within the time that a request has.
pub(crate) async fn providers(models: Arc<Models>) -> Result<Vec<ProviderAuth>, ErrorShape> {
    let reading = tokio::task::spawn_blocking(move || models.auth());
    let read = tokio::time::timeout(READ_WITHIN, reading).await.map_err(|_| {
        ErrorShape::unavailable("the file with the providers' keys cannot be read in time; try again")
            .retryable()
    })?;
    let providers = read.map_err(|error| ErrorShape::unavailable(error.to_string()))?;
    providers.map_err(ErrorShape::unavailable)
}

/// The answer: what is known of their keys.
pub(crate) fn status(providers: &[ProviderAuth], health: &[KeyHealth], now_ms: i64) -> Value {
    json!({
        "ts": now_ms,
        "providers": providers.iter().map(|auth| provider(auth, health, now_ms)).collect::<Vec<_>>(),
        "providerCapabilities": llm::WELL_KNOWN.iter().map(|name| capability(name)).collect::<Vec<_>>(),
    })
}

/// A key does not run out: a provider has one (`static`) or has none (`missing`). A token may: it is `ok` until then.
fn provider(auth: &ProviderAuth, health: &[KeyHealth], now_ms: i64) -> Value {
    let name = &auth.provider;
    let mut out = json!({
        "provider": name, "authProvider": name, "displayName": name, "status": "static", "profiles": [],
    });
    match &auth.key {
        KeySource::Config => {
            out["apiKey"] = json!({"source": "config"});
            rest(&mut out["apiKey"], &format!("{name} (configuration)"), health, now_ms);
        }
        KeySource::Variable(variable) => {
            out["apiKey"] = json!({"source": "env", "envVar": variable});
            rest(&mut out["apiKey"], &format!("{name} (environment)"), health, now_ms);
        }
        KeySource::Profiles(profiles) => {
            let shown: Vec<Value> = profiles.iter().map(|p| profile(p, health, now_ms)).collect();
            out["status"] = shown.first().map_or(json!("missing"), |first| first["status"].clone());
            out["profiles"] = shown.into();
        }
        KeySource::Missing => out["status"] = json!("missing"),
    }
    out
}

fn profile(profile: &AuthProfile, health: &[KeyHealth], now_ms: i64) -> Value {
    let status = if profile.expires_ms.is_some() { "ok" } else { "static" };
    let mut shown = json!({"profileId": profile.id, "type": profile.type_name, "status": status});
    if let Some(at) = profile.expires_ms {
        shown["expiry"] = json!({"at": at});
    }
    rest(&mut shown, &profile.id, health, now_ms);
    shown
}

/// Says until when a key rests, why, and (where it does for one alone) for which model.
fn rest(shown: &mut Value, key: &str, health: &[KeyHealth], now_ms: i64) {
    let Some(rest) = health.iter().find(|rest| rest.key == key && rest.until_ms > now_ms) else { return };
    let until = if rest.reason == "billing" { "disabledUntil" } else { "cooldownUntil" };
    shown[until] = json!(rest.until_ms);
    shown["reason"] = json!(rest.reason);
    if let Some(model) = &rest.model {
        shown["cooldownModel"] = json!(model);
    }
}

/// Keys are put into the environment or the configuration; there is no quick way over the wire.
fn capability(name: &str) -> Value {
    let takes_key = llm::well_known(name).is_some_and(|known| known.key_variable.is_some());
    json!({"provider": name, "apiKeySupported": takes_key, "quickApiKeySetup": false})
}
