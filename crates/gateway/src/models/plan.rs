//! In which order a turn asks its models, each with the keys of its provider: those that failed lately rest, and are asked only
//! where there is nothing else.

use super::{Models, Wanted, halves};
use crate::models::keys::Key;
use llm::Model;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use store::KeyHealth;

/// A model with a key.
#[derive(Clone)]
pub(super) struct Candidate {
    /// `provider/model`.
    pub(super) name: String,
    /// What the key is known by; `None` for a model that has none.
    pub(super) key: Option<String>,
    pub(super) model: Arc<dyn Model>,
}

/// A model that was not asked, or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// `provider/model`.
    pub(crate) name: String,
    /// Why, in a word.
    pub(crate) reason: String,
    /// Why, for people.
    pub(crate) detail: String,
}

/// Whom a turn asks.
pub(super) struct Plan {
    /// The first one first; never empty.
    pub(super) candidates: VecDeque<Candidate>,
    /// Models before the first candidate, and why they are passed over.
    pub(super) passed: Vec<Attempt>,
    /// A key that would be tried before the first candidate's could not be had, and may be there by now.
    pub(super) is_short: bool,
}

impl Models {
    /// # Errors
    /// No model can be asked at all: why the first of them cannot.
    pub(super) fn plan(
        &self,
        agent_id: &str,
        wanted: &Wanted<'_>,
        session_id: &str,
        health: &[KeyHealth],
    ) -> Result<Plan, String> {
        let now_ms = self.setup.clock.now_ms();
        let mut ready = VecDeque::new();
        let mut resting: Vec<(i64, Candidate)> = Vec::new();
        let (mut passed, mut problem, mut is_short) = (Vec::new(), None, false);
        for name in self.names_for_run(agent_id, wanted)? {
            let candidates = match self.candidates(&name, session_id) {
                Ok(candidates) => candidates,
                Err(detail) => {
                    if ready.is_empty() {
                        is_short = true;
                        passed.push(Attempt { name, reason: "auth".into(), detail: detail.clone() });
                    }
                    problem.get_or_insert(detail);
                    continue;
                }
            };
            for candidate in candidates {
                match rest_of(&candidate, health, now_ms) {
                    None => ready.push_back(candidate),
                    Some(rest) => {
                        if ready.is_empty() {
                            passed.push(resting_attempt(&candidate, rest));
                        }
                        resting.push((rest.until_ms, candidate));
                    }
                }
            }
        }
        if ready.is_empty() {
            // Somebody waits for an answer: the one that may be asked again soonest is asked now.
            resting.sort_by_key(|(until_ms, _)| *until_ms);
            ready.extend(resting.into_iter().map(|(_, candidate)| candidate));
            passed.retain(|attempt| !ready.iter().any(|candidate| candidate.name == attempt.name));
        }
        match (ready.front(), problem) {
            (Some(first), _) => {
                let first = first.name.clone();
                passed.retain(|attempt| attempt.name != first);
                Ok(Plan { candidates: ready, passed, is_short })
            }
            (None, Some(problem)) => Err(match wanted {
                Wanted::Chosen(_) => format!(
                    "{problem}. It was chosen for this session; sessions.patch with model null goes back to the agent's own"
                ),
                _ => problem,
            }),
            (None, None) => Err("no model can be asked".to_owned()),
        }
    }

    /// A model with each of its provider's keys.
    fn candidates(&self, name: &str, session_id: &str) -> Result<Vec<Candidate>, String> {
        if let Some(model) = self.fixed(name) {
            return Ok(vec![Candidate { name: name.to_owned(), key: None, model: model.clone() }]);
        }
        let (provider, id) = halves(name)?;
        let keys = self.keys(provider, id, turn_of(session_id))?;
        let with = |key: Key| {
            let model = self.with_key(name, &key)?;
            Ok(Candidate { name: name.to_owned(), key: Some(key.id), model })
        };
        keys.into_iter().map(with).collect()
    }
}

/// With which of several keys a session begins: always the same, so that what its provider keeps of it for the next turn is
/// found there, and another one for another session.
fn turn_of(session_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    session_id.hash(&mut hasher);
    hasher.finish()
}

fn rest_of<'a>(candidate: &Candidate, health: &'a [KeyHealth], now_ms: i64) -> Option<&'a KeyHealth> {
    let key = candidate.key.as_ref()?;
    health.iter().find(|rest| rest.key == *key && rest.rests(&candidate.model.info().id, now_ms))
}

fn resting_attempt(candidate: &Candidate, rest: &KeyHealth) -> Attempt {
    Attempt {
        name: candidate.name.clone(),
        reason: rest.reason.clone(),
        detail: format!("{} rests since it failed ({})", rest.key, rest.reason.replace('_', " ")),
    }
}
