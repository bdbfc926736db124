//! A command's connection to a gateway: target and credentials from `remote`, no more scopes than the command needs,
//! and one deadline for everything.

pub(crate) mod decision;
mod device;
pub(crate) mod here;
pub(crate) mod join;
pub(crate) mod tunnel;
mod way;

use crate::args::ConnectArgs;
use crate::context::Context;
use crate::failure::{Exit, Failure, call, connect};
use crate::view::list;
use client::{CallError, CloseInfo, Connection};
use config::Loaded;
use protocol::{Access, Scope};
use remote::tunnel::Hold;
use remote::{Decision, Target, TargetFlags};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use way::{Reopened, Way};

/// A call has at least this long, even where connecting took nearly all the time.
const SHORTEST_CALL: Duration = Duration::from_millis(50);

/// An open connection, the target it goes to, and until when the command may take. A connection that is lost in a call
/// that carries an idempotency key is opened again, once.
#[derive(Debug)]
pub(crate) struct Link {
    way: Way,
    connection: Connection,
    again: OnceCell<Reopened>,
    deadline: Instant,
    connected_in: Duration,
    /// The tunnel that the connection goes through, held as long as this lives.
    tunnel: Option<Hold>,
}

impl Link {
    /// Connects with these scopes.
    ///
    /// # Errors
    /// No target, no way there, or refused; with hints.
    pub(crate) async fn dial(ctx: &Context, args: &ConnectArgs, scopes: &[String]) -> Result<Self, Failure> {
        let loaded = config_for(ctx, args)?;
        let target = target(ctx, args, &loaded)?;
        let aside = match target.via {
            "gateway.remote.url" => without_tunnel(ctx, &loaded),
            _ => remote_aside(ctx, &loaded).filter(|_| target.local),
        };
        Self::dial_target(ctx, args, scopes, target).await.map_err(|failure| match aside {
            Some(hint) if failure.exit == Exit::Unreachable => failure.hint(hint),
            _ => failure,
        })
    }

    /// Connects with the scope that one method needs.
    ///
    /// # Errors
    /// As [`Link::dial`].
    pub(crate) async fn dial_for(ctx: &Context, args: &ConnectArgs, method: &str) -> Result<Self, Failure> {
        Self::dial(ctx, args, &scopes_of(method)).await
    }

    /// Connects to a target that is known already.
    ///
    /// # Errors
    /// As [`Link::dial`].
    pub(crate) async fn dial_target(
        ctx: &Context,
        args: &ConnectArgs,
        scopes: &[String],
        target: Target,
    ) -> Result<Self, Failure> {
        let begun = Instant::now();
        let deadline = begun + args.timeout();
        let (target, tunnel) = tunnel::enter(ctx, target, tunnel::Patience::of(args.timeout())).await?;
        let way = Way::new(ctx, target, scopes)?;
        let left = deadline.saturating_duration_since(Instant::now()).max(SHORTEST_CALL);
        let opened = way.open(left).await?;
        let connection =
            opened.map_err(|error| connect::explain(error, &way.target, &ctx.paths.profile_flags()))?;
        let (again, connected_in) = (OnceCell::new(), begun.elapsed());
        Ok(Self { way, connection, again, deadline, connected_in, tunnel })
    }

    /// The payload of `hello-ok`.
    pub(crate) fn hello(&self) -> &Value {
        self.connection.hello()
    }

    /// Where it goes.
    pub(crate) fn target(&self) -> &Target {
        &self.way.target
    }

    /// How long connecting took.
    pub(crate) fn connected_in(&self) -> Duration {
        self.connected_in
    }

