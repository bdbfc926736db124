//! `openclaw agents bindings`, `bind` and `unbind`: which agent hears what is said where, as `bindings` in this host's configuration.
//! What is said of single chats there stays as it is: these commands know channels and their accounts.

use crate::args::ConnectArgs;
use crate::commands::config_cmd;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link;
use crate::output::{Table, printable};
use crate::view::{cell, list, text};
use clap::Args;
use config::{Base, Change, Editor, Loaded, MAIN_AGENT};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct BindingsArgs {
    /// Only those of this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct BindArgs {
    /// The agent [default: the default agent]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What it hears: telegram:ACCOUNT, telegram:* for all accounts, or telegram; can be repeated
    #[arg(long, value_name = "CHANNEL[:ACCOUNT]", required = true)]
    bind: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct UnbindArgs {
    /// The agent [default: the default agent]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What it is not to hear any more: telegram:ACCOUNT, telegram:* or telegram; can be repeated
    #[arg(long, value_name = "CHANNEL[:ACCOUNT]", required_unless_present = "all")]
    bind: Vec<String>,
    /// All that is bound to it, single chats too
    #[arg(long, conflicts_with = "bind")]
    all: bool,
}

/// What `--bind` names. `None` is the account that OpenClaw calls `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    channel: String,
    account: Option<String>,
}

/// What became of the bindings that were named, as words; conflicts are another agent's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    added: Vec<String>,
    updated: Vec<String>,
    skipped: Vec<String>,
    removed: Vec<String>,
    missing: Vec<String>,
    conflicts: Vec<String>,
}

/// Lists them.
///
/// # Errors
/// The configuration cannot be read, or has no such agent.
pub(super) fn show(args: &BindingsArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let agent = args.agent.as_deref().map(|id| known(Some(id), &loaded)).transpose()?;
    let routes = routes(&loaded).filter(|b| agent.as_deref().is_none_or(|id| is_of(b, id)));
    let routes: Vec<Value> = routes
        .map(|b| json!({"agentId": b["agentId"], "match": b["match"], "description": described(b)}))
        .collect();
    ctx.out.show(&json!(routes), || {
        let mut table = Table::new(&["AGENT", "HEARS"]);
        for binding in &routes {
            table.row([cell(binding, "/agentId"), cell(binding, "/description")]);
        }
        let none = "no bindings: the default agent hears everything; add one: openclaw agents bind --agent ID --bind telegram:ACCOUNT";
        table.render(&ctx.out, none)
    })
}

/// Says of each agent of a list what it hears.
///
/// # Errors
/// The list is of a gateway elsewhere, whose configuration is not here; or the configuration cannot be read.
pub(super) fn add_to(agents: &mut Value, connect: &ConnectArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    if !link::target(ctx, connect, &link::config_for(ctx, connect)?)?.local {
        return Err(Failure::usage(
            "--bindings reads this host's configuration, and these agents are elsewhere",
        )
        .hint("ask on that host: openclaw agents bindings"));
    }
    for agent in agents.as_array_mut().into_iter().flatten() {
        let id = cell(agent, "/id");
        let details: Vec<String> = routes(&loaded).filter(|b| is_of(b, &id)).map(described).collect();
        agent["bindings"] = details.len().into();
        agent["bindingDetails"] = json!(details);
    }
    Ok(())
}

/// Refuses where the gateway is elsewhere: its agents hear what its own host's configuration says.
///
/// # Errors
/// It is.
pub(super) fn must_be_here(connect: &ConnectArgs, ctx: &Context) -> Result<(), Failure> {
    if link::target(ctx, connect, &link::config_for(ctx, connect)?)?.local {
        return Ok(());
    }
    Err(Failure::usage("--bind changes this host's configuration, and the agent would be made elsewhere")
        .hint("make it without --bind, and on that host: openclaw agents bind"))
}

/// Binds places to an agent.
///
/// # Errors
/// There is no such agent or channel, the configuration cannot be changed, or another agent has one of the places.
pub(super) fn bind(args: &BindArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let agent = known(args.agent.as_deref(), &loaded)?;
    let places = places(&args.bind, &loaded)?;
    bind_to(&agent, &places, &loaded, ctx)?.told(ctx)
}

/// What became of bindings, as it is printed.
pub(super) struct Bound {
    /// As JSON.
    pub(super) report: Value,
    /// When a running gateway goes by it; `None` where nothing changed.
    when: Option<String>,
}

