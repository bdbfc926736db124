//! What differs from run to run: ids, times, places, versions. Everything else is shown as it was printed.

use crate::table;
use regex_lite::Regex;
use serde_json::Value;

/// What is found, and what stands in its place; the first that fits counts.
const RULES: &[(&str, &str)] = &[
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"sha256:[A-Za-z0-9_-]{43}\b", "sha256:<sha256>"),
    (r"\b[0-9A-F]{32}\b", "<target>"),
    (r"\b[0-9a-f]{12}\b", "<id>"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", "<time>"),
    (r"\b\d{4}-\d\d-\d\d\b", "<day>"),
    (r"\b1[789]\d{11}\b", "<time>"),
    (r"just now|\b\d+(ms|s|m) ago", "<ago>"),
    (r"\b\d+ ?ms\b", "<ms>"),
    (r"\bup \d+(s|m)\b", "up <span>"),
    (r"^uptime( +)\d+(s|m)$", "uptime$1<span>"),
    // Whether there is a service manager is the host's.
    (r"^service( +).*", "service$1<service>"),
    (r"^(commands|abilities)( +).*", "$1$2<$1>"),
    (r"/j/[A-Za-z0-9_-]+", "/j/<code>"),
    (r"(^|[ ,(])in \d+(s|m|h|d)\b", "${1}in <span>"),
    (r"load [0-9.]+/\d+ · .* free", "<stats>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"\b[A-Za-z0-9_-]{60,}\b", "<code>"),
    // How many requests a browser makes by itself before a page's is not known.
    (r"^r\d+$", "<request>"),
];

/// Numbers under these names are spans that somebody chose, and stay.
const CHOSEN: &[&str] = &["everyMs", "timeoutMs", "invokeTimeoutMs", "ttlMs"];

/// What stands under these names is the host's, or belongs to no command line: what a node of this version offers.
const HIDDEN: &[&str] = &[
    "hostStats",
    "publicKey",
    "service",
    "commands",
    "caps",
    "pendingDeclaredCommands",
    "pendingDeclaredCaps",
];

/// See the module.
pub(crate) struct Mask {
    rules: Vec<(Regex, &'static str)>,
    known: Vec<(String, String)>,
}

impl Mask {
    pub(crate) fn new() -> Self {
        let mut rules: Vec<(Regex, &'static str)> =
            RULES.iter().map(|(find, with)| (Regex::new(find).unwrap(), *with)).collect();
        // It may be a word that stands elsewhere, too.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = regex_lite::escape(host.trim());
        rules.push((Regex::new(&format!("^{host}$")).unwrap(), "<hostname>"));
        rules.push((Regex::new(&format!("^Gateway: {host} ")).unwrap(), "Gateway: <hostname> "));
        let version = (env!("CARGO_PKG_VERSION").to_owned(), "<version>".to_owned());
        Self { rules, known: vec![version] }
    }

    /// From now on this text is shown as that.
    pub(crate) fn know(&mut self, text: &str, shown: &str) {
        // What was learnt last goes first: a path stands before what it contains.
        self.known.insert(0, (text.to_owned(), shown.to_owned()));
    }

    fn words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, shown) in &self.known {
            text = text.replace(known, shown);
        }
        for (find, with) in &self.rules {
            text = find.replace_all(&text, *with).into_owned();
        }
        text
    }

    /// What was printed for people; a code that a camera reads is not told line by line.
    pub(crate) fn text(&self, text: &str) -> String {
        let is_picture =
            |line: &&str| !line.is_empty() && line.chars().all(|c| matches!(c, '█' | '▀' | '▄' | ' '));
        let mut lines: Vec<&str> = Vec::new();
        for line in text.lines() {
            if !is_picture(&line) {
                lines.push(line);
            } else if lines.last() != Some(&"<picture>") {
                lines.push("<picture>");
            }
        }
        table::masked(&lines.join("\n"), |cell| self.words(cell))
    }

    /// What was printed for programs: one value, or one on each line.
    pub(crate) fn json(&self, text: &str) -> String {
        let pretty = |text: &str| {
            let mut value: Value = serde_json::from_str(text).ok()?;
            self.value("", &mut value);
            Some(format!("{value:#}"))
        };
        if let Some(whole) = pretty(text) {
            return whole;
        }
        let line = |line: &str| pretty(line).unwrap_or_else(|| panic!("no JSON: {line}"));
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn value(&self, key: &str, value: &mut Value) {
        let number = value.as_f64();
        *value = match value {
            _ if HIDDEN.contains(&key) => format!("<{key}>").into(),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    self.value(key, value);
                }
                // Keys may be ids, too.
                let shown = map.iter().map(|(key, value)| (self.words(key), value.clone()));
                return *value = Value::Object(shown.collect());
            }
            Value::Array(items) => return items.iter_mut().for_each(|item| self.value(key, item)),
            Value::String(text) => self.words(text).into(),
            Value::Number(_) if number.is_some_and(|n| n > 1_500_000_000_000.0) => "<time>".into(),
            Value::Number(_) if key == "age" => "<ms>".into(),
            Value::Number(_) if key.ends_with("Ms") && !CHOSEN.contains(&key) => "<ms>".into(),
            Value::Number(_) if key.ends_with("Bytes") || key.ends_with("Pid") || key == "pid" => {
                "<n>".into()
            }
            Value::Number(_) if key == "port" => "<port>".into(),
            _ => return,
        };
    }
}
