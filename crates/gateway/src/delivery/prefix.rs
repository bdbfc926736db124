//! What stands before everything that the bot says, where `responsePrefix` wants something there.

use crate::settings::Settings;
use model::Act;

/// What a prefix may name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names<'a> {
    /// The model that answered, `provider/model`.
    pub(crate) model: Option<&'a str>,
    /// What the agent is called.
    pub(crate) identity: Option<&'a str>,
}

/// Before an answer of an agent: a name that nobody knows stands as it was written.
pub(crate) fn of_answer(template: &str, names: Names<'_>) -> String {
    filled(template, names).0
}

/// Before what an agent or an operator sends beside answers: no model has answered, so that a prefix which names one is left out.
fn of_message(settings: &Settings, channel: &str, account: &str, agent: &str) -> Option<String> {
    let template = settings.account(channel, account)?.response_prefix.as_deref()?;
    let identity = settings.agent(agent).name.as_deref();
    let (prefix, is_whole) = filled(template, Names { model: None, identity });
    is_whole.then_some(prefix).filter(|prefix| !prefix.is_empty())
}

/// A text that an agent or an operator sends, as it is said there.
pub(crate) fn sent(
    settings: &Settings,
    (channel, account): (&str, &str),
    agent: &str,
    acts: &[Act],
    text: String,
) -> String {
    let is_said =
        acts.iter().all(|act| matches!(act, Act::Ask { .. } | Act::File { .. } | Act::Album { .. }));
    if !is_said {
        return text;
    }
    let text = settings.as_said(channel, account, &text);
    match of_message(settings, channel, account, agent) {
        Some(prefix) => before(&prefix, &text),
        None => text,
    }
}

/// The text with the prefix before it, once.
pub(crate) fn before(prefix: &str, text: &str) -> String {
    match prefix.is_empty() || text.is_empty() || text.starts_with(prefix) {
        true => text.to_owned(),
        false => format!("{prefix} {text}"),
    }
}

/// The prefix, and whether everything that it names is known.
fn filled(template: &str, names: Names<'_>) -> (String, bool) {
    if template == "auto" {
        let name = names.identity.map(str::trim).filter(|name| !name.is_empty());
        return (name.map(|name| format!("[{name}]")).unwrap_or_default(), true);
    }
    let (mut out, mut rest, mut is_whole) = (String::new(), template, true);
    while let Some((head, tail)) = rest.split_once('{') {
        out.push_str(head);
        let Some((name, after)) = tail.split_once('}') else {
            out.push('{');
            rest = tail;
            continue;
        };
        match value(name, names) {
            Some(value) => out.push_str(&value),
            None => {
                is_whole = false;
                out.push_str(&format!("{{{name}}}"));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    (out, is_whole)
}

fn value(name: &str, names: Names<'_>) -> Option<String> {
    let halves = names.model.and_then(|model| model.split_once('/'));
    match name.trim().to_ascii_lowercase().as_str() {
        "model" => Some(short(halves?.1).to_owned()),
        "modelfull" => names.model.map(str::to_owned),
        "provider" => Some(halves?.0.to_owned()),
        // Models are asked without levels of thinking.
        "thinkinglevel" | "think" => names.model.map(|_| "off".to_owned()),
        "identity.name" | "identityname" => names.identity.map(str::to_owned),
        _ => None,
    }
}

/// A model's name without its date: `claude-opus-4-6-20260205`, `gpt-5.4-latest`.
fn short(model: &str) -> &str {
    let model = model.rsplit('/').next().unwrap_or(model);
    let is_date = |tail: &str| tail.len() == 8 && tail.bytes().all(|b| b.is_ascii_digit());
    let model = match model.rsplit_once('-') {
        Some((head, tail)) if is_date(tail) => head,
        _ => model,
    };
    model.strip_suffix("-latest").unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_the_model_and_the_agent() {
        let names = Names { model: Some("anthropic/claude-opus-4-6-20260205"), identity: Some("Kit") };
        for (template, with_model, alone) in [
            ("🦞", "🦞", Some("🦞")),
            ("auto", "[Kit]", Some("[Kit]")),
            ("[{model}]", "[claude-opus-4-6]", None),
            ("{ModelFull} {provider}", "anthropic/claude-opus-4-6-20260205 anthropic", None),
            ("{think}/{thinkingLevel}", "off/off", None),
            ("{identity.name}:", "Kit:", Some("Kit:")),
            ("{weather} {", "{weather} {", None),
        ] {
            assert_eq!(of_answer(template, names), with_model, "{template}");
            let (prefix, is_whole) = filled(template, Names { model: None, ..names });
            assert_eq!(is_whole.then_some(prefix.as_str()), alone, "{template}");
        }
        assert_eq!(of_answer("auto", Names::default()), "");
    }

    #[test]
    fn it_stands_there_once() {
        assert_eq!(before("🦞", "hi"), "🦞 hi");
        assert_eq!(before("🦞", "🦞 hi"), "🦞 hi");
        assert_eq!((before("", "hi"), before("🦞", "")), ("hi".into(), String::new()));
    }
}
