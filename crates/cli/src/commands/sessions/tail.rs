//! `openclaw sessions tail`: what is said in a session, once or as it goes on.

use crate::args::ConnectArgs;
use crate::commands::logs::passes;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::link::Link;
use crate::output::{Tone, printable};
use crate::view::{list, number, text};
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::time::Duration;

/// Which session, and how much of it.
#[derive(Debug, Args)]
pub(super) struct TailArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// The session [default: the one in which something happened last]
    #[arg(long, value_name = "KEY")]
    session_key: Option<String>,
    /// Of this agent, where no session is named
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Of all agents, as without --agent
    #[arg(long, conflicts_with = "agent")]
    all_agents: bool,
    /// Begin with at most this many messages of those that there are
    #[arg(long, value_name = "N", default_value_t = 80, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    tail: u32,
    /// Go on with what is said from now on
    #[arg(short, long)]
    follow: bool,
}

/// After so many failures in a row, following gives up.
const TRIES: u32 = 8;
/// The longest wait between two of them.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// As many messages as a gateway gives at once: what was said while there was no connection.
const MOST: u32 = 1_000;
/// Characters of the arguments and of the result of a tool that are shown.
const SHOWN_CHARS: usize = 200;

/// Asks and prints, until interrupted where it follows.
///
/// # Errors
/// The gateway cannot be reached (where it follows: for a while), or there is no such session.
pub(super) async fn run(args: TailArgs, ctx: &Context) -> Result<(), Failure> {
    let mut tail = Tail { key: args.session_key.clone(), args, conversation: None, last: None };
    if !tail.args.follow {
        let link = Link::dial_for(ctx, &tail.args.connect, "chat.history").await?;
        let key = tail.key(ctx, &link).await?;
        tail.catch_up(ctx, &link, &key).await?;
        link.leave().await;
        return Ok(());
    }
    let mut failures = 0;
    loop {
        let Err(failure) = tail.follow(ctx, &mut failures).await;
        failures += 1;
        if !passes(&failure) || tail.last.is_none() || failures > TRIES {
            return Err(failure);
        }
        let wait = Duration::from_secs(1 << failures.min(5)).min(LONGEST_WAIT);
        ctx.out.remark(&format!("{}; trying again in {} s", failure.message, wait.as_secs()));
        tokio::time::sleep(wait).await;
    }
}

enum Never {}

/// Where reading has come to.
struct Tail {
    args: TailArgs,
    key: Option<String>,
    /// The conversation under it, in which messages are counted.
    conversation: Option<String>,
    /// The last message that was printed, once one was asked for.
    last: Option<i64>,
}

impl Tail {
    /// The session that is meant. Chosen once: another one that is active later is not changed to.
    async fn key(&mut self, ctx: &Context, link: &Link) -> Result<String, Failure> {
        if let Some(key) = &self.key {
            return Ok(key.clone());
        }
        let mut params = json!({"limit": 1});
        if let Some(agent) = &self.args.agent {
            params["agentId"] = agent.as_str().into();
        }
        // The list begins with what is pinned, whenever that was active.
        params["limit"] = MOST.into();
        let payload = link.call("sessions.list", params).await?;
        let newest = list(&payload, "/sessions").iter().max_by_key(|session| number(session, "/updatedAt"));
        let Some(key) = newest.and_then(|session| text(session, "/key")) else {
            return Err(Failure::not_found("no sessions yet")
                .hint(format!("begin one: {}", ctx.command("agent --message TEXT"))));
        };
        ctx.out.remark(&format!("session: {}", printable(key)));
        self.key = Some(key.to_owned());
        Ok(key.to_owned())
    }

    /// Reads on over one connection until that fails.
    async fn follow(&mut self, ctx: &Context, failures: &mut u32) -> Result<Never, Failure> {
        let mut link = Link::dial_for(ctx, &self.args.connect, "chat.history").await?;
        let mut events = link.take_events();
        let key = self.key(ctx, &link).await?;
        // First this: nothing is said between the two that neither gives.
        let subscribed =
            link.call_within("sessions.messages.subscribe", json!({ "key": key }), self.time()).await?;
        let key = text(&subscribed, "/key").unwrap_or(&key).to_owned();
        self.catch_up(ctx, &link, &key).await?;
        *failures = 0;
        while let Some(event) = events.recv().await {
            if event.event != "session.message" || event.payload["sessionKey"] != key.as_str() {
                continue;
            }
            let message = &event.payload["message"];
            // It was printed, or a new conversation has begun under the key, which counts its messages anew.
            match seq(message).is_some() && seq(message) <= self.last {
                true => self.catch_up(ctx, &link, &key).await?,
                false => self.print(ctx, &key, message)?,
            }
        }
        Err(Failure::new(Exit::Dropped, "CONNECTION_LOST", "the connection to the gateway ended"))
    }

