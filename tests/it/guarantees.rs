//! A promise without a test is none: every test that docs/guarantees.md names exists.

use std::path::Path;

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/guarantees.md")).expect("docs/guarantees.md is there");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let (mut promises, mut missing) = (0, Vec::new());
    for row in rows {
        let named: Vec<_> = row.split('`').filter(|part| part.contains(".rs: ")).collect();
        promises += 1;
        if named.is_empty() {
            missing.push(format!("no test: {row}"));
        }
        for test in named {
            let (file, name) = test.split_once(": ").expect("it contains the separator");
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            if !source.contains(&format!("fn {name}(")) {
                missing.push(test.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(promises > 30, "the list cannot be read any more");
}
