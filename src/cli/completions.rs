//! `nightbell completions` and `nightbell man`: what shells and `man` want to know, from the same words as `--help`.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use serde_json::json;

use super::Cli;
use super::failure::Failure;
use super::output::Report;

/// What the shell needs to complete our commands.
pub(super) fn completions(shell: clap_complete::Shell) -> Report {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nightbell", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Report::done(script.clone(), json!({ "shell": shell.to_string(), "script": script }))
}

/// One page for each command, in `folder`.
pub(super) fn man(folder: &Path) -> Result<Report, Failure> {
    let refused = |source| Failure::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(refused)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(refused)?;
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder).map_err(refused)?.flatten().map(|entry| entry.path()).collect();
    pages.sort();
    let text = format!("{} pages in {}.\n", pages.len(), folder.display());
    Ok(Report::done(text, json!({ "pages": pages })))
}
