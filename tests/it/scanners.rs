//! The tools of those who search the internet for telephone systems (sipvicious) find nothing here.

use std::time::Duration;

use pbx_core::model::Settings;
use pbx_core::switchboard::command::Command;

use crate::support::program::Program;
use crate::support::server::TestServer;

/// sipvicious waits some seconds for answers that do not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that would answer a scanner: only what it says protects it.
async fn talkative(scanner_names: Vec<String>) -> TestServer {
    let server = TestServer::start().await;
    for number in ["1001", "1005"] {
        server.add_extension(number, "Anna").await;
    }
    let settings = Settings { scanner_names, ..Settings::default() };
    server.app.switchboard.ask(Command::ChangeSettings(settings)).await.unwrap();
    server
}

async fn run(server: &TestServer, tool: &str, arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let port = server.udp().port().to_string();
    for (file, wrong) in [("many", 14), ("few", 3)] {
        std::fs::write(home.path().join(file), "wrong\n".repeat(wrong) + "secret-of-1001\n").unwrap();
    }
    let all = [arguments, &["-p", &port, "127.0.0.1"]].concat();
    let mut tool = Program::start(tool, tool, &all, home.path());
    tool.ended(PATIENCE).await;
    tool.lines().join("\n")
}

#[tokio::test]
async fn svwar_finds_no_number_by_any_method() {
    let server = talkative(Vec::new()).await;
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let said = run(&server, "svwar", &["-m", method, "-e1000-1009", "--force"]).await;
        assert!(said.contains("found nothing"), "{method}: {said}");
        assert!(!said.contains("| 100"), "{method}: {said}");
    }
    server.stop().await;
}

#[tokio::test]
async fn svcrack_does_not_find_a_secret_that_is_the_fifteenth_of_its_words() {
    let server = talkative(Vec::new()).await;
    let said = run(&server, "svcrack", &["-u1005", "-d", "few"]).await;
    assert!(!said.contains("secret-of"), "{said}");
    let said = run(&server, "svcrack", &["-u1001", "-d", "few"]).await;
    assert!(said.contains("secret-of-1001"), "the tool works, and four words are few enough: {said}");
    // That was a right secret; the tool's address is known now, and guessing for one account ends all the same.
    server.app.switchboard.ask(Command::Unblock("127.0.0.1".parse().unwrap())).await.unwrap_err();
    let said = run(&server, "svcrack", &["-u1001", "-d", "many"]).await;
    assert!(!said.contains("secret-of-1001"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn svmap_sees_nothing_at_all() {
    let server = talkative(Settings::default().scanner_names).await;
    let said = run(&server, "svmap", &[]).await;
    assert!(!said.contains("Nightbell") && !said.contains("127.0.0.1:"), "{said}");
    server.stop().await;
}
