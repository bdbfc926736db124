//! Secrets behind references: asked for once and beside everything else, and never a reason to leave a configuration that
//! works for one that does not.

use crate::flow::{BOT_TOKEN, Bench, Operator, PATIENCE, gateway_at, reply, telegram};
use client::EventFrame;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use testkit::fake_model::FakeModel;
use testkit::fake_telegram::FakeTelegram;
use testkit::gateway::{TOKEN, TestGateway, config_with_model};
use tokio::task::JoinSet;

/// A program that notes each time that it is asked, waits for `open` where `slow` is there, and has a secret once `open` is.
fn vault(dir: &Path) -> String {
    let file = dir.join("vault");
    let dir = dir.display();
    let script = format!(
        "#!/bin/sh\necho asked >> {dir}/asked\n\
         if [ -e {dir}/slow ]; then while [ ! -e {dir}/open ]; do sleep 0.02; done; fi\n\
         [ -e {dir}/open ] || exit 1\n\
         echo '{{\"protocolVersion\":1,\"values\":{{\"k\":\"s3cret\"}}}}'\n"
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    format!(
        "secrets: {{ providers: {{ vault: {{ source: 'exec', command: '{}', timeoutMs: 15000 }} }} }},",
        file.display()
    )
}

/// A gateway whose model's key is with that program.
async fn with_vault(dir: &Path, model: &FakeModel) -> TestGateway {
    let config = config_with_model(&model.url(), &vault(dir));
    let reference = "apiKey: { source: 'exec', provider: 'vault', id: 'k' }";
    gateway_at(dir, config.replace("apiKey: \"none\"", reference)).await
}

fn touch(dir: &Path, name: &str) {
    std::fs::write(dir.join(name), "").unwrap();
}

fn asked(dir: &Path) -> usize {
    std::fs::read_to_string(dir.join("asked")).unwrap_or_default().lines().count()
}

fn file(gateway: &TestGateway) -> String {
    std::fs::read_to_string(gateway.state_dir().join("openclaw.json")).unwrap()
}

async fn base(operator: &Operator) -> Value {
    operator.call("config.get", json!({})).await["hash"].clone()
}

async fn patch(operator: &Operator, patch: Value) -> Value {
    let base = base(operator).await;
    operator.call("config.patch", json!({"raw": patch.to_string(), "baseHash": base})).await
}

async fn refused(operator: &Operator, patch: Value) -> protocol::ErrorShape {
    let base = base(operator).await;
    operator.refused("config.patch", json!({"raw": patch.to_string(), "baseHash": base})).await
}

/// Waits until the report on reloading fits; a `health` event follows each change of it.
async fn reported(operator: &mut Operator, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let report = operator.call("status", json!({})).await["configReload"].clone();
        if fits(&report) {
            return report;
        }
        operator.events.next(what, |e: &EventFrame| e.event == "health").await;
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_asked_for_by_turns_alone() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let gateway = with_vault(dir.path(), &model).await;
    let operator = Operator::connect(&gateway).await;
    for _ in 0..3 {
        let defaults = operator.call("sessions.list", json!({})).await["defaults"].clone();
        assert_eq!(defaults["contextTokens"], 128_000, "what a model is does not hang on its key");
        operator.call("models.list", json!({})).await;
        operator.call("status", json!({})).await;
    }
    assert_eq!(asked(dir.path()), 1, "at the start, and by nobody else");
    touch(dir.path(), "open");
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");
    assert_eq!(reply(&operator.agent("k2", "again").await.unwrap()), "echo: again");
    assert_eq!(asked(dir.path()), 2, "once more for the first turn");
    gateway.stop().await;
}

// One thread serves everything here: whatever blocks it blocks all.
#[tokio::test]
async fn a_program_that_takes_its_time_holds_nobody_up() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let gateway = with_vault(dir.path(), &model).await;
    let mut operator = Operator::connect(&gateway).await;
    touch(dir.path(), "slow");
    let talker = Operator::connect(&gateway).await;
    let mut turn = JoinSet::new();
    turn.spawn(async move { talker.agent("k1", "hello").await });
    let starts = |e: &EventFrame| e.event == "agent" && e.payload["data"]["phase"] == "start";
    operator.events.next("the turn begins", starts).await;
    operator.call("status", json!({})).await;
    touch(dir.path(), "open");
    assert_eq!(reply(&turn.join_next().await.unwrap().unwrap().unwrap()), "echo: hello");
    gateway.stop().await;
}

#[tokio::test]
async fn a_change_whose_secrets_cannot_be_had_is_not_made() {
    let fake = FakeTelegram::start(BOT_TOKEN).await;
    let bench = Bench::start(&telegram(&fake, "dmPolicy: 'open', allowFrom: ['*'],")).await;
    let operator = bench.operator().await;
    let before = file(&bench.gateway);
    for (change, place) in [
        (
            json!({"models": {"providers": {"fake": {"apiKey": "${NOT_SET}"}}}}),
            "models.providers.fake.apiKey",
        ),
        (
            json!({"models": {"providers": {"fake": {"headers": {"X-Key": {"source": "env", "id": "NOT_SET"}}}}}}),
            "models.providers.fake.headers.X-Key",
        ),
        (json!({"channels": {"telegram": {"botToken": "${NOT_SET}"}}}), "channels.telegram"),
        (json!({"gateway": {"auth": {"token": "${NOT_SET}"}}}), "gateway.auth.token"),
    ] {
        let error = refused(&operator, change).await;
        let details = error.details.unwrap();
        assert_eq!(
            (&details["code"], &details["issues"][0]["path"]),
            (&json!("CONFIG_SECRETS"), &json!(place))
        );
        assert!(error.message.contains("NOT_SET, which is not set"), "{}", error.message);
        assert!(error.message.ends_with("nothing was changed"), "{}", error.message);
        assert_eq!(file(&bench.gateway), before);
    }
    assert_eq!(operator.call("status", json!({})).await["configReload"]["ok"], true);
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");
    fake.push_text(7, 7, "still there?");
    let sent = fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(sent[0].plain, "echo: still there?");
}

