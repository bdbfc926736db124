//! Reactions of the bot's own.

use crate::choice::choice;

choice! {
    /// What the agent may do with reactions.
    ReactionLevel {
        /// It puts none on messages.
        Off => "off",
        /// It puts none on messages; that they were taken up is still shown.
        Ack => "ack",
        /// It does so rarely.
        Minimal => "minimal",
        /// It does so often.
        Extensive => "extensive",
    }
}

impl ReactionLevel {
    /// Whether the agent may put reactions on messages.
    pub fn lets_agents_react(self) -> bool {
        matches!(self, Self::Minimal | Self::Extensive)
    }
}
