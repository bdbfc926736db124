//! Methods about terminals on the host.

mod shells;
mod upload;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "terminal.open" => shells::open,
    "terminal.input" => shells::input,
    "terminal.resize" => shells::resize,
    "terminal.close" => shells::close,
    "terminal.attach" => shells::attach,
    "terminal.upload" => upload::handle,
    "terminal.list" => shells::list,
};