    fn time(&self) -> Duration {
        self.args.connect.timeout()
    }

    /// Prints what there is: at first the end of it, later what is new.
    async fn catch_up(&mut self, ctx: &Context, link: &Link, key: &str) -> Result<(), Failure> {
        let limit = if self.last.is_some() { MOST } else { self.args.tail.max(1) };
        let params = json!({"sessionKey": key, "limit": limit});
        let payload = link.call_within("chat.history", params, self.time()).await?;
        let messages = list(&payload, "/messages");
        let conversation = text(&payload, "/sessionId").map(str::to_owned);
        if self.conversation.is_some() && conversation != self.conversation {
            self.last = Some(0);
        }
        self.conversation = conversation;
        if messages.is_empty() && payload.get("sessionInfo").is_none() && !self.args.follow {
            return Err(Failure::not_found(format!("there is no session {key}"))
                .hint("see which there are: openclaw sessions list"));
        }
        if self.last.is_none() && self.args.tail == 0 {
            self.last = messages.iter().filter_map(seq).max();
        }
        for message in messages {
            self.print(ctx, key, message)?;
        }
        self.last = self.last.or(Some(0));
        Ok(())
    }

    /// Prints a message, unless it was.
    fn print(&mut self, ctx: &Context, key: &str, message: &Value) -> Result<(), Failure> {
        let seq = seq(message);
        if seq.is_some() && seq <= self.last {
            return Ok(());
        }
        self.last = seq.or(self.last);
        if ctx.out.json {
            return ctx.out.json_line(&json!({"sessionKey": key, "message": message}));
        }
        ctx.out.line(&page(ctx, message))
    }
}

fn seq(message: &Value) -> Option<i64> {
    number(message, "/__openclaw/seq")
}

/// When, who, and what: a line for each part of it.
fn page(ctx: &Context, message: &Value) -> String {
    let at = number(message, "/__openclaw/recordTimestampMs").or_else(|| number(message, "/timestamp"));
    let at = at.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(
        || "-".to_owned(),
        |at| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    let who = match text(message, "/role").unwrap_or("-") {
        "toolResult" => format!("{} gave", text(message, "/toolName").unwrap_or("a tool")),
        role => role.to_owned(),
    };
    let head = ctx.out.paint(Tone::Dim, &printable(&format!("{at} {who}")));
    let said = parts(message);
    if said.is_empty() { head } else { format!("{head} {}", said.join("\n  ")) }
}

fn parts(message: &Value) -> Vec<String> {
    if let Some(whole) = text(message, "/content") {
        return vec![printable(whole)];
    }
    let is_result = message["role"] == "toolResult";
    let one = |part: &Value| {
        let said = |key| text(part, key).map(str::trim).filter(|said| !said.is_empty());
        let short = |said: &str| match said.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => format!("{}…", said.get(..end).unwrap_or_default()),
            None => said.to_owned(),
        };
        match text(part, "/type") {
            Some("text") if is_result => said("/text").map(|said| short(&said.replace('\n', " "))),
            Some("text") => said("/text").map(str::to_owned),
            Some("thinking") => {
                said("/thinking").map(|said| format!("(thinks) {}", short(&said.replace('\n', " "))))
            }
            Some("toolCall") => {
                let name = text(part, "/name").unwrap_or("a tool");
                Some(format!("calls {name} {}", short(&part["arguments"].to_string())))
            }
            Some(other) => Some(format!("({other})")),
            None => None,
        }
    };
    list(message, "/content").iter().filter_map(one).map(|line| printable(&line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_parts_and_what_tools_are_asked_and_give_is_cut() {
        let message = json!({"role": "assistant", "content": [
            {"type": "text", "text": "I look.\nAt once."}, {"type": "toolCall", "name": "read", "arguments": {"path": "x".repeat(300)}},
            {"type": "image"}, {"type": "text", "text": " "}]});
        let said = parts(&message);
        assert_eq!((said.len(), said[0].as_str(), said[2].as_str()), (3, "I look.\nAt once.", "(image)"));
        assert!(said[1].starts_with("calls read {\"path\"") && said[1].ends_with('…'), "{}", said[1]);
        assert_eq!(parts(&json!({"role": "user", "content": "hi"})), ["hi"]);
        let gave = parts(&json!({"role": "toolResult", "content": [{"type": "text", "text": "a\nb"}]}));
        assert_eq!(gave, ["a b"]);
    }
}
