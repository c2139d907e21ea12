//! A promise without a test is none: every test that docs/guarantees.md names exists.

use std::path::Path;

/// Whether a name of the list (`file.rs`, `file.rs: test`, `file.rs: beginning_…`) is a test that exists. Files are named from the
/// root of the repository or, for the core, from its sources.
fn exists(root: &Path, named: &str) -> bool {
    let (file, test) = named.split_once(": ").unwrap_or((named, ""));
    let sources = [root.join(file), root.join("pbx-core/src").join(file)];
    let Some(source) = sources.iter().find_map(|path| std::fs::read_to_string(path).ok()) else { return false };
    match test.strip_suffix('…') {
        Some(beginning) => source.contains(&format!("fn {beginning}")),
        None => test.is_empty() || source.contains(&format!("fn {test}(")),
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/guarantees.md")).expect("docs/guarantees.md is there");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let (mut promises, mut missing) = (0, Vec::new());
    for row in rows {
        promises += 1;
        let named: Vec<_> = row.split('`').filter(|part| part.contains(".rs")).collect();
        if named.is_empty() && !row.contains("| the same |") {
            missing.push(format!("no test: {row}"));
        }
        missing.extend(named.into_iter().filter(|named| !exists(root, named)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(promises > 30, "the list cannot be read any more");
}
