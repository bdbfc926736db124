//! Sums over calls, as clients show them.

use crate::models::Models;
use model::Usage;
use serde_json::{Value, json};
use store::{CostParts, UsedCell};

/// What some calls used and cost together.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) usage: Usage,
    cost: CostParts,
    /// Calls that answered.
    pub(super) answered: u64,
    /// Calls that answered at a price that nobody named.
    unpriced: u64,
}

impl Totals {
    /// Adds a cell.
    pub(super) fn add(&mut self, cell: &UsedCell, models: &Models) {
        self.usage.add(&cell.usage);
        self.cost.input += cell.cost.input;
        self.cost.output += cell.cost.output;
        self.cost.cache_read += cell.cost.cache_read;
        self.cost.cache_write += cell.cost.cache_write;
        self.answered += cell.answered;
        if cell.usage.cost == 0.0 && !models.is_priced(&cell.provider, &cell.model) {
            self.unpriced += cell.answered;
        }
    }

    /// As `samples/rpc.jsonl` has it in `usage.cost`.
    pub(super) fn json(&self) -> Value {
        json!({
            "input": self.usage.input, "output": self.usage.output, "cacheRead": self.usage.cache_read,
            "cacheWrite": self.usage.cache_write, "totalTokens": self.usage.total(), "totalCost": self.usage.cost,
            "inputCost": self.cost.input, "outputCost": self.cost.output, "cacheReadCost": self.cost.cache_read,
            "cacheWriteCost": self.cost.cache_write, "missingCostEntries": self.unpriced,
        })
    }

    /// The same with a few more properties.
    pub(super) fn json_with(&self, more: Value) -> Value {
        let mut out = self.json();
        if let (Value::Object(out), Value::Object(more)) = (&mut out, more) {
            out.extend(more);
        }
        out
    }
}
