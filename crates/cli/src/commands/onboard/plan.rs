//! What the flags and the configuration as it is make of it: one patch, which adds and changes and takes nothing away.

use super::flags::{AuthChoice, Mode, OnboardArgs};
use super::model;
use super::secrets::kept;
use crate::commands::channels::{self, Bot};
use crate::context::Context;
use crate::failure::Failure;
use crate::kept_secret::Kept;
use config::{Change, Edited, Editor, GatewayMode, Loaded};
use serde_json::{Value, json};

/// What is to be written.
pub(super) struct Plan {
    pub(super) mode: Mode,
    patch: Value,
    /// What is replaced as a whole.
    replace: Vec<String>,
}

impl Plan {
    /// Makes it. Nothing is written.
    ///
    /// # Errors
    /// The flags do not go together, or something is missing.
    pub(super) fn new(args: &OnboardArgs, ctx: &Context, before: &Loaded) -> Result<Self, Failure> {
        let mode = mode(args, before);
        let (patch, replace) = match mode {
            Mode::Remote => remote(args, ctx, before)?,
            Mode::Local => (local(args, ctx, before)?, Vec::new()),
        };
        Ok(Self { mode, patch, replace })
    }

    /// Writes it; with `dry_run` only says what would be other than now.
    ///
    /// # Errors
    /// The file cannot be changed, or would not be a good one; then it is as it was.
    pub(super) fn write(&self, ctx: &Context, dry_run: bool) -> Result<Edited, Failure> {
        let editor = Editor { paths: &ctx.paths, env: &ctx.env, base: None, dry_run };
        Ok(editor.apply(Change::Merge { patch: self.patch.clone(), replace: self.replace.clone() })?)
    }
}

/// Where the gateway is: as was said, else as is configured.
pub(super) fn mode(args: &OnboardArgs, before: &Loaded) -> Mode {
    let configured = match before.config.gateway.mode {
        Some(GatewayMode::Remote) => Mode::Remote,
        Some(GatewayMode::Local) | None => Mode::Local,
    };
    args.mode.unwrap_or(if args.remote.url.is_some() { Mode::Remote } else { configured })
}

fn remote(args: &OnboardArgs, ctx: &Context, before: &Loaded) -> Result<(Value, Vec<String>), Failure> {
    let model = args.model.provider().is_some() || args.model.model.is_some();
    let gateway = &args.gateway;
    let listens = gateway.port.is_some() || gateway.bind.is_some() || gateway.tailscale.is_some();
    let asks = gateway.auth.is_some() || gateway.token.is_some() || gateway.token_ref_env.is_some();
    let bot = args.telegram.token.is_some() || args.telegram.token_ref_env.is_some();
    let own = model || listens || asks || gateway.password.is_some() || bot || args.workspace.is_some();
    if own || !args.telegram.allow_from.is_empty() || args.service.install_daemon {
        return Err(Failure::usage(
            "model, Telegram, service and --gateway-… are of a gateway on this computer, and this sets up one elsewhere",
        )
        .hint("run it on that computer; or add --mode local to have a gateway here"));
    }
    let there = &before.config.gateway.remote;
    let Some(url) = args.remote.url.as_ref().or(there.url.as_ref()) else {
        return Err(Failure::usage("the address of the gateway is missing: --remote-url URL"));
    };
    let url = remote::check_url(url)
        .map_err(|error| Failure::usage(format!("this address cannot be used: {error}")))?;
    // What was meant for one gateway goes to no other.
    let same = there.ssh_target.is_none()
        && there.url.as_ref().is_none_or(|before| remote::is_same_gateway(before, &url));
    let mut remote = json!({"url": url});
    let secret = |given, flag, variable| kept(ctx, args.secret_input_mode, given, flag, variable);
    if let Some(password) = &args.remote.password {
        let kept = secret(Some(password), "--remote-password", "OPENCLAW_GATEWAY_PASSWORD")?;
        remote["password"] = kept.map(|kept| kept.value()).into();
    } else if let Some(token) =
        secret(args.remote.token.as_ref(), "--remote-token", "OPENCLAW_GATEWAY_TOKEN")?
    {
        remote["token"] = token.value();
    }
    let replace = if same { Vec::new() } else { vec!["gateway.remote".to_owned()] };
    Ok((json!({"gateway": {"mode": "remote", "remote": remote}}), replace))
}

