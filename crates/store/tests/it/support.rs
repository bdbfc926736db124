//! A store in a directory of its own, under a clock that tests move.

use model::{
    AssistantMessage, Block, Chat, ChatKind, Content, Inbound, ManualClock, Message, Outbound, Sender,
    SessionKey, StopReason, Usage, UserMessage,
};
use std::sync::Arc;
use store::{BeginRun, CostParts, DeviceAsk, FinishRun, LedgerCall, RunStatus, Store};

pub(crate) const START: i64 = 1_800_000_000_000;

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(START));
    let store = Store::open(dir.path(), clock.clone()).unwrap().store;
    Fixture { store, clock, dir }
}

impl Fixture {
    /// The same files after a clean end and a new start.
    pub(crate) async fn restarted(self) -> Self {
        self.store.close().await;
        let opened = Store::open(self.dir.path(), self.clock.clone()).unwrap();
        assert!(opened.notices.is_empty(), "{:?}", opened.notices);
        Self { store: opened.store, ..self }
    }
}

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|s| (*s).to_owned()).collect()
}

pub(crate) fn ask(device: &str, role: &str, scopes: &[&str]) -> DeviceAsk {
    DeviceAsk {
        device_id: device.into(),
        public_key: format!("key of {device}"),
        display_name: Some(device.to_uppercase()),
        client_id: "cli".into(),
        client_mode: "cli".into(),
        role: role.into(),
        scopes: strings(scopes),
        ..DeviceAsk::default()
    }
}

pub(crate) fn user(text: &str) -> Message {
    Message::User(UserMessage {
        content: Content::Text(text.into()),
        timestamp: START,
        idempotency_key: None,
    })
}

pub(crate) fn answer(text: &str) -> Message {
    Message::Assistant(AssistantMessage {
        content: vec![Block::Text { text: text.into() }],
        api: "openai-completions".into(),
        provider: "p".into(),
        model: "m".into(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        timestamp: START,
        error_message: None,
    })
}

pub(crate) fn call(kind: &str, input: u64, cost: f64) -> LedgerCall {
    LedgerCall {
        provider: "p".into(),
        model: kind.into(),
        kind: kind.into(),
        usage: Usage { input, output: 10, cache_read: 5, cache_write: 0, cost },
        cost: CostParts { input: cost, ..CostParts::default() },
        duration_ms: 12,
        error: None,
    }
}

pub(crate) fn key(name: &str) -> SessionKey {
    SessionKey::resolve(name, "main").unwrap()
}

pub(crate) fn begin(run: &str, session: &str, texts: &[&str]) -> BeginRun {
    BeginRun {
        run_id: run.into(),
        session_key: key(session),
        route: None,
        directives: None,
        messages: texts.iter().map(|t| user(t)).collect(),
        inbound_ids: vec![],
        system_events: vec![],
        created_via: "run".into(),
        title: None,
        chat_type: None,
    }
}

pub(crate) fn finish(run: &str, outbox: Vec<Outbound>) -> FinishRun {
    FinishRun {
        run_id: run.into(),
        status: RunStatus::Done,
        messages: vec![answer("done")],
        calls: vec![call("turn", 100, 0.5)],
        reply: Some("done".into()),
        error: None,
        outbox,
        fallback: None,
    }
}

pub(crate) fn outbound(to: &str, text: &str) -> Outbound {
    Outbound {
        channel: "telegram".into(),
        account: "default".into(),
        to: to.into(),
        text: text.into(),
        act: None,
        ..Outbound::default()
    }
}

pub(crate) fn inbound(chat: &str, message: &str) -> Inbound {
    Inbound {
        channel: "telegram".into(),
        account: "default".into(),
        message_id: message.into(),
        chat: Chat { id: chat.into(), kind: ChatKind::Direct, title: None },
        sender: Sender { id: "7".into(), name: Some("Ann".into()), username: None },
        context: None,
        event: None,
        album: None,
        said: None,
        sticker: None,
        coming: vec![],
        text: format!("text of {message}"),
        images: vec![],
        forwarded: false,
        addressed: true,
        directives: Default::default(),
        sent_at_ms: START,
    }
}
