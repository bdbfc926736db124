//! The demo's own place: a directory that goes with it, a small configuration, and the best model that there is.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use config::{Loaded, Paths};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The variable that says where Ollama listens, for the gateway too; else it is looked for at its usual place.
const OLLAMA_VARIABLE: &str = "OLLAMA_BASE_URL";
const OLLAMA: &str = "http://127.0.0.1:11434";

/// The models that are taken when their provider's key is in the environment.
const BY_KEY: &[(&str, &str)] =
    &[("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-5"), ("OPENAI_API_KEY", "openai/gpt-4.1-mini")];

/// The demo's directory and what is in it.
pub(super) struct Home {
    /// Where the gateway keeps its state.
    pub(super) paths: Paths,
    /// The rule-based model, where there is no other.
    pub(super) model: Option<Arc<dyn llm::Model>>,
    model_name: Option<String>,
    dir: TempDir,
}

impl Home {
    /// Makes the directory and the configuration, and looks for a model: a key in the environment, a local Ollama, or
    /// the built-in one.
    pub(super) async fn make(ctx: &Context) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("openclaw-demo-").tempdir().map_err(|e| {
            Failure::new(Exit::Failed, "NO_DIRECTORY", format!("no directory for the demo's state: {e}"))
                .hint("TMPDIR names the folder it is made in; it must be writable and have some free space")
        })?;
        let state_dir = dir.path().join("state");
        let config_file = state_dir.join("openclaw.json");
        let paths = Paths { state_dir, config_file, dev: false, profile: None };
        let model_name = find_model(ctx).await;
        let model: Option<Arc<dyn llm::Model>> = match &model_name {
            Some(_) => None,
            None => Some(Arc::new(llm::DemoModel::with_clock(ctx.clock.clone()))),
        };
        let home = Self { paths, model, model_name, dir };
        for dir in [&home.paths.state_dir, &home.node_dir()] {
            std::fs::create_dir_all(dir).map_err(|e| write_failure(dir, &e))?;
        }
        home.write_config(None)?;
        Ok(home)
    }

    /// What answers, for people.
    pub(super) fn model_text(&self) -> String {
        match &self.model_name {
            Some(name) => name.clone(),
            None => "the built-in demo model (rule-based, no AI); set ANTHROPIC_API_KEY or OPENAI_API_KEY, or run Ollama, for a real one".into(),
        }
    }

    /// Whether the built-in model answers.
    pub(super) fn is_rule_based(&self) -> bool {
        self.model.is_some()
    }

    /// Where the node keeps its key and runs commands.
    pub(super) fn node_dir(&self) -> PathBuf {
        self.dir.path().join("node")
    }

    /// Reads the configuration back, as `gateway run` would.
    pub(super) fn load(&self, ctx: &Context) -> Result<Loaded, Failure> {
        Ok(config::load(&self.paths, &ctx.env)?)
    }

    /// Writes down the port that was taken, so that other commands find the gateway by its state directory alone.
    pub(super) fn note_port(&self, port: u16) -> Result<(), Failure> {
        self.write_config(Some(port))
    }

    fn write_config(&self, port: Option<u16>) -> Result<(), Failure> {
        let port = port.map(|p| format!(", port: {p}")).unwrap_or_default();
        let model = match &self.model_name {
            Some(name) => format!("agents: {{ defaults: {{ model: {{ primary: {name:?} }} }} }}, "),
            None => String::new(),
        };
        let text = format!("{{ {model}gateway: {{ mode: \"local\"{port} }} }}\n");
        std::fs::write(&self.paths.config_file, text).map_err(|e| write_failure(&self.paths.config_file, &e))
    }

    /// What to type in another terminal.
    pub(super) fn commands(&self) -> Vec<String> {
        let program = std::env::current_exe().map_or_else(|_| "openclaw".into(), |p| p.display().to_string());
        let with = format!("OPENCLAW_STATE_DIR={} {program}", self.paths.state_dir.display());
        let run = if self.is_rule_based() {
            format!(r#"{with} agent --message 'run uname -a on {}'"#, super::tour::NODE_NAME)
        } else {
            format!(r#"{with} agent --message 'What is the load of the node {}?'"#, super::tour::NODE_NAME)
        };
        vec![format!("{with} status"), format!("{with} nodes list"), run]
    }
}

async fn find_model(ctx: &Context) -> Option<String> {
    let filled = |name: &str| ctx.env.get(name).is_some_and(|value| !value.trim().is_empty());
    if let Some((_, model)) = BY_KEY.iter().find(|(variable, _)| filled(variable)) {
        return Some((*model).to_owned());
    }
    let models = llm::detect_ollama(ctx.env.get_filled(OLLAMA_VARIABLE).unwrap_or(OLLAMA)).await?;
    models.first().map(|name| format!("ollama/{name}"))
}

fn write_failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, "NO_DIRECTORY", format!("{}: {error}", path.display()))
}
