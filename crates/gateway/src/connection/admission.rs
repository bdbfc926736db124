//! Who is let in, and with what: the credential, then what is approved for the device that came with it.
//!
//! A credential is the shared secret, a device's own token, a setup code, or the word of a proxy or Tailscale ([`super::identity`]). A token is good for the key that signed this
//! handshake and no other. Nothing that the client merely says grants anything: scopes are checked against what was approved.

use super::hello::{Granted, IssuedToken};
use super::identity::Identity;
use crate::auth::device::ProvenDevice;
use crate::auth::peer::{self, Peer};
use crate::auth::secret;
use crate::methods::store_error_unseen;
use crate::pairing::{self, Shortfall};
use crate::settings::Settings;
use crate::setup;
use crate::shared::Shared;
use protocol::connect::ConnectParams;
use protocol::scope::covers_name;
use protocol::{Auth, ErrorCode, ErrorShape};
use serde_json::json;
use std::sync::Arc;
use store::{Device, DeviceToken, SetupCode};

/// How somebody proved to be allowed in.
enum Credential {
    /// The shared secret, or none was asked for.
    Shared,
    /// A generation of the device's token.
    DeviceToken(DeviceToken, i64),
    /// A setup code.
    Setup(SetupCode),
}

/// A client at the door.
pub(super) struct Admission<'a> {
    pub(super) params: &'a ConnectParams,
    pub(super) role: &'a str,
    pub(super) peer: &'a Peer,
    pub(super) shared: &'a Shared,
    /// Those of when it came in.
    pub(super) settings: Arc<Settings>,
}

