//! Runs commands and keeps what they print, once for people and once for programs; then both together are held against the
//! pages.

use crate::leaves::Leaf;
use crate::live::Gateway;
use crate::mask::Mask;
use crate::support::{Home, Ran};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;

/// What the commands of one mode printed, in their order.
pub(crate) struct Book {
    leaves: Vec<String>,
    json: bool,
    mask: Mutex<Mask>,
    shown: Mutex<Vec<Shown>>,
}

/// What one command printed.
struct Shown {
    /// The page that it stands on.
    page: String,
    /// What is to be known of it, and the command line.
    title: String,
    text: String,
}

impl Book {
    pub(crate) fn new(leaves: &[Leaf], json: bool) -> Self {
        let leaves = leaves.iter().map(|(name, _)| name.clone()).collect();
        Self { leaves, json, mask: Mask::new().into(), shown: Mutex::default() }
    }

    /// From now on this text is shown as that.
    pub(crate) fn know(&self, text: &str, shown: &str) {
        self.mask.lock().unwrap().know(text, shown);
    }

    fn keep(&self, note: &str, args: &[&str], ran: &Ran) {
        let line = args.join(" ");
        let is_it = |leaf: &&String| line == **leaf || line.starts_with(&format!("{leaf} "));
        assert!(self.leaves.iter().any(|leaf| is_it(&leaf)), "{line} is no command");
        let mask = self.mask.lock().unwrap();
        let quoted =
            |arg: &&str| if arg.contains([' ', '{']) { format!("'{arg}'") } else { (*arg).to_owned() };
        let line = mask.text(&args.iter().map(quoted).collect::<Vec<_>>().join(" "));
        let mut text = if self.json { mask.json(&ran.out) } else { mask.text(&ran.out) };
        if !ran.err.is_empty() {
            text = format!("{text}\n(standard error)\n{}", mask.text(&ran.err)).trim_start().to_owned();
        }
        if ran.code != 0 {
            text.push_str(&format!("\n(exit code {})", ran.code));
        }
        let note = if note.is_empty() { String::new() } else { format!("# {note}\n") };
        let json = if self.json { " --json" } else { "" };
        let page = args[0].to_owned();
        self.shown.lock().unwrap().push(Shown {
            page,
            title: format!("{note}$ openclaw {line}{json}"),
            text,
        });
    }
}

/// Where the commands of a part run.
pub(crate) struct Scene<'a> {
    pub(crate) book: &'a Book,
    pub(crate) home: &'a Home,
    /// Asked by every command, if there is one.
    pub(crate) gateway: Option<&'a Gateway>,
    /// More variables for the commands.
    pub(crate) vars: &'a [(&'a str, &'a str)],
}

impl Scene<'_> {
    /// Runs a command in the book's mode, and keeps what it prints.
    pub(crate) fn shows(&self, args: &[&str]) {
        self.shows_when("", args);
    }

    /// As [`Scene::shows`], with what is to be known beside it.
    pub(crate) fn shows_when(&self, note: &str, args: &[&str]) {
        let ran = self.run(&[args, if self.book.json { &["--json"] } else { &[] }].concat());
        self.book.keep(note, args, &ran);
    }

    /// As [`Scene::shows`], with this on its standard input.
    pub(crate) fn shows_fed(&self, args: &[&str], text: &str) {
        let json: &[&str] = if self.book.json { &["--json"] } else { &[] };
        let mut command = self.home.command(&[args, json].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        self.book.keep("", args, &child.wait_with_output().unwrap().into());
    }

    /// Runs a command that is not kept.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let port = self.gateway.map(|gateway| ["--port", gateway.port.as_str()]);
        let port = port.as_ref().map_or(&[][..], |port| &port[..]);
        self.home.run_with(&[args, port].concat(), self.vars)
    }

    /// What a command that is not kept gives as JSON; it must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.json()
    }
}

/// The pages by their names.
pub(crate) struct Pages(BTreeMap<String, String>);

const RENEW: &str = "UPDATE_SNAPSHOTS=1 cargo nextest run --workspace --test shown";

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

impl Pages {
    /// Both modes beside each other.
    pub(crate) fn merged(plain: Book, json: Book) -> Self {
        let (plain, json) = (plain.shown.into_inner().unwrap(), json.shown.into_inner().unwrap());
        assert_eq!(plain.len(), json.len());
        let mut pages = BTreeMap::new();
        for (plain, json) in plain.into_iter().zip(json) {
            let page: &mut String = pages.entry(plain.page.clone()).or_insert_with(|| {
                format!("What the commands under `{}` print. Written by a test: {RENEW}\n", plain.page)
            });
            for shown in [plain, json] {
                page.push_str(&format!("\n{}\n{}\n", shown.title, shown.text.trim_end()));
            }
        }
        Self(pages)
    }

    /// What is kept on disk.
    fn kept() -> BTreeMap<String, String> {
        let files = std::fs::read_dir(dir()).into_iter().flatten().map(|entry| entry.unwrap().path());
        let page = |file: PathBuf| {
            (file.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&file).unwrap())
        };
        files.map(page).collect()
    }

    /// The command lines of all pages.
    pub(crate) fn commands() -> Vec<String> {
        let lines = |page: &String| {
            page.lines().filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect::<Vec<_>>()
        };
        Self::kept().values().flat_map(lines).collect()
    }

    /// Fails where a page is not what was printed, or writes it anew where that is wanted.
    pub(crate) fn hold(&self) {
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::create_dir_all(dir()).unwrap();
            for name in Self::kept().keys().filter(|name| !self.0.contains_key(*name)) {
                std::fs::remove_file(dir().join(format!("{name}.txt"))).unwrap();
            }
            for (name, page) in &self.0 {
                std::fs::write(dir().join(format!("{name}.txt")), page).unwrap();
            }
        }
        let kept = Self::kept();
        let names: BTreeSet<_> = kept.keys().chain(self.0.keys()).collect();
        let none = String::new();
        let differences: Vec<String> = names
            .into_iter()
            .filter_map(|name| {
                let (kept, now) = (kept.get(name).unwrap_or(&none), self.0.get(name).unwrap_or(&none));
                difference(kept, now).map(|lines| format!("{name}.txt: {lines}"))
            })
            .collect();
        assert!(differences.is_empty(), "{}\nif that is meant: {RENEW}", differences.join("\n"));
    }
}

/// The first line that differs, with the command that it stands under.
fn difference(kept: &str, now: &str) -> Option<String> {
    if kept == now {
        return None;
    }
    let (kept, now): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), now.lines().collect());
    let at = kept.iter().zip(&now).take_while(|(kept, now)| kept == now).count();
    let under = now[..at].iter().rev().find(|line| line.starts_with("$ ")).unwrap_or(&"the head");
    let line = |lines: &[&str]| lines.get(at).map_or("nothing more".to_owned(), |line| format!("{line:?}"));
    Some(format!("line {} under {under}: kept {}, now {}", at + 1, line(&kept), line(&now)))
}
