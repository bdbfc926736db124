//! Which environment a command gets. Variables that make a loader, shell or interpreter run other code are left out, and
//! so are our own secrets: a command is often written by a model that reads strangers' texts.

use crate::ExecError;
use crate::argv::push_quoted;

/// Names of which any beginning counts.
const PREFIXES: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG_"];

/// Names that loaders, shells and interpreters obey.
const LOADERS: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "CDPATH",
    "CLASSPATH",
    "ENV",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "LOCALDOMAIN",
    "LOCPATH",
    "LUA_INIT",
    "MALLOC_TRACE",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC_WRAPPER",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];

/// Credentials of model providers and channels that this process may hold.
const SECRETS: &[&str] = &[
    "AI_GATEWAY_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_OAUTH_TOKEN",
    "AZURE_OPENAI_API_KEY",
    "CEREBRAS_API_KEY",
    "COHERE_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GROQ_API_KEY",
    "LM_API_TOKEN",
    "MINIMAX_API_KEY",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "OLLAMA_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "PERPLEXITY_API_KEY",
    "QWEN_API_KEY",
    "TELEGRAM_BOT_TOKEN",
    "TOGETHER_API_KEY",
    "VLLM_API_KEY",
    "XAI_API_KEY",
    "ZAI_API_KEY",
];

/// Endings of names that hold credentials, whoever named them.
const SECRET_ENDINGS: &[&str] = &["_API_KEY", "_TOKEN", "_SECRET"];

/// What is left of an environment once everything is dropped that would run other code or give away our secrets. The
/// order stays.
pub fn scrub_env(vars: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    vars.filter(|(name, _)| refusal(name).is_none() && !sounds_secret(name)).collect()
}

/// Whether a caller may set these variables for a command, on top of what the command inherits.
///
/// # Errors
/// [`ExecError::Env`] for the first name that loaders obey or that is known to hold a credential of ours, for `PATH`, and
/// for what is no variable at all (empty, with `=` or a NUL in the name, a NUL in the value). A credential of the caller's
/// own under another name is its own business.
pub fn check_env_overrides(vars: &[(String, String)]) -> Result<(), ExecError> {
    for (name, value) in vars {
        let reason = if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            Some("it is not a well-formed variable")
        } else if name.eq_ignore_ascii_case("PATH") {
            Some("PATH decides which programs run; give the program's full path instead")
        } else {
            refusal(name)
        };
        if let Some(reason) = reason {
            return Err(ExecError::Env { name: name.clone(), reason });
        }
    }
    Ok(())
}

/// Why our own secrets are kept away from commands.
const CREDENTIAL: &str = "it is a credential of the gateway";

/// Why a variable is kept away from commands; `None` where it is not. Letter case does not matter: some programs look
/// their variables up without regard to it.
fn refusal(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let is = |list: &[&str]| list.contains(&upper.as_str());
    if is(LOADERS) || PREFIXES.iter().any(|p| upper.starts_with(p)) {
        return Some("it makes programs load or run other code");
    }
    let ours = upper.starts_with("OPENCLAW_") && (upper.contains("TOKEN") || upper.contains("PASSWORD"));
    if ours || is(SECRETS) {
        return Some(CREDENTIAL);
    }
    None
}

/// Whether a name says that it holds a credential: configurations may take a provider's key from any variable.
fn sounds_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    SECRET_ENDINGS.iter().any(|ending| upper.ends_with(ending)) || upper.contains("PASSWORD")
}

/// Variables as people read them, `A=1 B="x y"`. Of one whose name says that it holds a credential there is only how long it
/// is: what people are asked about is kept and sent around.
pub fn display_env(vars: &[(String, String)]) -> String {
    let mut line = String::new();
    for (i, (name, value)) in vars.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        push_quoted(&mut line, name);
        line.push('=');
        if sounds_secret(name) || refusal(name) == Some(CREDENTIAL) {
            line.push_str(&format!("(hidden, {} characters)", value.chars().count()));
        } else {
            push_quoted(&mut line, value);
        }
    }
    line
}

/// The environment of this process, scrubbed. Variables that are not UTF-8 are left out.
pub(crate) fn inherited() -> Vec<(String, String)> {
    scrub_env(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &[&str] = &[
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PERL5LIB",
        "PERL5OPT",
        "RUBYOPT",
        "RUBYLIB",
        "BASH_ENV",
        "ENV",
        "BASH_FUNC_ls%%",
        "GCONV_PATH",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "GIT_SSH_COMMAND",
        "PROMPT_COMMAND",
        "PS4",
        "SHELLOPTS",
        "IFS",
        "OPENCLAW_GATEWAY_TOKEN",
        "OPENCLAW_GATEWAY_PASSWORD",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "ld_preload",
    ];
    const KEPT: &[&str] = &["HOME", "LANG", "TERM", "OPENCLAW_STATE_DIR", "TOKENIZERS", "LDX", "ENVIRONMENT"];

    fn pair(name: &str) -> (String, String) {
        (name.to_owned(), "v".to_owned())
    }

    #[test]
    fn dangerous_variables_are_dropped_and_refused() {
        for name in REFUSED {
            assert_eq!(scrub_env([pair(name)].into_iter()), vec![], "{name}");
            let error = check_env_overrides(&[pair("HOME"), pair(name)]).unwrap_err();
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }

    #[test]
    fn ordinary_variables_stay_in_order() {
        let vars: Vec<_> = KEPT.iter().map(|n| pair(n)).collect();
        assert_eq!(scrub_env(vars.clone().into_iter()), vars);
        check_env_overrides(&vars).unwrap();
    }

    #[test]
    fn credentials_under_other_names_are_not_inherited_and_may_be_given() {
        for name in ["MY_API_KEY", "GITHUB_TOKEN", "client_secret", "PGPASSWORD", "DB_PASSWORD_FILE"] {
            assert_eq!(scrub_env([pair(name)].into_iter()), vec![], "{name}");
            check_env_overrides(&[pair(name)]).unwrap();
        }
    }

    #[test]
    fn people_read_variables_and_no_credentials() {
        let vars = [("A", "1"), ("B", "x y"), ("MY_TOKEN", "hush"), ("OPENAI_API_KEY", "hush"), ("C", "")];
        let vars: Vec<_> = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let shown = display_env(&vars);
        assert_eq!(
            shown,
            r#"A=1 B="x y" MY_TOKEN=(hidden, 4 characters) OPENAI_API_KEY=(hidden, 4 characters) C="""#
        );
        assert_eq!(display_env(&[]), "");
    }

    #[test]
    fn the_path_is_inherited_and_may_not_be_set() {
        assert_eq!(scrub_env([pair("PATH")].into_iter()), vec![pair("PATH")]);
        assert!(check_env_overrides(&[pair("PATH")]).is_err());
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
            assert!(check_env_overrides(&[(name.to_owned(), value.to_owned())]).is_err(), "{name:?}");
        }
    }
}
