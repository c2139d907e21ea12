//! The runs: every seed of a range, the corpus, one history again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::history::History;
use crate::shrink::shrink;
use crate::world::World;
use crate::{logs, plan};

/// Histories of the default run.
const HISTORIES: u64 = 20_000;
/// Threads of a run.
const THREADS: u64 = 2;

/// What is wrong with a history.
fn complaints(history: &History) -> Vec<String> {
    let lived = catch_unwind(AssertUnwindSafe(|| World::new(history.clone()).live()));
    let mut complaints = lived.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        vec![format!("nothing panics: {}", said.unwrap_or_default())]
    });
    complaints.extend(logs::heard().into_iter().map(|line| format!("the core is silent: {line}")));
    complaints
}

fn report(history: &History, found: &[String]) -> String {
    let small = shrink(history.clone(), &|candidate| complaints(candidate).into_iter().next());
    let now = complaints(&small);
    if std::env::var("NIGHTBELL_SIM_STORY").is_ok() {
        let told = catch_unwind(AssertUnwindSafe(|| World::new(small.clone()).tell().1));
        eprintln!("{}", told.unwrap_or_default());
    }
    format!(
        "seed {}: {}\n{} complaints in all\nshrunk, it says: {}\n{}replay: NIGHTBELL_SIM_SEED={} cargo test --test sim",
        history.seed,
        found.first().map_or("", String::as_str),
        found.len(),
        now.first().map_or("", String::as_str),
        small.to_text(),
        history.seed
    )
}

/// Runs every seed from `first` on; the failures of each thread, all of them or only the first.
fn run(first: u64, count: u64, all: bool) -> Vec<(u64, Vec<String>)> {
    logs::listen();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                for seed in (first..first + count).filter(|seed| seed % THREADS == thread) {
                    let found = complaints(&plan::history(seed));
                    if !found.is_empty() {
                        failures.push((seed, found));
                        if !all {
                            break;
                        }
                    }
                }
                failures
            })
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().expect("a thread of the run")).collect()
}

/// How often each rule was broken, and by which seed first.
fn tally(failures: &[(u64, Vec<String>)]) -> String {
    let mut rules: BTreeMap<&str, (u32, u64, &str)> = BTreeMap::new();
    for (seed, found) in failures {
        for complaint in found {
            let rule = complaint.split(':').next().unwrap_or("");
            let known = rules.entry(rule).or_insert((0, *seed, complaint));
            known.0 += 1;
        }
    }
    rules.iter().map(|(rule, (times, seed, first))| format!("{times:>6} {rule} (seed {seed}): {first}\n")).collect()
}

#[test]
fn random_histories_find_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match (number("NIGHTBELL_SIM_SEED"), number("NIGHTBELL_SIM_COUNT")) {
        (Some(seed), count) => (seed, count.unwrap_or(1)),
        (None, count) => (0, count.unwrap_or(HISTORIES)),
    };
    let all = std::env::var("NIGHTBELL_SIM_TALLY").is_ok();
    let failures = run(first, count, all);
    assert!(failures.is_empty() || !all, "{} failed\n{}", failures.len(), tally(&failures));
    let reports: Vec<String> = failures.iter().map(|(seed, found)| report(&plan::history(*seed), found)).collect();
    assert!(failures.is_empty(), "{}", reports.join("\n\n"));
}

#[test]
fn the_corpus_finds_nothing() {
    logs::listen();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/corpus");
    let folder = std::env::var("NIGHTBELL_SIM_HISTORY").unwrap_or_else(|_| folder.to_owned());
    let mut failures = Vec::new();
    for (name, text) in texts(Path::new(&folder)) {
        let history = History::parse(&text);
        assert_eq!(History::parse(&history.to_text()), history, "{name} reads as it is written");
        let found = complaints(&history);
        if let Some(first) = found.first() {
            let story = World::new(history).tell().1;
            failures.push(format!("{name}: {first}\n{story}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The histories of a folder, or the one in a file, by name.
fn texts(place: &Path) -> Vec<(String, String)> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("a history can be read");
        (path.display().to_string(), text)
    };
    if place.is_file() {
        return vec![read(place)];
    }
    let mut paths: Vec<_> =
        std::fs::read_dir(place).expect("a folder of histories").flatten().map(|one| one.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds histories", place.display());
    paths.iter().map(|path| read(path)).collect()
}
