//! A group that has moved, in the configuration file: its key gets the new id, so that people and other programs find it there.
//! The store knows the group by its first id anyway ([`super::MovedGroups`]), so that nothing depends on this: a file that cannot
//! be written, or that somebody else looks after, stays as it is.

use crate::shared::Shared;
use config::{Change, EditError, Editor, PathStep};
use serde_json::Value;
use std::sync::Arc;

/// Changes the file, where the group is named in it and Telegram may change it; the gateway then goes by it as by any change.
pub(crate) fn rename(shared: &Arc<Shared>, account: &str, from: &str, to: &str) {
    let may =
        shared.settings().account(super::TELEGRAM, account).is_some_and(|account| account.config_writes);
    if !may {
        return;
    }
    let (editing, account, from, to) = (shared.clone(), account.to_owned(), from.to_owned(), to.to_owned());
    shared.lifecycle.spawn(async move {
        let (old, new) = (from.clone(), to.clone());
        let written = tokio::task::spawn_blocking(move || edit(&editing, &account, &old, &new)).await;
        match written {
            Ok(Ok(0)) => {}
            Ok(Ok(_)) => tracing::info!(from, to, "a group that has moved has its new id in the configuration"),
            Ok(Err(error)) => tracing::warn!(from, to, %error, "a group that has moved keeps its old id in the configuration"),
            Err(error) => tracing::error!(%error, "the configuration could not be changed"),
        }
    });
}

/// Gives how many keys were changed.
fn edit(shared: &Shared, account: &str, from: &str, to: &str) -> Result<usize, EditError> {
    let editor = Editor { paths: &shared.paths, env: &shared.base.env, base: None, dry_run: false };
    let keys = keys(&config::load(editor.paths, editor.env)?.source, account, from, to);
    match keys.len() {
        0 => Ok(0),
        count => editor.apply(Change::Rename(keys)).map(|_| count),
    }
}

/// The keys of the group: the account's, and the section's. One that has the new id beside it stays.
fn keys(source: &Value, account: &str, from: &str, to: &str) -> Vec<(Vec<PathStep>, String)> {
    let telegram = &source["channels"]["telegram"];
    let path = |names: &[&str]| names.iter().map(|name| PathStep::key(name)).collect::<Vec<_>>();
    let mut found = Vec::new();
    let accounts = telegram["accounts"].as_object();
    let own = accounts.and_then(|all| all.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(account)));
    if let Some((key, own)) = own
        && is_named(own, from, to)
    {
        found.push((path(&["channels", "telegram", "accounts", key, "groups", from]), to.to_owned()));
    }
    if is_named(telegram, from, to) {
        found.push((path(&["channels", "telegram", "groups", from]), to.to_owned()));
    }
    found
}

fn is_named(section: &Value, from: &str, to: &str) -> bool {
    section["groups"].get(from).is_some() && section["groups"].get(to).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_group_is_renamed_for_its_account_and_for_all_unless_the_new_one_is_there() {
        let source = json!({"channels": {"telegram": {"groups": {"-5": {}, "-6": {}, "-1006": {}}, "accounts": {
            "Work": {"groups": {"-5": {}}}, "home": {"groups": {"-5": {}, "-6": {}}}}}}});
        let found = |account: &str, from: &str, to: &str| -> Vec<String> {
            let paths = keys(&source, account, from, to).into_iter();
            paths.map(|(steps, _)| steps.iter().map(|s| s.name()).collect::<Vec<_>>().join("/")).collect()
        };
        let section = "channels/telegram/groups/-5";
        assert_eq!(found("default", "-5", "-1005"), [section]);
        assert_eq!(found("work", "-5", "-1005"), ["channels/telegram/accounts/Work/groups/-5", section]);
        assert_eq!(found("home", "-6", "-1006"), ["channels/telegram/accounts/home/groups/-6"]);
        assert!(found("default", "-7", "-1007").is_empty());
    }
}
