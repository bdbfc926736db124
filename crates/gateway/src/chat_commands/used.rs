//! `/usage`: what answers cost, said under each of them or asked for.

use super::session;
use crate::methods::store_error;
use crate::shared::Shared;
use model::{SessionKey, Usage};
use protocol::ErrorShape;
use std::sync::Arc;
use store::{ChosenPatch, UsageFilter, UsageLine};

const DAY_MS: i64 = 86_400_000;
/// Days that are summed up.
const DAYS: i64 = 30;

pub(super) async fn usage(shared: &Arc<Shared>, key: &SessionKey, mode: &str) -> Result<String, ErrorShape> {
    let word = mode.to_ascii_lowercase();
    let chosen = match word.as_str() {
        "cost" => return cost(shared, key).await,
        "reset" | "inherit" | "clear" | "default" => None,
        // Without a word it goes on to the next.
        "" => Some(match shared.store.chosen(key).await.map_err(store_error)?.usage.unwrap_or_default() {
            UsageLine::Off => UsageLine::Tokens,
            UsageLine::Tokens => UsageLine::Full,
            UsageLine::Full => UsageLine::Off,
        }),
        word => match UsageLine::named(word) {
            Some(line) => Some(line),
            None => return Ok("⚙️ Usage: /usage off|tokens|full|reset|cost".into()),
        },
    };
    session::choose(shared, key, ChosenPatch { usage: Some(chosen), ..ChosenPatch::default() }).await?;
    Ok(match chosen {
        Some(line) => format!("⚙️ Usage footer: {}.", line.as_str()),
        None => "⚙️ Usage footer: reset to default.".into(),
    })
}

async fn cost(shared: &Arc<Shared>, key: &SessionKey) -> Result<String, ErrorShape> {
    let now = shared.clock.now_ms();
    let agent = key.agent_id().to_owned();
    let filter =
        |from_ms| UsageFilter { from_ms, before_ms: now + 1, agent_id: Some(agent.clone()), key: None };
    let sum = |cells: &[store::UsedCell]| {
        cells.iter().fold(Usage::default(), |mut sum, cell| {
            sum.add(&cell.usage);
            sum
        })
    };
    let session = shared.store.session(key).await.map_err(store_error)?;
    let of_session = session.map(|session| session.usage).unwrap_or_default();
    let day = sum(&shared.store.used(filter(now - DAY_MS)).await.map_err(store_error)?);
    let month = sum(&shared.store.used(filter(now - DAYS * DAY_MS)).await.map_err(store_error)?);
    let line = |name: &str, usage: &Usage| format!("{name}: {} tokens, ${:.4}", usage.total(), usage.cost);
    Ok([
        "💸 Usage cost".to_owned(),
        line("This conversation", &of_session),
        line("The agent, 24 hours", &day),
        line(&format!("The agent, {DAYS} days"), &month),
    ]
    .join("\n"))
}

/// What stands under an answer.
pub(crate) fn line(wanted: UsageLine, usage: &Usage, key: &SessionKey) -> Option<String> {
    let tokens = format!("Usage: {} in / {} out", short(usage.input), short(usage.output));
    match wanted {
        UsageLine::Off => None,
        UsageLine::Tokens => Some(tokens),
        UsageLine::Full => Some(format!("{tokens} · est ${:.4} · session {key}", usage.cost)),
    }
}

/// A number as people read it: `950`, `1.2k`, `3.4m`.
#[allow(clippy::cast_precision_loss)] // for reading
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1_000.0),
        _ => format!("{:.1}m", count as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_cost_is_one_line() {
        let usage = Usage { input: 1_234, output: 56, cost: 0.01234, ..Usage::default() };
        let key = SessionKey::main("main");
        assert_eq!(line(UsageLine::Off, &usage, &key), None);
        assert_eq!(line(UsageLine::Tokens, &usage, &key).unwrap(), "Usage: 1.2k in / 56 out");
        assert_eq!(
            line(UsageLine::Full, &usage, &key).unwrap(),
            "Usage: 1.2k in / 56 out · est $0.0123 · session agent:main:main"
        );
        assert_eq!(short(2_500_000), "2.5m");
    }
}