fn local(args: &OnboardArgs, ctx: &Context, before: &Loaded) -> Result<Value, Failure> {
    if args.remote.token.is_some() || args.remote.password.is_some() || args.remote.url.is_some() {
        return Err(Failure::usage("--remote-… are of a gateway elsewhere; they go with --mode remote"));
    }
    let mut patch = match args.model.auth_choice {
        Some(AuthChoice::Skip) => json!({}),
        _ => model::patch(&args.model, args.secret_input_mode, ctx, before)?,
    };
    if let Some(folder) = &args.workspace {
        patch["agents"]["defaults"]["workspace"] = folder.display().to_string().into();
    }
    if !args.keeps_mode {
        patch["gateway"] = gateway(args, ctx, before)?;
    }
    let bot = bot(args, ctx)?;
    if !args.telegram.skip_channels && (bot.token.is_some() || !bot.allow_from.is_empty()) {
        patch["channels"] = channels::telegram(&bot, &before.source);
    }
    Ok(patch)
}

fn bot(args: &OnboardArgs, ctx: &Context) -> Result<Bot, Failure> {
    let token = match (&args.telegram.token_ref_env, &args.telegram.token) {
        (Some(variable), _) => Some(Kept::variable(ctx, variable)?),
        (None, None) => None,
        (None, given) => {
            kept(ctx, args.secret_input_mode, given.as_ref(), "--telegram-token", "TELEGRAM_BOT_TOKEN")?
        }
    };
    Ok(Bot { account: None, token, token_file: None, allow_from: args.telegram.allow_from.clone() })
}

fn gateway(args: &OnboardArgs, ctx: &Context, before: &Loaded) -> Result<Value, Failure> {
    let flags = &args.gateway;
    let mut gateway = json!({"mode": "local"});
    if let Some(port) = flags.port {
        gateway["port"] = port.into();
    }
    if let Some(bind) = &flags.bind {
        gateway["bind"] = bind.as_str().into();
    }
    if let Some(mode) = &flags.tailscale {
        gateway["tailscale"]["mode"] = mode.as_str().into();
    }
    let mode = args.secret_input_mode;
    let given = |given: Option<&_>, flag, variable| match given {
        Some(secret) => kept(ctx, mode, Some(secret), flag, variable),
        None => Ok(None),
    };
    let password = given(flags.password.as_ref(), "--gateway-password", "OPENCLAW_GATEWAY_PASSWORD")?;
    let token = match &flags.token_ref_env {
        Some(variable) => Some(Kept::variable(ctx, variable)?),
        None => given(flags.token.as_ref(), "--gateway-token", "OPENCLAW_GATEWAY_TOKEN")?,
    };
    let asks = match (flags.auth.as_deref(), &password, &token) {
        (Some("token"), Some(_), _) | (Some("password"), _, Some(_)) => {
            return Err(Failure::usage("--gateway-auth and the secret that is given do not go together"));
        }
        (Some(mode), ..) => Some(mode),
        (None, Some(_), _) => Some("password"),
        (None, None, Some(_)) => Some("token"),
        (None, None, None) => None,
    };
    let has = before.config.gateway.auth.password.is_some()
        || ctx.env.get_filled("OPENCLAW_GATEWAY_PASSWORD").is_some();
    if asks == Some("password") && password.is_none() && !has {
        return Err(Failure::usage("--gateway-auth password needs --gateway-password PASSWORD"));
    }
    if let Some(mode) = asks {
        gateway["auth"]["mode"] = mode.into();
    }
    for (key, kept) in [("password", password), ("token", token)] {
        if let Some(kept) = kept {
            gateway["auth"][key] = kept.value();
        }
    }
    Ok(gateway)
}
