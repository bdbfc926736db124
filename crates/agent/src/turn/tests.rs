mod compacting;
mod cutting;
mod failing;
mod talking;
mod tooling;
