//! Methods about devices.

use super::{MethodSpec, REQUEST_ID, pairing};
use crate::shape::{EMPTY, Kind, Shape, req};

/// Methods about devices.
pub(super) const METHODS: &[MethodSpec] = &[
    pairing("device.pair.list", &EMPTY).gives(&["pending", "paired"]),
    pairing("device.pair.approve", &REQUEST_ID).gives(&["requestId", "device"]),
    pairing("device.pair.reject", &REQUEST_ID).gives(&["requestId", "deviceId"]),
    pairing("device.pair.remove", &DEVICE_ID).gives(&["deviceId"]),
];

const DEVICE_ID: Shape = Shape { fields: &[req("deviceId", Kind::Name)], ignored: &[] };
