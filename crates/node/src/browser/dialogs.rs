//! Questions of a page (`alert`, `confirm`, `prompt`). A page that asks stands still until it is answered: by an answer that
//! was given beforehand, or by one that is given when somebody has read the question.

use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::time::Instant;

/// Questions that are remembered after they were answered.
const MAX_RECENT: usize = 20;
/// Characters of a question.
const MAX_TEXT: usize = 2000;

/// What a question is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) accept: bool,
    /// What is written into a `prompt`; as it is, an empty text too.
    pub(super) text: Option<String>,
}

impl Answer {
    /// The parameters of `Page.handleJavaScriptDialog`.
    pub(super) fn params(&self) -> Value {
        let mut params = json!({"accept": self.accept});
        if let Some(text) = &self.text {
            params["promptText"] = json!(text);
        }
        params
    }
}

/// The questions of one tab; it asks one at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialogs {
    open: Option<Value>,
    recent: VecDeque<Value>,
    armed: Option<(Answer, Instant)>,
    /// How many it has asked.
    pub(super) count: u64,
    /// Who answers the open one.
    answers: Option<&'static str>,
}

impl Dialogs {
    /// Takes in a question; gives the answer that is there already. Leaving a page is never refused.
    pub(super) fn asked(&mut self, params: &Value) -> Option<Answer> {
        self.closed();
        self.count += 1;
        let text = |name: &str| -> String {
            params[name].as_str().unwrap_or_default().chars().take(MAX_TEXT).collect()
        };
        let mut open =
            json!({"id": format!("d{}", self.count), "type": params["type"], "message": text("message")});
        if params["type"] == "prompt" {
            open["defaultValue"] = json!(text("defaultPrompt"));
        }
        open["openedAt"] = json!(super::log::now());
        self.open = Some(open);
        if params["type"] == "beforeunload" {
            self.answers = Some("auto");
            return Some(Answer { accept: true, text: None });
        }
        let (answer, until) = self.armed.take()?;
        if Instant::now() >= until {
            return None;
        }
        self.answers = Some("armed");
        Some(answer)
    }

    /// The open question has been answered, or has gone with its page.
    pub(super) fn closed(&mut self) {
        let by = self.answers.take().unwrap_or("remote");
        let Some(mut gone) = self.open.take() else { return };
        gone["closedAt"] = json!(super::log::now());
        gone["closedBy"] = json!(by);
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(gone);
    }

    /// The question that waits for an answer.
    pub(super) fn waiting(&self) -> Option<&Value> {
        self.open.as_ref().filter(|_| self.answers.is_none())
    }

    /// The caller answers the open question.
    pub(super) fn answering(&mut self) {
        self.answers = Some("agent");
    }

    /// The next question until then gets this answer.
    pub(super) fn arm(&mut self, answer: Answer, until: Instant) {
        self.armed = Some((answer, until));
    }

    /// As clients read it.
    pub(super) fn state(&self) -> Value {
        let pending: Vec<&Value> = self.open.iter().collect();
        json!({"dialogs": {"pending": pending, "recent": self.recent}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_question_waits_unless_its_answer_is_there_in_time() {
        let mut dialogs = Dialogs::default();
        let ask = json!({"type": "confirm", "message": "Sure?"});
        assert_eq!(dialogs.asked(&ask), None);
        assert_eq!(dialogs.waiting().unwrap()["id"], "d1");
        dialogs.answering();
        assert!(dialogs.waiting().is_none());
        dialogs.closed();
        assert_eq!(dialogs.state()["dialogs"]["recent"][0]["closedBy"], "agent");

        let yes = Answer { accept: true, text: Some(String::new()) };
        dialogs.arm(yes.clone(), Instant::now() + Duration::from_secs(60));
        assert_eq!(dialogs.asked(&ask), Some(yes.clone()), "once");
        assert_eq!(dialogs.asked(&ask), None);
        dialogs.arm(yes, Instant::now());
        assert_eq!(dialogs.asked(&ask), None, "its time is over");
        assert!(dialogs.asked(&json!({"type": "beforeunload"})).unwrap().accept);
        for _ in 0..50 {
            dialogs.asked(&ask);
        }
        assert_eq!(dialogs.state()["dialogs"]["recent"].as_array().unwrap().len(), MAX_RECENT);
    }
}
