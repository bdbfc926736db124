//! Methods about devices: who is paired, and who asks to be.

mod pair;
pub(crate) mod rename;
mod scopes;
mod setup;
mod token;

use super::{Handler, handlers};

/// Which function answers which method.
pub(super) const HANDLERS: &[(&str, Handler)] = handlers! {
    "device.pair.list" => pair::list,
    "device.pair.approve" => pair::approve,
    "device.pair.reject" => pair::reject,
    "device.pair.remove" => pair::remove,
    "device.pair.rename" => rename::handle,
    "device.pair.setupCode" => setup::code,
    "device.pair.setupStatus" => setup::status,
    "device.token.rotate" => token::rotate,
    "device.token.revoke" => token::revoke,
    "device.scopes.requestUpgrade" => scopes::request_upgrade,
    "device.scopes.waitUpgrade" => scopes::wait_upgrade,
};
