//! `openclaw.json`: where it is, what it says, and what is wrong with it.
//!
//! The file is JSON5. Every wrong value is reported at once, with file, line, column, key and what is allowed.
//! Keys that this version does not use stay in [`Loaded::source`] untouched and earn a warning. Secrets are
//! references until someone asks for them ([`SecretInput::resolve`]).
//!
//! Nothing here reads the process environment by itself: an [`Env`] is passed in. Watching the file for changes
//! is the gateway's business.

mod auth;
mod choice;
mod directory_lock;
mod doc;
pub mod edit;
mod env;
mod env_file;
mod error;
mod include;
mod path;
mod paths;
mod port;
mod port_holder;
mod private_dir;
mod profiles;
mod read;
mod redact;
mod reload;
mod schema;
mod secret;
mod sections;
mod token;

pub use auth::{AuthError, CredentialOrigin, ServerAuth, server_auth};
pub use directory_lock::DirectoryLock;
pub use edit::changed_paths;
pub use edit::{
    AgentChange, AgentValues, Base, Change, EditError, Edited, Editor, GrantChange, agent_bindings, agent_id,
    read_value, set_in_file as set, unset_in_file as unset,
};
pub use env::Env;
pub use error::{ConfigError, Diagnostic, Level};
pub use path::{PathStep, find, path_steps};
pub use paths::Paths;
pub use port::gateway_port;
pub use port_holder::port_holder;
pub use profiles::{AuthProfile, AuthProfiles, PROFILES_FILE, ProfileKind, ProfileState};
pub use read::{Loaded, file_hash, load, parse};
pub use redact::{REDACTED, redact};
pub use reload::{ReloadKind, reload_kind};
pub use schema::{Child, Lookup, lookup, schema, sensitive_paths};
pub use secret::{SecretError, SecretInput, SecretOrigin};
pub use sections::*;
pub use token::{TokenError, ensure_gateway_token, read_gateway_token};