    /// Calls a method within what is left of the command's time.
    ///
    /// # Errors
    /// The gateway refuses, does not answer in time, or hangs up.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now()).max(SHORTEST_CALL);
        self.call_within(method, params, left).await
    }

    /// Calls a method that has a time of its own.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub(crate) async fn call_within(
        &self,
        method: &str,
        params: Value,
        time: Duration,
    ) -> Result<Value, Failure> {
        let until = Instant::now() + time;
        let close = match self.now().call(method, params.clone(), time).await {
            Err(CallError::Closed(close)) => close,
            done => return done.map_err(|e| call::explain(e, method)),
        };
        let (connection, left) = self.again(method, &params, close, until).await?;
        connection.call(method, params, left).await.map_err(|e| call::explain(e, method))
    }

    /// Calls a method that first accepts and then answers.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub(crate) async fn call_two_phase(
        &self,
        method: &str,
        params: Value,
        time: Duration,
        on_accepted: impl Fn(&Value),
    ) -> Result<Value, Failure> {
        let until = Instant::now() + time;
        let close = match self.now().call_two_phase(method, params.clone(), time, &on_accepted).await {
            Err(CallError::Closed(close)) => close,
            done => return done.map_err(|e| call::explain(e, method)),
        };
        let (connection, left) = self.again(method, &params, close, until).await?;
        let answer = connection.call_two_phase(method, params, left, on_accepted).await;
        answer.map_err(|e| call::explain(e, method))
    }

    /// The events of the connection; see [`Connection::take_events`].
    pub(crate) fn take_events(&mut self) -> tokio::sync::mpsc::Receiver<protocol::EventFrame> {
        self.connection.take_events()
    }

    /// The connection that calls go over.
    fn now(&self) -> &Connection {
        self.again.get().map_or(&self.connection, |again| &again.connection)
    }

    /// Another connection for a call that was cut, where repeating it does nothing twice: it carries a key, so that the
    /// gateway answers what it answered, or would have answered, before. Once for a link. How long is left, too.
    async fn again(
        &self,
        method: &str,
        params: &Value,
        close: CloseInfo,
        until: Instant,
    ) -> Result<(&Connection, Duration), Failure> {
        let keyed = params.get("idempotencyKey").and_then(Value::as_str).is_some_and(|key| !key.is_empty());
        if !keyed || self.again.initialized() {
            return Err(call::explain(CallError::Closed(close), method));
        }
        let opened =
            self.again.get_or_try_init(|| self.way.reopen(&close, until, self.tunnel.as_ref())).await;
        let again = opened.map_err(|why| call::cut(&close, method, Some(why)))?;
        let left = until.saturating_duration_since(Instant::now()).max(SHORTEST_CALL);
        Ok((&again.connection, left))
    }

    /// This connection if it holds these scopes, else a second one that asks for them.
    ///
    /// # Errors
    /// As [`Link::dial`].
    pub(crate) async fn widen(
        self,
        ctx: &Context,
        args: &ConnectArgs,
        scopes: &[String],
    ) -> Result<Self, Failure> {
        let granted: Vec<&str> =
            list(self.hello(), "/auth/scopes").iter().filter_map(Value::as_str).collect();
        if scopes.iter().all(|s| protocol::scope::covers_name(&granted, s)) {
            return Ok(self);
        }
        let target = self.way.target.clone();
        // The new one first: a tunnel that nobody holds for a moment is gone.
        let wider = Self::dial_target(ctx, args, scopes, target).await?;
        self.leave().await;
        Ok(wider)
    }

    /// Hangs up in good order.
    pub(crate) async fn leave(self) {
        if let Some(again) = self.again.into_inner() {
            again.connection.close().await;
        }
        self.connection.close().await;
    }
}

/// Connects, calls one method, hangs up.
///
/// # Errors
/// As [`Link::dial`] and [`Link::call`].
pub(crate) async fn one_call(
    ctx: &Context,
    args: &ConnectArgs,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    let link = Link::dial(ctx, args, &scopes_for(method, &params)).await?;
    let payload = link.call(method, params).await?;
    link.leave().await;
    Ok(payload)
}

/// The configuration for reaching a gateway: with `--url` the file is not looked at, not even when it is broken.
///
/// # Errors
/// It cannot be read or is wrong.
pub(crate) fn config_for(ctx: &Context, args: &ConnectArgs) -> Result<Loaded, Failure> {
    if args.target.url.is_some() { ctx.without_config() } else { ctx.load() }
}

