//! Nodes and what they offer.

/// What a node says that it can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeDeclaration {
    /// The node's device id.
    pub node_id: String,
    /// `client.id`.
    pub client_id: String,
    /// `client.mode`.
    pub client_mode: String,
    /// The name to show.
    pub display_name: Option<String>,
    /// Such as `linux`.
    pub platform: Option<String>,
    /// The program's version.
    pub version: Option<String>,
    /// Such as `Linux`.
    pub device_family: Option<String>,
    /// Capabilities, as declared.
    pub caps: Vec<String>,
    /// Commands, as declared and allowed by policy.
    pub commands: Vec<String>,
    /// The node's PATH.
    pub path_env: Option<String>,
}

/// A node's wish to have its commands approved. Ids behave as those of [`DeviceRequest`](super::DeviceRequest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRequest {
    /// What `node.pair.approve` takes.
    pub request_id: String,
    /// What is asked.
    pub declaration: NodeDeclaration,
    /// When it was first asked.
    pub ts: i64,
}

/// A node whose commands were approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSurface {
    /// The approved declaration: these commands may be called, no others.
    pub declaration: NodeDeclaration,
    /// First approval.
    pub created_at_ms: i64,
    /// Last approval.
    pub approved_at_ms: i64,
    /// Last connect.
    pub last_seen_at_ms: Option<i64>,
}

/// What became of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// What is approved, where anything is.
    pub approved: Option<NodeSurface>,
    /// What waits for approval, where the declaration goes beyond what is approved.
    pub pending: Option<NodeRequest>,
    /// Whether `pending` was made by this declaration rather than found.
    pub newly_pending: bool,
}
