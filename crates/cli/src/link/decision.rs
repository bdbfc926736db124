//! Showing what was looked at on the way to a target: each place and credential, taken or passed over, and why.

use crate::context::Context;
use crate::output::{Tone, printable};
use crate::view::{cell, text};
use remote::{Candidate, Decision};
use serde_json::{Value, json};

/// All that was looked at.
pub(crate) fn both(decision: &Decision) -> Value {
    json!({"places": json(&decision.places), "credentials": json(&decision.credentials)})
}

/// For programs: `{kind, name, url?, standing, why?}` each.
pub(crate) fn json(candidates: &[Candidate]) -> Value {
    let one = |candidate: &Candidate| {
        let mut shown = json!({
            "kind": candidate.kind.as_str(),
            "name": candidate.name,
            "standing": candidate.standing.as_str(),
        });
        if let Some(url) = &candidate.place {
            shown["url"] = url.as_str().into();
        }
        if let Some(why) = candidate.standing.why() {
            shown["why"] = why.into();
        }
        shown
    };
    candidates.iter().map(one).collect()
}

/// For people, from what [`json()`] gives: a line each, none of them cut.
pub(crate) fn lines(ctx: &Context, candidates: &[Value]) -> String {
    let line = |candidate: &Value| {
        let (tone, word) = match text(candidate, "/standing") {
            Some("taken") => (Tone::Good, "taken"),
            Some("failed") => (Tone::Bad, "cannot be used"),
            Some("passed-over") => (Tone::Dim, "passed over"),
            _ => (Tone::Dim, "not set"),
        };
        let url = text(candidate, "/url").map_or(String::new(), |url| format!(" ({url})"));
        let why = text(candidate, "/why").map_or(String::new(), |why| format!(": {why}"));
        let rest = printable(&format!("{}{url}{why}", cell(candidate, "/name")));
        format!("  {}{rest}", ctx.out.paint(tone, &format!("{word:<16}")))
    };
    candidates.iter().map(line).collect::<Vec<_>>().join("\n")
}
