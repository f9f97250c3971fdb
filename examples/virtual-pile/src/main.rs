//! The pile on a desk.
fn main() {}
