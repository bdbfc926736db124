//! How a channel is doing: what `channels.status` and `health` show.

use model::SharedClock;
use tokio::sync::watch;

/// How one account of a channel is doing. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// The account's name.
    pub account: String,
    /// Whether there are credentials for it.
    pub configured: bool,
    /// Whether it has been started and not been stopped.
    pub running: bool,
    /// Whether the platform answered the last call for messages.
    pub connected: bool,
    /// `starting`, `ready`, `backing-off` or `stopped`.
    pub lifecycle: &'static str,
    /// How messages come in: `polling` or `webhook`.
    pub mode: &'static str,
    /// The port of this host at which a webhook's deliveries arrive, once somebody listens.
    pub port: Option<u16>,
    /// The bot's handle, without `@`, once the platform has told it.
    pub bot_username: Option<String>,
    /// Whether the platform gives it what is said in groups without a mention of it, once that is known.
    pub hears_groups: Option<bool>,
    /// The last start.
    pub last_start_at: Option<i64>,
    /// The last stop.
    pub last_stop_at: Option<i64>,
    /// When the platform was last known to be reachable.
    pub last_connected_at: Option<i64>,
    /// When the platform last answered a call for messages, with any or none.
    pub last_event_at: Option<i64>,
    /// When anything was last heard from the platform, refusals included.
    pub last_transport_activity_at: Option<i64>,
    /// When a message was last handed to the inbox.
    pub last_inbound_at: Option<i64>,
    /// When a message last went out.
    pub last_outbound_at: Option<i64>,
    /// What is wrong at the moment, with the next step; nothing when all is well.
    pub last_error: Option<String>,
    /// Attempts since it last worked.
    pub reconnect_attempts: u32,
}

/// Keeps a [`ChannelStatus`] and tells who watches.
pub(crate) struct StatusBoard {
    status: watch::Sender<ChannelStatus>,
    clock: SharedClock,
}

impl StatusBoard {
    pub(crate) fn new(account: String, mode: &'static str, clock: SharedClock) -> Self {
        let status = watch::Sender::new(ChannelStatus {
            account,
            configured: true,
            running: false,
            connected: false,
            lifecycle: "stopped",
            mode,
            port: None,
            bot_username: None,
            hears_groups: None,
            last_start_at: None,
            last_stop_at: None,
            last_connected_at: None,
            last_event_at: None,
            last_transport_activity_at: None,
            last_inbound_at: None,
            last_outbound_at: None,
            last_error: None,
            reconnect_attempts: 0,
        });
        Self { status, clock }
    }

    pub(crate) fn read(&self) -> ChannelStatus {
        self.status.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ChannelStatus> {
        self.status.subscribe()
    }

    /// What time it is, in ms since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn edit(&self, change: impl FnOnce(&mut ChannelStatus, Option<i64>)) {
        let now = Some(self.clock.now_ms());
        self.status.send_modify(|status| change(status, now));
    }

    pub(crate) fn started(&self) {
        self.edit(|s, now| {
            s.running = true;
            s.connected = false;
            s.lifecycle = "starting";
            s.last_start_at = now;
            s.last_error = None;
            s.reconnect_attempts = 0;
        });
    }

    pub(crate) fn stopped(&self) {
        self.edit(|s, now| {
            s.running = false;
            s.connected = false;
            s.lifecycle = "stopped";
            s.last_stop_at = now;
        });
    }

    pub(crate) fn listens_on(&self, port: u16) {
        self.edit(|s, _| s.port = Some(port));
    }

    pub(crate) fn identified(&self, username: Option<String>, hears_groups: Option<bool>) {
        self.edit(|s, now| {
            s.bot_username = username;
            s.hears_groups = hears_groups;
            s.last_transport_activity_at = now;
        });
    }

    /// The platform answered a call for messages, and what came is safe.
    pub(crate) fn polled(&self, messages: usize) {
        self.edit(|s, now| {
            s.connected = true;
            s.lifecycle = "ready";
            s.last_connected_at = now;
            s.last_event_at = now;
            s.last_transport_activity_at = now;
            if messages > 0 {
                s.last_inbound_at = now;
            }
            s.last_error = None;
            s.reconnect_attempts = 0;
        });
    }

    /// It did not work and will be tried again. `answered` says whether the platform itself was reached.
    pub(crate) fn backing_off(&self, error: &str, answered: bool) {
        self.edit(|s, now| {
            s.connected = false;
            s.lifecycle = "backing-off";
            s.last_error = Some(error.to_owned());
            s.reconnect_attempts = s.reconnect_attempts.saturating_add(1);
            if answered {
                s.last_transport_activity_at = now;
            }
        });
    }

    pub(crate) fn sent(&self) {
        self.edit(|s, now| {
            s.last_outbound_at = now;
            s.last_transport_activity_at = now;
        });
    }

    /// Sending failed in a way that concerns the account, not the message.
    pub(crate) fn send_refused(&self, error: &str) {
        self.edit(|s, _| s.last_error = Some(error.to_owned()));
    }
}
