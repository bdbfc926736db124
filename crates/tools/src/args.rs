//! Reading what a model wrote as arguments.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads arguments; unknown fields are refused, because a misspelt one would otherwise do something else silently.
///
/// # Errors
/// What is wrong, for the model to read.
pub(crate) fn parse<T: DeserializeOwned>(tool: &str, arguments: Value) -> Result<T, String> {
    if !arguments.is_object() {
        return Err(format!("The arguments of {tool} must be a JSON object; they could not be read as one."));
    }
    serde_json::from_value(arguments)
        .map_err(|e| format!("Wrong arguments for {tool}: {e}. Nothing was done."))
}

/// The `action` of arguments, without reading the rest.
pub(crate) fn action(arguments: &Value) -> &str {
    arguments.as_object().map(action_of).unwrap_or_default()
}

/// The same of arguments that are an object.
pub(crate) fn action_of(arguments: &Map<String, Value>) -> &str {
    arguments.get("action").and_then(Value::as_str).unwrap_or_default()
}
