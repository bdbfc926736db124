//! Methods about devices: who is paired, and who asks to be.

mod pair;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "device.pair.list" => pair::list,
    "device.pair.approve" => pair::approve,
    "device.pair.reject" => pair::reject,
    "device.pair.remove" => pair::remove,
};