#[tokio::test]
async fn a_change_of_agents_while_a_secret_cannot_be_had_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::start("").await;
    let operator = bench.operator().await;
    operator.call("agents.create", json!({"name": "ops"})).await;
    let path = bench.gateway.state_dir().join("openclaw.json");
    // Written by hand meanwhile: a provider whose program fails.
    let reference = "apiKey: { source: 'exec', provider: 'vault', id: 'k' }";
    let provider = format!(
        "{} models: {{ providers: {{ other: {{ baseUrl: 'http://127.0.0.1:9/v1', {reference} }},",
        vault(dir.path())
    );
    let broken = file(&bench.gateway).replacen("models: { providers: {", &provider, 1);
    assert!(broken.contains("vault"), "{broken}");
    std::fs::write(&path, &broken).unwrap();
    for (method, params) in [
        ("agents.create", json!({"name": "night"})),
        ("agents.update", json!({"agentId": "ops", "name": "Ops"})),
        ("agents.delete", json!({"agentId": "ops"})),
    ] {
        let error = operator.refused(method, params).await;
        assert!(error.message.contains("models.providers.other.apiKey"), "{method}: {}", error.message);
        assert_eq!(file(&bench.gateway), broken, "{method}");
    }
    assert!(bench.gateway.state_dir().join("workspace-ops").exists());
    assert!(!bench.gateway.state_dir().join("workspace-night").exists());
}

#[tokio::test]
async fn a_saved_file_whose_secrets_cannot_be_had_does_not_count() {
    let bench = Bench::start("").await;
    let mut operator = bench.operator().await;
    let path = bench.gateway.state_dir().join("openclaw.json");
    let before = file(&bench.gateway);
    let broken = before.replace("apiKey: \"none\"", "apiKey: '${NOT_SET}'");
    let broken = broken.replace("agents: {", "agents: { entries: { main: {}, night: {} },");
    std::fs::write(&path, &broken).unwrap();
    let report = reported(&mut operator, "refusal", |r| r["ok"] == false).await;
    let problem = report["problem"].as_str().unwrap();
    assert!(problem.starts_with("models.providers.fake.apiKey refers to the environment"), "{problem}");
    let list = operator.call("agents.list", json!({})).await;
    assert_eq!(list["agents"].as_array().unwrap().len(), 1, "no part of it counts");
    assert_eq!(reply(&operator.agent("k1", "hello").await.unwrap()), "echo: hello");

    std::fs::write(&path, broken.replace("${NOT_SET}", "mended")).unwrap();
    reported(&mut operator, "recovery", |r| r["ok"] == true && r["appliedAtMs"].is_i64()).await;
    let list = operator.call("agents.list", json!({})).await;
    assert_eq!(list["agents"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_broken_before_does_not_stop_other_changes() {
    let (dir, model) = (tempfile::tempdir().unwrap(), FakeModel::start().await);
    let gateway = with_vault(dir.path(), &model).await;
    let operator = Operator::connect(&gateway).await;
    let answer = patch(&operator, json!({"agents": {"entries": {"main": {"name": "Main"}}}})).await;
    assert_eq!(answer["applied"], json!(["agents.entries.main.name"]));
    gateway.stop().await;
}

#[tokio::test]
async fn a_channel_whose_token_came_later_can_be_started() {
    let dir = tempfile::tempdir().unwrap();
    let (fake, model) = (FakeTelegram::start(BOT_TOKEN).await, FakeModel::start().await);
    let token_file = dir.path().join("bot-token");
    let account = telegram(&fake, "dmPolicy: 'open', allowFrom: ['*'],")
        .replace(&format!("botToken: \"{BOT_TOKEN}\""), &format!("tokenFile: '{}'", token_file.display()));
    let gateway = gateway_at(dir.path(), config_with_model(&model.url(), &account)).await;
    let operator = Operator::connect(&gateway).await;
    std::fs::write(&token_file, BOT_TOKEN).unwrap();
    let started = operator.call("channels.start", json!({"channel": "telegram"})).await;
    assert_eq!(started["started"], true);
    fake.push_text(7, 7, "hello");
    let sent = fake.wait_for_sent(1, PATIENCE).await.unwrap();
    assert_eq!(sent[0].plain, "echo: hello");
    gateway.stop().await;
}

#[tokio::test]
async fn a_new_value_behind_the_gateways_own_secret_waits_for_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "{{ env: {{ vars: {{ GW: '{TOKEN}', OTHER: 'x' }} }}, gateway: {{ auth: {{ mode: 'token', token: '${{GW}}' }} }} }}"
    );
    let gateway = gateway_at(dir.path(), config).await;
    let operator = Operator::connect(&gateway).await;
    let answer = patch(&operator, json!({"env": {"vars": {"GW": "another-long-token", "OTHER": "y"}}})).await;
    assert_eq!(answer["applied"], json!(["env.vars.OTHER"]));
    assert_eq!(answer["restart"], json!({"required": true, "paths": ["env.vars.GW"]}));
    let report = operator.call("status", json!({})).await["configReload"].clone();
    assert_eq!(report["restartRequired"], json!(["env.vars.GW"]));
    // It is still the old one that lets operators in.
    Operator::connect(&gateway).await;
    gateway.stop().await;
}