/// Binds places to an agent that a gateway has made just now.
///
/// # Errors
/// The gateway's configuration is not this host's, or cannot be changed.
pub(super) fn bind_new(agent: &str, places: &[Place], ctx: &Context) -> Result<Bound, Failure> {
    let loaded = ctx.load()?;
    let agent = known(Some(agent), &loaded).map_err(|failure| {
        failure.hint("the agent is made and not bound; if its gateway is elsewhere, bind it there: openclaw agents bind")
    })?;
    bind_to(&agent, places, &loaded, ctx)
}

fn bind_to(agent: &str, places: &[Place], loaded: &Loaded, ctx: &Context) -> Result<Bound, Failure> {
    for place in places {
        warn_of_account(place, loaded, ctx);
    }
    let mut all = written(loaded);
    let outcome = add(&mut all, agent, places);
    let changed = !outcome.added.is_empty() || !outcome.updated.is_empty();
    let when = if changed { Some(write(all, loaded, ctx)?) } else { None };
    let report = json!({
        "agentId": agent, "added": outcome.added, "updated": outcome.updated, "skipped": outcome.skipped,
        "conflicts": outcome.conflicts,
    });
    Ok(Bound { report, when })
}

/// Takes places away from an agent.
///
/// # Errors
/// As [`bind`].
pub(super) fn unbind(args: &UnbindArgs, ctx: &Context) -> Result<(), Failure> {
    let loaded = ctx.load()?;
    let agent = known(args.agent.as_deref(), &loaded)?;
    let mut all = written(&loaded);
    let outcome = if args.all {
        take_all(&mut all, &agent)
    } else {
        take(&mut all, &agent, &places(&args.bind, &loaded)?)
    };
    let when = if outcome.removed.is_empty() { None } else { Some(write(all, &loaded, ctx)?) };
    let report = json!({
        "agentId": agent, "removed": outcome.removed, "missing": outcome.missing, "conflicts": outcome.conflicts,
    });
    Bound { report, when }.told(ctx)
}

impl Bound {
    /// A line for each.
    pub(super) fn lines(&self) -> String {
        let agent = cell(&self.report, "/agentId");
        let mut lines = Vec::new();
        for (part, word) in [
            ("added", "bound to"),
            ("updated", "narrowed to one account, still bound to"),
            ("skipped", "bound already to"),
            ("removed", "not bound any more to"),
            ("missing", "was not bound to"),
            ("conflicts", "left alone, and not bound to"),
        ] {
            let places = list(&self.report, &format!("/{part}")).iter().filter_map(Value::as_str);
            lines.extend(places.map(|place| format!("{word} {agent}: {place}")));
        }
        if lines.is_empty() {
            lines.push(format!("nothing is bound to {agent}"));
        }
        lines.extend(self.when.clone());
        lines.join("\n")
    }

    fn told(&self, ctx: &Context) -> Result<(), Failure> {
        ctx.out.show(&self.report, || printable(&self.lines()))?;
        // It has been printed what could not be done.
        let whole = list(&self.report, "/conflicts").is_empty();
        if whole { Ok(()) } else { Err(Failure::new(Exit::Failed, "", "")) }
    }
}

/// All entries of `bindings`, as they are written.
fn written(loaded: &Loaded) -> Vec<Value> {
    list(&loaded.source, "/bindings").to_vec()
}

/// Writes them, if the file is still the one that was read.
fn write(all: Vec<Value>, loaded: &Loaded, ctx: &Context) -> Result<String, Failure> {
    let steps = config::path_steps("bindings").map_err(Failure::usage)?;
    let change = if all.is_empty() {
        Change::Unset { steps }
    } else {
        Change::Set { steps, value: Value::Array(all) }
    };
    let plain = |sha: &str| sha.to_owned();
    let base = Some(Base { given: &loaded.hash, name: &plain });
    let edited = Editor { paths: &ctx.paths, env: &ctx.env, base, dry_run: false }.apply(change)?;
    Ok(config_cmd::when(ctx, &edited))
}

/// The agent that is meant, by the id that the configuration has for it.
fn known(named: Option<&str>, loaded: &Loaded) -> Result<String, Failure> {
    let agents = &loaded.config.agents;
    let Some(named) = named else { return Ok(agents.default_id().to_owned()) };
    let same = |id: &str| id.eq_ignore_ascii_case(named.trim());
    if agents.list.is_empty() && same(MAIN_AGENT) {
        return Ok(MAIN_AGENT.to_owned());
    }
    agents.list.iter().find(|agent| same(&agent.id)).map(|agent| agent.id.clone()).ok_or_else(|| {
        Failure::not_found(format!("this host's configuration has no agent {named}"))
            .hint("see which there are: openclaw agents list")
    })
}

