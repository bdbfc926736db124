//! Methods about browsers.

mod files;
mod request;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "browser.request" => request::handle,
};
