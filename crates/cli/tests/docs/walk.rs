//! A walk through a page: its command lines, one after the other, typed on a computer as they stand there. What a reader
//! does beside that (reads an id off the screen, answers a question, has another terminal) stands with the walk.

use crate::live::Program;
use crate::machine::Machine;
use crate::page::{Line, lines};
use crate::support::Ran;

/// What cannot run here, and why: such lines are passed over on all pages.
const NOT_HERE: &[(&str, &str)] = &[
    ("cargo ", "builds the program; the tests run what was built"),
    ("./scripts/", "runs the tests"),
    ("scripts/", "measures for minutes; whoever changes what it measures runs it"),
    ("apt-get ", "changes the host"),
    ("sudo adduser ", "changes the host"),
    ("sudo brew ", "macOS"),
    ("openclaw dns setup --domain openclaw.internal --apply", "sets up Homebrew's CoreDNS: macOS"),
    ("systemctl mask ", "switches off a real computer's sleep"),
    ("sudo loginctl ", "takes logind, which a real login has"),
    ("timedatectl ", "sets a real computer's clock"),
    ("tailscale ", "a real tailnet"),
    ("docker ", "takes an engine; the runbook says with which one it was tried"),
    ("ssh-copy-id ", "asks for a password"),
    ("ssh -N -L", "stays up; the measurement of the tunnel runs it"),
];

/// What stands on pages for something that differs from place to place, and where a reader finds it: in what this command
/// prints as JSON on the gateway's host.
const READ_OFF: &[(&str, &str, &str, &str)] = &[
    ("nodes approve REQUEST", "REQUEST", "openclaw nodes pending", "/0/requestId"),
    ("devices approve REQUEST", "REQUEST", "openclaw devices list", "/pending/0/requestId"),
    ("devices approve --local REQUEST", "REQUEST", "openclaw devices list", "/pending/0/requestId"),
    ("pairing approve telegram CODE", "CODE", "openclaw pairing list", "/requests/0/requestId"),
];

type Doing<'a> = Box<dyn FnMut() + 'a>;
type Finding<'a> = Box<dyn Fn() -> String + 'a>;

/// What is to be known of one line.
#[derive(Default)]
pub(crate) struct Note<'a> {
    begins: &'static str,
    on: Option<&'a Machine>,
    codes: Vec<i32>,
    stays: Option<&'static str>,
    instead: bool,
    means: Vec<(&'static str, Finding<'a>)>,
    before: Option<Doing<'a>>,
    afterwards: Option<Doing<'a>>,
    typed: String,
    answers: &'static [(&'static str, &'static str)],
    cannot: bool,
    names: bool,
    says: Vec<&'static str>,
    used: bool,
}

impl<'a> Note<'a> {
    /// It is typed there, and not where the rest is.
    pub(crate) fn on(&mut self, machine: &'a Machine) -> &mut Self {
        self.on = Some(machine);
        self
    }

    /// It ends with this exit code.
    pub(crate) fn ends(&mut self, code: i32) -> &mut Self {
        self.codes.push(code);
        self
    }

    /// It stays up, in a terminal of its own to the end of the page, and says this once it is there.
    pub(crate) fn stays(&mut self, until: &'static str) -> &mut Self {
        self.stays = Some(until);
        self
    }

    /// What stayed up before is ended first.
    pub(crate) fn instead(&mut self) -> &mut Self {
        self.instead = true;
        self
    }

    /// What a word of it stands for.
    pub(crate) fn means(&mut self, word: &'static str, text: &'static str) -> &mut Self {
        self.finds(word, move || text.to_owned())
    }

    /// As [`Note::means`]; it is looked for when the line is typed.
    pub(crate) fn finds(&mut self, word: &'static str, find: impl Fn() -> String + 'a) -> &mut Self {
        self.means.push((word, Box::new(find)));
        self
    }

    /// What happens before.
    pub(crate) fn after(&mut self, happens: impl FnMut() + 'a) -> &mut Self {
        self.before = Some(Box::new(happens));
        self
    }

    /// What happens afterwards.
    pub(crate) fn then(&mut self, happens: impl FnMut() + 'a) -> &mut Self {
        self.afterwards = Some(Box::new(happens));
        self
    }

    /// It asks this at a terminal, and is answered.
    pub(crate) fn asks(&mut self, answers: &'static [(&'static str, &'static str)]) -> &mut Self {
        self.answers = answers;
        self
    }

    /// It cannot run here, for this reason.
    pub(crate) fn cannot(&mut self, _reason: &'static str) -> &mut Self {
        self.cannot = true;
        self
    }

    /// This is typed into it.
    pub(crate) fn reads(&mut self, typed: &str) -> &mut Self {
        self.typed = typed.to_owned();
        self
    }

    /// The page speaks of the command, and leaves out what it needs: its help is asked for.
    pub(crate) fn is_a_name(&mut self) -> &mut Self {
        self.names = true;
        self
    }

    /// It prints this.
    pub(crate) fn says(&mut self, text: &'static str) -> &mut Self {
        self.says.push(text);
        self
    }
}

