//! The demo shows what it promises, quickly, and leaves nothing behind.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

/// What the demo promises to whoever runs it.
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the time the demo takes is what is tested")]
async fn the_demo_plays_its_three_calls_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let demo = Command::new(env!("CARGO_BIN_EXE_nightbell"))
        .args(["demo", "--json"])
        .env("TMPDIR", folder.path())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(MINUTE, demo).await.expect("the demo ends within a minute").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed() < MINUTE);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ok"], true);
    let endings: Vec<&str> =
        told["calls"].as_array().unwrap().iter().filter_map(|it| it["call"]["ending"].as_str()).collect();
    assert_eq!(endings, ["completed", "completed", "caller_gave_up"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the demo left files behind");
}

#[tokio::test]
async fn the_demo_tells_its_story_to_people() {
    let output = Command::new(env!("CARGO_BIN_EXE_nightbell")).arg("demo").kill_on_drop(true).output();
    let output = tokio::time::timeout(MINUTE, output).await.expect("the demo ends within a minute").unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    for part in [
        "takes the VoIP push “call from 101”",
        "hear each other",
        "answered elsewhere",
        "Missed call",
        "Every step was seen",
    ] {
        assert!(out.contains(part), "'{part}' is not in:\n{out}");
    }
}
