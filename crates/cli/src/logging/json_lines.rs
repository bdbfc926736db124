//! Events as JSON lines: `{time, level, target, message, …}`, spans' fields first.

use super::civil;
use super::writer::Sink;
use model::SharedClock;
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The layer that writes them.
pub(super) struct JsonLines {
    sink: Sink,
    clock: SharedClock,
}

impl JsonLines {
    /// Lines go to `sink`.
    pub(super) fn new(sink: Sink, clock: SharedClock) -> Self {
        Self { sink, clock }
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.shift_remove("message").unwrap_or_else(|| json!(""));
        let meta = event.metadata();
        let mut line = Map::from_iter([
            ("time".to_owned(), civil::time(self.clock.now_ms()).into()),
            ("level".to_owned(), meta.level().as_str().into()),
            ("target".to_owned(), meta.target().into()),
            ("message".to_owned(), message),
        ]);
        for span in ctx.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                merge(&mut line, fields.0.clone());
            }
        }
        merge(&mut line, fields.0);
        self.sink.send(Value::Object(line).to_string());
    }
}

/// Adds fields; the four that every line has stay what they are.
fn merge(line: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (name, value) in fields {
        let name = if matches!(name.as_str(), "time" | "level" | "target" | "message") {
            format!("field.{name}")
        } else {
            name
        };
        line.insert(name, value);
    }
}
