//! The `nightbell` binary: arguments in, exit code out.

fn main() {}
