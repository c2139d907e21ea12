//! A child process whose every line of output is kept: waited on, and shown when a test fails.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// Lines kept of one program; the oldest go first. linphone alone writes some thousand lines in a call.
const LINES_KEPT: usize = 50_000;
/// Lines shown when a test fails.
const LINES_SHOWN: usize = 150;

/// A running program; it is killed (by its own handle) when this is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Output,
}

/// Everything a program has printed, on both streams, in the order it arrived.
#[derive(Clone)]
struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

/// Where a program is installed; fails the test with advice when it is not.
pub(crate) fn installed(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(extra)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("the test needs the program '{program}': run .ci/install-test-tools (Debian) first"))
}

impl Program {
    /// Starts `program` with a home folder of its own, so that nobody's settings are read or changed.
    pub(crate) fn start(name: &str, program: &str, arguments: &[&str], home: &Path) -> Self {
        let mut child = Command::new(installed(program))
            .args(arguments)
            .current_dir(home)
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let output = Output { lines: Arc::default(), count: watch::Sender::new(0) };
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(output.clone().read(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(output.clone().read(stderr));
        }
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, output }
    }

    /// Types one line.
    pub(crate) async fn type_line(&mut self, line: &str) {
        let Some(stdin) = &mut self.stdin else { panic!("{}: its input is closed", self.name) };
        let typed = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.write_all(b"\n").await?;
            stdin.flush().await
        };
        typed.await.unwrap_or_else(|error| panic!("{} takes no input any more: {error}", self.name));
    }

    /// Waits for a line, printed at or after `mark`, that satisfies `wanted`; the line and the mark behind it.
    pub(crate) async fn line_after(
        &self,
        mark: usize,
        what: &str,
        within: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> (String, usize) {
        let mut count = self.output.count.subscribe();
        let mut next = mark;
        let search = async {
            loop {
                count.borrow_and_update();
                if let Some(found) = self.output.find(&mut next, &wanted) {
                    return Some(found);
                }
                if count.changed().await.is_err() {
                    return None;
                }
            }
        };
        let found = tokio::time::timeout(within, search).await.ok().flatten();
        found.unwrap_or_else(|| panic!("{}: waited {within:?} for {what}, but it did not come", self.name))
    }

    /// Waits for a line that satisfies `wanted`, from the beginning.
    pub(crate) async fn line(&self, what: &str, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
        self.line_after(0, what, within, wanted).await.0
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the end of the program; whether it ended well.
    pub(crate) async fn ended(&mut self, within: Duration) -> bool {
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(Ok(status)) => status.success(),
            Ok(Err(error)) => panic!("{}: its end cannot be seen: {error}", self.name),
            Err(_) => panic!("{}: still runs after {within:?}", self.name),
        }
    }

    /// Kills it now, as the system kills an app, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        // It may have ended by itself a moment ago.
        let _ = self.child.kill().await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.lines();
            let from = lines.len().saturating_sub(LINES_SHOWN);
            eprintln!("---- the last lines of {} ----", self.name);
            for line in lines.iter().skip(from) {
                eprintln!("{line}");
            }
        }
    }
}

impl Output {
    async fn read(self, stream: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.push(String::from_utf8_lossy(&line).trim_end().to_owned()),
            }
        }
    }

    fn push(&self, line: String) {
        {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            // Marks count lines, so a full log keeps its length and loses its text.
            if lines.len() >= LINES_KEPT {
                let old = lines.len() - LINES_KEPT;
                if let Some(line) = lines.get_mut(old) {
                    line.clear();
                }
            }
            lines.push(line);
        }
        self.count.send_modify(|count| *count += 1);
    }

    fn find(&self, next: &mut usize, wanted: &impl Fn(&str) -> bool) -> Option<(String, usize)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(line) = lines.get(*next) {
            *next += 1;
            if wanted(line) {
                return Some((line.clone(), *next));
            }
        }
        None
    }
}
