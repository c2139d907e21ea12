//! The `nightbell` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    nightbell::cli::main()
}