/// What to do where no gateway answers on this host, and the configuration names one elsewhere that its mode leaves aside.
fn remote_aside(ctx: &Context, loaded: &Loaded) -> Option<String> {
    let gateway = &loaded.config.gateway;
    let named = match &gateway.remote {
        remote if remote.ssh_target.is_some() => "gateway.remote.sshTarget",
        remote if remote.url.is_some() => "gateway.remote.url",
        _ => return None,
    };
    let change = ctx.command("config set gateway.mode remote");
    (!gateway.is_remote()).then(|| format!("if the one of {named} is meant: {change}"))
}

/// What to do where nothing answers at the URL, and the configuration wants a tunnel without saying where to.
pub(crate) fn without_tunnel(ctx: &Context, loaded: &Loaded) -> Option<String> {
    let change = ctx.command("config set gateway.remote.sshTarget USER@HOST");
    loaded.config.gateway.remote.lacks_ssh_target().then(|| {
        format!(
            "gateway.remote.transport is \"ssh\", and no tunnel is looked after without a target: {change}"
        )
    })
}

/// Where to connect and with what.
///
/// # Errors
/// The flags contradict themselves, a secret cannot be resolved, or the address is not allowed.
pub(crate) fn target(ctx: &Context, args: &ConnectArgs, loaded: &Loaded) -> Result<Target, Failure> {
    Ok(decide(ctx, args, loaded).target?)
}

/// As [`target`], with all that was looked at on the way.
pub(crate) fn decide(ctx: &Context, args: &ConnectArgs, loaded: &Loaded) -> Decision {
    remote::decide(&flags(args), loaded, &ctx.env, &ctx.paths)
}

/// What the command line says about the target.
pub(crate) fn flags(args: &ConnectArgs) -> TargetFlags {
    let args = args.target.clone();
    TargetFlags {
        url: args.url,
        token: args.token,
        password: args.password,
        port: args.port,
        pins: args.tls_fingerprint,
    }
}

/// The host in a URL, without brackets.
pub(crate) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

/// Whether a URL leads to this host.
pub(crate) fn is_loopback(url: &str) -> bool {
    let host = host_of(url);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// The scopes' names.
pub(crate) fn scope_names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(|s| s.as_str().to_owned()).collect()
}

/// The scope that a method needs. One that is not known here may be another gateway's: that takes all there is.
pub(crate) fn scopes_of(method: &str) -> Vec<String> {
    scopes_for(method, &Value::Null)
}

/// The scope that a method needs for these parameters.
pub(crate) fn scopes_for(method: &str, params: &Value) -> Vec<String> {
    match protocol::methods::find(method).map(|m| m.access_for(params)) {
        // Reading is what any operator may do.
        Some(Access::Anyone | Access::Node) => scope_names(&[Scope::Read]),
        Some(Access::Operator(scope)) => scope_names(&[scope]),
        None => scope_names(&[Scope::Admin]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_tells_whether_it_is_this_one() {
        for (url, host, here) in [
            ("ws://127.0.0.1:18789", "127.0.0.1", true),
            ("ws://localhost", "localhost", true),
            ("ws://[::1]:5/x", "::1", true),
            ("wss://gw.example.com/path?x=1:2", "gw.example.com", false),
            ("ws://192.168.0.2:1", "192.168.0.2", false),
        ] {
            assert_eq!((host_of(url), is_loopback(url)), (host, here), "{url}");
        }
    }

    #[test]
    fn a_command_asks_for_the_scope_that_its_method_needs() {
        for (method, scope) in [
            ("health", "operator.read"),
            ("status", "operator.read"),
            ("agent", "operator.write"),
            ("node.invoke", "operator.write"),
            ("device.pair.list", "operator.pairing"),
            ("sessions.reset", "operator.admin"),
            ("some.other.gateways.method", "operator.admin"),
        ] {
            assert_eq!(scopes_of(method), [scope], "{method}");
        }
    }
}
