//! Secrets in files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use model::SecretString;
use serde_json::Value;

use super::FileProvider;

/// The secret that `id` names in the provider's file. The error says what is wrong, without any content.
pub(super) fn read(provider: &FileProvider, id: &str) -> Result<SecretString, String> {
    let text = read_text(&provider.path, provider.max_bytes)?;
    let secret = if provider.single_value {
        if id != "value" {
            return Err(format!("it is one value and not JSON, so the id must be \"value\", not {id:?}"));
        }
        text.trim().to_owned()
    } else {
        let document: Value = serde_json::from_str(&text).map_err(|error| {
            format!("it is not JSON (line {}, column {}); correct it", error.line(), error.column())
        })?;
        let found = document.pointer(id).and_then(Value::as_str);
        found.ok_or_else(|| format!("there is no string at {id} in it; add it or correct the id"))?.to_owned()
    };
    if secret.is_empty() { Err("the secret in it is empty; fill it".to_owned()) } else { Ok(secret.into()) }
}

/// A small regular file as text; anything else could hang or fill the memory.
fn read_text(path: &Path, most: u64) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    let kind = fs::metadata(path).map_err(failed)?;
    if !kind.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut text = String::new();
    let read = File::open(path).map_err(failed)?.take(most + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > most { Err(format!("it is larger than {most} bytes")) } else { Ok(text) }
}