/// The places that are named.
///
/// # Errors
/// One of them is none, or on a platform that is not here.
pub(super) fn places(named: &[String], loaded: &Loaded) -> Result<Vec<Place>, Failure> {
    named.iter().map(|named| place(named, loaded)).collect()
}

fn place(named: &str, loaded: &Loaded) -> Result<Place, Failure> {
    let wrong =
        |why: &str| Failure::usage(format!("--bind {named}: {why}")).hint("write it like telegram:work");
    let (channel, account) = match named.trim().split_once(':') {
        Some((channel, account)) => (channel, Some(account.trim())),
        None => (named.trim(), None),
    };
    let channel = channel.trim().to_ascii_lowercase();
    if channel != "telegram" {
        return Err(wrong("there is no such channel; there is telegram"));
    }
    let account = match account {
        Some("") => return Err(wrong("the account has no name")),
        Some("*") => Some("*".to_owned()),
        Some(account) if config::is_account_name(account) => Some(account.to_ascii_lowercase()),
        Some(_) => return Err(wrong("this is no name of an account")),
        // Where there are several, the channel is all of them.
        None => {
            let telegram = loaded.config.channels.telegram.as_ref();
            telegram.filter(|telegram| telegram.all_accounts().len() > 1).map(|_| "*".to_owned())
        }
    };
    Ok(Place { channel, account })
}

/// An account may come later; a slip of the pen never does.
fn warn_of_account(place: &Place, loaded: &Loaded, ctx: &Context) {
    let Some(account) = place.account.as_deref().filter(|account| *account != "*") else { return };
    let telegram = loaded.config.channels.telegram.as_ref();
    if telegram.is_none_or(|telegram| telegram.account(account).is_none()) {
        let add = format!("openclaw channels add --channel {} --account {account}", place.channel);
        ctx.out.remark(&printable(&format!("{} has no account {account} yet: {add}", place.channel)));
    }
}

fn routes(loaded: &Loaded) -> impl Iterator<Item = &Value> {
    list(&loaded.source, "/bindings").iter().filter(|binding| is_route(binding))
}

/// Whether it says which agent hears what; others are for programs that are not here.
fn is_route(binding: &Value) -> bool {
    text(binding, "/type").is_none_or(|kind| kind == "route")
}

fn is_of(binding: &Value, agent: &str) -> bool {
    text(binding, "/agentId").is_some_and(|id| id.trim().eq_ignore_ascii_case(agent))
}

fn account(binding: &Value) -> Option<&str> {
    text(binding, "/match/accountId").map(str::trim).filter(|account| !account.is_empty())
}

/// Whether it is about this channel as a whole, or an account of it, and about no single chat.
fn is_on(binding: &Value, channel: &str) -> bool {
    let narrower = ["peer", "guildId", "teamId", "roles"].map(|key| binding["match"].get(key));
    is_route(binding)
        && text(binding, "/match/channel").is_some_and(|name| name.trim().eq_ignore_ascii_case(channel))
        && narrower.iter().all(Option::is_none)
}

impl Place {
    fn is(&self, binding: &Value) -> bool {
        let default = config::DEFAULT_ACCOUNT;
        let same = self.account.as_deref().unwrap_or(default);
        is_on(binding, &self.channel) && account(binding).unwrap_or(default).eq_ignore_ascii_case(same)
    }

    fn binding(&self, agent: &str) -> Value {
        let mut binding = json!({"type": "route", "agentId": agent, "match": {"channel": self.channel}});
        if let Some(account) = &self.account {
            binding["match"]["accountId"] = account.as_str().into();
        }
        binding
    }
}

/// A binding in a few words.
fn described(binding: &Value) -> String {
    let mut words = vec![cell(binding, "/match/channel")];
    words.extend(account(binding).map(|account| format!("accountId={account}")));
    if let Some(kind) = text(binding, "/match/peer/kind") {
        words.push(format!("peer={kind}:{}", cell(binding, "/match/peer/id")));
    }
    words.join(" ")
}

