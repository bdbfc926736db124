//! What is wrong with something that is to be done on Telegram, as far as that can be said before Telegram is asked.

use super::{MAX_TEXT, format};
use model::{Act, Button, Outbound, Place, Topic};
use std::ops::RangeInclusive;

/// Telegram's bounds for a poll: characters of the question and of an option, number of options, seconds.
const QUESTION: usize = 300;
const OPTION: usize = 100;
const OPTIONS: RangeInclusive<usize> = 2..=12;
const OPEN_SECONDS: RangeInclusive<u64> = 5..=604_800;

/// Telegram's bounds for buttons: how many under a message, bytes of what one stands for.
const BUTTONS: RangeInclusive<usize> = 1..=100;
const SAYS: usize = 64;

/// Telegram's bounds for a place (metres of its accuracy) and for a topic: characters of its name, and its icon's colours.
const ACCURACY: f64 = 1500.0;
const TOPIC: usize = 128;
const TOPIC_COLORS: [u32; 6] = [7_322_096, 16_766_590, 13_338_331, 9_367_192, 16_749_490, 16_478_047];

/// What is wrong with it, as far as that can be said before Telegram is asked.
pub(super) fn problem(out: &Outbound, act: &Act) -> Option<String> {
    match act {
        Act::Poll { question, options, open_seconds, .. } => poll_problem(question, options, *open_seconds),
        Act::Ask { rows } => ask_problem(out, rows),
        Act::React { emoji: Some(emoji), .. } if emoji.trim().is_empty() => Some("the emoji is empty".into()),
        Act::Edit { rows: Some(rows), .. } if !rows.is_empty() => {
            too_long(&out.text).or_else(|| buttons_problem(rows))
        }
        Act::Edit { rows: None, .. } if out.text.trim().is_empty() => Some("the new text is empty".into()),
        Act::Sticker { file_id } if file_id.trim().is_empty() => Some("the sticker's fileId is empty".into()),
        Act::Place(place) => place_problem(out, place),
        Act::Topic(topic) => topic_problem(topic),
        Act::Edit { .. } => too_long(&out.text),
        _ => None,
    }
    .or_else(|| {
        let id = act.message_id()?;
        let is_one = id.parse::<i64>().is_ok_and(|id| id > 0);
        (!is_one).then(|| format!("{id:?} is no id of a Telegram message, which is a number"))
    })
}

fn ask_problem(out: &Outbound, rows: &[Vec<Button>]) -> Option<String> {
    if out.text.trim().is_empty() {
        return Some("there is nothing above the buttons: the text is empty".into());
    }
    too_long(&out.text).or_else(|| buttons_problem(rows))
}

fn too_long(text: &str) -> Option<String> {
    let is_too_long = format::units(&format::render(text).plain) > MAX_TEXT;
    is_too_long.then(|| format!("the text is longer than one message may be ({MAX_TEXT} characters)"))
}

fn buttons_problem(rows: &[Vec<Button>]) -> Option<String> {
    let buttons = || rows.iter().flatten();
    let wrong =
        |b: &&Button| b.label.trim().is_empty() || (b.opens.is_none() && !(1..=SAYS).contains(&b.says.len()));
    if !BUTTONS.contains(&buttons().count()) {
        return Some(format!("a message has {} to {} buttons", BUTTONS.start(), BUTTONS.end()));
    }
    buttons()
        .find(wrong)
        .map(|b| format!("button {:?}: it needs a label, and says 1 to {SAYS} bytes", b.label))
}

fn place_problem(out: &Outbound, place: &Place) -> Option<String> {
    let within = |text: &str, most: f64| text.parse().is_ok_and(|n: f64| n.is_finite() && n.abs() <= most);
    let Place { latitude, longitude, accuracy, venue } = place;
    if !out.text.trim().is_empty() {
        return Some("a place goes alone: with a text it would be two messages".into());
    }
    if !within(latitude, 90.0) || !within(longitude, 180.0) {
        return Some(format!(
            "{latitude}, {longitude} is no place: latitude is -90 to 90, longitude -180 to 180"
        ));
    }
    if accuracy.as_ref().is_some_and(|metres| !within(metres, ACCURACY) || metres.starts_with('-')) {
        return Some(format!("a place's accuracy is 0 to {ACCURACY} metres"));
    }
    let is_empty = |(name, address): &(String, String)| name.trim().is_empty() || address.trim().is_empty();
    venue.as_ref().is_some_and(is_empty).then(|| "a venue has a name and an address".into())
}

fn topic_problem(topic: &Topic) -> Option<String> {
    let Topic { id, name, icon_color, icon_emoji_id } = topic;
    if let Some(name) = name
        && !(1..=TOPIC).contains(&name.trim().chars().count())
    {
        return Some(format!("a topic's name has 1 to {TOPIC} characters"));
    }
    match id {
        Some(id) if id.parse::<i64>().is_err() => {
            Some(format!("{id:?} is no id of a topic, which is a number"))
        }
        Some(_) if name.is_none() && icon_emoji_id.is_none() => {
            Some("there is nothing to change: say name or iconCustomEmojiId".into())
        }
        None if name.is_none() => Some("a new topic needs a name".into()),
        _ => icon_color.filter(|color| !TOPIC_COLORS.contains(color)).map(|color| {
            format!(
                "{color} is no colour of a topic's icon; there are: {}",
                TOPIC_COLORS.map(|c| c.to_string()).join(", ")
            )
        }),
    }
}

fn poll_problem(question: &str, options: &[String], open_seconds: Option<u64>) -> Option<String> {
    let length = |text: &str| text.trim().chars().count();
    if !(1..=QUESTION).contains(&length(question)) {
        return Some(format!("the question of a Telegram poll has 1 to {QUESTION} characters"));
    }
    if !OPTIONS.contains(&options.len()) {
        let (least, most) = (OPTIONS.start(), OPTIONS.end());
        return Some(format!("a Telegram poll has {least} to {most} options, not {}", options.len()));
    }
    if let Some(wrong) = options.iter().find(|option| !(1..=OPTION).contains(&length(option))) {
        let shown: String = wrong.chars().take(40).collect();
        return Some(format!("an option of a Telegram poll has 1 to {OPTION} characters: {shown:?}"));
    }
    if open_seconds.is_some_and(|seconds| !OPEN_SECONDS.contains(&seconds)) {
        let (least, most) = (OPEN_SECONDS.start(), OPEN_SECONDS.end());
        return Some(format!("a Telegram poll closes by itself after {least} to {most} seconds, or never"));
    }
    None
}
