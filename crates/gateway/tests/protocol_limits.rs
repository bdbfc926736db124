//! Bounds and bad manners: what is too large, too slow, too much, malformed or not theirs ends or changes nothing but
//! the connection that it came on.
// A test may end where it stands; clippy knows that of the test functions alone, not of what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "limits/frames.rs"]
mod frames;
#[path = "limits/node_calls.rs"]
mod node_calls;
#[path = "limits/repetition.rs"]
mod repetition;
#[path = "limits/slow_consumer.rs"]
mod slow_consumer;
mod support;
#[path = "limits/time.rs"]
mod time;
