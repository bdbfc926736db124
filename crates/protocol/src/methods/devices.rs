//! Methods about devices.

use super::{MethodSpec, REQUEST_ID, pairing};
use crate::shape::{EMPTY, Kind, Shape, req};

/// Methods about devices.
pub(super) const METHODS: &[MethodSpec] = &[
    pairing("device.pair.list", &EMPTY),
    pairing("device.pair.approve", &REQUEST_ID),
    pairing("device.pair.reject", &REQUEST_ID),
    pairing("device.pair.remove", &DEVICE_ID),
];

const DEVICE_ID: Shape = Shape { fields: &[req("deviceId", Kind::Name)], ignored: &[] };