/// A walk that is being prepared.
pub(crate) struct Walk<'a> {
    page: &'static str,
    here: &'a Machine,
    gateway: &'a Machine,
    notes: Vec<Note<'a>>,
    running: Vec<Program>,
}

impl<'a> Walk<'a> {
    /// Through this page, on this computer.
    pub(crate) fn through(page: &'static str, here: &'a Machine) -> Self {
        Self { page, here, gateway: here, notes: Vec::new(), running: Vec::new() }
    }

    /// The gateway is on another one.
    pub(crate) fn gateway(mut self, machine: &'a Machine) -> Self {
        self.gateway = machine;
        self
    }

    /// What is to be known of the lines that begin so.
    pub(crate) fn line(&mut self, begins: &'static str) -> &mut Note<'a> {
        self.notes.push(Note { begins, ..Note::default() });
        let last = self.notes.len() - 1;
        &mut self.notes[last]
    }

    /// These are spoken of, and not written out.
    pub(crate) fn names(&mut self, names: &[&'static str]) {
        for name in names {
            self.line(name).is_a_name();
        }
    }

    /// Goes it, to the end, and says then where the page is wrong.
    pub(crate) fn go(mut self) {
        let mut wrong = Vec::new();
        for line in lines(self.page) {
            if let Err(why) = self.step(&line) {
                wrong.push(format!("{}:{}: {}\n{why}", self.page, line.at, line.text));
            }
        }
        let unused = self.notes.iter().filter(|note| !note.used);
        wrong.extend(unused.map(|note| format!("{}: no line begins with {:?}", self.page, note.begins)));
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    fn step(&mut self, line: &Line) -> Result<(), String> {
        if NOT_HERE.iter().any(|(begins, _)| line.text.starts_with(begins)) {
            return Ok(());
        }
        // Of several notes the closest one is meant.
        let notes = self.notes.iter_mut().filter(|note| match note.names {
            true => line.text == note.begins,
            false => line.text.starts_with(note.begins),
        });
        let mut none = Note::default();
        let note = notes.max_by_key(|note| note.begins.len()).unwrap_or(&mut none);
        note.used = true;
        if note.cannot {
            return Ok(());
        }
        if note.instead {
            self.running.clear();
        }
        if let Some(before) = &mut note.before {
            before();
        }
        let machine = note.on.unwrap_or(self.here);
        let text = written_out(line, note, self.gateway)?;
        match note.stays {
            Some(until) => self.running.push(machine.stays(&text, until)),
            None => note.judge(&typed(machine, &text, note)).map_err(|why| format!("({text})\n{why}"))?,
        }
        if let Some(afterwards) = &mut note.afterwards {
            afterwards();
        }
        Ok(())
    }
}

impl Note<'_> {
    fn judge(&self, ran: &Ran) -> Result<(), String> {
        let good = if self.codes.is_empty() { ran.code == 0 } else { self.codes.contains(&ran.code) };
        let said = format!("{}{}", ran.out, ran.err);
        match self.says.iter().find(|wanted| !said.contains(**wanted)) {
            Some(wanted) => Err(format!("it does not say {wanted:?}; exit code {}\n{said}", ran.code)),
            None if good => Ok(()),
            None => Err(format!("exit code {}\n{said}", ran.code)),
        }
    }
}

/// What becomes of a line that ends.
fn typed(machine: &Machine, text: &str, note: &Note<'_>) -> Ran {
    if note.answers.is_empty() {
        return machine.types(text, &note.typed);
    }
    let mut seat = machine.sits_at(text);
    for (question, answer) in note.answers {
        match question.ends_with(' ') {
            true => seat.sees(question),
            // Then it ends as most do.
            false => seat.sees_question(question),
        }
        seat.types(answer);
    }
    let code = seat.end().unwrap_or(-1);
    Ran { code, out: std::mem::take(&mut seat.screen), err: String::new() }
}

/// The line with what its words stand for.
fn written_out(line: &Line, note: &Note<'_>, gateway: &Machine) -> Result<String, String> {
    if note.names {
        return Ok(format!("{} --help", line.text));
    }
    let (mut text, mut open) = (line.text.clone(), line.text.clone());
    let mut put = |word: &str, meaning: &str| {
        text = text.replace(word, meaning);
        open = open.replace(word, "");
    };
    for (word, meaning) in &note.means {
        if !line.text.contains(word) {
            return Err(format!("there is no {word} in it"));
        }
        put(word, &meaning());
    }
    for (part, word, command, pointer) in READ_OFF {
        if line.text.contains(part) && !note.means.iter().any(|(known, _)| known == word) {
            put(word, &gateway.shows(command, |shown| Some(shown.pointer(pointer)?.as_str()?.to_owned()))?);
        }
    }
    let is_open = |word: &&str| {
        let placeholder = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '/');
        placeholder || word.contains('…') || word.starts_with('[')
    };
    match open.split_whitespace().find(is_open) {
        Some(word) => Err(format!("what {word} stands for is not known")),
        None => Ok(text),
    }
}
