//! Users who are known by name: a trusted proxy says who they are, or Tailscale does. The name goes for the shared secret and
//! for nothing else: the device is still proven, and still paired.

use super::admission::{Admission, changed_meanwhile};
use super::hello::Granted;
use crate::auth::device::ProvenDevice;
use crate::auth::proxy;
use crate::auth::secret::{self, AuthMode};
use crate::methods::store_error_unseen;
use crate::pairing::{self, Shortfall};
use protocol::scope::covers_name;
use protocol::{Auth, ErrorShape};
use store::{Device, DeviceAsk};

/// A user whose name was verified.
pub(super) struct Identity {
    /// `trusted-proxy` or `tailscale`.
    method: &'static str,
    user: String,
    /// Whether it is whoever this host belongs to in its tailnet.
    is_owner: bool,
}

impl Admission<'_> {
    /// Who it is, where a proxy or Tailscale says so and is to be believed. The error is for whoever has nothing else to show.
    pub(super) async fn identity(&self, auth: &Auth, has_device: bool) -> Result<Identity, ErrorShape> {
        if matches!(self.settings.auth, AuthMode::TrustedProxy(_)) {
            let rules = self.settings.rules.proxy.as_ref();
            let user =
                proxy::user(self.peer, rules, proxy::is_own_address).map_err(|reason| reason.refusal())?;
            return Ok(Identity { method: "trusted-proxy", user, is_owner: false });
        }
        let client = &self.params.client;
        let mismatch = || secret::refusal(&self.settings.auth, auth, &client.id, &client.mode, has_device);
        let login = self.peer.tailscale_login().filter(|_| self.settings.rules.allow_tailscale);
        // Only operators with a device: everyone else goes the usual way.
        let Some(login) = login.filter(|_| has_device && self.role == "operator") else {
            return Err(mismatch());
        };
        match self.shared.tailscale.whois(self.peer.ends(), self.peer.ip).await {
            Ok(known) if known.eq_ignore_ascii_case(login) => {
                let is_owner = self.shared.tailscale.owner().is_some_and(|o| o.eq_ignore_ascii_case(login));
                Ok(Identity { method: "tailscale", user: known, is_owner })
            }
            Ok(_) => {
                tracing::warn!(ip = %self.peer.ip, "Tailscale's header and its whois name different users; not believed");
                Err(mismatch())
            }
            Err(error) => {
                tracing::warn!(ip = %self.peer.ip, %error, "Tailscale was not to be asked who this is; not believed");
                Err(mismatch())
            }
        }
    }

    /// A page in a browser that has no device of its own is let in behind a proxy, with what `identityScopes` gives its user.
    pub(super) fn page_without_device(&self, identity: &Identity) -> Option<Granted> {
        let is_page = self.peer.origin.is_some() && self.is_page();
        let is_meant = is_page && self.role == "operator" && identity.method == "trusted-proxy";
        let scopes = self.identity_scopes(identity);
        is_meant.then(|| Granted::without_token(identity.method, self.role, scopes))
    }

    pub(super) async fn with_identity(
        &self,
        device: &ProvenDevice,
        known: Option<Device>,
        identity: &Identity,
    ) -> Result<Granted, ErrorShape> {
        let given = self.identity_scopes(identity);
        let mut ask = pairing::ask(self.params, self.role, device, known.is_some());
        // What the user may do anyway is no wish of the device, and what the proxy forbids is none either.
        ask.scopes.retain(|scope| !covers_name(&given, scope));
        if let Some(cap) = self.scope_cap(identity) {
            ask.scopes.retain(|scope| covers_name(&cap, scope));
        }
        let shortfall = pairing::shortfall(&ask, known.as_ref());
        let (paired, own) = match shortfall {
            None => {
                self.shared.store.touch_device(&device.id).await.map_err(store_error_unseen)?;
                (known, ask.scopes)
            }
            Some(shortfall) => match self.without_asking(identity, &ask, shortfall, known.as_ref()) {
                Some(scopes) if has_all(known.as_ref(), &scopes) => (known, scopes),
                Some(scopes) => {
                    let ask = DeviceAsk { scopes: scopes.clone(), ..ask };
                    tracing::info!(device = %device.id, user = %identity.user, by = identity.method, "paired on a user's name");
                    (Some(pairing::approve_silently(self.shared, ask).await?), scopes)
                }
                None => return Err(pairing::request(self.shared, ask, shortfall, known.as_ref()).await?),
            },
        };
        let token = paired.and_then(|d| d.tokens.into_iter().find(|t| t.role == self.role));
        let token = token.ok_or_else(changed_meanwhile)?;
        let mut scopes = if self.role == "operator" { own } else { Vec::new() };
        scopes.extend(given);
        scopes.sort();
        scopes.dedup();
        // Revoked since it was looked at.
        if token.revoked_at_ms.is_some() {
            return Err(changed_meanwhile());
        }
        Ok(Granted { scopes, ..self.granted(identity.method, device, &token) })
    }

    /// The scopes with which a device is paired without anybody being asked; `None` where somebody is asked.
    fn without_asking(
        &self,
        identity: &Identity,
        ask: &DeviceAsk,
        shortfall: Shortfall,
        known: Option<&Device>,
    ) -> Option<Vec<String>> {
        // What an operator took away comes back by an operator's word.
        if known.is_some_and(|device| device.has_revoked(self.role)) {
            return None;
        }
        if self.role != "operator" || !matches!(self.params.client.mode.as_str(), "ui" | "webchat") {
            return None;
        }
        if identity.method == "tailscale" {
            // Whoever this host belongs to has it anyway. Others of the tailnet do not.
            let is_new = shortfall == Shortfall::NotPaired && known.is_none();
            return (is_new && identity.is_owner && self.is_page()).then(|| ask.scopes.clone());
        }
        let rules = self.settings.rules.proxy.as_ref()?.auto_approve.as_ref()?;
        if !matches!(shortfall, Shortfall::NotPaired | Shortfall::Scope) {
            return None;
        }
        let cap = self.scope_cap(identity);
        let capped = |scope: &String| cap.as_ref().is_none_or(|cap| covers_name(cap, scope));
        let wanted = if self.params.scopes.is_empty() { &rules.scopes } else { &ask.scopes };
        let mut scopes: Vec<String> =
            wanted.iter().filter(|s| covers_name(&rules.scopes, s) && capped(s)).cloned().collect();
        let questions = "operator.questions".to_owned();
        if rules.is_default && !scopes.contains(&questions) && capped(&questions) {
            scopes.push(questions);
        }
        Some(scopes)
    }

    fn identity_scopes(&self, identity: &Identity) -> Vec<String> {
        let mut scopes = self.settings.rules.scopes_of(&identity.user);
        if let Some(cap) = self.scope_cap(identity) {
            scopes.retain(|scope| covers_name(&cap, scope));
        }
        if self.role == "operator" { scopes } else { Vec::new() }
    }

    /// A proxy may narrow what its users may do; nobody else's header counts.
    fn scope_cap(&self, identity: &Identity) -> Option<Vec<String>> {
        if identity.method == "trusted-proxy" { proxy::scope_cap(self.peer) } else { None }
    }

    fn is_page(&self) -> bool {
        matches!(self.params.client.id.as_str(), "openclaw-control-ui" | "webchat-ui" | "webchat")
    }
}

fn has_all(known: Option<&Device>, scopes: &[String]) -> bool {
    known.is_some_and(|known| {
        known.roles.iter().any(|role| role == "operator")
            && scopes.iter().all(|s| covers_name(&known.scopes, s))
    })
}
