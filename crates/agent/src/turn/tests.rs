mod compacting;
mod cutting;
mod failing;
mod failing_over;
mod talking;
mod tooling;
