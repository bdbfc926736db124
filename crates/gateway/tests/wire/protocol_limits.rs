//! Bounds and bad manners: what is too large, too slow, too much, malformed or not theirs ends or changes nothing but
//! the connection that it came on.
mod frames;
mod node_calls;
mod repetition;
mod slow_consumer;
mod time;
