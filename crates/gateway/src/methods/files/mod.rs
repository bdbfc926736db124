//! Methods about files of the host and of sessions.

mod list_dir;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "fs.listDir" => list_dir::handle,
};
