//! Methods about devices.

use super::{MethodSpec, REQUEST_ID, admin, pairing, read};
use crate::shape::{EMPTY, Kind, Shape, opt, req};

/// Methods about devices.
pub(super) const METHODS: &[MethodSpec] = &[
    pairing("device.pair.list", &EMPTY).gives(&["pending", "paired"]),
    pairing("device.pair.approve", &REQUEST_ID).gives(&["requestId", "device"]),
    pairing("device.pair.reject", &REQUEST_ID).gives(&["requestId", "deviceId"]),
    pairing("device.pair.remove", &DEVICE_ID).gives(&["deviceId"]),
    pairing("device.pair.rename", &RENAME).gives(&["deviceId", "label"]),
    admin("device.pair.setupCode", &SETUP_CODE).gives(&[
        "setupId",
        "setupCode",
        "joinUrl?",
        "gatewayUrl",
        "gatewayUrls?",
        "auth",
        "urlSource",
        "access",
        "accessDowngraded?",
        "expiresAtMs",
    ]),
    admin("device.pair.setupStatus", &SETUP_ID).gives(&["completion?", "deliveryUncertain?"]),
    pairing("device.token.rotate", &ROTATE)
        .gives(&["deviceId", "role", "token?", "scopes", "rotatedAtMs", "tokenDelivery"])
        .fails(TOKEN_DENIALS),
    pairing("device.token.revoke", &REVOKE).gives(&["deviceId", "role", "revokedAtMs"]).fails(TOKEN_DENIALS),
    read("device.scopes.requestUpgrade", &SCOPES).gives(&["requestId"]).fails(&["DEVICE_IDENTITY_REQUIRED"]),
    read("device.scopes.waitUpgrade", &REQUEST_ID)
        .gives(&["status", "requestId", "deviceToken?", "scopes?"])
        .fails(&["DEVICE_IDENTITY_REQUIRED"]),
];

const TOKEN_DENIALS: &[&str] = &[
    "DEVICE_TOKEN_DENIED",
    "device-ownership-mismatch",
    "role-management-requires-admin",
    "unknown-device-or-role",
    "caller-missing-scope",
    "scope-outside-approved-baseline",
    "unclaimed",
];

const DEVICE_ID: Shape = Shape { fields: &[req("deviceId", Kind::Name)], ignored: &[] };

const RENAME: Shape =
    Shape { fields: &[req("deviceId", Kind::Name), req("label", Kind::Label)], ignored: &[] };

const SETUP_CODE: Shape = Shape {
    fields: &[
        opt("publicUrl", Kind::Name),
        opt("preferRemoteUrl", Kind::Bool),
        opt("bootstrapProfile", Kind::OneOf(&["limited", "node"])),
        opt("joinUrl", Kind::Bool),
    ],
    // The picture of a code is the business of whoever shows it.
    ignored: &["includeQr"],
};

const SETUP_ID: Shape = Shape { fields: &[req("setupId", Kind::Label)], ignored: &[] };

const ROTATE: Shape = Shape {
    fields: &[req("deviceId", Kind::Name), req("role", Kind::Name), opt("scopes", Kind::Names)],
    ignored: &[],
};

const REVOKE: Shape = Shape { fields: &[req("deviceId", Kind::Name), req("role", Kind::Name)], ignored: &[] };

const SCOPES: Shape = Shape { fields: &[req("scopes", Kind::Names)], ignored: &[] };