fn add(all: &mut Vec<Value>, agent: &str, places: &[Place]) -> Outcome {
    let mut outcome = Outcome::default();
    for place in places {
        let wanted = place.binding(agent);
        if let Some(there) = all.iter().find(|binding| place.is(binding)) {
            if is_of(there, agent) {
                outcome.skipped.push(described(&wanted));
            } else {
                outcome.conflicts.push(format!("{} (agent={})", described(&wanted), cell(there, "/agentId")));
            }
            continue;
        }
        let wider = all.iter_mut().find(|b| {
            place.account.is_some() && is_of(b, agent) && is_on(b, &place.channel) && account(b).is_none()
        });
        match wider {
            Some(there) => {
                there["match"]["accountId"] = json!(place.account);
                outcome.updated.push(described(there));
            }
            None => {
                outcome.added.push(described(&wanted));
                all.push(wanted);
            }
        }
    }
    outcome
}

fn take(all: &mut Vec<Value>, agent: &str, places: &[Place]) -> Outcome {
    let mut outcome = Outcome::default();
    for place in places {
        let words = described(&place.binding(agent));
        let own = all.iter().position(|binding| place.is(binding) && is_of(binding, agent));
        let other = all.iter().find(|binding| place.is(binding));
        match (own, other) {
            (Some(at), _) => {
                all.remove(at);
                outcome.removed.push(words);
            }
            (None, Some(other)) => {
                outcome.conflicts.push(format!("{words} (agent={})", cell(other, "/agentId")));
            }
            (None, None) => outcome.missing.push(words),
        }
    }
    outcome
}

fn take_all(all: &mut Vec<Value>, agent: &str) -> Outcome {
    let mut outcome = Outcome::default();
    all.retain(|binding| {
        let goes = is_route(binding) && is_of(binding, agent);
        if goes {
            outcome.removed.push(described(binding));
        }
        !goes
    });
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(account: Option<&str>) -> Place {
        Place { channel: "telegram".into(), account: account.map(str::to_owned) }
    }

    fn there() -> Vec<Value> {
        vec![
            json!({"agentId": "ops", "match": {"channel": "telegram"}}),
            json!({"agentId": "main", "match": {"channel": "telegram", "accountId": "*"}}),
            json!({"agentId": "ops", "match": {"channel": "telegram", "peer": {"kind": "group", "id": "-5"}}}),
            json!({"type": "acp", "agentId": "ops", "match": {"channel": "telegram", "accountId": "x"}}),
        ]
    }

    #[test]
    fn a_place_is_one_agents_and_a_wider_binding_of_the_same_agent_becomes_narrower() {
        let mut all = there();
        let outcome = add(&mut all, "ops", &[on(None), on(Some("*")), on(Some("x")), on(Some("y"))]);
        assert_eq!(outcome.skipped, ["telegram"]);
        assert_eq!(outcome.conflicts, ["telegram accountId=* (agent=main)"]);
        assert_eq!(outcome.updated, ["telegram accountId=x"]);
        assert_eq!(outcome.added, ["telegram accountId=y"]);
        assert_eq!(all[0]["match"], json!({"channel": "telegram", "accountId": "x"}));
        assert_eq!(all[2..4], there()[2..4]);
        assert_eq!((all.len(), &all[4]["agentId"]), (5, &json!("ops")));
    }

    #[test]
    fn only_an_agents_own_bindings_are_taken_and_single_chats_only_with_all() {
        let mut all = there();
        let outcome = take(&mut all, "ops", &[on(Some("default")), on(Some("*")), on(Some("z"))]);
        assert_eq!(outcome.removed, ["telegram accountId=default"]);
        assert_eq!(outcome.conflicts, ["telegram accountId=* (agent=main)"]);
        assert_eq!(outcome.missing, ["telegram accountId=z"]);
        assert_eq!(all, there()[1..]);
        let mut all = there();
        assert_eq!(take_all(&mut all, "ops").removed, ["telegram", "telegram peer=group:-5"]);
        assert_eq!(all, [there()[1].clone(), there()[3].clone()]);
    }

    #[test]
    fn a_place_is_a_channel_and_perhaps_an_account_of_it() {
        let file = std::path::Path::new("openclaw.json");
        let of = |config: &str, named: &str| {
            let loaded = config::parse(config, file, &config::Env::default()).unwrap();
            place(named, &loaded).map_err(|failure| failure.message)
        };
        let two = r#"{ channels: { telegram: { accounts: { a: {}, b: {} } } } }"#;
        for (config, named, account) in [
            ("{}", "telegram", None),
            (two, "telegram", Some("*")),
            (two, "Telegram:*", Some("*")),
            ("{}", "telegram:Work", Some("work")),
        ] {
            assert_eq!(of(config, named), Ok(on(account)), "{named}");
        }
        for named in ["slack", "telegram:", "telegram:a:b", "", ":x"] {
            assert!(of("{}", named).is_err(), "{named}");
        }
    }
}
