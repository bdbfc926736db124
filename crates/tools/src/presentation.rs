//! What a message shows beside its text, as OpenClaw's `presentation` says it: a title, paragraphs, tables, buttons. Platforms show of it
//! what they can; all else is text, so that nothing is lost.

use model::{Button, Opens};
use serde::Deserialize;
use serde_json::Value;

/// Buttons of a row.
const ROW: usize = 3;
/// Bytes of what a button says.
const SAYS: usize = 64;

/// A text with buttons under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// Markdown.
    pub text: String,
    /// Rows of buttons.
    pub rows: Vec<Vec<Button>>,
}

/// What the chat takes.
#[derive(Debug, Clone, Copy)]
pub struct Chat {
    /// Whether messages there may have buttons.
    pub has_buttons: bool,
    /// Whether it is a direct one: only there a button opens an app.
    pub is_direct: bool,
}

#[derive(Deserialize)]
struct Presentation {
    title: Option<String>,
    #[serde(default)]
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Block {
    Text { text: String },
    Context { text: String },
    Divider,
    Buttons { buttons: Vec<Control> },
    Select { options: Vec<Control> },
    Chart(Chart),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    label: String,
    action: Option<Action>,
    value: Option<String>,
    url: Option<String>,
    #[serde(alias = "web_app")]
    web_app: Option<App>,
    style: Option<String>,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
struct App {
    url: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Action {
    Command {
        command: String,
    },
    Callback {
        value: String,
    },
    Url {
        url: String,
    },
    WebApp {
        url: Option<String>,
    },
    /// Such as those that only the gateway itself makes.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chart {
    chart_type: String,
    title: String,
    #[serde(default)]
    segments: Vec<Segment>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    series: Vec<Series>,
    x_label: Option<String>,
    y_label: Option<String>,
}

#[derive(Deserialize)]
struct Segment {
    label: String,
    value: f64,
}

#[derive(Deserialize)]
struct Series {
    name: String,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Table {
    caption: String,
    headers: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// Reads one, below `text`.
///
/// # Errors
/// What of it cannot be read.
pub fn present(presentation: &Value, text: &str, chat: Chat) -> Result<Presented, String> {
    let read: Presentation =
        serde_json::from_value(presentation.clone()).map_err(|e| format!("presentation: {e}"))?;
    let mut parts = vec![text.trim_end().to_owned()];
    parts.extend(
        read.title.filter(|title| title.trim() != text.trim()).map(|title| format!("**{}**", title.trim())),
    );
    let mut rows = Vec::new();
    for block in read.blocks {
        match block {
            Block::Text { text } | Block::Context { text } => parts.push(text),
            Block::Divider => parts.push("———".to_owned()),
            Block::Chart(chart) => parts.push(chart.in_words()),
            Block::Table(table) => parts.push(table.in_words()),
            Block::Buttons { buttons } | Block::Select { options: buttons } => {
                let (pressed, told): (Vec<_>, Vec<_>) =
                    buttons.into_iter().map(|control| control.button(chat)).partition(Result::is_ok);
                let pressed: Vec<Button> = pressed.into_iter().flatten().collect();
                rows.extend(pressed.chunks(ROW).map(<[Button]>::to_vec));
                let told: Vec<String> = told.into_iter().filter_map(Result::err).collect();
                parts.push(told.join("\n"));
            }
        }
    }
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    Ok(Presented { text: parts.join("\n\n"), rows })
}

impl Control {
    /// The button, or the line that stands for it where there can be none.
    fn button(self, chat: Chat) -> Result<Button, String> {
        let Self { label, action, value, url, web_app, style, disabled } = self;
        let label = label.trim().to_owned();
        let action = action.or_else(|| {
            let url = url.map(|url| Action::Url { url });
            let app = web_app.map(|app| Action::WebApp { url: Some(app.url) });
            url.or(app).or(value.map(|value| Action::Callback { value }))
        });
        let (says, opens, line) = match action {
            Some(Action::Command { command }) => {
                (command.trim().to_owned(), None, format!("• {label}: `{}`", command.trim()))
            }
            Some(Action::Callback { value }) => (value, None, format!("• {label}")),
            Some(Action::Url { url }) => {
                (String::new(), Some(Opens::Page(url.clone())), format!("• {label}: {url}"))
            }
            Some(Action::WebApp { url: Some(url) }) => {
                let line = format!("• {label}: {url}");
                (String::new(), chat.is_direct.then_some(Opens::App(url)), line)
            }
            Some(Action::WebApp { url: None } | Action::Other) | None => {
                (String::new(), None, format!("• {label}"))
            }
        };
        if disabled {
            return Err(format!("• {label}"));
        }
        let works = opens.is_some() || (1..=SAYS).contains(&says.len());
        if !chat.has_buttons || !works || label.is_empty() {
            return Err(line);
        }
        let style = style.filter(|style| ["primary", "success", "danger"].contains(&style.as_str()));
        Ok(Button { label, says, opens, style })
    }
}

impl Chart {
    fn in_words(&self) -> String {
        let mut lines = vec![format!("{} ({} chart)", self.title, self.chart_type)];
        let axes = [("x", &self.x_label), ("y", &self.y_label)];
        lines.extend(
            axes.into_iter().filter_map(|(axis, label)| Some(format!("{axis}: {}", label.as_ref()?))),
        );
        lines.extend(self.segments.iter().map(|segment| format!("- {}: {}", segment.label, segment.value)));
        for series in &self.series {
            let values =
                self.categories.iter().zip(&series.values).map(|(name, value)| format!("{name}: {value}"));
            lines.push(format!("- {}: {}", series.name, values.collect::<Vec<_>>().join("; ")));
        }
        lines.join("\n")
    }
}

impl Table {
    fn in_words(&self) -> String {
        let cell = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let row = |row: &Vec<Value>| {
            let cells = self.headers.iter().zip(row).map(|(head, value)| format!("{head}: {}", cell(value)));
            format!("- {}", cells.collect::<Vec<_>>().join("; "))
        };
        let lines: Vec<String> = self.rows.iter().map(row).collect();
        format!("{} (table)\n{}", self.caption, lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: Chat = Chat { has_buttons: true, is_direct: true };

    fn button(label: &str, says: &str) -> Button {
        Button { label: label.into(), says: says.into(), opens: None, style: None }
    }

    #[test]
    fn buttons_stand_in_rows_and_all_else_is_text() {
        let presented = present(
            &json!({"title": "Deploy", "tone": "warning", "blocks": [
                {"type": "text", "text": "Canary is ready."}, {"type": "divider"},
                {"type": "buttons", "buttons": [
                    {"label": "Yes", "action": {"type": "callback", "value": "yes"}, "style": "success"},
                    {"label": "No", "value": "no", "style": "secondary"},
                    {"label": "Stop", "action": {"type": "command", "command": "/stop"}},
                    {"label": "Notes", "url": "https://x.org"},
                    {"label": "App", "webApp": {"url": "https://x.org/app"}},
                ]},
                {"type": "table", "caption": "Open", "headers": ["Account", "ARR"], "rows": [["Acme", 125], ["G", 82]]},
            ]}),
            "Now?",
            ALL,
        )
        .unwrap();
        assert_eq!(
            presented.text,
            "Now?\n\n**Deploy**\n\nCanary is ready.\n\n———\n\nOpen (table)\n- Account: Acme; ARR: 125\n- Account: G; ARR: 82"
        );
        let opens = |label: &str, opens| Button { opens: Some(opens), ..button(label, "") };
        assert_eq!(
            presented.rows,
            [
                vec![
                    Button { style: Some("success".into()), ..button("Yes", "yes") },
                    button("No", "no"),
                    button("Stop", "/stop")
                ],
                vec![
                    opens("Notes", Opens::Page("https://x.org".into())),
                    opens("App", Opens::App("https://x.org/app".into()))
                ],
            ]
        );
    }

    #[test]
    fn a_button_that_cannot_be_one_is_a_line() {
        let buttons = json!({"blocks": [{"type": "buttons", "buttons": [
            {"label": "Long", "value": "x".repeat(65)},
            {"label": "App", "action": {"type": "web-app", "url": "https://x.org"}},
            {"label": "Off", "value": "off", "disabled": true},
            {"label": "Ask", "action": {"type": "approval", "approvalId": "1", "decision": "deny"}},
            {"label": "Run", "action": {"type": "command", "command": "/run"}},
        ]}]});
        let group = present(&buttons, "", Chat { is_direct: false, ..ALL }).unwrap();
        assert_eq!(group.text, "• Long\n• App: https://x.org\n• Off\n• Ask");
        assert_eq!(group.rows, [vec![button("Run", "/run")]]);
        let none = present(&buttons, "", Chat { has_buttons: false, ..ALL }).unwrap();
        assert!(none.rows.is_empty() && none.text.ends_with("• Run: `/run`"), "{none:?}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (bad, part) in [
            (json!([]), "presentation"),
            (json!({"blocks": [{"type": "carousel"}]}), "carousel"),
            (json!({"blocks": [{"type": "buttons", "buttons": [{"value": "x"}]}]}), "label"),
        ] {
            let error = present(&bad, "", ALL).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
