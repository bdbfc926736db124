//! Reading one document: tokens, positions, and sections that note what was asked for and what was wrong.

mod describe;
mod lex;
pub(crate) mod names;
mod positions;
mod section;
mod substitute;
mod unknown;
mod values;

pub(crate) use describe::{Description, Fact, Keys};
pub(crate) use lex::{comments, too_deep};
pub(crate) use positions::{Positions, item as item_path, join as join_path};
pub(crate) use section::{Doc, Section};
pub(crate) use substitute::{has_reference, substitute};