impl Admission<'_> {
    pub(super) async fn decide(&self, device: Option<&ProvenDevice>) -> Result<Granted, ErrorShape> {
        let auth = self.params.auth.clone().unwrap_or_default();
        let browser = self.peer.origin.is_some();
        if let Some(left) = self.shared.rate_limit.locked_for(self.peer.ip, self.peer.local, browser) {
            return Err(secret::rate_refusal(left));
        }
        let Some(device) = device else { return self.without_device(&auth, browser).await };
        let known = self.shared.store.device(&device.id).await.map_err(store_error_unseen)?;
        // The key of a known id cannot differ: the id is its hash. Checked all the same, because authority hangs on it.
        let known = known.filter(|k| k.public_key == device.public_key);
        let setup = setup::matching(self.shared, auth.bootstrap_token.as_deref()).await?;
        // Others may have guessed from there while the store was asked.
        if let Some(left) = self.shared.rate_limit.locked_for(self.peer.ip, self.peer.local, browser) {
            return Err(secret::rate_refusal(left));
        }
        match self.credential(&auth, device, known.as_ref(), setup) {
            // These say nothing about the shared secret: what was guessed of that stays counted.
            Ok(Credential::DeviceToken(token, generation)) => {
                self.with_device_token(&auth, device, (token, generation), known.as_ref()).await
            }
            Ok(Credential::Setup(code)) => self.with_setup_code(device, code).await,
            Ok(Credential::Shared) => {
                self.shared.rate_limit.succeeded(self.peer.ip, self.peer.local, browser);
                self.with_shared_secret(device, known).await
            }
            Err(error) => {
                // Last, because others have to be asked for it.
                let refused = match self.by_identity(&auth, true).await {
                    Some(Ok(identity)) => return self.with_identity(device, known, &identity).await,
                    Some(Err(refused)) => refused,
                    None => error,
                };
                self.shared.rate_limit.failed(self.peer.ip, self.peer.local, browser);
                Err(refused)
            }
        }
    }

    /// Who it is by somebody else's word, where it brings nothing of its own that could be wrong.
    async fn by_identity(&self, auth: &Auth, has_device: bool) -> Option<Result<Identity, ErrorShape>> {
        let given = |field: &Option<String>| field.as_deref().is_some_and(|f| !f.is_empty());
        let behind_proxy = matches!(self.settings.auth, secret::AuthMode::TrustedProxy(_));
        let brings = given(&auth.token) || given(&auth.password) || given(&auth.device_token);
        if brings && !behind_proxy || self.peer.local {
            return None;
        }
        Some(self.identity(auth, has_device).await)
    }

    /// The shared secret on direct loopback is enough for an operator; everyone else must be a device.
    async fn without_device(&self, auth: &Auth, browser: bool) -> Result<Granted, ErrorShape> {
        let required = || {
            ErrorShape::new(ErrorCode::NotPaired, "device identity required")
                .with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))
        };
        let empty = |field: &Option<String>| field.as_deref().is_none_or(str::is_empty);
        let mode = &self.settings.auth;
        let asks_nothing = matches!(mode, secret::AuthMode::None);
        if let secret::AuthMode::TrustedProxy(_) = mode
            && !self.peer.local
        {
            let identity = self.identity(auth, false).await.inspect_err(|_| {
                self.shared.rate_limit.failed(self.peer.ip, self.peer.local, browser);
            })?;
            return self.page_without_device(&identity).ok_or_else(required);
        }
        if !asks_nothing && empty(&auth.token) && empty(&auth.password) {
            return Err(required());
        }
        if !mode.is_proven_by(auth, self.peer.local) {
            self.shared.rate_limit.failed(self.peer.ip, self.peer.local, browser);
            return Err(self.mismatch(auth, false));
        }
        self.shared.rate_limit.succeeded(self.peer.ip, self.peer.local, browser);
        if self.role != "operator" || !self.peer.local {
            return Err(required());
        }
        let probe = self.params.client.mode == "probe";
        let scopes = if probe { Vec::new() } else { self.params.scopes.clone() };
        Ok(Granted::without_token(mode.method(), self.role, scopes))
    }

    fn mismatch(&self, auth: &Auth, has_device: bool) -> ErrorShape {
        let client = &self.params.client;
        secret::refusal(&self.settings.auth, auth, &client.id, &client.mode, has_device)
    }

    fn credential(
        &self,
        auth: &Auth,
        device: &ProvenDevice,
        known: Option<&Device>,
        setup: Option<SetupCode>,
    ) -> Result<Credential, ErrorShape> {
        let given: Vec<&str> =
            [&auth.token, &auth.device_token].into_iter().flatten().map(String::as_str).collect();
        let token = known.and_then(|k| k.tokens.iter().find(|t| t.role == self.role));
        let generation =
            token.and_then(|token| self.shared.identity.good_generation(&device.id, token, &given));
        if let (Some(token), Some(generation)) = (token, generation) {
            return Ok(Credential::DeviceToken(token.clone(), generation));
        }
        if self.settings.auth.is_proven_by(auth, self.peer.local) {
            return Ok(Credential::Shared);
        }
        let given = |field: &Option<String>| field.as_deref().is_some_and(|f| !f.is_empty());
        let others = given(&auth.token) || given(&auth.password) || given(&auth.device_token);
        match setup {
            Some(code) => Ok(Credential::Setup(code)),
            None if given(&auth.bootstrap_token) && !others => Err(secret::setup_refusal()),
            None => Err(self.mismatch(auth, true)),
        }
    }

    async fn with_device_token(
        &self,
        auth: &Auth,
        device: &ProvenDevice,
        (token, generation): (DeviceToken, i64),
        known: Option<&Device>,
    ) -> Result<Granted, ErrorShape> {
        if !self.params.scopes.iter().all(|s| covers_name(&token.scopes, s)) {
            // With the shared secret beside it, it may ask an operator for more.
            if self.settings.auth.is_proven_by(auth, self.peer.local) {
                return self.with_shared_secret(device, known.cloned()).await;
            }
            return Err(secret::scope_refusal());
        }
        // A token that turns up on another platform may have been carried there.
        let ask = pairing::ask(self.params, self.role, device, true);
        if let Some(shortfall @ Shortfall::Metadata) = pairing::shortfall(&ask, known) {
            return Err(pairing::request(self.shared, ask, shortfall, known).await?);
        }
        let used = self.shared.store.use_device_token(&device.id, self.role, generation).await;
        if !used.map_err(store_error_unseen)? {
            // Revoked, or overtaken by its successor, since it was looked at.
            return Err(self.mismatch(auth, true));
        }
        let generation = Some(generation);
        Ok(Granted { generation, ..self.granted("device-token", device, &token) })
    }

    async fn with_shared_secret(
        &self,
        device: &ProvenDevice,
        known: Option<Device>,
    ) -> Result<Granted, ErrorShape> {
        let ask = pairing::ask(self.params, self.role, device, known.is_some());
        // What an operator took away comes back by an operator's word: nobody is let in silently again.
        let is_revoked = known.as_ref().is_some_and(|device| device.has_revoked(self.role));
        let paired = match pairing::shortfall(&ask, known.as_ref()) {
            None => {
                self.shared.store.touch_device(&device.id).await.map_err(store_error_unseen)?;
                known
            }
            Some(_) if self.peer.local && self.settings.auto_approve_local && !is_revoked => {
                Some(pairing::approve_silently(self.shared, ask).await?)
            }
            Some(_) if self.is_expected_node(known.as_ref()) => {
                tracing::info!(device = %device.id, ip = %self.peer.ip, "a node is paired by gateway.nodes.pairing.autoApproveCidrs");
                Some(pairing::approve_silently(self.shared, ask).await?)
            }
            Some(shortfall) => {
                return Err(pairing::request(self.shared, ask, shortfall, known.as_ref()).await?);
            }
        };
        let token = paired.and_then(|d| d.tokens.into_iter().find(|t| t.role == self.role));
        let token = token.ok_or_else(changed_meanwhile)?;
        // Revoked since it was looked at.
        if token.revoked_at_ms.is_some() {
            return Err(changed_meanwhile());
        }
        Ok(self.granted(self.settings.auth.method(), device, &token))
    }

    /// A node that was never paired, from where the configuration expects nodes, with the secret that there is. No browser, no operator,
    /// nothing that asks for more than it has; what it offers is approved apart, as always. A trusted proxy that does not say for whom it
    /// speaks is not where its clients are.
    fn is_expected_node(&self, known: Option<&Device>) -> bool {
        let is_fresh_node = known.is_none()
            && self.role == "node"
            && self.params.scopes.is_empty()
            && self.peer.origin.is_none();
        let has_secret = !matches!(self.settings.auth, secret::AuthMode::None);
        let is_proxy = !self.peer.forwarded && peer::is_trusted(self.peer.socket.ip(), &self.settings.rules);
        let ip = self.peer.ip.to_canonical();
        let is_there = || self.settings.auto_approve_cidrs.iter().any(|range| peer::is_within(ip, range));
        is_fresh_node && has_secret && !is_proxy && is_there()
    }

    /// The code's maker has approved the device beforehand, for what the code is good for and no more. What a node offers is
    /// approved apart, as always.
    async fn with_setup_code(&self, device: &ProvenDevice, code: SetupCode) -> Result<Granted, ErrorShape> {
        let given = setup::grants(code.access);
        let Some((_, scopes)) = given.iter().find(|(role, _)| *role == self.role) else {
            return Err(secret::scope_refusal());
        };
        if !self.params.scopes.iter().all(|s| covers_name(scopes, s)) {
            return Err(secret::scope_refusal());
        }
        let asks = given.iter().map(|(role, scopes)| {
            let ask = pairing::ask(self.params, role, device, false);
            store::DeviceAsk { scopes: scopes.iter().map(|s| (*s).to_owned()).collect(), ..ask }
        });
        let redeemed = self.shared.store.redeem_setup_code(&code.setup_id, asks.collect()).await;
        let Some(paired) = redeemed.map_err(store_error_unseen)? else {
            return Err(secret::setup_refusal());
        };
        tracing::info!(device = %device.id, setup = %code.setup_id, access = code.access.as_str(), "paired by a setup code");
        let mut issued = Vec::new();
        for token in paired.tokens.iter().filter(|t| given.iter().any(|(role, _)| *role == t.role)) {
            issued.push(self.issued(device, token));
        }
        let own = issued.iter().position(|t| t.role == self.role).ok_or_else(changed_meanwhile)?;
        let device_token = Some(issued.remove(own));
        let setup_id = Some(code.setup_id);
        let granted = Granted::without_token("bootstrap-token", self.role, self.scopes());
        Ok(Granted { device_token, more_tokens: issued, setup_id, ..granted })
    }

    /// The scopes of this connection: what was asked for, which the caller has checked.
    fn scopes(&self) -> Vec<String> {
        if self.role == "node" { Vec::new() } else { self.params.scopes.clone() }
    }

    pub(super) fn granted(
        &self,
        method: &'static str,
        device: &ProvenDevice,
        token: &DeviceToken,
    ) -> Granted {
        let device_token = Some(self.issued(device, token));
        Granted { device_token, ..Granted::without_token(method, self.role, self.scopes()) }
    }

    /// The newest generation, whichever the device came with: that is how it gets a rotated one.
    fn issued(&self, device: &ProvenDevice, token: &DeviceToken) -> IssuedToken {
        IssuedToken {
            role: token.role.clone(),
            scopes: token.scopes.clone(),
            token: self.shared.identity.device_token(&device.id, token),
            issued_at_ms: token.rotated_at_ms.unwrap_or(token.created_at_ms),
        }
    }
}

pub(super) fn changed_meanwhile() -> ErrorShape {
    ErrorShape::unavailable("the pairing changed meanwhile; connect again").retryable()
}
